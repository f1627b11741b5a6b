// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a client sends to a web server: how it is cut does not matter, no name leads out of
// a folder, no range out of a file, and what is made of it is one line or one page.
#include "core/http/byte_ranges.hpp"
#include "core/http/http_date.hpp"
#include "core/http/preconditions.hpp"
#include "core/http/preferences.hpp"
#include "core/http/request_body.hpp"
#include "core/http/resource_path.hpp"
#include "core/http/routes.hpp"
#include "core/http/web_documents.hpp"
#include "fuzz_support.hpp"

#include <string>
#include <string_view>

using namespace kam;
using namespace kam::http;

namespace {

constexpr std::int64_t now = 1'760'000'000;
constexpr std::uint64_t max_body_size = 64;

struct Outcome {
  RequestHeadParser parser{{.max_size = 1024, .max_target_size = 256, .max_fields = 16}};
  RequestBody body;
  std::string data;
  std::size_t used = 0;
};

Outcome outcome_of(Bytes input, std::size_t piece)
{
  Outcome outcome;
  for (const auto part : fuzz::pieces(input, piece)) {
    ByteVector bytes{part.begin(), part.end()};
    MutableBytes rest{bytes};
    if (outcome.parser.state() == RequestHeadParser::State::reading) {
      const auto used = outcome.parser.feed(rest);
      rest = rest.subspan(used);
      outcome.used += used;
      if (outcome.parser.state() == RequestHeadParser::State::complete)
        outcome.body = RequestBody{outcome.parser.head(), max_body_size};
    }
    const auto taken = outcome.body.feed(rest);
    outcome.data += as_text(Bytes{rest}.first(taken.data));
    outcome.used += taken.used;
  }
  return outcome;
}

void check_ranges(std::string_view field, std::uint64_t size)
{
  const auto result = ranges_in(field, size);
  const auto *ranges = std::get_if<ByteRanges>(&result);
  if (!ranges)
    return;
  fuzz::require(!ranges->empty() && ranges->size() <= 16);
  std::uint64_t sum = 0;
  for (const auto &range : *ranges) {
    fuzz::require(range.first <= range.last && range.last < size);
    sum += range.size();
  }
  fuzz::require(sum <= size);
}

void check_head(const RequestHead &head)
{
  if (const auto path = resource_path(head.path))
    for (const auto &name : path->names) {
      fuzz::require(!name.empty() && name != "." && name != "..");
      fuzz::require(name.find('/') == std::string::npos &&
                    name.find('\0') == std::string::npos &&
                    name.find('\\') == std::string::npos);
      const auto again = resource_path("/" + encoded_name(name));
      fuzz::require(again && again->names.size() == 1 && again->names.front() == name);
      const auto page = folder_page(head.path, {{name, false, 1, 1}}, true, false);
      fuzz::require(page.find("href=\"./" + encoded_name(name) + "\"") != std::string::npos);
    }
  for (const auto &field : head.fields) {
    check_ranges(field.value, 0);
    check_ranges(field.value, 100'000);
    if (const auto date = parse_http_date(field.value, now))
      fuzz::require(parse_http_date(http_date(*date), now) == *date);
    fuzz::require(encoding_preference(&field.value, "gzip") <= 1000);
    fuzz::require(media_type_preference(&field.value, "text/html") <= 1000);
  }
  (void)condition_of(head, {"\"a\"", now}, now);
  (void)may_send_range(head, {"\"a\"", now}, now);
  const auto line =
      log_line({"::1", {}, now, head.method, head.target, 1, 200, 0, head.path, head.query});
  fuzz::require(line.find('\n') == line.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  const auto whole = outcome_of(input, input.size());
  const auto cut = outcome_of(input, fuzz::piece_size(data[0], input.size()));
  fuzz::require(whole.parser.state() == cut.parser.state());
  if (whole.parser.state() == RequestHeadParser::State::complete) {
    fuzz::require(whole.body.state() == cut.body.state());
    fuzz::require(whole.data.size() <= max_body_size && cut.data.size() <= max_body_size);
    if (whole.body.state() == RequestBody::State::complete)
      fuzz::require(whole.data == cut.data && whole.used == cut.used);
    check_head(whole.parser.head());
  }
  const auto routes = parse_routes(as_text(input));
  if (const auto *all = std::get_if<std::vector<Route>>(&routes))
    for (const auto &route : *all)
      fuzz::require(!route.target.empty());
  return 0;
}
