// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmtransmitter.hpp"

#include <algorithm>
#include <limits>
#include <system_error>

namespace kam {

namespace {

constexpr auto never = std::numeric_limits<std::uint64_t>::max();
// Who waits for room wants enough to be worth waking up for.
constexpr std::size_t worthwhile_room = std::size_t{64} << 10U;
// As long as nobody listens to the receivers while much is sent.
constexpr std::uint64_t longest_deafness = 200 * srm::microsecond;
// Bounded, so that a flood of forged feedback does not keep repairs from being sent.
constexpr int most_rounds = 16;

}  // namespace

SrmTransmitter::SrmTransmitter(SrmSendingSockets sockets, const srm::SenderOptions &options,
                               Callbacks callbacks)
    : sockets_{std::move(sockets)},
      callbacks_{std::move(callbacks)},
      sender_{options},
      output_{sockets_.main.udp().fd()},
      main_input_{sockets_.main.udp().fd()}
{
  watches_[0].fd = sockets_.main.udp().fd();
  if (sockets_.group) {
    group_input_.emplace(sockets_.group->udp().fd());
    watches_[1].fd = sockets_.group->udp().fd();
  }
}

SrmTransmitter::~SrmTransmitter()
{
  {
    const Lock lock{mutex_};
    quits_ = true;
  }
  waker_.wake();
  if (thread_.joinable())
    thread_.join();
}

bool SrmTransmitter::start()
{
  if (!waker_.is_usable())
    return false;
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error &) {
    return false;
  }
  return true;
}

// --- who writes ---------------------------------------------------------------------------

void SrmTransmitter::begin_stream(Bytes info)
{
  const Lock lock{mutex_};
  sender_.begin_stream(info, net::now_ns());
  announce();
}

void SrmTransmitter::begin_object(srm::ObjectKind kind, std::uint64_t size, Bytes info)
{
  const Lock lock{mutex_};
  sender_.begin_object(kind, size, info, net::now_ns());
  announce();
}

void SrmTransmitter::set_info(Bytes info)
{
  const Lock lock{mutex_};
  sender_.set_info(info, net::now_ns());
  announce();
}

SrmTransmitter::Outcome SrmTransmitter::write(Message &message)
{
  Lock lock{mutex_};
  // The rest of what was abandoned comes first, so that readers find the next message.
  while (owed_ > 0) {
    static constexpr std::array<std::byte, 1024> filling{};
    auto rest = Bytes{filling}.first(std::min(owed_, filling.size()));
    const auto before = rest.size();
    bool is_begun = true;
    const auto outcome = write_bytes(lock, rest, is_begun);
    owed_ -= before - rest.size();
    if (outcome != Outcome::done)
      return outcome;
  }
  for (auto &part : message.parts) {
    const auto outcome = write_bytes(lock, part, message.is_begun);
    if (outcome != Outcome::done)
      return outcome;
  }
  return has_failed_ ? Outcome::failed : Outcome::done;
}

SrmTransmitter::Outcome SrmTransmitter::write_bytes(Lock &lock, Bytes &bytes, bool &is_begun)
{
  while (!bytes.empty()) {
    const auto taken = sender_.push(bytes, !is_begun, net::now_ns());
    is_begun = is_begun || taken > 0;
    bytes = bytes.subspan(taken);
    if (bytes.empty())
      break;
    send_ready();
    if (!wait_for_room(lock, bytes.size()))
      return stopped();
  }
  return Outcome::done;
}

void SrmTransmitter::abandon(const Message &message)
{
  const Lock lock{mutex_};
  if (message.is_begun)
    owed_ += message.size();
}

void SrmTransmitter::send(bool everything)
{
  Lock lock{mutex_};
  if (everything)
    sender_.flush(net::now_ns());
  send_ready();
  wake_for_timers();
  tell(lock);
}

SrmTransmitter::Outcome SrmTransmitter::finish()
{
  Lock lock{mutex_};
  while (!sender_.end_object(net::now_ns())) {
    send_ready();
    if (!wait_for_room(lock, 1))
      return stopped();
  }
  sender_.finish(net::now_ns());
  send_ready();
  wake_for_timers();
  room_.wait(lock, [this] { return sender_.finished() || is_interrupted_ || has_failed_; });
  const auto outcome = sender_.finished() ? Outcome::done : stopped();
  tell(lock);
  return outcome;
}

// What receivers have to know leaves before the data.
void SrmTransmitter::announce()
{
  sender_.handle_timeout(net::now_ns());
  send_ready();
  wake_for_timers();
}

bool SrmTransmitter::wait_for_room(Lock &lock, std::size_t bytes)
{
  const auto wanted = std::min(bytes, worthwhile_room);
  wake_for_timers();
  room_.wait(lock, [&] {
    return is_interrupted_ || has_failed_ ||
           (backlog_.empty() && sender_.writable(net::now_ns()) >= wanted);
  });
  return !is_interrupted_ && !has_failed_;
}

void SrmTransmitter::interrupt(bool on)
{
  const Lock lock{mutex_};
  is_interrupted_ = on;
  room_.notify_all();
}

void SrmTransmitter::set_max_rate(std::uint64_t bits_per_second)
{
  const Lock lock{mutex_};
  sender_.set_max_rate(bits_per_second, net::now_ns());
  waker_.wake();
}

void SrmTransmitter::set_min_receivers(std::uint32_t receivers)
{
  const Lock lock{mutex_};
  sender_.set_min_receivers(receivers);
  waker_.wake();
}

