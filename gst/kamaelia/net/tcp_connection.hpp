// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "net/error.hpp"
#include "net/reactor.hpp"
#include "net/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace kam::net {

// Bytes that wait to be sent. Memory is given back when it is empty.
class ByteQueue {
 public:
  bool empty() const { return first_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - first_; }
  Bytes front() const { return Bytes{bytes_}.subspan(first_); }
  void append(Bytes bytes);
  void drop(std::size_t count);
  void clear();

 private:
  ByteVector bytes_;
  std::size_t first_ = 0;
};

// One connection in a reactor's thread: what is written and not taken is queued; a direction
// ends without the other; and it is closed so that the peer gets all that was written.
//
//   open --end_writing()--> draining --all taken--> lingering --peer ends, or time--> closed
class TcpConnection final : private ReadyHandler, private Timer::Handler {
 public:
  enum class Closing {
    ended,   // both sides have ended, or the peer would not within the linger time
    failed,  // error() says why
    aborted,
  };
  class Handler {
   public:
    // Where what comes next shall be put; asked before each read, at least one byte.
    virtual std::span<std::byte> read_space() = 0;
    // So many bytes are there.
    virtual void handle_bytes(std::size_t count) = 0;
    // The peer sends no more; what is written it still gets.
    virtual void handle_end() = 0;
    // The queue is empty again.
    virtual void handle_drained() = 0;
    // Nothing more comes of it. Of all these only this may destroy it, and it is never called
    // from within a function that the owner calls.
    virtual void handle_closed(Closing closing) = 0;

   protected:
    ~Handler() = default;
  };
  struct Options {
    std::uint64_t linger_ns = 2'000'000'000;  // for the peer to end after we did
    std::uint64_t max_rate = 0;               // bytes a second to send at most; 0: any
    // For how long what comes may be gathered before it is read, its end too, where a peer
    // sends no more than 32 KiB in that time. Its first pieces and a reset are told of at once.
    // 0: not at all.
    std::uint64_t read_interval_ns = 0;
  };
  // Reads of a connection that gather nothing: somebody waits for its first bytes.
  static constexpr unsigned eager_reads = 32;

  TcpConnection(Reactor &reactor, std::unique_ptr<Stream> stream, Handler &handler,
                const Options &options);
  ~TcpConnection();
  TcpConnection(const TcpConnection &) = delete;
  TcpConnection &operator=(const TcpConnection &) = delete;

  // From now on the handler is told; not before.
  [[nodiscard]] std::optional<Error> start();
  void pause_reading();
  void resume_reading();
  bool is_reading() const { return is_reading_ && !has_peer_ended_; }
  // Reads now what is gathered, and whether that was the end. Not from within a call of the
  // handler.
  void read_gathered();

  // Sends or queues, as a whole. Without effect after end_writing() or a failure.
  void write(Bytes bytes) { write(std::span{&bytes, 1}); }
  // The same of bytes in several pieces.
  void write(std::span<const Bytes> pieces);
  // Sends so much of an open file, or less, without regard to the rate; nothing while something
  // is queued. handle_drained() tells, in another turn, when there is room for more. `ended`:
  // the file has no more.
  Stream::Status send_file(int file, std::uint64_t offset, std::size_t size,
                           std::size_t &bytes_sent);
  std::size_t queued() const { return queue_.size(); }
  // When bytes were last taken from a queue or a file, or the queue began.
  std::uint64_t last_progress() const { return last_progress_; }
  // After what is queued.
  void end_writing();
  // At once and whatever is queued; handle_closed() follows. With a reset the peer, which may
  // lose what has not reached it yet, is told that something went wrong.
  enum class Farewell { normal, reset };
  void abort(Farewell farewell);

  // The stream is the caller's from now on, and nothing is told any more; what was written has
  // to be sent by then. To be destroyed in another turn, if this is within a call of the
  // handler.
  [[nodiscard]] std::unique_ptr<Stream> take_stream();

  bool has_peer_ended() const { return has_peer_ended_; }
  bool is_ending() const { return state_ != State::open; }
  const std::optional<Error> &error() const { return error_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  std::uint64_t bytes_received() const { return bytes_received_; }
  int fd() const { return stream_->fd(); }

 private:
  enum class State { open, draining, lingering, closed, taken };

  void handle_ready(Readiness ready) override;
  void handle_time(std::uint64_t now) override;
  // The last thing that each turn does.
  void settle();
  void read_some();
  void note_pace(std::size_t bytes);
  void gather();
  void discard_some();
  void note_peer_end();
  // How much went; the queue is not touched.
  std::size_t send(Bytes bytes);
  std::size_t send(std::span<const Bytes> pieces);
  void flush();
  void begin_lingering();
  void close(Closing closing);
  void fail(int reason, const char *failed);
  void fail_broken();
  void update_interest();
  // How many of so many bytes may be sent by now.
  std::size_t allowance(std::size_t wanted);
  void wake_by(std::uint64_t deadline);

  Reactor &reactor_;
  std::unique_ptr<Stream> stream_;
  Handler &handler_;
  Options options_;
  Timer timer_;
  ByteQueue queue_;
  std::optional<Error> error_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t last_progress_ = 0;
  std::uint64_t linger_until_ = 0;
  std::uint64_t paid_until_ = 0;  // by when max_rate allows for what was sent
  std::uint64_t gathers_until_ = 0;
  std::uint64_t pace_begin_ = 0;  // of a time as long as what comes is gathered
  std::size_t pace_bytes_ = 0;    // that came since
  unsigned eager_reads_left_ = eager_reads;
  State state_ = State::open;
  Closing closing_ = Closing::ended;
  Interest interest_ = Interest::none;
  bool is_started_ = false;
  bool is_reading_ = true;
  bool is_gathering_ = false;
  bool was_fast_ = false;  // too fast to gather, before pace_begin_
  bool has_peer_ended_ = false;
  bool is_write_blocked_ = false;
  bool is_in_turn_ = false;
};

}  // namespace kam::net
