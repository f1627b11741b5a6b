// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_parser.hpp"
#include "core/utf8.hpp"
#include "elements/base/elements.hpp"
#include "glue/bytes.hpp"
#include "glue/drops.hpp"
#include "glue/filter.hpp"
#include "glue/headerfields.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

GST_DEBUG_CATEGORY_STATIC(mimerequestparse_debug);
#define GST_CAT_DEFAULT mimerequestparse_debug

namespace {

using namespace kam;
using glue::BufferPtr;
using http::RequestFault;
using Caps = glue::Ref<GstCaps>;

constexpr auto media_type = "application/x-mime-request";

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-mime-request"));

// As RequestFault; name_of() says how they are called in stats and messages.
enum class Drop {
  bad_request_line,
  bad_header,
  bad_length,
  bad_encoding,
  bad_chunk,
  oversize_header,
  oversize_body,
  short_request,
  count_
};
static_assert(static_cast<int>(Drop::short_request) ==
              static_cast<int>(RequestFault::short_request));

const char *name_of(Drop reason)
{
  static constexpr std::array names{"bad-request-line", "bad-header", "bad-length",
                                    "bad-encoding",     "bad-chunk",  "oversize-header",
                                    "oversize-body",    "short"};
  static_assert(names.size() == static_cast<std::size_t>(Drop::count_));
  return names[static_cast<std::size_t>(reason)];
}

// A URI is ASCII; what a client left unescaped is escaped.
std::string escaped_uri(std::string_view uri)
{
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : uri) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      result += c;
    else
      result.append({'%', digits[byte >> 4U], digits[byte & 0xfU]});
  }
  return result;
}

// "Name: value", all of them, in their order.
std::vector<std::string> lines_of(const std::vector<http::Header> &headers)
{
  std::vector<std::string> lines;
  lines.reserve(headers.size());
  for (const auto &header : headers)
    lines.push_back(header.name + ": " + utf8_of(header.value));
  return lines;
}

Caps caps_of(const http::Request &request)
{
  auto *caps = gst_caps_new_empty_simple(media_type);
  auto *structure = gst_caps_get_structure(caps, 0);
  gst_structure_set(structure, "method", G_TYPE_STRING, request.method.c_str(), "uri",
                    G_TYPE_STRING, escaped_uri(request.uri).c_str(), "protocol", G_TYPE_STRING,
                    request.protocol.c_str(), "version", G_TYPE_STRING, request.version.c_str(),
                    "headers", GST_TYPE_STRUCTURE,
                    glue::header_fields("headers", request.headers).get(), nullptr);
  glue::set_strings(structure, "header-lines", lines_of(request.headers));
  if (!request.trailers.empty())
    glue::set_strings(structure, "trailer-lines", lines_of(request.trailers));
  return Caps::adopt(caps);
}

// Kamaelia.Protocol.MimeRequestComponent, which took one request in its life and did not see
// where the body ended.
class MimeRequestParseElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamMimeRequestParse";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    guint max_header_size = 64U << 10U;
    guint max_body_size = 16U << 20U;
    gint max_errors = -1;
    bool post_drop_messages = false;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<MimeRequestParseElement, Values> &properties();

  explicit MimeRequestParseElement(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;

 private:
  struct Times {
    GstClockTime pts = GST_CLOCK_TIME_NONE;
    GstClockTime dts = GST_CLOCK_TIME_NONE;
  };

  void start() override;
  void stop() override { flush(); }
  void handle_buffer(BufferPtr buffer) override;
  void drain() override;
  void flush() override;
  std::optional<Caps> source_caps(GstCaps *sink_caps) override;
  bool keeps_caps() const override { return false; }

  void parse(GstBuffer *input, Bytes mapped);
  void emit_request(const http::Request &request, BufferPtr body, const Times &times);
  bool drop(RequestFault fault);

  http::RequestParser parser_{{}};
  guint64 fed_ = 0;  // bytes, since the parser is there
  Times open_;       // of the buffer in which the request began that is not complete yet
  bool discont_ = false;

  glue::Counter requests_;
  glue::Counter bytes_;
  glue::Counter bytes_skipped_;
  glue::Drops<Drop> drops_;
};

const glue::Properties<MimeRequestParseElement, MimeRequestParseElement::Values>
    &MimeRequestParseElement::properties()
{
  using glue::Mutable;
  static const auto table =
      glue::Properties<MimeRequestParseElement, Values>{}
          .add("max-header-size", &Values::max_header_size,
               "Largest request line and headers in all, in bytes; a request with a larger "
               "head is dropped",
               Mutable::in_ready, {64, 64U << 20U})
          .add("max-body-size", &Values::max_body_size,
               "Largest body, in bytes; a request with a larger one, there or declared, is "
               "dropped",
               Mutable::in_ready, {0, G_MAXINT})
          .add("max-errors", &Values::max_errors,
               "Number of requests that may be dropped before the element gives up with an "
               "error; -1 means any number. After a drop the next request is searched for "
               "line by line, also in what was sent as a body: 0 where that is a danger",
               Mutable::in_playing, {-1, G_MAXINT})
          .add("post-drop-messages", &Values::post_drop_messages,
               "Post an element message \"drop-msg\" (reason, num-dropped) when requests are "
               "dropped, at most five a second",
               Mutable::in_playing)
          .report<&MimeRequestParseElement::stats>(
              "stats",
              "What passed since READY: requests, bytes of their bodies, bytes-skipped in "
              "search of a request or with one that was dropped, and requests dropped: "
              "bad-request-line, bad-header, bad-length, bad-encoding, bad-chunk, "
              "oversize-header, oversize-body, short");
  return table;
}

void MimeRequestParseElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(mimerequestparse_debug, "mimerequestparse", 0, "Request parser");
  properties().install(klass);
  glue::describe(klass,
                 {"MIME request parser", "Codec/Parser/Network",
                  "Finds requests in a stream: a buffer is the body of one, its caps "
                  "say the rest",
                  "gst-launch-1.0 tcpserversrc host=127.0.0.1 port=8080 ! mimerequestparse ! "
                  "multifilesink location=upload-%03d"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr MimeRequestParseElement::stats() const
{
  auto stats = glue::stats_structure("application/x-mimerequestparse-stats",
                                     {{"requests", requests_.value()},
                                      {"bytes", bytes_.value()},
                                      {"bytes-skipped", bytes_skipped_.value()}});
  drops_.append_to(stats.get());
  return stats;
}

void MimeRequestParseElement::start()
{
  for (auto *counter : {&requests_, &bytes_, &bytes_skipped_})
    counter->reset();
  drops_.reset();
  (void)settings.changed();
  flush();
}

void MimeRequestParseElement::flush()
{
  const auto &values = settings.current();
  parser_ = http::RequestParser{
      {.max_header_size = values.max_header_size, .max_body_size = values.max_body_size}};
  fed_ = 0;
  open_ = {};
  discont_ = false;
}

// At the end, and where the stream becomes another one.
void MimeRequestParseElement::drain()
{
  const auto skipped_before = parser_.stats().bytes_skipped;
  const auto fault = parser_.end();
  bytes_skipped_.add(parser_.stats().bytes_skipped - skipped_before);
  if (fault)
    drop(*fault);
}

// The segment has to follow some caps. Those of a request are known only with the request;
// until the first one they say no more than what it is going to be.
std::optional<Caps> MimeRequestParseElement::source_caps(GstCaps *)
{
  if (auto current = Caps::adopt(gst_pad_get_current_caps(source_pad())))
    return current;
  return Caps::adopt(gst_caps_new_empty_simple(media_type));
}

void MimeRequestParseElement::handle_buffer(BufferPtr buffer)
{
  // The limits hold for a stream from its start.
  if (settings.changed() && fed_ == 0)
    flush();
  if (GST_BUFFER_IS_DISCONT(buffer.get())) {
    // Bytes are missing before this buffer: what is open will never be whole.
    discont_ = true;
    drain();
  }
  const glue::ReadMap map{buffer.get()};
  if (!map) {
    GST_ELEMENT_ERROR(element(), RESOURCE, READ, ("Could not read the incoming data."),
                      ("gst_buffer_map failed"));
    return fail(GST_FLOW_ERROR);
  }
  const auto skipped_before = parser_.stats().bytes_skipped;
  parse(buffer.get(), map.bytes());
  bytes_skipped_.add(parser_.stats().bytes_skipped - skipped_before);
}

void MimeRequestParseElement::parse(GstBuffer *input, Bytes mapped)
{
  const Times now{GST_BUFFER_PTS(input), GST_BUFFER_DTS(input)};
  const auto began = std::exchange(fed_, fed_ + mapped.size());
  parser_.feed(mapped);
  while (auto event = parser_.poll()) {
    if (const auto *fault = std::get_if<RequestFault>(&*event)) {
      if (!drop(*fault))
        return;
    } else {
      auto &request = std::get<http::Request>(*event);
      auto body = request.in_input ? glue::region(input, mapped, request.body)
                                   : glue::wrap(std::move(request.collected));
      const auto &times = request.offset < began ? open_ : now;
      emit_request(request, std::move(body), times);
    }
  }
  if (const auto open = parser_.open_since(); open && *open >= began)
    open_ = now;
}

void MimeRequestParseElement::emit_request(const http::Request &request, BufferPtr body,
                                           const Times &times)
{
  const auto caps = caps_of(request);
  const auto current = Caps::adopt(gst_pad_get_current_caps(source_pad()));
  if (!current || !gst_caps_is_equal(current.get(), caps.get())) {
    // The requests before this one have other caps.
    if (const auto flow = push_emitted(); flow != GST_FLOW_OK)
      return fail(flow);
    GST_DEBUG_OBJECT(element(), "%s %s", request.method.c_str(), request.uri.c_str());
    if (!gst_pad_push_event(source_pad(), gst_event_new_caps(caps.get())))
      GST_INFO_OBJECT(element(), "downstream does not take the caps of this request");
  }
  requests_.add();
  bytes_.add(gst_buffer_get_size(body.get()));
  GST_BUFFER_PTS(body.get()) = times.pts;
  GST_BUFFER_DTS(body.get()) = times.dts;
  if (std::exchange(discont_, false))
    GST_BUFFER_FLAG_SET(body.get(), GST_BUFFER_FLAG_DISCONT);
  emit(std::move(body));
}

// False if it was one too many; what came before it still leaves.
bool MimeRequestParseElement::drop(RequestFault fault)
{
  const auto &values = settings.current();
  if (drops_.add(element(), static_cast<Drop>(fault),
                 {values.max_errors, values.post_drop_messages}))
    return true;
  push_emitted();
  fail(GST_FLOW_ERROR);
  return false;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(mimerequestparse, "mimerequestparse", GST_RANK_NONE,
                            glue::type_of<MimeRequestParseElement>())
