// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmlistener.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>
#include <variant>

namespace kam {

namespace {

// As long as the streaming thread may be away before somebody stands in for it: less than
// half of what a sender takes to repeat a question, more than most filters take.
constexpr std::uint64_t patience = 3 * srm::millisecond;
// What is handed out at once; the rest waits for the next call.
constexpr std::size_t max_events = 64;
// A sender that waits for others says so more often than this.
constexpr std::uint64_t longest_silence = 2 * srm::second;
// After so much silence another sender may take over.
constexpr std::uint64_t time_to_come_back = 2 * srm::second;

srm::NodeId sender_of(const srm::ReceiverEvent &event)
{
  return std::visit([](const auto &happened) { return happened.sender; }, event);
}

}  // namespace

srm::PeerId SrmPeers::id_of(const net::Endpoint &endpoint)
{
  if (next_ != 0 && endpoints_.at(last_ % capacity) == endpoint)
    return last_;
  const auto count = std::min<srm::PeerId>(next_, capacity);
  for (srm::PeerId back = 1; back <= count; ++back) {
    const auto id = next_ - back;
    if (endpoints_.at(id % capacity) == endpoint)
      return last_ = id;
  }
  endpoints_.at(next_ % capacity) = endpoint;
  return last_ = next_++;
}

net::Endpoint SrmPeers::endpoint_of(srm::PeerId id) const
{
  return next_ - id <= capacity ? endpoints_.at(id % capacity) : net::Endpoint{};
}

SrmListener::SrmListener(SrmReceivingSocket socket, const srm::ReceiverOptions &options,
                         std::uint64_t seed)
    : socket_{std::move(socket)},
      receiver_{options, seed},
      output_{socket_.main.udp().fd()},
      input_{socket_.main.udp().fd()}
{
}

SrmListener::~SrmListener()
{
  {
    const Lock lock{mutex_};
    quits_ = true;
    helper_needed_.notify_all();
  }
  waker_.wake();
  if (thread_.joinable())
    thread_.join();
}

bool SrmListener::start()
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

// --- the streaming thread -----------------------------------------------------------------

SrmListener::Outcome SrmListener::receive(std::vector<srm::ReceiverEvent> &events)
{
  Lock lock{mutex_};
  is_streamer_away_ = false;
  while (!is_interrupted_ && !failure_ && !collect(events))
    lead_or_wait(lock, std::nullopt);
  leave();
  if (!events.empty())
    return Outcome::done;
  return is_interrupted_ ? Outcome::interrupted : Outcome::failed;
}

SrmListener::Outcome SrmListener::linger()
{
  Lock lock{mutex_};
  is_streamer_away_ = false;
  std::vector<srm::ReceiverEvent> events;
  while (!is_interrupted_ && !failure_ && followed_ != srm::no_node &&
         net::now_ns() < heard_at_ + longest_silence) {
    events.clear();
    if (!collect(events))
      lead_or_wait(lock, heard_at_ + longest_silence);
  }
  leave();
  return is_interrupted_ ? Outcome::interrupted : Outcome::done;
}

void SrmListener::lead_or_wait(Lock &lock, std::optional<std::uint64_t> until)
{
  if (leader_ == Leader::nobody) {
    leader_ = Leader::streamer;
    lead(lock, until);
    leader_ = Leader::nobody;
    return;
  }
  waker_.wake();
  leader_changed_.wait(lock, [this] { return leader_ == Leader::nobody || is_interrupted_; });
}

void SrmListener::leave()
{
  is_streamer_away_ = true;
  away_since_ = net::now_ns();
  if (helper_sleeps_)
    helper_needed_.notify_all();
}

bool SrmListener::collect(std::vector<srm::ReceiverEvent> &events)
{
  while (events.size() < max_events) {
    auto event = receiver_.poll_event();
    if (!event)
      break;
    if (const auto left = change_sender(*event))
      events.emplace_back(*left);
    if (is_followed(*event))
      events.push_back(std::move(*event));
  }
  // Room in the buffer may be worth telling the sender.
  if (!events.empty())
    send_feedback();
  return !events.empty();
}

// Follows a new sender if there is none yet, or the one there was is quiet: says who left.
std::optional<srm::SenderLeft> SrmListener::change_sender(const srm::ReceiverEvent &event)
{
  const auto *seen = std::get_if<srm::SenderSeen>(&event);
  if (!seen || seen->sender == followed_ || (followed_ != srm::no_node && !is_quiet()))
    return std::nullopt;
  const auto before = std::exchange(followed_, seen->sender);
  heard_at_ = net::now_ns();
  if (before == srm::no_node)
    return std::nullopt;
  return srm::SenderLeft{before, srm::LeaveReason::silent};
}

bool SrmListener::is_quiet() const
{
  return net::now_ns() >= heard_at_ + time_to_come_back;
}

bool SrmListener::is_followed(const srm::ReceiverEvent &event)
{
  const auto sender = sender_of(event);
  if (sender != followed_)
    return false;
  const auto *left = std::get_if<srm::SenderLeft>(&event);
  if (left && left->reason != srm::LeaveReason::restarted)
    followed_ = srm::no_node;
  return true;
}

void SrmListener::interrupt(bool on)
{
  const Lock lock{mutex_};
  is_interrupted_ = on;
  leader_changed_.notify_all();
  if (on)
    waker_.wake();
}

void SrmListener::set_latency(std::uint64_t latency)
{
  const Lock lock{mutex_};
  receiver_.set_latency(latency);
  waker_.wake();
}

void SrmListener::set_policy(srm::Policy policy)
{
  const Lock lock{mutex_};
  receiver_.set_policy(policy);
  waker_.wake();
}

SrmListener::Report SrmListener::report() const
{
  const Lock lock{mutex_};
  return {receiver_.stats(), dropped_packets_, refused_packets_};
}

std::optional<net::Error> SrmListener::failure() const
{
  const Lock lock{mutex_};
  return failure_;
}

// --- listening ----------------------------------------------------------------------------

void SrmListener::lead(Lock &lock, std::optional<std::uint64_t> until)
{
  auto deadline = receiver_.next_timeout();
  if (until)
    deadline = std::min(deadline.value_or(*until), *until);
  lock.unlock();
  auto received = input_.receive();
  bool is_broken = false;
  if (!received.error && received.arrivals.empty()) {
    std::array watches{net::Watch{socket_.main.udp().fd()}};
    const auto result = net::wait(watches, waker_, deadline);
    if (result == net::WaitResult::woken)
      waker_.clear();
    is_broken = result == net::WaitResult::failed;
    if (watches[0].is_readable)
      received = input_.receive();
  }
  lock.lock();
  if (is_broken)
    failure_ = net::last_error("Cannot wait for packets");
  handle(received);
}

void SrmListener::handle(const net::PacketReceiver::Result &received)
{
  if (received.error) {
    failure_ = received.error;
    return;
  }
  dropped_packets_ = input_.statistics().dropped;
  const auto now = net::now_ns();
  for (const auto &arrival : received.arrivals)
    net::for_each_packet(arrival.packets,
                         [&](Bytes packet) { handle_packet(packet, arrival.from, now); });
  receiver_.handle_timeout(now);
  send_feedback();
}

void SrmListener::handle_packet(Bytes packet, const net::Endpoint &from, std::uint64_t now)
{
  const bool is_from_sender = is_srm_sender_packet(packet);
  const bool is_wanted =
      !is_from_sender ||
      ((socket_.gate.is_open() || socket_.gate.admits(packet, from)) &&
       (followed_ == srm::no_node || srm_source_node(packet) == followed_ || is_quiet()));
  if (is_from_sender && is_wanted && srm_source_node(packet) == followed_)
    heard_at_ = now;
  if (is_wanted)
    receiver_.handle_packet(packet, is_from_sender ? peers_.id_of(from) : 0, now);
  else
    ++refused_packets_;
}

// What cannot be sent is as good as lost; the receiver asks again.
void SrmListener::send_feedback()
{
  while (const auto feedback = receiver_.poll_feedback()) {
    const auto to = feedback->to_group && socket_.group ? socket_.group
                                                        : peers_.endpoint_of(feedback->peer);
    const net::Burst burst{feedback->bytes, feedback->bytes.size()};
    if (to)
      output_.send({&burst, 1}, to);
  }
}

// --- the helper thread --------------------------------------------------------------------

void SrmListener::run()
{
  Lock lock{mutex_};
  while (!quits_) {
    if (!is_streamer_away_ || failure_) {
      helper_sleeps_ = true;
      helper_needed_.wait(lock);
      helper_sleeps_ = false;
      continue;
    }
    const auto now = net::now_ns();
    if (now < away_since_ + patience) {
      helper_needed_.wait_for(lock, std::chrono::nanoseconds{away_since_ + patience - now});
      continue;
    }
    leader_ = Leader::helper;
    while (is_streamer_away_ && !quits_ && !failure_)
      lead(lock, std::nullopt);
    leader_ = Leader::nobody;
    leader_changed_.notify_all();
  }
}

}  // namespace kam
