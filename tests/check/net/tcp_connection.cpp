// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/tcp_connection.hpp"

#include "net_support.hpp"

#include "net/tcp_listener.hpp"
#include "net/wait.hpp"
#include "support/temporary_folder.hpp"

#include <fcntl.h>

#include <array>
#include <string>

using namespace kam;
using namespace kam::net;
using Closing = TcpConnection::Closing;

namespace {

constexpr std::uint64_t millisecond = 1'000'000;

// The far end of a connection, whose calls wait.
FileDescriptor connected_to(const TcpListener &listener)
{
  auto socket = FileDescriptor::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ck_assert_int_eq(connect(socket.get(), listener.local().data(), listener.local().size()), 0);
  return socket;
}

// One connection that is accepted, and what becomes of it.
struct Station final : Acceptor::Handler, TcpConnection::Handler {
  explicit Station(const TcpConnection::Options &how = {}) : options{how}
  {
    test::assert_done(acceptor.start(listener.fd()));
  }

  bool may_accept() override { return true; }
  void handle_none() override {}
  void handle_exhausted(const Error &error) override { ck_abort_msg("%s", error.what.c_str()); }
  void handle_connection(FileDescriptor socket, const Endpoint &) override
  {
    connection = std::make_unique<TcpConnection>(
        reactor, std::make_unique<SocketStream>(std::move(socket)), *this, options);
    test::assert_done(connection->start());
    begin(*connection);
  }

  std::span<std::byte> read_space() override { return space; }
  void handle_bytes(std::size_t count) override
  {
    received.append(as_text(Bytes{space}.first(count)));
    if (echoes)
      connection->write(Bytes{space}.first(count));
  }
  void handle_end() override
  {
    ++ends;
    connection->end_writing();
  }
  void handle_drained() override
  {
    ++drains;
    drained(*connection);
  }
  void handle_closed(Closing how) override
  {
    closing = how;
    sent = connection->bytes_sent();
    connection.reset();
    reactor.stop();
  }

  Reactor reactor;
  TcpListener listener = test::value_of(TcpListener::open({}));
  Acceptor acceptor{reactor, *this};
  TcpConnection::Options options;
  std::unique_ptr<TcpConnection> connection;
  std::array<std::byte, 1000> space{};
  std::string received;
  bool echoes = true;
  int ends = 0;
  int drains = 0;
  std::uint64_t sent = 0;
  std::optional<Closing> closing;
  std::function<void(TcpConnection &)> begin = [](TcpConnection &) {};
  std::function<void(TcpConnection &)> drained = [](TcpConnection &) {};
};

std::string read_all(int fd)
{
  std::string all;
  std::array<char, 10'000> part;
  for (ssize_t size = 0; (size = read(fd, part.data(), part.size())) > 0;)
    all.append(part.data(), static_cast<std::size_t>(size));
  return all;
}

}  // namespace

START_TEST(echoes_behind_the_end)
{
  Station station;
  const auto peer = connected_to(station.listener);
  ck_assert_int_eq(write(peer.get(), "hello", 5), 5);
  shutdown(peer.get(), SHUT_WR);
  station.reactor.run();
  ck_assert(station.closing == Closing::ended);
  ck_assert_int_eq(station.ends, 1);
  ck_assert_str_eq(station.received.c_str(), "hello");
  const auto got = read_all(peer.get());
  ck_assert_str_eq(got.c_str(), "hello");
}
END_TEST

// What it writes arrives whole although it is more than the system takes at once, and although
// the peer writes what nobody reads.
START_TEST(queues_and_lingers)
{
  Station station;
  const std::string text(20'000'000, 'x');
  station.begin = [&](TcpConnection &connection) {
    connection.write(as_bytes(text));
    ck_assert_uint_gt(connection.queued(), 0);
    connection.end_writing();
    connection.write(as_bytes("nothing of this"));
  };
  const auto peer = connected_to(station.listener);
  ck_assert_int_eq(write(peer.get(), "unread", 6), 6);
  std::thread thread{[&] { station.reactor.run(); }};
  const auto got = read_all(peer.get());
  ck_assert(got == text);
  shutdown(peer.get(), SHUT_WR);
  thread.join();
  ck_assert(station.closing == Closing::ended);
  ck_assert_uint_eq(station.sent, text.size());
  ck_assert_str_eq(station.received.c_str(), "");
}
END_TEST

