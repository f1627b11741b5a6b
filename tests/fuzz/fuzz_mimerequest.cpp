// SPDX-License-Identifier: LGPL-2.1-or-later
// Any split of the same bytes gives the same requests and faults, inside the limits, and every
// byte is accounted for.
#include "core/http/request_parser.hpp"
#include "core/http/uri.hpp"
#include "fuzz_support.hpp"

#include <string>
#include <variant>

using namespace kam;
using namespace kam::http;

namespace {

constexpr RequestParser::Limits limits{
    .max_header_size = 200, .max_body_size = 64, .max_headers = 6};

void append(std::string &all, const std::vector<Header> &fields)
{
  fuzz::require(fields.size() <= limits.max_headers);
  for (const auto &field : fields)
    all.append(field.key).append(field.name).append(field.value);
}

void append(std::string &all, const RequestParser::Event &event)
{
  if (const auto *fault = std::get_if<RequestFault>(&event)) {
    all += static_cast<char>(*fault);
    return;
  }
  const auto &request = std::get<Request>(event);
  fuzz::require(request.body.size() <= limits.max_body_size);
  all.append(request.method).append(request.uri).append(request.protocol);
  all.append(request.version).append(std::to_string(request.offset));
  append(all, request.headers);
  append(all, request.trailers);
  all.append(as_text(request.body));
  if (const auto parts = split_absolute_uri(request.uri))
    fuzz::require(parts->url.front() == '/' &&
                  parts->domain.size() + parts->url.size() <= request.uri.size());
}

std::string outcome_of(Bytes input, std::size_t piece_size)
{
  RequestParser parser{limits};
  std::string all;
  const auto take = [&](Bytes piece) {
    parser.feed(piece);
    while (const auto event = parser.poll())
      append(all, *event);
  };
  if (piece_size >= input.size())
    take(input);
  else
    for (const auto piece : fuzz::pieces(input, piece_size))
      take(piece);
  if (const auto fault = parser.end())
    append(all, *fault);
  const auto &stats = parser.stats();
  fuzz::require(stats.request_bytes + stats.bytes_skipped + stats.blank_bytes == input.size());
  fuzz::require(!parser.open_since());
  return all + std::to_string(stats.bytes_skipped);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  fuzz::require(outcome_of(input, input.size()) == outcome_of(input, 1U + data[0] % 32));
  return 0;
}
