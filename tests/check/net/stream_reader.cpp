// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/stream_reader.hpp"

#include "net/file_descriptor.hpp"
#include "support/check_main.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

using namespace kam;
using namespace kam::net;
using Interruption = StreamReader::Interruption;

namespace {

constexpr std::uint64_t hour = 3'600'000'000'000;
constexpr std::size_t large = 65536;

// Two ends of a connection.
struct Connection {
  FileDescriptor reading;
  FileDescriptor writing;

  Connection()
  {
    const auto listener = FileDescriptor::own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ck_assert_int_eq(bind(listener.get(), reinterpret_cast<sockaddr *>(&address), size), 0);
    ck_assert_int_eq(listen(listener.get(), 1), 0);
    getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &size);
    writing = FileDescriptor::own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ck_assert_int_eq(connect(writing.get(), reinterpret_cast<sockaddr *>(&address), size), 0);
    reading = FileDescriptor::own(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ck_assert(reading);
  }

  void send(std::string_view text) const
  {
    ck_assert_int_eq(::send(writing.get(), text.data(), text.size(), MSG_NOSIGNAL),
                     static_cast<int>(text.size()));
  }
};

std::size_t size_of(const StreamReader::Result &result)
{
  const auto *size = std::get_if<std::size_t>(&result);
  ck_assert_msg(size, "no bytes, but variant %zu", result.index());
  return *size;
}

Interruption interruption_of(const StreamReader::Result &result)
{
  ck_assert_uint_eq(result.index(), 1);
  return std::get<Interruption>(result);
}

void reset(Connection &connection)
{
  const linger at_once{1, 0};
  setsockopt(connection.writing.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connection.writing = {};
}

// Reads until `count` bytes have come.
std::string read_all(StreamReader &reader, std::size_t count)
{
  std::string text;
  ByteVector bytes(large);
  while (text.size() < count)
    text += as_text(Bytes{bytes}.first(size_of(reader.read(bytes, hour))));
  return text;
}

}  // namespace

START_TEST(gives_what_there_is)
{
  Connection connection;
  const Waker waker;
  StreamReader reader{connection.reading.get(), waker.fd()};
  ByteVector bytes(100);
  connection.send("one");
  ck_assert_uint_eq(size_of(reader.read(bytes, hour)), 3);
  ck_assert(as_text(bytes).starts_with("one"));
  connection.send("two");
  connection.writing = {};
  ck_assert_uint_eq(size_of(reader.read(MutableBytes{bytes}.first(2), std::nullopt)), 2);
  ck_assert_uint_eq(size_of(reader.read(bytes, std::nullopt)), 1);
  ck_assert_uint_eq(size_of(reader.read(bytes, std::nullopt)), 0);
}
END_TEST

START_TEST(a_reset_is_an_error)
{
  Connection connection;
  const Waker waker;
  StreamReader reader{connection.reading.get(), waker.fd()};
  reset(connection);
  ByteVector bytes(100);
  const auto result = reader.read(bytes, hour);
  ck_assert(std::get<Error>(result).code == std::errc::connection_reset);
}
END_TEST

START_TEST(silence_and_interruptions_end_a_read)
{
  const Connection connection;
  Waker waker;
  StreamReader reader{connection.reading.get(), waker.fd()};
  ByteVector bytes(100);
  ck_assert(interruption_of(reader.read(bytes, 1'000'000)) == Interruption::silent);
  std::thread other{[&waker] { waker.wake(); }};
  ck_assert(interruption_of(reader.read(bytes, std::nullopt)) == Interruption::interrupted);
  other.join();
  waker.clear();
  connection.send("x");
  ck_assert_uint_eq(size_of(reader.read(bytes, hour)), 1);
}
END_TEST

// After a large read that was filled the reader waits for more than there will be; only once.
START_TEST(a_stream_in_its_own_pace_is_not_held_up)
{
  const Connection connection;
  const Waker waker;
  StreamReader reader{connection.reading.get(), waker.fd()};
  const std::string burst(4 * large, 'b');
  std::thread sender{[&] { connection.send(burst); }};
  ck_assert(read_all(reader, burst.size()) == burst);
  sender.join();
  connection.send("one");
  ck_assert(read_all(reader, 3) == "one");
  for (int i = 0; i < 3; ++i) {
    const auto before = reader.sleeps();
    connection.send("two");
    ck_assert(read_all(reader, 3) == "two");
    ck_assert_uint_le(reader.sleeps() - before, 1);
  }
}
END_TEST

START_TEST(it_can_be_interrupted_while_it_waits_for_more)
{
  const Connection connection;
  Waker waker;
  StreamReader reader{connection.reading.get(), waker.fd()};
  std::thread sender{[&] { connection.send(std::string(4 * large, 'b')); }};
  read_all(reader, 4 * large);
  sender.join();
  waker.wake();
  ByteVector bytes(large);
  ck_assert(interruption_of(reader.read(bytes, hour)) == Interruption::interrupted);
}
END_TEST

namespace {

// A reader whose first reads, which do not wait, are over.
StreamReader settled_reader(const Connection &connection, const Waker &waker,
                            std::uint64_t interval_ns)
{
  StreamReader reader{connection.reading.get(), waker.fd(), interval_ns};
  for (unsigned i = 0; i < StreamReader::eager_reads; ++i) {
    connection.send("early");
    ck_assert(read_all(reader, 5) == "early");
  }
  return reader;
}

}  // namespace

START_TEST(bytes_wait_for_others_but_not_for_long)
{
  const Connection connection;
  const Waker waker;
  constexpr std::uint64_t interval = 20'000'000;
  auto reader = settled_reader(connection, waker, interval);
  for (int i = 0; i < 3; ++i) {
    connection.send("one");
    const auto before = now_ns();
    ck_assert(read_all(reader, 3) == "one");
    ck_assert_uint_ge(now_ns() - before, interval);
  }
  ByteVector bytes(100);
  ck_assert(interruption_of(reader.read(bytes, 2 * interval)) == Interruption::silent);
  connection.send("two");
  ck_assert(read_all(reader, 3) == "two");
}
END_TEST

START_TEST(what_ends_a_stream_ends_the_wait_for_others)
{
  const Waker waker;
  ByteVector bytes(100);
  {
    Connection connection;
    auto reader = settled_reader(connection, waker, hour);
    connection.send("one");
    connection.writing = {};
    ck_assert_uint_eq(size_of(reader.read(bytes, std::nullopt)), 3);
    ck_assert_uint_eq(size_of(reader.read(bytes, std::nullopt)), 0);
  }
  {
    // What came before a reset is not lost.
    Connection connection;
    auto reader = settled_reader(connection, waker, hour);
    connection.send("one");
    reset(connection);
    ck_assert_uint_eq(size_of(reader.read(bytes, std::nullopt)), 3);
    ck_assert_uint_eq(reader.read(bytes, std::nullopt).index(), 2);
  }
  {
    Waker other;
    const Connection connection;
    auto reader = settled_reader(connection, other, hour);
    connection.send("one");
    other.wake();
    ck_assert(interruption_of(reader.read(bytes, std::nullopt)) == Interruption::interrupted);
    ck_assert_uint_eq(size_of(reader.read(bytes, std::nullopt)), 3);
  }
}
END_TEST

START_TEST(much_does_not_wait_for_more)
{
  const Connection connection;
  const Waker waker;
  auto reader = settled_reader(connection, waker, hour);
  const std::string burst(std::size_t{3} << 20U, 'b');
  std::thread sender{[&] {
    connection.send(burst);
    shutdown(connection.writing.get(), SHUT_WR);
  }};
  ck_assert(read_all(reader, burst.size()) == burst);
  sender.join();
}
END_TEST

// As fast as it goes: nothing is lost, and it sleeps less often than it reads.
START_TEST(much_at_a_time)
{
  const Connection connection;
  const Waker waker;
  StreamReader reader{connection.reading.get(), waker.fd()};
  constexpr std::size_t total = std::size_t{64} << 20U;
  std::thread sender{[&] {
    std::string piece(4096, '\0');
    for (std::size_t sent = 0; sent < total; sent += piece.size()) {
      std::ranges::fill(piece, static_cast<char>(sent / piece.size() % 251));
      connection.send(piece);
    }
    shutdown(connection.writing.get(), SHUT_WR);
  }};
  ByteVector bytes(large);
  std::size_t got = 0;
  bool is_right = true;
  while (const auto size = size_of(reader.read(bytes, hour))) {
    for (std::size_t i = 0; i < size; ++i)
      is_right &= std::to_integer<std::size_t>(bytes[i]) == (got + i) / 4096 % 251;
    got += size;
  }
  sender.join();
  ck_assert_uint_eq(got, total);
  ck_assert(is_right);
}
END_TEST

CHECK_MAIN("stream_reader", gives_what_there_is, a_reset_is_an_error,
           silence_and_interruptions_end_a_read, a_stream_in_its_own_pace_is_not_held_up,
           it_can_be_interrupted_while_it_waits_for_more,
           bytes_wait_for_others_but_not_for_long, what_ends_a_stream_ends_the_wait_for_others,
           much_does_not_wait_for_more, much_at_a_time)
