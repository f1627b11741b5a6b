// SPDX-License-Identifier: LGPL-2.1-or-later
// The reader never goes past a payload; and what the chunker writes comes back whole.
#include "core/rtp/null_payload.hpp"
#include "fuzz_support.hpp"

#include <variant>

using namespace kam;
using namespace kam::rtp;

namespace {

void read(Bytes payload)
{
  const auto start = payload.first(std::min(payload.size(), length_field_size));
  const auto result = read_null_payload(start, payload.size());
  if (const auto *read = std::get_if<NullPayload>(&result))
    fuzz::require(length_field_size + read->data_size + read->trailing_size == payload.size());
}

// Checks one chunk and appends its data.
void check(const NullChunk &chunk, std::uint32_t largest, ByteVector &data)
{
  fuzz::require(chunk.size() > 0 && chunk.size() <= largest);
  fuzz::require(chunk.bytes_before == data.size());
  const auto length = pack_length(static_cast<std::uint32_t>(chunk.size()));
  const auto back = read_null_payload(length, length_field_size + chunk.size());
  fuzz::require(std::get<NullPayload>(back).data_size == chunk.size());
  data.insert(data.end(), chunk.carried.begin(), chunk.carried.end());
  data.insert(data.end(), chunk.in_input.begin(), chunk.in_input.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 2)
    return 0;
  const auto input = std::as_bytes(std::span{data + 2, size - 2});
  read(input);

  const auto chunk_size = std::uint32_t{1} + data[0];
  NullChunker chunker{chunk_size};
  ByteVector back;
  for (const auto piece : fuzz::pieces(input, fuzz::piece_size(data[1], input.size()))) {
    chunker.feed(piece);
    while (const auto chunk = chunker.poll()) {
      fuzz::require(chunk->size() == chunk_size);
      check(*chunk, chunk_size, back);
    }
  }
  if (const auto chunk = chunker.finish())
    check(*chunk, chunk_size, back);
  fuzz::require(std::equal(back.begin(), back.end(), input.begin(), input.end()));
  return 0;
}
