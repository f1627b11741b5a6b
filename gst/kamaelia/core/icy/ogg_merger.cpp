// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/ogg_merger.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kam::icy {
namespace {

constexpr std::size_t header_size = 27;
constexpr std::size_t flags_at = 5;
constexpr std::size_t granule_at = 6;
constexpr std::size_t serial_at = 14;
constexpr std::size_t sequence_at = 18;
constexpr std::size_t crc_at = 22;
constexpr std::size_t segments_at = 26;
constexpr std::string_view capture_pattern{"OggS\0", 5};

constexpr unsigned is_beginning = 2;
constexpr unsigned is_end = 4;

// Headers with pictures in their comments are large; larger ones are not joined.
constexpr std::size_t largest_headers = std::size_t{2} << 20U;
constexpr std::size_t most_comments = 1024;

unsigned byte_at(Bytes bytes, std::size_t at)
{
  return std::to_integer<unsigned>(bytes[at]);
}

std::uint64_t little_endian(Bytes bytes, std::size_t at, std::size_t size)
{
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i)
    value = value << 8U | byte_at(bytes, at + i - 1);
  return value;
}

void put_little_endian(MutableBytes bytes, std::size_t at, std::size_t size,
                       std::uint64_t value)
{
  for (std::size_t i = 0; i < size; ++i, value >>= 8U)
    bytes[at + i] = static_cast<std::byte>(value & 0xffU);
}

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    auto value = i << 24U;
    for (int bit = 0; bit < 8; ++bit)
      value = value << 1U ^ ((value & 0x80000000U) != 0 ? 0x04c11db7U : 0U);
    table.at(i) = value;
  }
  return table;
}();

// Of a page; its own field counts as 0.
std::uint32_t crc_of(Bytes page)
{
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < page.size(); ++i) {
    const auto byte = i >= crc_at && i < crc_at + 4 ? 0U : byte_at(page, i);
    crc = crc << 8U ^ crc_table.at((crc >> 24U ^ byte) & 0xffU);
  }
  return crc;
}

Bytes data_of(Bytes page)
{
  return page.subspan(header_size + byte_at(page, segments_at));
}

// A packet, or what of one is in a page.
struct Piece {
  Bytes bytes;
  bool is_whole;  // it ends here
};

std::vector<Piece> pieces_of(Bytes page)
{
  std::vector<Piece> pieces;
  const auto segments = page.subspan(header_size, byte_at(page, segments_at));
  auto data = data_of(page);
  std::size_t size = 0;
  for (const auto segment : segments) {
    size += std::to_integer<std::size_t>(segment);
    if (segment == std::byte{255})
      continue;
    pieces.push_back({data.first(size), true});
    data = data.subspan(size);
    size = 0;
  }
  if (size > 0)
    pieces.push_back({data, false});
  return pieces;
}

bool begins_with(Bytes bytes, std::string_view text)
{
  return as_text(bytes).starts_with(text);
}

// Of an Opus packet, in samples at 48 kHz (RFC 6716, section 3.1).
std::uint64_t opus_samples(Bytes packet)
{
  if (packet.empty())
    return 0;
  const auto config = byte_at(packet, 0) >> 3U;
  static constexpr std::array<std::uint64_t, 4> silk{480, 960, 1920, 2880};
  static constexpr std::array<std::uint64_t, 4> celt{120, 240, 480, 960};
  const auto frame = config < 12   ? silk.at(config & 3U)
                     : config < 16 ? silk.at(config & 1U)
                                   : celt.at(config & 3U);
  switch (byte_at(packet, 0) & 3U) {
  case 0: return frame;
  case 3: return packet.size() < 2 ? 0 : frame * (byte_at(packet, 1) & 0x3fU);
  default: return 2 * frame;
  }
}

bool same(Bytes a, Bytes b, std::size_t from, std::size_t size)
{
  return a.size() >= from + size && b.size() >= from + size &&
         std::ranges::equal(a.subspan(from, size), b.subspan(from, size));
}

// 0 if the page is not whole yet. What only looks like a page has not its CRC.
std::size_t page_size_at(Bytes bytes, bool &is_page)
{
  if (bytes.size() < header_size)
    return 0;
  const auto segments = byte_at(bytes, segments_at);
  if (bytes.size() < header_size + segments)
    return 0;
  std::size_t size = header_size + segments;
  for (std::size_t i = 0; i < segments; ++i)
    size += byte_at(bytes, header_size + i);
  if (bytes.size() < size)
    return 0;
  is_page = little_endian(bytes, crc_at, 4) == crc_of(bytes.first(size));
  return size;
}

}  // namespace

