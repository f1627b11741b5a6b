// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/tcp_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace kam::net {

namespace {

constexpr std::uint64_t second = 1'000'000'000;
// With a rate to keep: what may go at once, in time.
constexpr std::uint64_t burst_ns = second / 20;
constexpr int max_reads_per_turn = 4;
// Half of what the system lets a peer send unread, to begin with: who would send more waits.
constexpr std::size_t most_gathered = std::size_t{32} << 10U;

Interest interest_for(bool reading, bool writing)
{
  return static_cast<Interest>((reading ? 1U : 0U) | (writing ? 2U : 0U));
}

}  // namespace

// --- queue --------------------------------------------------------------------------------

void ByteQueue::append(Bytes bytes)
{
  if (first_ > bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void ByteQueue::drop(std::size_t count)
{
  first_ += count;
  if (empty())
    clear();
}

void ByteQueue::clear()
{
  bytes_ = ByteVector{};
  first_ = 0;
}

// --- connection ---------------------------------------------------------------------------

TcpConnection::TcpConnection(Reactor &reactor, std::unique_ptr<Stream> stream, Handler &handler,
                             const Options &options)
    : reactor_{reactor},
      stream_{std::move(stream)},
      handler_{handler},
      options_{options},
      timer_{reactor, *this}
{
}

TcpConnection::~TcpConnection()
{
  if (is_started_)
    reactor_.remove(stream_->fd(), *this);
}

std::unique_ptr<Stream> TcpConnection::take_stream()
{
  state_ = State::taken;
  timer_.cancel();
  if (std::exchange(is_started_, false))
    reactor_.remove(stream_->fd(), *this);
  return std::move(stream_);
}

std::optional<Error> TcpConnection::start()
{
  interest_ = interest_for(is_reading_, is_write_blocked_);
  if (auto error = reactor_.add(stream_->fd(), interest_, *this))
    return error;
  is_started_ = true;
  if (stream_->keeps_bytes())
    wake_by(0);
  return std::nullopt;
}

void TcpConnection::pause_reading()
{
  is_reading_ = false;
  update_interest();
}

void TcpConnection::resume_reading()
{
  if (std::exchange(is_reading_, true))
    return;
  update_interest();
  if (stream_->keeps_bytes())
    wake_by(0);
}

void TcpConnection::update_interest()
{
  if (is_in_turn_ || !is_started_ || state_ == State::closed)
    return;
  const bool wants_bytes = is_reading_ && !is_gathering_;
  const bool reads = !has_peer_ended_ && (wants_bytes || state_ != State::open);
  const auto wanted = interest_for(reads, is_write_blocked_);
  if (std::exchange(interest_, wanted) != wanted)
    reactor_.change(stream_->fd(), wanted, *this);
}

void TcpConnection::wake_by(std::uint64_t deadline)
{
  if (!timer_.is_set() || timer_.deadline() > deadline)
    timer_.set(deadline);
}

// --- what the reactor tells ---------------------------------------------------------------

void TcpConnection::handle_ready(Readiness ready)
{
  is_in_turn_ = true;
  if (ready.is_writable && is_write_blocked_) {
    is_write_blocked_ = false;
    flush();
  }
  if (state_ == State::open && is_reading_ && !has_peer_ended_) {
    if (ready.is_readable)
      read_some();
  } else if (state_ == State::open || has_peer_ended_) {
    // Nobody is about to read or write what would tell.
    if (ready.is_broken)
      fail_broken();
  } else if (state_ != State::closed && ready.is_readable) {
    discard_some();
  }
  settle();
}

void TcpConnection::handle_time(std::uint64_t now)
{
  is_in_turn_ = true;
  if (!queue_.empty() && !is_write_blocked_)
    flush();
  if (state_ == State::lingering) {
    if (now >= linger_until_)
      close(Closing::ended);
    else
      wake_by(linger_until_);
  }
  const bool has_gathered = is_gathering_ && now >= gathers_until_;
  if (is_gathering_ && !has_gathered)
    wake_by(gathers_until_);
  is_gathering_ &= !has_gathered;
  if (is_started_ && (stream_->keeps_bytes() || has_gathered) && !has_peer_ended_) {
    if (state_ == State::open && is_reading_)
      read_some();
    else if (state_ == State::draining || state_ == State::lingering)
      discard_some();
  }
  settle();
}

void TcpConnection::settle()
{
  is_in_turn_ = false;
  if (state_ == State::taken)
    return;
  if (state_ != State::closed) {
    update_interest();
    return;
  }
  timer_.cancel();
  if (std::exchange(is_started_, false))
    reactor_.remove(stream_->fd(), *this);
  handler_.handle_closed(closing_);
}

// --- reading ------------------------------------------------------------------------------

void TcpConnection::read_some()
{
  is_gathering_ = false;
  for (int i = 0; i < max_reads_per_turn; ++i) {
    const auto space = handler_.read_space();
    const auto result = stream_->read(space);
    switch (result.status) {
    case Stream::Status::blocked:
      if (i > 0)
        gather();
      return;
    case Stream::Status::failed: fail(result.error, "Cannot receive from the client"); return;
    case Stream::Status::ended: note_peer_end(); return;
    case Stream::Status::done: break;
    }
    bytes_received_ += result.bytes;
    note_pace(result.bytes);
    handler_.handle_bytes(result.bytes);
    if (state_ != State::open || !is_reading_)
      return;
    if (!stream_->keeps_bytes()) {
      if (result.bytes < space.size())
        gather();
      return;
    }
  }
  wake_by(0);
}

void TcpConnection::note_pace(std::size_t bytes)
{
  if (options_.read_interval_ns == 0)
    return;
  const auto now = reactor_.now();
  if (now - pace_begin_ > options_.read_interval_ns) {
    was_fast_ = std::exchange(pace_bytes_, 0) > most_gathered;
    pace_begin_ = now;
  }
  pace_bytes_ += bytes;
}

// When all that was there is read.
void TcpConnection::gather()
{
  if (options_.read_interval_ns == 0 || was_fast_ || pace_bytes_ > most_gathered)
    return;
  if (eager_reads_left_ > 0) {
    --eager_reads_left_;
    return;
  }
  is_gathering_ = true;
  gathers_until_ = reactor_.now() + options_.read_interval_ns;
  wake_by(gathers_until_);
}

void TcpConnection::read_gathered()
{
  if (!is_gathering_)
    return;
  is_in_turn_ = true;
  for (int i = 0; i < max_reads_per_turn && is_gathering_ && is_reading(); ++i)
    read_some();
  if (!is_gathering_ && is_reading())
    gather();
  is_in_turn_ = false;
  if (state_ == State::closed)
    wake_by(0);
  else if (state_ != State::taken)
    update_interest();
}

// Unread input would make the system answer what is written with a reset, and the peer lose
// it (RFC 1122, 4.2.2.13).
void TcpConnection::discard_some()
{
  std::array<std::byte, 16384> space{};
  for (int i = 0; i < max_reads_per_turn; ++i) {
    const auto result = stream_->read(space);
    switch (result.status) {
    case Stream::Status::blocked: return;
    case Stream::Status::failed: fail(result.error, "The client did not wait for all"); return;
    case Stream::Status::ended: note_peer_end(); return;
    case Stream::Status::done: bytes_received_ += result.bytes; break;
    }
  }
  if (stream_->keeps_bytes())
    wake_by(0);
}

void TcpConnection::note_peer_end()
{
  has_peer_ended_ = true;
  if (state_ == State::lingering)
    close(Closing::ended);
  else if (state_ == State::open)
    handler_.handle_end();
}

// --- writing ------------------------------------------------------------------------------

void TcpConnection::write(std::span<const Bytes> pieces)
{
  if (state_ != State::open)
    return;
  auto sent = queue_.empty() ? send(pieces) : 0;
  if (state_ == State::closed)
    return;
  const bool had_queue = !queue_.empty();
  for (const auto piece : pieces) {
    const auto gone = std::min(sent, piece.size());
    sent -= gone;
    if (gone < piece.size())
      queue_.append(piece.subspan(gone));
  }
  if (queue_.empty())
    return;
  if (!had_queue)
    last_progress_ = reactor_.now();
  update_interest();
}

Stream::Status TcpConnection::send_file(int file, std::uint64_t offset, std::size_t size,
                                        std::size_t &bytes_sent)
{
  bytes_sent = 0;
  if (state_ != State::open)
    return Stream::Status::failed;
  if (!queue_.empty())
    return Stream::Status::blocked;
  const auto result = stream_->send_file(file, offset, size);
  if (result.status == Stream::Status::failed)
    fail(result.error, "Cannot send a file to the client");
  if (result.bytes > 0 || !is_write_blocked_)
    last_progress_ = reactor_.now();
  bytes_sent = result.bytes;
  bytes_sent_ += result.bytes;
  // Others shall have their turn, even if there is room for more.
  if (state_ == State::open)
    is_write_blocked_ = true;
  update_interest();
  return result.status;
}

std::size_t TcpConnection::allowance(std::size_t wanted)
{
  if (options_.max_rate == 0)
    return wanted;
  const auto now = reactor_.now();
  paid_until_ = std::max(paid_until_, now);
  const auto ahead = paid_until_ - now;
  const auto nanoseconds = ahead < burst_ns ? burst_ns - ahead : 0;
  const auto allowed =
      std::max<std::uint64_t>(nanoseconds * options_.max_rate / second, ahead == 0 ? 1 : 0);
  if (allowed < wanted)
    wake_by(paid_until_ + second / options_.max_rate);
  return std::min<std::uint64_t>(wanted, allowed);
}

std::size_t TcpConnection::send(Bytes bytes)
{
  const auto allowed = allowance(bytes.size());
  if (allowed == 0)
    return 0;
  const auto result = stream_->write(bytes.first(allowed));
  if (result.status == Stream::Status::failed)
    fail(result.error, "Cannot send to the client");
  if (options_.max_rate > 0)
    paid_until_ += result.bytes * second / options_.max_rate;
  bytes_sent_ += result.bytes;
  is_write_blocked_ = result.bytes < allowed;
  return result.bytes;
}

std::size_t TcpConnection::send(std::span<const Bytes> pieces)
{
  if (pieces.size() == 1)
    return pieces.front().empty() ? 0 : send(pieces.front());
  // Where there is a rate to keep, one piece after the other is counted.
  std::size_t sent = 0;
  if (options_.max_rate > 0) {
    for (const auto piece : pieces) {
      const auto gone = piece.empty() ? 0 : send(piece);
      sent += gone;
      if (gone < piece.size())
        break;
    }
    return sent;
  }
  std::size_t wanted = 0;
  for (const auto piece : pieces)
    wanted += piece.size();
  if (wanted == 0)
    return 0;
  const auto result = stream_->write(pieces);
  if (result.status == Stream::Status::failed)
    fail(result.error, "Cannot send to the client");
  bytes_sent_ += result.bytes;
  is_write_blocked_ = result.bytes < wanted;
  return result.bytes;
}

void TcpConnection::flush()
{
  while (!queue_.empty() && !is_write_blocked_) {
    const auto sent = send(queue_.front());
    if (sent == 0)
      return;
    queue_.drop(sent);
    last_progress_ = reactor_.now();
  }
  if (!queue_.empty())
    return;
  if (state_ == State::draining)
    begin_lingering();
  else if (state_ == State::open)
    handler_.handle_drained();
}

// --- the end ------------------------------------------------------------------------------

void TcpConnection::end_writing()
{
  if (state_ != State::open)
    return;
  state_ = State::draining;
  if (queue_.empty())
    begin_lingering();
  update_interest();
}

void TcpConnection::begin_lingering()
{
  if (has_peer_ended_ || !stream_->end_writing()) {
    close(Closing::ended);
    return;
  }
  state_ = State::lingering;
  linger_until_ = reactor_.now() + options_.linger_ns;
  wake_by(linger_until_);
}

void TcpConnection::abort(Farewell farewell)
{
  if (state_ == State::closed)
    return;
  if (farewell == Farewell::reset) {
    const linger at_once{1, 0};
    setsockopt(stream_->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close(Closing::aborted);
}

void TcpConnection::fail(int reason, const char *failed)
{
  error_ = error_of(reason, failed);
  close(Closing::failed);
}

void TcpConnection::fail_broken()
{
  int reason = 0;
  socklen_t size = sizeof reason;
  getsockopt(stream_->fd(), SOL_SOCKET, SO_ERROR, &reason, &size);
  fail(reason != 0 ? reason : ECONNRESET, "The client is gone");
}

void TcpConnection::close(Closing closing)
{
  if (state_ == State::closed)
    return;
  state_ = State::closed;
  closing_ = closing;
  is_write_blocked_ = false;
  queue_.clear();
  if (!is_in_turn_)
    wake_by(0);
}

}  // namespace kam::net
