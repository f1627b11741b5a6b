// SPDX-License-Identifier: LGPL-2.1-or-later
// A receiver that is given any packets at any times: what it says is consistent, what it sends
// can be read, and it keeps no more than it may.
#include "core/srm/receiver.hpp"
#include "fuzz_srm.hpp"
#include "fuzz_support.hpp"

#include <map>
#include <set>

using namespace kam;
using namespace kam::srm;

namespace {

class Checker {
 public:
  explicit Checker(const ReceiverOptions &options) : options_{options}, receiver_{options, 1} {}

  void step(const fuzz::Step &step)
  {
    now_ += step.wait;
    if (step.packet.empty())
      receiver_.handle_timeout(now_);
    else
      receiver_.handle_packet(step.packet, step.choice % 4, now_);
    if (step.choice % 8 != 7)
      drain();
    run_timeouts();
  }

  // Until it has nothing more to do, which it must reach.
  void finish()
  {
    for (int i = 0; i < 20'000; ++i) {
      drain();
      const auto next = receiver_.next_timeout();
      if (!next)
        return;
      now_ = std::max(now_, *next);
      receiver_.handle_timeout(now_);
    }
    fuzz::require(false);
  }

 private:
  // What is due by now, which may make something else due, but not for ever.
  void run_timeouts()
  {
    for (int i = 0; i < 100; ++i) {
      const auto next = receiver_.next_timeout();
      if (!next || *next > now_)
        return;
      receiver_.handle_timeout(now_);
      while (receiver_.poll_feedback()) {
      }
    }
    fuzz::require(false);
  }

  void drain()
  {
    while (const auto feedback = receiver_.poll_feedback()) {
      fuzz::require(!options_.silent && feedback->peer < 4);
      const auto parsed = parse_message(feedback->bytes);
      const auto *message = std::get_if<Message>(&parsed);
      fuzz::require(message != nullptr && message->source == options_.node);
    }
    while (const auto event = receiver_.poll_event())
      std::visit([this](const auto &one) { check(one); }, *event);
    fuzz::require(receiver_.stats().senders <= options_.max_senders);
  }

  using ObjectKey = std::pair<NodeId, std::uint16_t>;

  void check(const SenderSeen &seen) { fuzz::require(senders_.insert(seen.sender).second); }
  void check(const SenderLeft &left) { fuzz::require(senders_.erase(left.sender) == 1); }
  void check(const ObjectBegins &begins)
  {
    fuzz::require(senders_.contains(begins.sender));
    fuzz::require(open_.insert({begins.sender, begins.object}).second);
  }
  void check(const ObjectInfo &info)
  {
    fuzz::require(open_.contains({info.sender, info.object}));
  }
  void check(const ObjectData &data)
  {
    fuzz::require(open_.contains({data.sender, data.object}));
    fuzz::require(!data.piece.bytes.empty());
    fuzz::require(!data.message_start || *data.message_start < data.piece.bytes.size());
    for (const auto byte : data.piece.bytes)
      digest_.add(std::to_integer<std::uint64_t>(byte));
  }
  void check(const DataLost &lost) { fuzz::require(lost.segments > 0); }
  void check(const ObjectEnds &ends)
  {
    fuzz::require(open_.erase({ends.sender, ends.object}) == 1);
  }

  ReceiverOptions options_;
  Receiver receiver_;
  std::uint64_t now_ = 1'000'000'000;
  std::set<NodeId> senders_;
  std::set<ObjectKey> open_;
  fuzz::Digest digest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  ReceiverOptions options;
  options.policy = (data[0] & 1U) != 0 ? Policy::bulk : Policy::latency;
  options.silent = (data[0] & 2U) != 0;
  options.unicast_nacks = (data[0] & 4U) != 0;
  options.max_senders = (data[0] & 8U) != 0 ? 2 : 16;
  options.buffer_bytes = std::size_t{1} << 14U;
  options.sender_timeout = 2 * second;
  options.socket_buffer = (data[0] & 16U) != 0 ? 100'000 : 0;
  Checker checker{options};
  fuzz::Script script{std::as_bytes(std::span{data + 1, size - 1})};
  while (const auto step = script.next())
    checker.step(*step);
  checker.finish();
  return 0;
}