std::optional<std::vector<std::string>> parse_ogg_comments(Bytes packet)
{
  std::size_t at = 0;
  if (begins_with(packet, "\x03vorbis"))
    at = 7;
  else if (begins_with(packet, "OpusTags"))
    at = 8;
  else if (packet.size() >= 4 && (byte_at(packet, 0) & 0x7fU) == 4)
    at = 4;
  else
    return std::nullopt;
  auto rest = packet.subspan(at);
  const auto number = [&]() -> std::optional<std::size_t> {
    if (rest.size() < 4)
      return std::nullopt;
    const auto value = little_endian(rest, 0, 4);
    rest = rest.subspan(4);
    return static_cast<std::size_t>(value);
  };
  const auto vendor_size = number();
  if (!vendor_size || *vendor_size > rest.size())
    return std::nullopt;
  rest = rest.subspan(*vendor_size);
  const auto count = number();
  if (!count)
    return std::nullopt;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min(*count, most_comments); ++i) {
    const auto size = number();
    if (!size || *size > rest.size())
      break;
    lines.emplace_back(as_text(rest.first(*size)));
    rest = rest.subspan(*size);
  }
  return lines;
}

OggMerger::Output OggMerger::feed(Bytes input)
{
  Output output;
  input_.insert(input_.end(), input.begin(), input.end());
  MutableBytes rest{input_};
  while (!rest.empty()) {
    // The pattern, or as much of it as there is.
    const auto text = as_text(rest);
    auto at = text.find(capture_pattern);
    if (at == std::string_view::npos) {
      at = text.size();
      for (auto size = std::min(text.size(), capture_pattern.size() - 1); size > 0; --size)
        if (capture_pattern.starts_with(text.substr(text.size() - size))) {
          at = text.size() - size;
          break;
        }
    }
    stats_.bytes_skipped += at;
    rest = rest.subspan(at);
    bool is_page = true;
    const auto size = page_size_at(rest, is_page);
    if (size == 0)
      break;
    if (is_page) {
      handle_page(rest.first(size), output);
      rest = rest.subspan(size);
    } else {
      ++stats_.bytes_skipped;
      rest = rest.subspan(1);
    }
  }
  input_.erase(input_.begin(),
               input_.begin() + static_cast<std::ptrdiff_t>(input_.size() - rest.size()));
  return output;
}

void OggMerger::handle_gap()
{
  stats_.bytes_skipped += input_.size();
  input_.clear();
  if (link_ && link_->headers < link_->headers_in_all)
    link_.reset();
  if (link_)
    link_->base.reset();
  after_gap_ = true;
  after_begin_ = false;
}

void OggMerger::handle_page(MutableBytes page, Output &output)
{
  const bool begins = (byte_at(page, flags_at) & is_beginning) != 0;
  const bool begun_before = std::exchange(after_begin_, begins);
  if (begins && begun_before)
    stop_merging(output);
  else if (begins && (!separate_ || !begun_before))
    return begin_link(page, output);
  // Without any headers, it is downstream's business.
  if (separate_ || (!link_ && !first_))
    return pass(page, output);
  if (!link_ || little_endian(page, serial_at, 4) != link_->serial) {
    // Nobody could make sense of it: its headers did not come.
    stats_.bytes_skipped += page.size();
    return;
  }
  if (link_->headers < link_->headers_in_all)
    return handle_header_page(page, output);
  pass_joined(page, output);
}

void OggMerger::begin_link(Bytes page, Output &output)
{
  ++stats_.links;
  separate_ = false;
  link_ = OggLink{};
  link_->after_gap = std::exchange(after_gap_, false);
  link_->serial = static_cast<std::uint32_t>(little_endian(page, serial_at, 4));
  const auto data = data_of(page);
  constexpr std::size_t flac_count_at = 7;
  if (begins_with(data, "\x01vorbis")) {
    link_->codec = OggCodec::vorbis;
    link_->headers_in_all = 3;
  } else if (begins_with(data, "OpusHead")) {
    link_->codec = OggCodec::opus;
    link_->headers_in_all = 2;
  } else if (begins_with(data,
                         "\x7f"
                         "FLAC") &&
             data.size() > flac_count_at + 1) {
    link_->codec = OggCodec::flac;
    const auto others = byte_at(data, flac_count_at) << 8U | byte_at(data, flac_count_at + 1);
    link_->headers_in_all = others == 0 ? 0 : others + 1;
  }
  if (link_->headers_in_all == 0) {
    stop_merging(output);
    return pass(page, output);
  }
  handle_header_page(page, output);
}

