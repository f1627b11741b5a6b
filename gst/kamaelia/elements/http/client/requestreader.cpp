// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/requestreader.hpp"

#include <utility>

namespace kam {
namespace {

constexpr auto request_type = "application/x-http-request";
constexpr auto list_type = "text/uri-list";

std::string text_of(const GstStructure *structure, const char *field)
{
  const char *text = gst_structure_get_string(structure, field);
  return text ? text : "";
}

void set_default_method(FetchRequest &request)
{
  if (request.method.empty())
    request.method = request.body && g_bytes_get_size(request.body.get()) > 0 ? "POST" : "GET";
}

}  // namespace

void RequestReader::start(Defaults defaults)
{
  defaults_ = std::move(defaults);
  list_ = http::UriListReader{};
  list_offset_ = GST_BUFFER_OFFSET_NONE;
  caps_ = {};
  is_list_ = defaults_.location.empty();
}

void RequestReader::flush()
{
  (void)list_.end();
  list_offset_ = GST_BUFFER_OFFSET_NONE;
}

void RequestReader::set_caps(GstCaps *caps)
{
  caps_ = glue::Ref<GstCaps>::share(caps);
  is_list_ = gst_structure_has_name(gst_caps_get_structure(caps, 0), list_type);
}

bool RequestReader::lacks_address() const
{
  if (is_list_ || !defaults_.location.empty())
    return false;
  const auto *fields = caps_ ? gst_caps_get_structure(caps_.get(), 0) : nullptr;
  return !fields || !gst_structure_has_name(fields, request_type) ||
         text_of(fields, "uri").empty();
}

bool RequestReader::read(GstBuffer *buffer, Bytes bytes, const Taker &taker)
{
  return is_list_ ? read_list(buffer, bytes, taker) : taker(request_of(buffer, bytes));
}

// A buffer ends its last line, unless it says which part of a file it is, as filesrc's do, and
// the next one goes on there.
bool RequestReader::read_list(GstBuffer *buffer, Bytes bytes, const Taker &taker)
{
  const auto begin = GST_BUFFER_OFFSET(buffer);
  const auto end_offset = GST_BUFFER_OFFSET_END(buffer);
  const bool is_part = begin != GST_BUFFER_OFFSET_NONE &&
                       end_offset != GST_BUFFER_OFFSET_NONE &&
                       end_offset - begin == bytes.size();
  if (list_offset_ != GST_BUFFER_OFFSET_NONE && (!is_part || begin != list_offset_) &&
      !end(taker))
    return false;
  list_pts_ = GST_BUFFER_PTS(buffer);
  list_dts_ = GST_BUFFER_DTS(buffer);
  list_.feed(bytes);
  while (auto uri = list_.poll())
    if (!taker(request_to(std::move(*uri))))
      return false;
  list_offset_ = is_part ? end_offset : GST_BUFFER_OFFSET_NONE;
  return is_part || end(taker);
}

bool RequestReader::end(const Taker &taker)
{
  list_offset_ = GST_BUFFER_OFFSET_NONE;
  auto uri = list_.end();
  return !uri || taker(request_to(std::move(*uri)));
}

RequestReader::Timed RequestReader::request_to(std::string uri) const
{
  Timed timed{.request = {}, .pts = list_pts_, .dts = list_dts_};
  timed.request.uri = std::move(uri);
  timed.request.method = defaults_.method;
  set_default_method(timed.request);
  return timed;
}

RequestReader::Timed RequestReader::request_of(GstBuffer *buffer, Bytes bytes) const
{
  Timed timed{.request = {}, .pts = GST_BUFFER_PTS(buffer), .dts = GST_BUFFER_DTS(buffer)};
  auto &request = timed.request;
  request.uri = defaults_.location;
  request.method = defaults_.method;
  request.content_type = "application/octet-stream";
  request.body = glue::Ref<GBytes>::adopt(g_bytes_new(bytes.data(), bytes.size()));
  if (const auto *fields = caps_ ? gst_caps_get_structure(caps_.get(), 0) : nullptr) {
    if (!gst_structure_has_name(fields, request_type)) {
      request.content_type = gst_structure_get_name(fields);
    } else {
      if (auto uri = text_of(fields, "uri"); !uri.empty())
        request.uri = std::move(uri);
      if (auto method = text_of(fields, "method"); !method.empty())
        request.method = std::move(method);
      if (const auto *headers = gst_structure_get_value(fields, "headers");
          headers && GST_VALUE_HOLDS_STRUCTURE(headers))
        request.headers = headers_in(gst_value_get_structure(headers));
    }
  }
  set_default_method(request);
  return timed;
}

}  // namespace kam
