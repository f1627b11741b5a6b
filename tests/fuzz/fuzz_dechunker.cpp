// SPDX-License-Identifier: LGPL-2.1-or-later
// Any split of the same bytes gives the same chunks, and every byte is accounted for.
#include "core/framing/dechunker.hpp"
#include "fuzz_support.hpp"

#include <array>

using namespace kam;
using namespace kam::framing;

namespace {

constexpr std::size_t max_chunk_size = 64;

void add(fuzz::Digest &digest, const Chunk &chunk, const Sync &sync)
{
  std::array<std::byte, max_chunk_size * 3 + 2> body;
  Bytes data = chunk.in_input ? chunk.body : Bytes{chunk.collected};
  if (chunk.in_input && chunk.escaped) {
    fuzz::require(data.size() + 2 <= body.size());
    Unescaper unescaper{sync};
    auto size = unescaper.decode(data, body);
    for (const auto byte : unescaper.finish())
      body[size++] = byte;
    data = Bytes{body}.first(size);
  }
  fuzz::require(data.size() <= max_chunk_size);
  digest.add(data);
  digest.add(chunk.damaged ? 1 : 0);
}

std::uint64_t outcome_of(Bytes input, const Sync &sync, std::size_t piece_size)
{
  Dechunker dechunker{sync, {max_chunk_size}};
  fuzz::Digest digest;
  const auto poll = [&] {
    while (const auto chunk = dechunker.poll_chunk())
      add(digest, *chunk, sync);
  };
  for (; !input.empty(); input = input.subspan(std::min(piece_size, input.size()))) {
    dechunker.feed(input.first(std::min(piece_size, input.size())));
    poll();
  }
  dechunker.feed({}, true);
  poll();
  const auto &stats = dechunker.stats();
  for (const auto value : {stats.chunks, stats.bytes_skipped, stats.oversize, stats.damaged})
    digest.add(value);
  return digest.value();
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
  fuzz::require(outcome_of(input, sync, size) ==
                outcome_of(input, sync, fuzz::piece_size(data[1], input.size())));
  return 0;
}