SrmTransmitter::Report SrmTransmitter::report() const
{
  const Lock lock{mutex_};
  return {sender_.stats(), sender_.receivers(), output_.statistics()};
}

// --- sending; the lock is held ------------------------------------------------------------

void SrmTransmitter::send_ready()
{
  if (!send_backlog())
    return;
  std::array<net::Burst, max_bursts> bursts;
  for (;;) {
    std::size_t count = 0;
    const auto now = net::now_ns();
    while (count < bursts.size()) {
      const auto burst = sender_.poll_burst(now);
      if (!burst)
        break;
      bursts.at(count++) = {burst->bytes, burst->packet_size};
    }
    if (count == 0 || !send_bursts(std::span{bursts}.first(count)))
      return;
    // Who has much to send holds the lock for long, and the other thread cannot listen.
    if (now >= listened_at_ + longest_deafness)
      listen_all(1);
  }
}

void SrmTransmitter::listen_all(int max_rounds)
{
  listened_at_ = net::now_ns();
  listen(main_input_, true, max_rounds);
  if (group_input_)
    listen(*group_input_, false, max_rounds);
}

void SrmTransmitter::listen(net::PacketReceiver &receiver, bool unicast, int max_rounds)
{
  for (int round = 0; round < max_rounds && !has_failed_; ++round) {
    const auto received = receiver.receive();
    if (received.error)
      handle_error(*received.error);
    const auto now = net::now_ns();
    for (const auto &arrival : received.arrivals)
      net::for_each_packet(arrival.packets, [&](Bytes packet) {
        if (sockets_.gate.is_open() || sockets_.gate.admits(packet, arrival.from))
          sender_.handle_packet(packet, unicast, now);
      });
    if (!received.may_have_more)
      return;
  }
}

bool SrmTransmitter::send_backlog()
{
  if (backlog_.empty())
    return true;
  const auto backlog = std::exchange(backlog_, {});
  std::vector<net::Burst> bursts;
  bursts.reserve(backlog.size());
  for (const auto &[bytes, packet_size] : backlog)
    bursts.push_back({bytes, packet_size});
  return send_bursts(bursts);
}

// False if the socket is full, or of no use.
bool SrmTransmitter::send_bursts(std::span<const net::Burst> bursts)
{
  const auto sent = output_.send(bursts, sockets_.destination);
  if (sent.error) {
    // What is left of them counts as lost on the way.
    handle_error(*sent.error);
    return !has_failed_;
  }
  if (!sent.is_blocked)
    return true;
  keep_unsent(bursts, sent);
  waker_.wake();
  return false;
}

void SrmTransmitter::keep_unsent(std::span<const net::Burst> bursts,
                                 const net::BurstSender::Result &sent)
{
  auto offset = sent.bytes;
  for (const auto &burst : bursts.subspan(sent.bursts)) {
    const auto rest = burst.bytes.subspan(std::exchange(offset, 0));
    backlog_.push_back({{rest.begin(), rest.end()}, burst.packet_size});
  }
}

void SrmTransmitter::handle_error(const net::Error &error)
{
  const bool may_recover = net::is_transient(error.code);
  has_failed_ = has_failed_ || !may_recover;
  if (may_recover && has_complained_)
    return;
  has_complained_ = true;
  complaints_.push_back(error);
  room_.notify_all();
  waker_.wake();
}

// The network thread sleeps too long if something is due earlier than it knew.
void SrmTransmitter::wake_for_timers()
{
  if (sleeps_until_ != 0 && sender_.next_timeout().value_or(never) < sleeps_until_)
    waker_.wake();
}

void SrmTransmitter::tell(Lock &lock)
{
  std::vector<srm::SenderEvent> events;
  while (auto event = sender_.poll_event())
    events.push_back(*event);
  const auto complaints = std::exchange(complaints_, {});
  lock.unlock();
  for (const auto &event : events)
    callbacks_.report(event);
  for (const auto &complaint : complaints)
    callbacks_.complain(complaint, net::is_transient(complaint.code));
}

// --- the network thread -------------------------------------------------------------------

void SrmTransmitter::run()
{
  while (wait_for_work()) {
    Lock lock{mutex_};
    if (watches_[0].is_readable || watches_[1].is_readable)
      listen_all(most_rounds);
    sender_.handle_timeout(net::now_ns());
    send_ready();
    if (backlog_.empty())
      room_.notify_all();
    tell(lock);
  }
}

bool SrmTransmitter::wait_for_work()
{
  std::optional<std::uint64_t> deadline;
  {
    const Lock lock{mutex_};
    if (quits_)
      return false;
    deadline = has_failed_ ? std::nullopt : sender_.next_timeout();
    sleeps_until_ = deadline.value_or(never);
    watches_[0].for_writing = !backlog_.empty();
    // A socket that has failed would always be ready to say so.
    if (has_failed_)
      watches_[0].fd = watches_[1].fd = -1;
  }
  const auto count = group_input_ ? watches_.size() : 1;
  const auto result = net::wait(std::span{watches_}.first(count), waker_, deadline);
  waker_.clear();
  const Lock lock{mutex_};
  sleeps_until_ = 0;
  if (result == net::WaitResult::failed) {
    has_failed_ = true;
    room_.notify_all();
  }
  return !quits_ && result != net::WaitResult::failed;
}

}  // namespace kam
