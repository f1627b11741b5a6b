// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/preconditions.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::http;

namespace {

constexpr std::int64_t modified = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::int64_t now = modified + 1000;
const Validators current{"\"abc\"", modified};

RequestHead request(const std::string &fields, const std::string &method = "GET")
{
  RequestHeadParser parser;
  parser.feed(as_bytes(method + " / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"));
  ck_assert(parser.state() == RequestHeadParser::State::complete);
  return parser.head();
}

void expect(const std::string &fields, Condition wanted, const std::string &method = "GET")
{
  ck_assert_msg(condition_of(request(fields, method), current, now) == wanted, "%s %s",
                method.c_str(), fields.c_str());
}

constexpr auto same = "Sun, 06 Nov 1994 08:49:37 GMT\r\n";
constexpr auto before = "Sun, 06 Nov 1994 08:49:36 GMT\r\n";

std::string field(const char *name, const char *value)
{
  return std::string{name} + ": " + value;
}

}  // namespace

START_TEST(what_the_client_has)
{
  expect("", Condition::holds);
  expect("If-None-Match: \"abc\"\r\n", Condition::not_modified);
  expect("If-None-Match: W/\"abc\"\r\n", Condition::not_modified);
  expect("If-None-Match: \"x\", \"abc\"\r\n", Condition::not_modified);
  expect("If-None-Match: *\r\n", Condition::not_modified);
  expect("If-None-Match: \"x\"\r\n", Condition::holds);
  expect("If-None-Match: abc\r\n", Condition::holds);
  expect("If-None-Match: \"abc\r\n", Condition::holds);
  expect("If-None-Match: \"abc\"\r\n", Condition::not_modified, "HEAD");
  expect("If-None-Match: \"abc\"\r\n", Condition::failed, "PUT");
  expect(field("If-Modified-Since", same), Condition::not_modified);
  expect(field("If-Modified-Since", before), Condition::holds);
  expect("If-Modified-Since: yesterday\r\n", Condition::holds);
  expect(field("If-Modified-Since", same), Condition::holds, "POST");
  // A tag is the better witness.
  expect("If-None-Match: \"x\"\r\n" + field("If-Modified-Since", same), Condition::holds);
}
END_TEST

START_TEST(what_the_client_takes_it_for)
{
  expect("If-Match: \"abc\"\r\n", Condition::holds);
  expect("If-Match: *\r\n", Condition::holds);
  expect("If-Match: W/\"abc\"\r\n", Condition::failed);
  expect("If-Match: \"x\"\r\n", Condition::failed);
  expect("If-Match: \"abc\"\r\nIf-None-Match: \"abc\"\r\n", Condition::not_modified);
  expect(field("If-Unmodified-Since", same), Condition::holds);
  expect(field("If-Unmodified-Since", before), Condition::failed);
  expect("If-Match: \"abc\"\r\n" + field("If-Unmodified-Since", before), Condition::holds);
}
END_TEST

START_TEST(ranges_of_the_same)
{
  const auto may = [](const std::string &fields) {
    return may_send_range(request(fields), current, now);
  };
  ck_assert(may("") && may("If-Range: \"abc\"\r\n") && may(field("If-Range", same)));
  ck_assert(!may("If-Range: W/\"abc\"\r\n") && !may("If-Range: \"x\"\r\n"));
  ck_assert(!may(field("If-Range", before)) && !may("If-Range: abc\r\n"));
  // What has changed just now may change once more within the second.
  ck_assert(!may_send_range(request(field("If-Range", same)), current, modified + 1));
}
END_TEST

CHECK_MAIN("preconditions", what_the_client_has, what_the_client_takes_it_for,
           ranges_of_the_same)
