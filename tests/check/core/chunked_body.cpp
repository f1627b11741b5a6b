// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/chunked_body.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <array>
#include <cstdio>
#include <string>

using namespace kam;
using namespace kam::http;
using kam::test::Random;

namespace {

// The data; "bad" behind it if it went wrong, "." if it ended.
std::string decoded(std::string_view wire, std::size_t piece)
{
  ChunkedBody body;
  std::string data;
  while (!wire.empty()) {
    const auto part = wire.substr(0, piece);
    ByteVector bytes{as_bytes(part).begin(), as_bytes(part).end()};
    const auto size = body.decode(bytes);
    data += as_text(Bytes{bytes}.first(size));
    if (body.broken())
      return data + "bad";
    wire.remove_prefix(part.size());
  }
  return data + (body.finished() ? "." : "");
}

}  // namespace

START_TEST(bodies)
{
  const struct {
    std::string wire;
    const char *data;
  } cases[] = {
      {"5\r\nhello\r\n0\r\n\r\n", "hello."},
      {"5\nhello\n0\n\n", "hello."},
      {"005;a=\"b\"\r\nhello\r\n1 \r\n!\r\n00;x\r\nA: b\r\nC: d\r\n\r\nrest", "hello!."},
      {"5\r\nhell", "hell"},
      {"5\r\nhello", "hello"},
      {"0\r\n", ""},
      {"", ""},
      {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789."},
      {"g\r\n", "bad"},
      {"\r\n", "bad"},
      {"-1\r\n", "bad"},
      {"1\r\nab", "abad"},
      {"fffffffffffffffff\r\n", "bad"},
      {"1;" + std::string(20'000, 'x'), "bad"},
  };
  for (const auto &c : cases)
    for (const std::size_t piece : {1, 2, 5, 100'000}) {
      const auto data = decoded(c.wire, piece);
      ck_assert_msg(data == c.data, "%.60s in pieces of %zu: %s", c.wire.c_str(), piece,
                    data.c_str());
    }
}
END_TEST

START_TEST(random_bodies)
{
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    Random random{seed};
    std::string wire;
    std::string data;
    for (auto chunks = random.below(20); chunks > 0; --chunks) {
      const auto chunk = random.bytes(1 + random.below(5000), "\r\n0");
      std::array<char, 20> size{};
      std::snprintf(size.data(), size.size(), "%zx", chunk.size());
      wire.append(size.data()).append("\r\n").append(as_text(chunk)).append("\r\n");
      data.append(as_text(chunk));
    }
    wire += "0\r\n\r\n";
    const auto got = decoded(wire, 1 + random.below(3000));
    ck_assert_msg(got == data + ".", "seed %u", seed);
  }
}
END_TEST

CHECK_MAIN("chunked body", bodies, random_bodies)
