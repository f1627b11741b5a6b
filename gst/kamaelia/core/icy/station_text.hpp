// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace kam::icy {

// What a station says about itself in the head of a request or a response; bytes of any
// character set.
struct StationText {
  std::string name;
  std::string genre;
  std::string description;
  std::string url;
  std::string bitrate;  // kbit/s, as it was said

  bool operator==(const StationText &) const = default;
};

// The value of `key` in "samplerate=44100;bitrate=128"; empty if it is not there.
inline std::string_view audio_info_value(std::string_view info, std::string_view key)
{
  while (!info.empty()) {
    const auto part = info.substr(0, info.find(';'));
    info.remove_prefix(std::min(part.size() + 1, info.size()));
    if (const auto equals = part.find('=');
        equals != std::string_view::npos && part.substr(0, equals) == key)
      return part.substr(equals + 1);
  }
  return {};
}

// Stations say icy-…, sources ice-…, and some sources too as SHOUTcast's do.
template <class Head>
StationText station_text(const Head &head)
{
  const auto value = [&head](const std::string &name) {
    for (const auto *prefix : {"icy-", "ice-"})
      if (const auto *found = head.find(prefix + name))
        return *found;
    return std::string{};
  };
  StationText text{value("name"), value("genre"), value("description"), value("url"),
                   value("br")};
  if (text.bitrate.empty())
    text.bitrate = value("bitrate");
  if (const auto *info = head.find("ice-audio-info"); info && text.bitrate.empty())
    for (const auto *key : {"ice-bitrate", "bitrate"})
      if (const auto found = audio_info_value(*info, key); !found.empty())
        text.bitrate = found;
  return text;
}

}  // namespace kam::icy
