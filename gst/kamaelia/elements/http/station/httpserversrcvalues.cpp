// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/httpserversrcvalues.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <array>

namespace kam {
namespace {

struct KnownType {
  std::string_view media_type;
  const char *caps;  // nullptr: more has to be known
};
constexpr std::array known_types{
    KnownType{"application/octet-stream", nullptr},
    KnownType{"application/x-www-form-urlencoded", nullptr},  // what curl says of anything
    KnownType{"audio/aac", nullptr},
    KnownType{"audio/aacp", nullptr},
    KnownType{"audio/flac", "audio/x-flac"},
    KnownType{"audio/mp3", nullptr},
    KnownType{"audio/mp4", "video/quicktime, variant=(string)iso"},
    KnownType{"audio/mpeg", nullptr},
    KnownType{"audio/wav", "audio/x-wav"},
    KnownType{"audio/x-mpeg", nullptr},
    KnownType{"video/mp2t", "video/mpegts, systemstream=(boolean)true"},
    KnownType{"video/mp4", "video/quicktime, variant=(string)iso"},
    KnownType{"video/mpeg", nullptr},
};

std::string_view trimmed(std::string_view text)
{
  constexpr std::string_view around = " \t\"";
  const auto from = std::min(text.find_first_not_of(around), text.size());
  const auto to = text.find_last_not_of(around);
  return text.substr(from, to == std::string_view::npos ? 0 : to + 1 - from);
}

bool is_media_type(std::string_view text)
{
  static constexpr std::string_view others = "/-+._";
  const auto slash = text.find('/');
  return slash != std::string_view::npos && slash + 1 < text.size() &&
         g_ascii_isalpha(text.front()) && std::ranges::all_of(text, [](char c) {
           return g_ascii_isalnum(c) || others.find(c) != std::string_view::npos;
         });
}

}  // namespace

http::SourceDoorSettings door_settings(const HttpServerSrcValues &values)
{
  http::SourceDoorSettings settings;
  settings.mount = values.mount.starts_with('/') ? values.mount : '/' + values.mount;
  settings.realm = values.auth_realm;
  settings.timeout_ns = std::uint64_t{values.timeout} * GST_SECOND;
  settings.takeover = values.takeover;
  settings.read_interval_ns = values.read_interval * GST_MSECOND;
  return settings;
}

glue::Ref<GstCaps> caps_of_media_type(std::string_view media_type)
{
  const auto semicolon = media_type.find(';');
  const glue::StringPtr name{g_ascii_strdown(
      media_type.data(), static_cast<gssize>(std::min(semicolon, media_type.size())))};
  const auto type = trimmed(name.get());
  if (!is_media_type(type))
    return {};
  if (const auto *known = std::ranges::find(known_types, type, &KnownType::media_type);
      known != known_types.end())
    return glue::Ref<GstCaps>::adopt(known->caps ? gst_caps_from_string(known->caps) : nullptr);
  auto caps = glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple(std::string{type}.c_str()));
  constexpr std::string_view boundary = "boundary=";
  if (semicolon != std::string_view::npos)
    if (const auto parameter = trimmed(media_type.substr(semicolon + 1));
        parameter.starts_with(boundary) && is_utf8(parameter))
      gst_caps_set_simple(caps.get(), "boundary", G_TYPE_STRING,
                          std::string{trimmed(parameter.substr(boundary.size()))}.c_str(),
                          nullptr);
  return caps;
}

}  // namespace kam
