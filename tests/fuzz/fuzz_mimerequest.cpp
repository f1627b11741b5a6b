// SPDX-License-Identifier: LGPL-2.1-or-later
// Any split of the same bytes gives the same requests and faults, inside the limits, and every
// byte is accounted for.
#include "core/http/request_parser.hpp"
#include "core/http/uri.hpp"
#include "fuzz_support.hpp"

#include <algorithm>
#include <string_view>
#include <variant>

using namespace kam;
using namespace kam::http;

namespace {

constexpr RequestParser::Limits limits{
    .max_header_size = 200, .max_body_size = 64, .max_headers = 6};

using fuzz::Digest;

void add(Digest &digest, const std::vector<Header> &fields)
{
  fuzz::require(fields.size() <= limits.max_headers);
  digest.add(fields.size());
  for (const auto &field : fields) {
    digest.add(field.key);
    digest.add(field.name);
    digest.add(field.value);
  }
}

void add(Digest &digest, const RequestParser::Event &event)
{
  digest.add(event.index());
  if (const auto *fault = std::get_if<RequestFault>(&event))
    return digest.add(static_cast<std::uint64_t>(*fault));
  const auto &request = std::get<Request>(event);
  fuzz::require(request.body.size() <= limits.max_body_size);
  for (const std::string_view part :
       {std::string_view{request.method}, std::string_view{request.uri},
        std::string_view{request.protocol}, std::string_view{request.version},
        as_text(request.body)})
    digest.add(part);
  digest.add(request.offset);
  add(digest, request.headers);
  add(digest, request.trailers);
}

std::uint64_t outcome_of(Bytes input, std::size_t piece_size)
{
  RequestParser parser{limits};
  Digest digest;
  for (auto rest = input; !rest.empty();) {
    const auto size = std::min(piece_size, rest.size());
    parser.feed(rest.first(size));
    while (const auto event = parser.poll())
      add(digest, *event);
    rest = rest.subspan(size);
  }
  if (const auto fault = parser.end())
    add(digest, *fault);
  const auto &stats = parser.stats();
  fuzz::require(stats.request_bytes + stats.bytes_skipped + stats.blank_bytes == input.size());
  fuzz::require(!parser.open_since());
  digest.add(stats.bytes_skipped);
  return digest.value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  fuzz::require(outcome_of(input, input.size()) ==
                outcome_of(input, fuzz::piece_size(data[0], input.size())));
  if (const auto parts = split_absolute_uri(as_text(input)))
    fuzz::require(parts->url.front() == '/' && parts->domain.size() < input.size());
  return 0;
}
