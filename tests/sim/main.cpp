// SPDX-License-Identifier: LGPL-2.1-or-later
// Reliable multicast in a network that is made up:
//
//   srm-sim --seeds FIRST COUNT        the scenarios of so many seeds, each checked
//   srm-sim --seed N [--trace]         one of them, with all that happens
//   srm-sim --crowd RECEIVERS PACKETS  one sender, very many receivers: how many ask
//   srm-sim --reach RTT-MS PER-CENT LATENCY-MS   how much of a live stream is given up
//   srm-sim --corpus SEED FOLDER       what the first sender and the first receiver of a
//                                      scenario get, as the fuzzers of both want it
#include "world.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

using namespace kam::sim;

namespace {

// So many NACKs may a crowd need for one packet that repairs, and so long may that take on any
// machine; how long it should take is the business of docs/srm.md.
constexpr double most_nacks_per_repair = 3;
constexpr double absurd_seconds = 1200;
constexpr int most_faults_shown = 20;

int usage(const char *program)
{
  std::fprintf(
      stderr,
      "usage: %s --seeds FIRST COUNT | --seed N [--trace] | --crowd RECEIVERS PACKETS | --reach RTT-MS PER-CENT LATENCY-MS\n",
      program);
  return 2;
}

bool run_one(const Scenario &scenario, bool trace, Summary &summary, std::string &fault)
{
  World world{scenario, trace};
  try {
    world.run();
  } catch (const Fault &found) {
    fault = found.what();
  }
  summary = world.summary();
  return fault.empty();
}

int run_seeds(std::uint64_t first, std::uint64_t count)
{
  std::atomic<std::uint64_t> next = first;
  std::atomic<int> faults = 0;
  std::atomic<std::uint64_t> events = 0;
  std::mutex printing;
  const auto work = [&] {
    for (auto seed = next++; seed < first + count; seed = next++) {
      Summary summary;
      std::string fault;
      const auto is_good = run_one(draw_scenario(seed), false, summary, fault);
      events += summary.events;
      if (is_good)
        continue;
      const std::lock_guard lock{printing};
      if (++faults <= most_faults_shown)
        std::cout << "--seed " << seed << ": " << fault << std::endl;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(work);
  for (auto &thread : threads)
    thread.join();
  std::cout << count << " seeds from " << first << ", " << events << " happenings, " << faults
            << " faults" << std::endl;
  return faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void print(const Summary &summary)
{
  std::cout << static_cast<double>(summary.nanoseconds) / 1e9 << " s, " << summary.events
            << " happenings, " << summary.packets << " packets sent, " << summary.repairs
            << " repairs in " << summary.repair_bursts << " bursts, " << summary.nacks
            << " NACKs, " << summary.suppressed << " suppressed, " << summary.bytes_delivered
            << " bytes delivered, " << summary.segments_lost << " segments lost" << std::endl;
}

int run_seed(std::uint64_t seed, bool trace)
{
  const auto scenario = draw_scenario(seed);
  std::cout << describe(scenario);
  Summary summary;
  std::string fault;
  const auto is_good = run_one(scenario, trace, summary, fault);
  print(summary);
  if (!is_good)
    std::cout << "FAULT " << fault << std::endl;
  return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run_crowd(std::size_t receivers, std::size_t packets)
{
  const auto scenario = crowd_scenario(1, receivers, packets);
  Summary summary;
  std::string fault;
  const auto began = std::chrono::steady_clock::now();
  const auto is_good = run_one(scenario, false, summary, fault);
  const auto took = std::chrono::steady_clock::now() - began;
  print(summary);
  const auto ratio = static_cast<double>(summary.nacks) /
                     static_cast<double>(std::max<std::uint64_t>(1, summary.repairs));
  const auto seconds = std::chrono::duration<double>(took).count();
  std::cout << ratio << " NACKs per repair; " << seconds << " s, "
            << static_cast<double>(std::clock()) / CLOCKS_PER_SEC << " s of the processor"
            << std::endl;
  if (!is_good)
    std::cout << "FAULT " << fault << std::endl;
  const bool is_cheap = ratio <= most_nacks_per_repair && seconds < absurd_seconds;
  return is_good && is_cheap && summary.segments_lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Eight receivers of a live stream of 2.5 Mbit/s, so far away.
int run_reach(std::uint64_t rtt_ms, double loss, std::uint64_t latency_ms)
{
  const auto scenario = reach_scenario(rtt_ms, loss, latency_ms);
  Summary summary;
  std::string fault;
  const auto is_good = run_one(scenario, false, summary, fault);
  print(summary);
  const auto segments = static_cast<double>(summary.packets - summary.repairs) *
                        static_cast<double>(scenario.receivers.size());
  std::cout << 100 * static_cast<double>(summary.segments_lost) / segments << " % given up"
            << std::endl;
  if (!is_good)
    std::cout << "FAULT " << fault << std::endl;
  return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

// A step as tests/fuzz/fuzz_srm.hpp describes it.
void append_step(kam::ByteVector &script, std::uint64_t wait, kam::Bytes packet)
{
  const auto size = std::min<std::size_t>(packet.size(), 0xffff);
  unsigned power = 0;
  while (power < 25 && (std::uint64_t{1000} << (power + 1)) <= wait)
    ++power;
  for (const auto value : {std::size_t{0xf0}, wait < 1000 ? std::size_t{0} : power * 10 + 1,
                           size & 0xffU, size >> 8U})
    script.push_back(static_cast<std::byte>(value));
  script.insert(script.end(), packet.begin(),
                packet.begin() + static_cast<std::ptrdiff_t>(size));
}

int write_corpus(std::uint64_t seed, const std::string &folder)
{
  constexpr std::size_t longest_script = 4000;
  auto scenario = draw_scenario(seed);
  auto &sender = scenario.senders.front().options;
  // Whom the fuzzed sender takes itself for, and segments as it has.
  sender.node = 0x0a000001;
  sender.instance = 7;
  sender.segment_size = 64;
  scenario.senders.resize(1);
  struct Script {
    std::string name;
    kam::ByteVector bytes;
    std::uint64_t last = 0;
  };
  const auto options =
      static_cast<std::byte>(scenario.policy == kam::srm::Policy::bulk ? 1 : 0);
  Script scripts[] = {{"srm_sender", {options}, 0}, {"srm_receiver", {options}, 0}};
  World world{scenario, false};
  world.observer = [&scripts](std::uint32_t node, std::uint64_t now, kam::Bytes packet) {
    if (node > 1)
      return;
    auto &script = scripts[node];
    if (script.bytes.size() + packet.size() > longest_script)
      return;
    append_step(script.bytes, script.last == 0 ? 0 : now - script.last, packet);
    script.last = now;
  };
  try {
    world.run();
  } catch (const Fault &fault) {
    std::cerr << fault.what() << std::endl;
  }
  for (const auto &script : scripts) {
    std::ofstream out{folder + "/" + script.name + "/seed-" + std::to_string(seed),
                      std::ios::binary};
    out << kam::as_text(script.bytes);
    if (!out.flush()) {
      std::cerr << folder << ": cannot write there" << std::endl;
      return EXIT_FAILURE;
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char **argv)
{
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const auto number = [argv](int index) { return std::strtoull(argv[index], nullptr, 10); };
  if (mode == "--seeds" && argc == 4)
    return run_seeds(number(2), number(3));
  if (mode == "--seed" && (argc == 3 || (argc == 4 && std::strcmp(argv[3], "--trace") == 0)))
    return run_seed(number(2), argc == 4);
  if (mode == "--crowd" && argc == 4)
    return run_crowd(number(2), number(3));
  if (mode == "--reach" && argc == 5)
    return run_reach(number(2), std::strtod(argv[3], nullptr) / 100, number(4));
  if (mode == "--corpus" && argc == 4)
    return write_corpus(number(2), argv[3]);
  return usage(argv[0]);
}