void OggMerger::handle_header_page(Bytes page, Output &output)
{
  link_->header_size += page.size();
  link_->held.insert(link_->held.end(), page.begin(), page.end());
  if (link_->header_size > largest_headers)
    return stop_merging(output);
  for (const auto &piece : pieces_of(page)) {
    link_->packet.insert(link_->packet.end(), piece.bytes.begin(), piece.bytes.end());
    if (!piece.is_whole)
      continue;
    if (link_->headers < link_->headers_in_all)
      handle_header_packet(output);
    link_->packet.clear();
  }
  if (link_->headers == link_->headers_in_all)
    end_headers(output);
}

void OggMerger::handle_header_packet(Output &output)
{
  ++link_->headers;
  if (link_->headers == 1)
    link_->identification = link_->packet;
  else if (link_->headers == 3 && link_->codec == OggCodec::vorbis)
    link_->setup = link_->packet;
  else if (auto comments = parse_ogg_comments(link_->packet))
    output.comments.push_back({output.pages.size(), *std::move(comments)});
}

// All headers are there: they go out, or the link is joined to the first without them.
void OggMerger::end_headers(Output &output)
{
  link_->packet = {};
  if (first_ && are_alike(*first_, *link_)) {
    ++stats_.links_merged;
    link_->held = {};
    return;
  }
  pass(link_->held, output);
  next_sequence_ = 0;
  // The pages of the headers are counted by whoever reads them.
  for (Bytes pages{link_->held}; !pages.empty(); ++next_sequence_) {
    bool is_page = true;
    pages = pages.subspan(page_size_at(pages, is_page));
  }
  link_->held = {};
  link_->base = 0;
  last_granule_ = 0;
  first_ = link_;
}

// What follows is passed as it is, until a link begins that stands alone.
void OggMerger::stop_merging(Output &output)
{
  if (link_)
    pass(link_->held, output);
  link_.reset();
  first_.reset();
  separate_ = true;
}

bool OggMerger::are_alike(const OggLink &a, const OggLink &b)
{
  if (a.codec != b.codec)
    return false;
  const Bytes x{a.identification};
  const Bytes y{b.identification};
  switch (a.codec) {
  // Version, channels, rate; block sizes. What is between are bitrates.
  case OggCodec::vorbis: return same(x, y, 7, 9) && same(x, y, 28, 1) && a.setup == b.setup;
  // Version and channels; gain and the mapping of channels. Between are pre-skip and the
  // rate of what was encoded.
  case OggCodec::opus:
    return same(x, y, 8, 2) && x.size() == y.size() && x.size() >= 19 &&
           same(x, y, 16, x.size() - 16);
  // Of STREAMINFO, the rate, channels and bits of a sample; not how many samples.
  case OggCodec::flac:
    return same(x, y, 27, 3) && x.size() > 30 && y.size() > 30 &&
           ((x[30] ^ y[30]) & std::byte{0xf0}) == std::byte{0};
  case OggCodec::other: break;
  }
  return false;
}

// The granule position before the first sample in `page`.
std::uint64_t OggMerger::start_of(Bytes page) const
{
  const auto end = little_endian(page, granule_at, 8);
  if (link_->codec == OggCodec::opus) {
    std::uint64_t samples = 0;
    for (const auto &piece : pieces_of(page))
      if (piece.is_whole)
        samples += opus_samples(piece.bytes);
    return end - samples;
  }
  // How long the packets of the others are, only a decoder knows. A title begins at 0; where a
  // stream was joined, its first page is as long as the last one was.
  return link_->after_gap || after_gap_ ? end - last_step_ : 0;
}

void OggMerger::pass_joined(MutableBytes page, Output &output)
{
  // The end of a link is no end.
  if (byte_at(page, segments_at) == 0)
    return;
  constexpr auto none = ~std::uint64_t{0};
  const auto granule = little_endian(page, granule_at, 8);
  if (granule != none) {
    if (!link_->base)
      link_->base = last_granule_ - start_of(page);
    after_gap_ = false;
    const auto moved = *link_->base + granule;
    last_step_ = moved - last_granule_;
    last_granule_ = moved;
    put_little_endian(page, granule_at, 8, moved);
  }
  page[flags_at] &= ~std::byte{is_end};
  put_little_endian(page, serial_at, 4, first_->serial);
  put_little_endian(page, sequence_at, 4, next_sequence_++);
  put_little_endian(page, crc_at, 4, crc_of(page));
  pass(page, output);
}

void OggMerger::pass(Bytes page, Output &output)
{
  output.pages.insert(output.pages.end(), page.begin(), page.end());
}

}  // namespace kam::icy
