// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/httpserversinkvalues.hpp"

#include <algorithm>
#include <array>
#include <string_view>

GType kam::glue::GTypeOf<kam::http::LagPolicy>::type()
{
  static constexpr std::array<GEnumValue, 3> values{{
      {static_cast<int>(http::LagPolicy::disconnect), "Close the connection", "disconnect"},
      {static_cast<int>(http::LagPolicy::resync),
       "Leave out what is between two places at which a decoder can begin", "resync"},
      {0, nullptr, nullptr},
  }};
  static const GType type = register_enum("KamHttpLagPolicy", values.data());
  return type;
}

namespace kam {
namespace {

// The buffers of the caps' streamheader, one behind the other.
ByteVector stream_headers(const GstStructure *caps)
{
  ByteVector headers;
  const auto *value = gst_structure_get_value(caps, "streamheader");
  const auto append = [&](const GValue *item) {
    auto *buffer = GST_VALUE_HOLDS_BUFFER(item) ? gst_value_get_buffer(item) : nullptr;
    if (!buffer)
      return;
    const glue::ReadMap map{buffer};
    headers.insert(headers.end(), map.bytes().begin(), map.bytes().end());
  };
  if (value && GST_VALUE_HOLDS_ARRAY(value))
    for (guint i = 0; i < gst_value_array_get_size(value); ++i)
      append(gst_value_array_get_value(value, i));
  else if (value)
    append(value);
  return headers;
}

bool have_video(media::Format format, std::string_view headers)
{
  constexpr auto none = std::string_view::npos;
  switch (format) {
  case media::Format::ogg:
    return headers.find("\x80theora") != none || headers.find("OVP80") != none;
  case media::Format::mp4: return headers.empty() || headers.find("vide") != none;
  default: return false;
  }
}

// What no client knows by itself: packets of a codec whose boundaries would be lost.
bool needs_container(std::string_view media_type)
{
  static constexpr std::array<std::string_view, 11> packets{
      "audio/x-opus",   "audio/x-raw",  "audio/x-speex", "audio/x-vorbis",
      "video/x-av1",    "video/x-h264", "video/x-h265",  "video/x-raw",
      "video/x-theora", "video/x-vp8",  "video/x-vp9"};
  return std::ranges::find(packets, media_type) != packets.end();
}

std::string media_type_of(const GstStructure *caps)
{
  const std::string_view name = gst_structure_get_name(caps);
  if (name == "audio/mpeg") {
    gint version = 1;
    gst_structure_get_int(caps, "mpegversion", &version);
    return version == 1 ? "audio/mpeg" : "audio/aac";
  }
  if (name == "video/quicktime")
    return "video/mp4";
  if (name == "audio/x-m4a")
    return "audio/mp4";
  if (name == "video/mpegts")
    return "video/mp2t";
  if (name == "audio/x-flac")
    return "audio/flac";
  if (name == "audio/x-wav")
    return "audio/wav";
  const auto *boundary = gst_structure_get_string(caps, "boundary");
  if (name == "multipart/x-mixed-replace" && boundary)
    return std::string{name} + "; boundary=" + boundary;
  return std::string{name};
}

}  // namespace

std::string mount_path(const std::string &mount)
{
  return mount.starts_with('/') ? mount : '/' + mount;
}

http::MountSettings mount_settings(const HttpServerSinkValues &values)
{
  using std::chrono::milliseconds;
  http::MountSettings settings;
  settings.mount = mount_path(values.mount);
  settings.name = values.stream_name;
  settings.description = values.description;
  settings.genre = values.genre;
  settings.url = values.url;
  settings.content_type = values.content_type;
  settings.icy_charset = values.icy_charset;
  settings.is_public = values.is_public;
  settings.metaint = values.icy_metaint;
  settings.burst = {milliseconds{values.burst_time}, values.burst_bytes};
  // Who has just begun must not lag already.
  settings.limits.lag = milliseconds{std::max(values.queue_time, values.burst_time * 2)};
  settings.limits.max_bytes = values.queue_bytes;
  settings.limits.min_bytes =
      std::min<std::size_t>(std::max(2 * values.burst_bytes, 65536U), values.queue_bytes / 2);
  settings.lag_policy = values.lag_policy;
  settings.flush_interval_ns = values.flush_interval * GST_MSECOND;
  settings.max_listeners = values.max_listeners;
  settings.place = values.place;
  settings.cors_origin = values.cors_origin;
  return settings;
}

std::variant<StreamKind, StreamTrouble> stream_kind(GstCaps *caps)
{
  const auto *structure = gst_caps_get_structure(caps, 0);
  StreamKind kind;
  kind.content_type = media_type_of(structure);
  const auto *layout = gst_structure_get_string(structure, "stream-format");
  if (kind.content_type == "audio/aac" && layout && std::string_view{layout} == "raw")
    return StreamTrouble{"AAC has to be in ADTS frames to be sent by HTTP.",
                         "put aacparse and audio/mpeg,stream-format=adts before this element"};
  if (needs_container(kind.content_type))
    return StreamTrouble{
        "This kind of stream has to be in a container to be sent by HTTP.",
        "put a muxer such as oggmux or webmmux before this element, or take out the parsebin "
        "or demuxer that has unpacked it"};
  kind.format = media::format_of(kind.content_type);
  kind.headers = stream_headers(structure);
  kind.is_video = (kind.content_type.starts_with("video/") &&
                   kind.format != media::Format::mp4 && kind.format != media::Format::ogg) ||
                  have_video(kind.format, as_text(kind.headers));
  if (kind.format == media::Format::mp4)
    kind.content_type = kind.is_video ? "video/mp4" : "audio/mp4";
  return kind;
}

}  // namespace kam