START_TEST(does_not_linger_for_ever)
{
  TcpConnection::Options options;
  options.linger_ns = 20 * millisecond;
  Station station{options};
  station.begin = [](TcpConnection &connection) { connection.end_writing(); };
  const auto begin = now_ns();
  const auto peer = connected_to(station.listener);
  station.reactor.run();
  ck_assert(station.closing == Closing::ended);
  ck_assert_uint_ge(now_ns() - begin, 20 * millisecond);
}
END_TEST

START_TEST(notices_a_reset_whatever_it_waits_for)
{
  for (const bool reads : {true, false})
    for (const bool has_queue : {true, false}) {
      Station station;
      const std::string text(20'000'000, 'x');
      station.begin = [&](TcpConnection &connection) {
        if (!reads)
          connection.pause_reading();
        if (has_queue)
          connection.write(as_bytes(text));
      };
      auto peer = connected_to(station.listener);
      const linger at_once{1, 0};
      setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      peer = {};
      station.reactor.run();
      ck_assert(station.closing == Closing::failed);
    }
}
END_TEST

START_TEST(keeps_a_rate)
{
  TcpConnection::Options options;
  options.max_rate = 100'000;
  Station station{options};
  const std::string text(15'000, 'x');
  station.begin = [&](TcpConnection &connection) {
    connection.write(as_bytes(text));
    connection.end_writing();
  };
  const auto begin = now_ns();
  const auto peer = connected_to(station.listener);
  std::thread thread{[&] { station.reactor.run(); }};
  const auto got = read_all(peer.get());
  const auto took = now_ns() - begin;
  shutdown(peer.get(), SHUT_WR);
  thread.join();
  ck_assert_uint_eq(got.size(), text.size());
  ck_assert_uint_ge(took, 90 * millisecond);
}
END_TEST

// Several pieces are one write; what the system does not take of them at once comes in order.
START_TEST(writes_pieces)
{
  for (const std::size_t large : {0, 5, 20'000'000}) {
    Station station;
    const std::string text(large, 'x');
    station.begin = [&](TcpConnection &connection) {
      connection.write(std::array{as_bytes("a"), Bytes{}, as_bytes(text), as_bytes("b")});
      connection.write(std::array{as_bytes("c"), as_bytes("d")});
      connection.end_writing();
    };
    const auto peer = connected_to(station.listener);
    std::thread thread{[&] { station.reactor.run(); }};
    const auto got = read_all(peer.get());
    shutdown(peer.get(), SHUT_WR);
    thread.join();
    ck_assert(got == "a" + text + "bcd");
  }
}
END_TEST

// From somewhere in it to its end, with what is written before and behind; each piece in a turn
// of its own.
START_TEST(sends_a_file)
{
  const test::TemporaryFolder place;
  std::string text(3'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(i * 7 / 3);
  const auto file =
      FileDescriptor::own(open(place.write("file", text).c_str(), O_RDONLY | O_CLOEXEC));
  Station station;
  std::uint64_t offset = 1000;
  auto status = Stream::Status::done;
  const auto send_on = [&](TcpConnection &connection) {
    std::size_t sent = 0;
    status = connection.send_file(file.get(), offset, 1'000'000, sent);
    offset += sent;
    if (status == Stream::Status::ended) {
      connection.write(as_bytes("end"));
      connection.end_writing();
    }
  };
  station.begin = [&](TcpConnection &connection) {
    connection.write(as_bytes("head"));
    send_on(connection);
  };
  station.drained = send_on;
  const auto peer = connected_to(station.listener);
  std::thread thread{[&] { station.reactor.run(); }};
  const auto got = read_all(peer.get());
  shutdown(peer.get(), SHUT_WR);
  thread.join();
  ck_assert(status == Stream::Status::ended);
  ck_assert(got == "head" + text.substr(1000) + "end");
  ck_assert_int_ge(station.drains, 3);
}
END_TEST

// After its first reads it takes what there is at an interval, or when it is told to.
START_TEST(gathers)
{
  TcpConnection::Options options;
  options.read_interval_ns = 3'600'000 * millisecond;
  Station station{options};
  auto peer = connected_to(station.listener);
  std::thread thread{[&] { station.reactor.run(); }};
  const auto send_and_see = [&](char byte) {
    ck_assert_int_eq(write(peer.get(), &byte, 1), 1);
    char echo = 0;
    ck_assert_int_eq(read(peer.get(), &echo, 1), 1);
    ck_assert_int_eq(echo, byte);
  };
  for (unsigned i = 0; i <= TcpConnection::eager_reads; ++i)
    send_and_see('x');
  for (const char byte : {'a', 'b'}) {
    station.reactor.post([&, byte] {
      const auto before = station.received.size();
      ck_assert_int_eq(write(peer.get(), &byte, 1), 1);
      char waiting = 0;
      ck_assert_int_eq(recv(station.connection->fd(), &waiting, 1, MSG_PEEK), 1);
      ck_assert_uint_eq(station.received.size(), before);
      station.connection->read_gathered();
      ck_assert_int_eq(station.received.back(), byte);
    });
    char echo = 0;
    ck_assert_int_eq(read(peer.get(), &echo, 1), 1);
  }
  // A reset is told of nevertheless.
  const linger at_once{1, 0};
  setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  peer = {};
  thread.join();
  ck_assert(station.closing == Closing::failed);
}
END_TEST

START_TEST(reads_what_is_gathered_in_time)
{
  TcpConnection::Options options;
  options.read_interval_ns = 5 * millisecond;
  Station station{options};
  const auto peer = connected_to(station.listener);
  std::thread thread{[&] { station.reactor.run(); }};
  std::string sent;
  std::string got;
  for (unsigned i = 0; i < 3 * TcpConnection::eager_reads; ++i) {
    const std::string piece(1 + i * 20, static_cast<char>('a' + i % 26));
    ck_assert_int_eq(write(peer.get(), piece.data(), piece.size()),
                     static_cast<ssize_t>(piece.size()));
    sent += piece;
    if (i % 2 == 0)
      continue;
    std::array<char, 4000> part;
    while (got.size() < sent.size()) {
      const auto size = read(peer.get(), part.data(), part.size());
      ck_assert_int_gt(size, 0);
      got.append(part.data(), static_cast<std::size_t>(size));
    }
  }
  shutdown(peer.get(), SHUT_WR);
  thread.join();
  ck_assert(got == sent);
  ck_assert(station.closing == Closing::ended);
}
END_TEST

START_TEST(aborts)
{
  for (const auto farewell :
       {TcpConnection::Farewell::normal, TcpConnection::Farewell::reset}) {
    Station station;
    station.begin = [&](TcpConnection &connection) { connection.abort(farewell); };
    const auto peer = connected_to(station.listener);
    station.reactor.run();
    ck_assert(station.closing == Closing::aborted);
    char c = 0;
    const auto size = read(peer.get(), &c, 1);
    ck_assert_int_eq(size, farewell == TcpConnection::Farewell::reset ? -1 : 0);
  }
}
END_TEST

START_TEST(says_why_it_cannot_listen)
{
  const auto first = test::value_of(TcpListener::open({}));
  ListenOptions options;
  options.port = first.local().port();
  const auto second = TcpListener::open(options);
  ck_assert(std::get<Error>(second).what.find("another program") != std::string::npos);
  ListenOptions elsewhere;
  elsewhere.host = "192.0.2.1";
  ck_assert(std::holds_alternative<Error>(TcpListener::open(elsewhere)));
}
END_TEST

CHECK_MAIN("tcp_connection", echoes_behind_the_end, queues_and_lingers,
           does_not_linger_for_ever, notices_a_reset_whatever_it_waits_for, keeps_a_rate,
           writes_pieces, sends_a_file, gathers, reads_what_is_gathered_in_time, aborts,
           says_why_it_cannot_listen)
