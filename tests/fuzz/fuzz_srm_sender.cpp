// SPDX-License-Identifier: LGPL-2.1-or-later
// A sender that is told anything at any time: what it sends can be read, repairs are of what it
// has, its buffer has an end and so has what it does at one moment.
#include "core/srm/sender.hpp"
#include "fuzz_srm.hpp"
#include "fuzz_support.hpp"

#include <array>

using namespace kam;
using namespace kam::srm;

namespace {

class Checker {
 public:
  explicit Checker(const SenderOptions &options) : options_{options}, sender_{options}
  {
    sender_.begin_stream(as_bytes("info"), now_);
  }

  void step(const fuzz::Step &step)
  {
    now_ += step.wait;
    sender_.handle_timeout(now_);
    if (!step.packet.empty())
      sender_.handle_packet(step.packet, (step.choice & 1U) != 0, now_);
    act(step.choice);
    drain();
    fuzz::require(sender_.stats().buffered_bytes <= most_buffered);
  }

  // With nobody there any more it must come to an end.
  void finish()
  {
    while (!sender_.end_object(now_))
      pass_time();
    sender_.finish(now_);
    // Under congestion control, where nobody answers, that is a packet in a second.
    for (int i = 0; i < 200'000 && !sender_.finished(); ++i)
      pass_time();
    fuzz::require(sender_.finished() && !sender_.next_timeout());
  }

 private:
  static constexpr std::size_t most_buffered = std::size_t{1} << 18U;

  void pass_time()
  {
    drain();
    const auto next = sender_.next_timeout();
    fuzz::require(next.has_value());
    now_ = std::max(now_, *next);
    sender_.handle_timeout(now_);
    fuzz::require(++waits_ < 400'000);
  }

  void act(std::uint8_t choice)
  {
    static constexpr std::array<std::byte, 3000> data{};
    switch (choice >> 4U) {
    case 0: sender_.flush(now_); break;
    case 1:
      // The next object.
      if (sender_.end_object(now_)) {
        if ((choice & 2U) != 0)
          sender_.begin_stream(as_bytes("another"), now_);
        else
          sender_.begin_stream({}, now_);
      }
      break;
    case 2: sender_.set_info(Bytes{data}.first(choice), now_); break;
    case 3: sender_.set_max_rate(std::uint64_t{choice & 15U} * 1'000'000, now_); break;
    default: {
      const auto wanted = Bytes{data}.first(std::size_t{choice} * 10);
      const auto room = sender_.writable(now_);
      const auto taken = sender_.push(wanted, (choice & 2U) != 0, now_);
      fuzz::require(taken == std::min(room, wanted.size()));
    }
    }
  }

  void drain()
  {
    for (int bursts = 0;; ++bursts) {
      const auto burst = sender_.poll_burst(now_);
      if (!burst)
        break;
      fuzz::require(bursts < 10'000 && !burst->bytes.empty() && burst->packet_size > 0);
      const auto first = burst->bytes.first(std::min(burst->packet_size, burst->bytes.size()));
      const auto parsed = parse_message(first);
      const auto *message = std::get_if<Message>(&parsed);
      fuzz::require(message != nullptr && message->source == options_.node);
      fuzz::require(message->sender.instance == options_.instance);
    }
    while (sender_.poll_event()) {
    }
    fuzz::require(sender_.receivers().size() <= options_.max_receivers);
    const auto next = sender_.next_timeout();
    // What is due has been done, or time would stand still.
    if (next && *next <= now_) {
      sender_.handle_timeout(now_);
      fuzz::require(++standing_ < 1000);
    } else {
      standing_ = 0;
    }
  }

  SenderOptions options_;
  Sender sender_;
  std::uint64_t now_ = 1'000'000'000;
  int waits_ = 0;
  int standing_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  SenderOptions options;
  // As in the corpus, whose packets are for it.
  options.node = 0x0a000001;
  options.instance = 7;
  options.policy = (data[0] & 1U) != 0 ? Policy::bulk : Policy::latency;
  options.segment_size = 64;
  options.block_size = (data[0] & 2U) != 0 ? 4 : 64;
  options.parity = (data[0] & 4U) != 0 ? 2 : 16;
  options.fec_overhead = (data[0] & 8U) != 0 ? 0.25 : 0;
  options.max_rate = (data[0] & 16U) != 0 ? 1'000'000 : 0;
  options.congestion_control = (data[0] & 64U) != 0;
  options.min_rate = (data[0] & 128U) != 0 ? 500'000 : 0;
  options.min_receivers = (data[0] & 32U) != 0 ? 1 : 0;
  options.max_receivers = 8;
  options.buffer_bytes = std::size_t{1} << 14U;
  Checker checker{options};
  fuzz::Script script{std::as_bytes(std::span{data + 1, size - 1})};
  while (const auto step = script.next())
    checker.step(*step);
  // Who is waited for never comes.
  if (options.min_receivers == 0)
    checker.finish();
  return 0;
}
