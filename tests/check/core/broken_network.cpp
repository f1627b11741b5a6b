// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/network/broken_network.hpp"

#include "support/check_main.hpp"
#include "support/vectors.hpp"

#include <numeric>
#include <set>
#include <string>

using namespace kam;
using namespace kam::network;
using Numbers = std::vector<std::uint64_t>;
using Network = BrokenNetwork<std::uint64_t>;

namespace {

constexpr Chance never{};
const auto copy = [](const std::uint64_t &item) { return item; };

void collect(Network &network, Numbers &out)
{
  while (const auto item = network.poll())
    out.push_back(item->item);
}

Numbers run(Network &network, std::uint64_t count)
{
  Numbers out;
  for (std::uint64_t i = 1; i <= count; ++i) {
    network.handle_item(i, 1);
    collect(network, out);
  }
  return out;
}

// A single stage of Kamaelia's three.
BrokenNetworkOptions only(const std::string &component)
{
  BrokenNetworkOptions options{never, never, never, 1};
  const BrokenNetworkOptions kamaelia;
  if (component.ends_with("Duplicate"))
    options.duplicate = kamaelia.duplicate;
  else if (component.ends_with("Throwaway"))
    options.drop = kamaelia.drop;
  else
    options.reorder_window = kamaelia.reorder_window;
  return options;
}

}  // namespace

START_TEST(does_what_the_vectors_want)
{
  const auto cases = test::load_vectors("brokennetwork");
  ck_assert_uint_gt(cases.size(), 0);
  for (const auto &vector : cases) {
    const auto draws = vector["params"]["draws"].items();
    auto next = draws.begin();
    Network network{only(vector["component"].text()),
                    [&](std::uint64_t limit) {
                      ck_assert(next != draws.end());
                      ck_assert_uint_eq((*next)[1].unsigned_integer(), limit);
                      return (*next++)[2].unsigned_integer();
                    },
                    copy};
    Numbers out;
    for (const auto &item : vector["in"].items()) {
      network.handle_item(item.unsigned_integer(), 1);
      collect(network, out);
    }
    Numbers want;
    for (const auto &item : vector["out"].items())
      want.push_back(item.unsigned_integer());
    ck_assert_msg(out == want, "%s", vector["id"].text().c_str());
    ck_assert(next == draws.end());
  }
}
END_TEST

// Kamaelia's Reorder: eight held, one of the first seven leaves.
START_TEST(reorders_as_drawn)
{
  BrokenNetworkOptions options{never, never, never, 8};
  Numbers draws{0, 6, 3};
  auto next = draws.begin();
  Network network{options,
                  [&](std::uint64_t limit) {
                    ck_assert_uint_eq(limit, 7);
                    return *next++;
                  },
                  copy};
  auto out = run(network, 10);
  ck_assert(out == (Numbers{1, 8, 5}));
  ck_assert_uint_eq(network.size(), 7);
  network.drain();
  collect(network, out);
  ck_assert(out == (Numbers{1, 8, 5, 2, 3, 4, 6, 7, 9, 10}));
  ck_assert_uint_eq(network.size(), 0);
  // 5, 2, 3, 4, 6 and 7 left after 8.
  ck_assert_uint_eq(network.stats().reordered, 6);
}
END_TEST

START_TEST(accounts_for_everything)
{
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    BrokenNetworkOptions options;
    options.corrupt = {1, 5};
    options.reorder_window = 1 + seed % 20;
    Network network{options, SeededDraws{seed}, copy};
    auto out = run(network, 500);
    network.drain();
    collect(network, out);
    const auto &stats = network.stats();
    ck_assert_uint_eq(500 + stats.duplicated, out.size() + stats.dropped);
    ck_assert_uint_gt(stats.duplicated, 0);
    ck_assert_uint_gt(stats.dropped, 0);
    ck_assert_uint_gt(stats.corrupted, 0);
    ck_assert_int_eq(options.reorder_window > 2, stats.reordered > 0);
    Network again{options, SeededDraws{seed}, copy};
    auto same = run(again, 500);
    again.drain();
    collect(again, same);
    ck_assert_msg(out == same, "seed %lu", static_cast<unsigned long>(seed));
  }
}
END_TEST

START_TEST(damages_one_bit)
{
  BrokenNetworkOptions options{never, never, {1, 1}, 1};
  Network network{options, SeededDraws{5}, copy};
  std::set<std::uint64_t> bits;
  for (int i = 0; i < 500; ++i) {
    network.handle_item(1, 2);
    const auto out = network.poll();
    ck_assert_uint_lt(out->flip_bit.value(), 16);
    bits.insert(*out->flip_bit);
  }
  ck_assert_uint_eq(bits.size(), 16);
  network.handle_item(1, 0);
  ck_assert(!network.poll()->flip_bit);
}
END_TEST

START_TEST(a_window_can_shrink)
{
  BrokenNetworkOptions options{never, never, never, 8};
  Network network{options, SeededDraws{5}, copy};
  auto out = run(network, 7);
  ck_assert_uint_eq(out.size(), 0);
  options.reorder_window = 1;
  network.configure(options);
  collect(network, out);
  ck_assert_uint_eq(out.size(), 7);
}
END_TEST

// The standard says what mt19937_64 gives; the mapping is ours, and must stay.
START_TEST(draws_are_the_same_everywhere)
{
  SeededDraws draws{5489};
  Numbers got;
  for (int i = 0; i < 4; ++i)
    got.push_back(draws(1000));
  std::mt19937_64 standard{5489};
  Numbers want;
  for (int i = 0; i < 4; ++i)
    want.push_back(standard() % 1000);
  ck_assert(got == want);
  ck_assert_uint_eq(want[0], 14514284786278117030ULL % 1000);
}
END_TEST

START_TEST(chances_come_from_probabilities)
{
  ck_assert_uint_eq(Chance::from_probability(0.0).times, 0);
  const auto always = Chance::from_probability(1.0);
  ck_assert_uint_eq(always.times, always.of);
  BrokenNetworkOptions options{never, Chance::from_probability(0.3), never, 1};
  Network network{options, SeededDraws{9}, copy};
  const auto out = run(network, 10000);
  ck_assert_uint_gt(out.size(), 6800);
  ck_assert_uint_lt(out.size(), 7200);
}
END_TEST

CHECK_MAIN("broken_network", does_what_the_vectors_want, reorders_as_drawn,
           accounts_for_everything, damages_one_bit, a_window_can_shrink,
           draws_are_the_same_everywhere, chances_come_from_probabilities)
