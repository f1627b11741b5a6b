// SPDX-License-Identifier: LGPL-2.1-or-later
// Any split of the same bytes gives the same chunks, and every byte is accounted for.
#include "core/framing/dechunker.hpp"
#include "fuzz_support.hpp"

#include <array>

using namespace kam;
using namespace kam::framing;

namespace {

ByteVector decoded(Chunk chunk, const Sync &sync)
{
  if (!chunk.in_input)
    return std::move(chunk.collected);
  ByteVector body(chunk.body.size() + 2);
  Unescaper unescaper{sync};
  auto size = unescaper.decode(chunk.body, body);
  for (const auto byte : unescaper.finish())
    body[size++] = byte;
  body.resize(size);
  return body;
}

std::vector<ByteVector> chunks_of(Bytes input, const Sync &sync, std::size_t piece_size)
{
  constexpr std::size_t max_chunk_size = 300;
  Dechunker dechunker{sync, {max_chunk_size}};
  std::vector<ByteVector> chunks;
  const auto poll = [&] {
    while (auto chunk = dechunker.poll_chunk())
      chunks.push_back(decoded(std::move(*chunk), sync));
  };
  for (const auto piece : fuzz::pieces(input, piece_size)) {
    dechunker.feed(piece);
    poll();
  }
  dechunker.feed({}, true);
  poll();
  for (const auto &chunk : chunks)
    fuzz::require(chunk.size() <= max_chunk_size);
  return chunks;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  static const std::array syncs{Sync::standard(), *Sync::from(as_bytes("xyxy")),
                                *Sync::from(as_bytes("|-|")), *Sync::from(as_bytes("aaX"))};
  if (size < 2)
    return 0;
  const auto &sync = syncs[data[0] % syncs.size()];
  const auto input = std::as_bytes(std::span{data + 2, size - 2});
  fuzz::require(chunks_of(input, sync, input.size()) == chunks_of(input, sync, 1U + data[1]));
  return 0;
}
