// SPDX-License-Identifier: LGPL-2.1-or-later
// What leaves is in order but for restarts, every item is accounted for, and no more are held
// than the window allows.
#include "core/framing/reorder.hpp"
#include "fuzz_support.hpp"

#include <array>
#include <limits>
#include <memory>

using namespace kam;
using namespace kam::framing;

namespace {

using Item = std::unique_ptr<std::uint64_t>;

struct Checker {
  explicit Checker(const ReorderOptions &chosen) : options{chosen}, order{chosen} {}

  void feed(std::uint64_t number, std::uint64_t now)
  {
    order.handle_item(number, std::make_unique<std::uint64_t>(number), now);
    ++in;
    collect();
    fuzz::require(order.size() <= options.window);
    fuzz::require(in == out + dropped + order.size());
  }

  void collect()
  {
    while (const auto released = order.poll()) {
      fuzz::require(options.modulo != 0 || *released->item == released->number);
      fuzz::require(options.modulo == 0 || released->number < options.modulo);
      if (options.modulo == 0 && options.late == LatePolicy::drop)
        check_order(*released);
      ++out;
    }
    while (const auto drop = order.poll_dropped()) {
      fuzz::require(drop->item != nullptr);
      ++dropped;
    }
    const auto &stats = order.stats();
    fuzz::require(backwards <= stats.restarts);
    if (options.late == LatePolicy::drop)
      fuzz::require(dropped == stats.late + stats.duplicate);
  }

  void check_order(const Reorder<Item>::Released &released)
  {
    if (out > 0 && released.number <= last) {
      ++backwards;
      fuzz::require(released.discont && released.missing == 0);
    } else if (out > 0 && !released.discont) {
      fuzz::require(released.number == last + 1);
    } else if (released.missing > 0) {
      fuzz::require(released.first_missing == last + 1);
      fuzz::require(released.first_missing + released.missing == released.number);
    }
    last = released.number;
  }

  ReorderOptions options;
  Reorder<Item> order;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint64_t dropped = 0;
  std::uint64_t last = 0;
  std::uint64_t backwards = 0;
};

ReorderOptions options_from(std::uint8_t choice)
{
  static constexpr std::array<std::uint64_t, 4> moduli{0, 0, 256, 65536};
  static constexpr std::array<std::size_t, 4> windows{1, 3, 8, 40};
  ReorderOptions options;
  options.modulo = moduli[choice % 4];
  options.window = windows[choice / 4 % 4];
  options.late = choice / 16 % 4 == 0 ? LatePolicy::forward : LatePolicy::drop;
  options.latency = choice / 64 % 2 * 10;
  return options;
}

}  // namespace

// Each byte is a step: mostly to a number near the last, seldom far away, a time, a drain or
// another window.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  Checker checker{options_from(data[0])};
  std::uint64_t number = 1;
  std::uint64_t now = 0;
  // More steps show nothing new and take long.
  for (const auto step : std::span{data + 1, std::min<std::size_t>(size - 1, 500)}) {
    const auto value = step & 0x0fU;
    switch (step >> 4U) {
    case 0: number <<= value; break;
    case 1: number >>= value; break;
    case 2: number += std::uint64_t{value} << 6U; break;
    case 3: number -= std::uint64_t{value} << 6U; break;
    case 4: now += value; break;
    case 5:
      checker.options.window = std::max<std::size_t>(checker.options.window, value + 1);
      checker.order.configure(checker.options);
      break;
    case 6: checker.order.drain(); break;
    case 7: number -= value; break;
    default: number += value - 1U; break;
    }
    if (number == std::numeric_limits<std::uint64_t>::max())
      number = 0;
    checker.order.handle_timeout(now);
    checker.collect();
    checker.feed(number, now);
    if (const auto next = checker.order.next_timeout())
      fuzz::require(*next > now);
  }
  checker.order.drain();
  checker.collect();
  fuzz::require(checker.order.size() == 0 && checker.in == checker.out + checker.dropped);
  return 0;
}
