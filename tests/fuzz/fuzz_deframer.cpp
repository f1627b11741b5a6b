// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames are inside the limit, and every byte is in one or skipped.
#include "core/framing/stream_deframer.hpp"
#include "fuzz_support.hpp"

#include <variant>

using namespace kam;
using namespace kam::framing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  constexpr std::size_t max_frame_size = 300;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  const auto parsed = parse_frame_header(input);
  if (const auto *header = std::get_if<FrameHeader>(&parsed)) {
    fuzz::require(header->header_size <= std::min(input.size(), max_header_size));
    fuzz::require(is_valid_tag(header->tag));
  }
  StreamDeframer deframer{{max_frame_size}};
  std::size_t bytes_out = 0;
  for (const auto piece : fuzz::pieces(input, fuzz::piece_size(data[0], input.size()))) {
    deframer.feed(piece);
    while (auto result = deframer.poll())
      if (const auto *frame = std::get_if<Frame>(&*result)) {
        fuzz::require(frame->data.size() <= max_frame_size);
        bytes_out += frame->header_size + frame->data.size();
      }
  }
  (void)deframer.end();
  fuzz::require(bytes_out + deframer.bytes_skipped() == input.size());
  return 0;
}
