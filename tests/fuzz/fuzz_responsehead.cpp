// SPDX-License-Identifier: LGPL-2.1-or-later
// A head is inside its limits and the same however it is cut, and so is a body in chunks.
#include "core/http/chunked_body.hpp"
#include "core/http/response_head.hpp"
#include "fuzz_support.hpp"

using namespace kam;
using namespace kam::http;
using fuzz::Digest;

namespace {

constexpr ResponseHeadParser::Limits limits{.max_size = 1000, .max_fields = 20};

std::uint64_t outcome_of(Bytes input, std::size_t piece_size)
{
  Digest digest;
  ResponseHeadParser parser{limits};
  std::size_t used = 0;
  while (used < input.size() && parser.state() == ResponseHeadParser::State::reading) {
    const auto piece = input.subspan(used, std::min(piece_size, input.size() - used));
    const auto taken = parser.feed(piece);
    fuzz::require(taken <= piece.size());
    fuzz::require(taken == piece.size() ||
                  parser.state() != ResponseHeadParser::State::reading);
    used += taken;
  }
  if (parser.state() == ResponseHeadParser::State::complete) {
    const auto &head = parser.head();
    fuzz::require(used <= limits.max_size && head.fields.size() <= limits.max_fields);
    fuzz::require(head.status >= 100 && head.status <= 999);
    for (const auto &[key, value] : head.fields) {
      fuzz::require(!key.empty() && value.find('\n') == std::string::npos);
      digest.add(key);
      digest.add(value);
      if (const auto number = decimal(value))
        digest.add(*number);
    }
    digest.add(head.reason);
    digest.add(used);
  }
  ChunkedBody body;
  for (const auto piece : fuzz::pieces(input.subspan(used), piece_size)) {
    ByteVector bytes{piece.begin(), piece.end()};
    const auto size = body.decode(bytes);
    fuzz::require(size <= bytes.size());
    for (const auto byte : Bytes{bytes}.first(size))
      digest.add(std::to_integer<std::uint64_t>(byte));
  }
  return digest.value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 2)
    return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  // What a head that is too large has in it depends on where it is cut; only its size matters.
  const auto whole = outcome_of(input, input.size());
  const auto cut = outcome_of(input, fuzz::piece_size(data[0], input.size()));
  ResponseHeadParser parser{limits};
  parser.feed(input);
  if (parser.state() == ResponseHeadParser::State::complete)
    fuzz::require(whole == cut);
  return 0;
}
