// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/frame_sync.hpp"

#include <array>
#include <cstdint>

namespace kam::icy {
namespace {

unsigned byte_at(Bytes bytes, std::size_t at)
{
  return std::to_integer<unsigned>(bytes[at]);
}

// The size of the MPEG audio frame that begins there; 0 if none does.
//   11 sync, 2 version, 2 layer, 1 protection, 4 bitrate, 2 rate, 1 padding, 1 private, …
std::size_t mpeg_frame_size(Bytes bytes)
{
  static constexpr std::array<std::array<std::uint16_t, 15>, 5> kbit_per_second{{
      {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},  // 1, layer I
      {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},     // 1, layer II
      {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},      // 1, layer III
      {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},     // 2, layer I
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},          // 2, II and III
  }};
  static constexpr std::array<unsigned, 3> rates{44100, 48000, 32000};
  const auto version = byte_at(bytes, 1) >> 3U & 3U;  // 3 is MPEG 1, 2 is 2, 0 is 2.5
  const auto layer = 4 - (byte_at(bytes, 1) >> 1U & 3U);
  const auto bitrate_index = byte_at(bytes, 2) >> 4U;
  const auto rate_index = byte_at(bytes, 2) >> 2U & 3U;
  const auto padding = byte_at(bytes, 2) >> 1U & 1U;
  if (byte_at(bytes, 0) != 0xff || byte_at(bytes, 1) < 0xe0 || version == 1 || layer == 4 ||
      bitrate_index == 0 || bitrate_index == 15 || rate_index == 3)
    return 0;
  const bool is_1 = version == 3;
  const auto row = is_1 ? layer - 1 : layer == 1 ? 3U : 4U;
  const auto bits = std::size_t{kbit_per_second.at(row).at(bitrate_index)} * 1000;
  const auto rate = std::size_t{rates.at(rate_index)} >> (is_1 ? 0U : version == 2 ? 1U : 2U);
  if (layer == 1)
    return (12 * bits / rate + padding) * 4;
  return (layer == 3 && !is_1 ? 72 : 144) * bits / rate + padding;
}

// The same for ADTS:
//   12 sync, 1 version, 2 layer (0), 1 protection, 2 profile, 4 rate, 1 private, 3 channels,
//   4 flags, 13 frame size, …
std::size_t adts_frame_size(Bytes bytes)
{
  constexpr std::size_t header_size = 7;
  if (byte_at(bytes, 0) != 0xff || (byte_at(bytes, 1) & 0xf6U) != 0xf0 ||
      (byte_at(bytes, 2) >> 2U & 0xfU) > 12)
    return 0;
  const auto size =
      (byte_at(bytes, 3) & 3U) << 11U | byte_at(bytes, 4) << 3U | byte_at(bytes, 5) >> 5U;
  return size < header_size ? 0 : size;
}

}  // namespace

std::size_t frame_size(Framing framing, Bytes bytes)
{
  return framing == Framing::adts ? adts_frame_size(bytes) : mpeg_frame_size(bytes);
}

// The bytes of a header that are the same in all frames of a stream.
bool are_alike(Framing framing, Bytes a, Bytes b)
{
  const auto rate_bits = framing == Framing::adts ? 0x3cU : 0x0cU;
  return a[1] == b[1] && ((byte_at(a, 2) ^ byte_at(b, 2)) & rate_bits) == 0;
}

Framing framing_of(std::string_view content_type)
{
  auto type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' '))
    type.remove_suffix(1);
  for (const auto *name : {"audio/mpeg", "audio/mp3", "audio/mpeg3", "audio/x-mpeg"})
    if (type == name)
      return Framing::mpeg_audio;
  for (const auto *name : {"audio/aac", "audio/aacp", "audio/x-aac"})
    if (type == name)
      return Framing::adts;
  for (const auto *name : {"application/ogg", "audio/ogg", "video/ogg", "audio/x-ogg"})
    if (type == name)
      return Framing::ogg;
  return Framing::unknown;
}

std::optional<std::size_t> find_frame(Framing framing, Bytes window)
{
  constexpr auto header_size = frame_header_size;
  if (framing == Framing::unknown)
    return 0;
  if (framing == Framing::ogg) {
    constexpr std::string_view capture_pattern{"OggS\0", 5};
    const auto at = as_text(window).find(capture_pattern);
    return at == std::string_view::npos ? std::nullopt : std::optional{at};
  }
  // How many frames follow one another from there on, as far as can be seen; 0 if one does not.
  const auto frames_from = [&](std::size_t start) {
    constexpr int enough = 4;
    int frames = 0;
    for (auto at = start; frames < enough && at + header_size <= window.size(); ++frames) {
      const auto header = window.subspan(at);
      const auto size = frame_size(framing, header);
      if (size == 0 || !are_alike(framing, window.subspan(start), header))
        return 0;
      at += size;
    }
    return frames;
  };
  for (std::size_t at = 0; at < window.size(); ++at)
    if (frames_from(at) > 1)
      return at;
  return std::nullopt;
}

}  // namespace kam::icy
