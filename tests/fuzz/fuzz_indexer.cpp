// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever is broadcast: join points come in order, inside what was fed, behind complete
// headers, and are the same however the bytes are cut; a listener gets what was appended.
#include "core/http/broadcast.hpp"
#include "core/http/listener_cursor.hpp"
#include "core/media/indexer.hpp"
#include "fuzz_support.hpp"

#include <algorithm>
#include <array>

using namespace kam;
using namespace kam::media;

namespace {

constexpr std::array formats{Format::mpeg_audio, Format::adts, Format::ogg,    Format::webm,
                             Format::mp4,        Format::flac, Format::mpeg_ts};

std::vector<JoinPoint> joins_of(Format format, Bytes input, std::size_t step)
{
  std::vector<JoinPoint> joins;
  const auto indexer = make_indexer(format);
  for (; !input.empty(); input = input.subspan(std::min(step, input.size())))
    indexer->feed(input.first(std::min(step, input.size())), joins);
  return joins;
}

void listen(Format format, Bytes input, std::size_t step)
{
  http::Broadcast broadcast;
  broadcast.begin_format(format, {});
  http::ListenerCursor cursor{"", 0};
  ByteVector received;
  std::uint64_t began_at = 0;
  for (auto rest = input; !rest.empty(); rest = rest.subspan(std::min(step, rest.size()))) {
    broadcast.append(rest.first(std::min(step, rest.size())), {}, true);
    const auto *join = broadcast.join({});
    if (join && !cursor.has_begun()) {
      cursor.begin(*join);
      began_at = join->offset;
      if (join->headers)
        received = *join->headers;
    }
  }
  if (!cursor.has_begun())
    return;
  const auto headers = received.size();
  std::size_t sent = 0;
  while (!cursor.is_at_end(broadcast)) {
    std::array<Bytes, 3> pieces;
    const auto count = cursor.gather(broadcast, pieces);
    fuzz::require(count > 0);
    std::size_t size = 0;
    for (const auto &piece : std::span{pieces}.first(count)) {
      for (std::size_t i = 0; i < piece.size(); ++i, ++sent)
        fuzz::require(sent < headers ? piece[i] == received[sent]
                                     : piece[i] == input[began_at + sent - headers]);
      size += piece.size();
    }
    cursor.advance(broadcast, size);
  }
  fuzz::require(sent == headers + input.size() - began_at);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 2)
    return 0;
  const auto format = formats[data[0] % formats.size()];
  const auto step = std::size_t{1} + data[1];
  const auto input = std::as_bytes(std::span{data + 2, size - 2});
  const auto whole = joins_of(format, input, input.size() + 1);
  const auto cut = joins_of(format, input, step);
  fuzz::require(whole.size() == cut.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    fuzz::require(whole[i].offset == cut[i].offset && whole[i].offset < input.size());
    fuzz::require(i == 0 || whole[i].offset > whole[i - 1].offset);
    fuzz::require(!whole[i].headers == !cut[i].headers &&
                  (!whole[i].headers || *whole[i].headers == *cut[i].headers));
  }
  listen(format, input, step);
  return 0;
}
