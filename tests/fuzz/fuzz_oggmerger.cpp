// SPDX-License-Identifier: LGPL-2.1-or-later
// What comes out of a chain is whole pages and not more than went in, however it is cut. The
// checksums of the input are made right first, or mutations would get no further.
#include "core/icy/ogg_merger.hpp"
#include "fuzz_support.hpp"

using namespace kam;
using namespace kam::icy;
using fuzz::Digest;

namespace {

std::uint32_t crc_of(Bytes page)
{
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < page.size(); ++i) {
    crc ^= (i >= 22 && i < 26 ? 0U : std::to_integer<std::uint32_t>(page[i])) << 24U;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc << 1U ^ ((crc & 0x80000000U) != 0 ? 0x04c11db7U : 0U);
  }
  return crc;
}

// The size of the page at the beginning; 0 if none is.
std::size_t page_size(Bytes bytes)
{
  if (bytes.size() < 27 || !as_text(bytes).starts_with(std::string_view{"OggS\0", 5}))
    return 0;
  const auto segments = std::to_integer<std::size_t>(bytes[26]);
  auto size = 27 + segments;
  for (std::size_t i = 0; i < segments && 27 + i < bytes.size(); ++i)
    size += std::to_integer<std::size_t>(bytes[27 + i]);
  return size <= bytes.size() ? size : 0;
}

void repair(ByteVector &bytes)
{
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const auto rest = MutableBytes{bytes}.subspan(at);
    const auto size = page_size(rest);
    if (size == 0)
      continue;
    const auto crc = crc_of(rest.first(size));
    for (unsigned i = 0; i < 4; ++i)
      rest[22 + i] = static_cast<std::byte>(crc >> 8U * i & 0xffU);
    at += size - 1;
  }
}

std::uint64_t outcome_of(Bytes input, std::size_t piece_size_wanted)
{
  OggMerger merger;
  Digest digest;
  ByteVector out;
  for (const auto piece : fuzz::pieces(input, piece_size_wanted)) {
    const auto output = merger.feed(piece);
    for (const auto &comments : output.comments) {
      fuzz::require(comments.offset <= output.pages.size());
      digest.add(out.size() + comments.offset);
      for (const auto &line : comments.lines)
        digest.add(line);
    }
    out.insert(out.end(), output.pages.begin(), output.pages.end());
  }
  fuzz::require(out.size() + merger.stats().bytes_skipped <= input.size());
  digest.add(out);
  for (Bytes rest{out}; !rest.empty();) {
    const auto size = page_size(rest);
    fuzz::require(size > 0);
    std::uint32_t crc = 0;
    for (unsigned i = 4; i > 0; --i)
      crc = crc << 8U | std::to_integer<std::uint32_t>(rest[21 + i]);
    fuzz::require(crc == crc_of(rest.first(size)));
    rest = rest.subspan(size);
  }
  return digest.value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 2)
    return 0;
  const auto given = std::as_bytes(std::span{data + 1, size - 1});
  ByteVector input{given.begin(), given.end()};
  repair(input);
  fuzz::require(outcome_of(input, input.size()) ==
                outcome_of(input, fuzz::piece_size(data[0], input.size())));
  return 0;
}
