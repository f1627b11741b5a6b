// SPDX-License-Identifier: LGPL-2.1-or-later
// Every byte is audio or belongs to a block, however the input is cut; a block's fields are
// parts of it, whatever is in it.
#include "core/icy/demuxer.hpp"
#include "core/icy/metadata.hpp"
#include "core/icy/text.hpp"
#include "core/utf8.hpp"
#include "fuzz_support.hpp"

using namespace kam;
using namespace kam::icy;
using fuzz::Digest;

namespace {

void check_fields(Bytes block)
{
  std::size_t size = 0;
  for (const auto &[key, value] : parse_metadata(block)) {
    fuzz::require(!key.empty() && value.find('\0') == std::string::npos);
    size += key.size() + value.size();
    const auto split = split_title(value);
    fuzz::require(split.title.size() + split.artist.size() <= value.size());
    fuzz::require(is_utf8(utf8_of_latin1(value)));
  }
  fuzz::require(size <= block.size());
}

std::uint64_t outcome_of(Bytes input, std::size_t piece_size, std::uint64_t metaint)
{
  Demuxer demuxer{metaint};
  Digest digest;
  std::size_t audio = 0;
  for (const auto piece : fuzz::pieces(input, piece_size)) {
    if (piece.size() % 2 == 1 && demuxer.pass_audio(piece.size())) {
      audio += piece.size();
      for (const auto byte : piece)
        digest.add(std::to_integer<std::uint64_t>(byte));
      continue;
    }
    ByteVector bytes{piece.begin(), piece.end()};
    demuxer.feed(bytes);
    while (const auto event = demuxer.poll()) {
      if (const auto *part = std::get_if<Demuxer::Audio>(&*event)) {
        fuzz::require(!part->bytes.empty());
        audio += part->bytes.size();
        for (const auto byte : part->bytes)
          digest.add(std::to_integer<std::uint64_t>(byte));
      } else {
        const auto block = std::get<Demuxer::Block>(*event).bytes;
        fuzz::require(block.size() <= largest_block && block.size() % 16 == 0);
        digest.add(block);
        check_fields(block);
      }
    }
  }
  fuzz::require(audio + demuxer.blocks() <= input.size());
  fuzz::require(metaint > 0 || audio == input.size());
  digest.add(demuxer.blocks());
  return digest.value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 2)
    return 0;
  const auto input = std::as_bytes(std::span{data + 2, size - 2});
  const std::uint64_t metaint = data[1];
  fuzz::require(outcome_of(input, input.size(), metaint) ==
                outcome_of(input, fuzz::piece_size(data[0], input.size()), metaint));
  check_fields(input);
  return 0;
}
