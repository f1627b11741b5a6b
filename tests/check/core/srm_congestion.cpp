// SPDX-License-Identifier: LGPL-2.1-or-later
// The rate that a sender finds: what it is computed from, who decides it, and that it fits a
// line.
#include "core/srm/congestion_controller.hpp"
#include "core/srm/congestion_reporter.hpp"
#include "core/srm/loss_history.hpp"
#include "support/check_main.hpp"
#include "support/srm_pipe.hpp"

#include <cmath>

using namespace kam;
using namespace kam::srm;
using kam::test::SrmPipe;

namespace {

constexpr std::uint64_t rtt = 40 * millisecond;

// Feeds packets a millisecond apart, but for those that `is_lost` says.
template <class IsLost>
void feed(LossHistory &losses, std::uint64_t count, IsLost is_lost)
{
  for (std::uint64_t i = 0; i < count; ++i) {
    // Close to where the numbers begin anew.
    if (!is_lost(i))
      losses.handle_packet(static_cast<std::uint16_t>(65000 + i), (i + 1) * millisecond, rtt);
  }
}

bool is_near(double value, double expected, double tolerance)
{
  return std::abs(value - expected) <= expected * tolerance;
}

CongestionFeedback says(double rate, std::uint8_t flags = 0)
{
  return {1, flags, 0, 0, quantise_rate(rate)};
}

// Sends as much as it may for so long, and says how much of it was lost in front of the lines.
double fill(SrmPipe &pipe, std::uint64_t duration)
{
  const ByteVector bytes(100'000);
  const auto end = pipe.now + duration;
  const auto sent = pipe.packets;
  std::size_t dropped = 0;
  for (const auto &node : pipe.nodes)
    dropped -= node->line_drops;
  while (pipe.now < end) {
    pipe.sender.push(bytes, true, pipe.now);
    pipe.step();
  }
  for (const auto &node : pipe.nodes) {
    dropped += node->line_drops;
    node->bytes.clear();
  }
  return static_cast<double>(dropped) / static_cast<double>(pipe.packets - sent);
}

SenderOptions controlled()
{
  SenderOptions options;
  options.segment_size = 1400;
  options.congestion_control = true;
  options.buffer_bytes = std::size_t{1} << 20U;
  return options;
}

}  // namespace

START_TEST(rates_and_losses_in_sixteen_bits)
{
  for (const double rate : {0.0, 0.5, 1.0, 9.9, 1400.0, 99'999.0, 1.25e8, 9.99e9, 8e15}) {
    const auto again = unquantise_rate(quantise_rate(rate));
    ck_assert_msg(std::abs(again - rate) <= std::max(rate, 1.0) * 0.005, "%g: %g", rate, again);
  }
  // As libnorm writes it: 1.5 and 10^6.
  ck_assert_uint_eq(quantise_rate(1.5e6), 614U << 4U | 6U);
  ck_assert(unquantise_rate(quantise_rate(1e30)) > 9e15);
  ck_assert(quantise_rate(-1) == 0 && quantise_loss(-1) == 0 && quantise_loss(2) == 0xffff);
  ck_assert(is_near(unquantise_loss(quantise_loss(0.01)), 0.01, 0.001));
}
END_TEST

START_TEST(the_rate_of_tcp)
{
  // By hand: 1460 / (0.1 × (√(0.02/3) + 12 √(0.03/8) × 0.01 × 1.0032)).
  ck_assert(is_near(tcp_friendly_rate(1460, 100 * millisecond, 0.01), 164'050, 0.002));
  ck_assert(tcp_friendly_rate(1460, 0, 1) > 0);
}
END_TEST

START_TEST(losses_are_counted_as_events)
{
  LossHistory none;
  feed(none, 5000, [](auto) { return false; });
  ck_assert(!none.has_loss() && none.event_rate() == 0);

  LossHistory regular;
  feed(regular, 5000, [](auto i) { return i % 100 == 99; });
  ck_assert_msg(is_near(regular.event_rate(), 0.01, 0.02), "%g", regular.event_rate());

  // Ten in a row are one, as are those within a round trip.
  LossHistory bursts;
  feed(bursts, 5000, [](auto i) { return i % 200 >= 190; });
  ck_assert_msg(is_near(bursts.event_rate(), 0.005, 0.02), "%g", bursts.event_rate());
  LossHistory dense;
  feed(dense, 5000, [](auto i) { return i % 10 == 9; });
  ck_assert_msg(is_near(dense.event_rate(), 1 / 40.0, 0.1), "%g", dense.event_rate());
}
END_TEST

START_TEST(who_is_overtaken_is_not_lost)
{
  LossHistory losses;
  for (std::uint16_t i = 0; i < 1000; i = static_cast<std::uint16_t>(i + 3)) {
    for (const int offset : {1, 2, 0})
      losses.handle_packet(static_cast<std::uint16_t>(i + offset), i * millisecond, rtt);
  }
  ck_assert(!losses.has_loss());
  // Nor is a sender that counts anew.
  losses.handle_packet(30'000, 2 * second, rtt);
  losses.handle_packet(30'001, 2 * second, rtt);
  ck_assert(!losses.has_loss());
}
END_TEST

START_TEST(the_slowest_decides)
{
  CongestionController controller{1400, 0, 10 * millisecond};
  auto now = second;
  std::uint64_t sent = 0;
  ck_assert(controller.limiting() == no_node);
  ck_assert_uint_eq(controller.bits_per_second(), 1'120'000);
  const auto hear = [&](NodeId node, const CongestionFeedback &feedback) {
    now += rtt;
    sent += controller.bits_per_second() / 8 * rtt / second;
    controller.handle_feedback(node, feedback, rtt, sent, now, rtt);
  };
  // While nobody has lost anything it goes as fast as is asked for, doubled in a round trip at
  // most.
  hear(1, says(1e6, congestion_flag::start));
  hear(1, says(1e6, congestion_flag::start));
  ck_assert_uint_eq(controller.bits_per_second(), 2'240'000);
  for (int i = 0; i < 3; ++i)
    hear(1, says(1e6, congestion_flag::start));
  ck_assert(is_near(static_cast<double>(controller.bits_per_second()), 8e6, 0.01));
  hear(2, says(5e5));
  ck_assert(controller.limiting() == 2);
  ck_assert(is_near(static_cast<double>(controller.bits_per_second()), 4e6, 0.01));
  // Up by a packet in a round trip, not by a leap.
  hear(2, says(2e6));
  ck_assert(is_near(static_cast<double>(controller.bits_per_second()), 4e6 + 280'000, 0.01));
  // Others that can take more change nothing; they are listed with what is known of them.
  hear(3, says(3e6));
  ck_assert(controller.limiting() == 2);
  const auto &listed = controller.list_nodes();
  ck_assert_uint_eq(listed.size(), 3);
  ck_assert(listed[1].node == 2 && listed[1].rtt == quantise_rtt(rtt));
  ck_assert_uint_eq(listed[1].flags, congestion_flag::limiting | congestion_flag::has_rtt);
  // Nor does who has lost nothing, however little it asks for: it has only just come.
  const auto before = controller.bits_per_second();
  hear(4, says(1000, congestion_flag::start));
  ck_assert(controller.limiting() == 2 && controller.bits_per_second() == before);
  // Who leaves is followed no longer.
  hear(2, says(0, congestion_flag::leaves));
  ck_assert(controller.limiting() == 3);
  // Crowds do not fill the memory, nor keep out the one that counts.
  for (NodeId node = 10; node < 1000; ++node)
    hear(node, says(2e6 - node));
  ck_assert(controller.list_nodes().size() <= 5);
  hear(5, says(1e5));
  ck_assert(controller.limiting() == 5);
  ck_assert(is_near(static_cast<double>(controller.bits_per_second()), 8e5, 0.01));
}
END_TEST

START_TEST(nobody_makes_it_leap_or_stop)
{
  CongestionController controller{1400, 100'000, 10 * millisecond};
  const auto before = controller.bits_per_second();
  // As many answers as there may be of one round trip, all that there is.
  for (int i = 0; i < 1000; ++i)
    controller.handle_feedback(1, says(1e16, congestion_flag::start), rtt,
                               std::uint64_t(i) << 30U,
                               second + static_cast<std::uint64_t>(i) * rtt / 1000, rtt);
  ck_assert(controller.bits_per_second() <= 2 * before);
  controller.handle_feedback(2, says(0), 3600 * second, 0, 2 * second, rtt);
  ck_assert_uint_eq(controller.bits_per_second(), 100'000);
  // Who claims to be an hour away does not stay for a day.
  controller.handle_probe(true, 1000 * second, rtt);
  ck_assert(controller.limiting() == no_node);
}
END_TEST

START_TEST(only_who_matters_answers)
{
  CongestionReporter reporter;
  CongestionCommand probe;
  probe.rate = quantise_rate(1e6);
  constexpr auto wait = 7 * millisecond;
  // There is nothing to say yet.
  reporter.handle_probe(probe, 9, wait, second, rtt);
  ck_assert(reporter.due() == 0 && !reporter.report(second, rtt));
  auto now = second;
  for (std::uint16_t i = 0; i < 100; ++i)
    reporter.handle_packet(i, 1000, now += millisecond, rtt);  // 1 MB/s
  // Nobody is followed: whoever is there answers, not all at once.
  reporter.handle_probe(probe, 9, wait, now, rtt);
  ck_assert_uint_eq(reporter.due(), now + wait);
  const auto report = reporter.report(now, rtt);
  ck_assert(report && report->flags == congestion_flag::start);
  ck_assert(is_near(unquantise_rate(report->rate), 2e6, 0.01));
  ck_assert_uint_eq(reporter.due(), 0);
  // Another is followed, which can take not much more, or clearly more.
  const auto hear = [&](double rate, NodeId node) {
    std::vector<std::byte> raw;
    write_probe(
        raw, {1, 1}, {}, 1, now, probe.rate,
        std::array{CongestionNode{node, congestion_flag::limiting, 0, quantise_rate(rate)}});
    const auto parsed = parse_message(raw);
    reporter.handle_probe(std::get<CongestionCommand>(std::get<Message>(parsed).body), 9, wait,
                          now, rtt);
    return reporter.due();
  };
  ck_assert_uint_eq(hear(2.1e6, 8), 0);
  ck_assert_uint_eq(hear(3e6, 8), now + wait);
  ck_assert_uint_eq(hear(2.1e6, 8), 0);
  ck_assert_uint_eq(hear(2e6, 9), now);
}
END_TEST

START_TEST(without_answers_it_slows_down)
{
  CongestionController controller{1400, 0, 10 * millisecond};
  auto now = second;
  controller.handle_feedback(1, says(1e7, congestion_flag::start), rtt, 0, now, rtt);
  const auto before = controller.bits_per_second();
  // Nothing is sent: nobody has to answer.
  for (int i = 0; i < 100; ++i)
    controller.handle_probe(false, now += rtt, rtt);
  ck_assert_uint_eq(controller.bits_per_second(), before);
  ck_assert(controller.limiting() == no_node);
  for (int i = 0; i < 1000; ++i)
    controller.handle_probe(true, now += rtt, rtt);
  ck_assert_uint_eq(controller.bits_per_second(), 1400 * 8);
}
END_TEST

START_TEST(a_line_is_filled_and_not_flooded)
{
  SrmPipe pipe{controlled(), 1};
  pipe.delay = 10 * millisecond;
  for (const std::uint64_t rate : {40'000'000, 8'000'000})
    pipe.add_receiver({}).line_rate = rate;
  pipe.sender.begin_stream(as_bytes("live"), pipe.now);
  fill(pipe, 5 * second);
  const auto bytes = pipe.sender.stats().bytes_sent;
  const auto lost = fill(pipe, 30 * second);
  const auto rate = static_cast<double>(pipe.sender.stats().bytes_sent - bytes) * 8 / 30;
  // The slower line decides.
  ck_assert_uint_eq(pipe.sender.stats().limiting, 101);
  ck_assert_msg(rate > 4e6 && rate < 8.4e6, "%.0f bit/s", rate);
  ck_assert_msg(lost < 0.02, "%g lost", lost);
  // max-rate still holds.
  pipe.sender.set_max_rate(1'000'000, pipe.now);
  ck_assert(pipe.sender.stats().rate <= 1'000'000);
  fill(pipe, second);
  ck_assert(pipe.sender.stats().rate <= 1'000'000);
}
END_TEST

START_TEST(losses_cost_what_they_cost_tcp)
{
  SrmPipe pipe{controlled(), 5};
  pipe.delay = 10 * millisecond;
  pipe.add_receiver({}, 0.05);
  pipe.sender.begin_stream({}, pipe.now);
  fill(pipe, 10 * second);
  const auto bytes = pipe.sender.stats().bytes_sent;
  fill(pipe, 60 * second);
  const auto rate = static_cast<double>(pipe.sender.stats().bytes_sent - bytes) * 8 / 60;
  const auto expected = tcp_friendly_rate(1424, 2 * pipe.delay, 0.05) * 8;
  ck_assert_msg(rate > expected * 0.8 && rate < expected * 1.3, "%.0f bit/s, %.0f expected",
                rate, expected);
}
END_TEST

START_TEST(a_line_that_changes_is_followed)
{
  SrmPipe pipe{controlled(), 2};
  pipe.delay = 10 * millisecond;
  auto &node = pipe.add_receiver({});
  node.line_rate = 20'000'000;
  pipe.sender.begin_stream({}, pipe.now);
  fill(pipe, 15 * second);
  ck_assert(pipe.sender.stats().rate > 6'000'000);
  node.line_rate = 2'000'000;
  fill(pipe, 10 * second);
  ck_assert_msg(pipe.sender.stats().rate < 3'000'000, "%llu",
                static_cast<unsigned long long>(pipe.sender.stats().rate));
  node.line_rate = 20'000'000;
  fill(pipe, 60 * second);
  ck_assert_msg(pipe.sender.stats().rate > 6'000'000, "%llu",
                static_cast<unsigned long long>(pipe.sender.stats().rate));
}
END_TEST

START_TEST(a_file_arrives_whole_under_control)
{
  auto options = controlled();
  options.policy = Policy::bulk;
  options.min_receivers = 2;
  SrmPipe pipe{options, 3};
  pipe.delay = 5 * millisecond;
  ReceiverOptions receiver;
  receiver.policy = Policy::bulk;
  for (const std::uint64_t rate : {50'000'000, 10'000'000})
    pipe.add_receiver(receiver, 0.01).line_rate = rate;
  ByteVector bytes(5'000'000);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i * 2654435761U >> 24U);
  pipe.sender.begin_object(ObjectKind::file, bytes.size(), as_bytes("film"), pipe.now);
  pipe.write(bytes);
  ck_assert(pipe.sender.end_object(pipe.now));
  pipe.sender.finish(pipe.now);
  ck_assert(pipe.run(120 * second, [&] { return pipe.sender.finished(); }));
  pipe.run(second);
  for (const auto &node : pipe.nodes)
    ck_assert(node->bytes == bytes);
}
END_TEST

START_TEST(who_is_silent_says_nothing)
{
  SrmPipe pipe{controlled(), 4};
  ReceiverOptions silent;
  silent.silent = true;
  auto &node = pipe.add_receiver(silent);
  pipe.sender.begin_stream({}, pipe.now);
  fill(pipe, 10 * second);
  ck_assert_uint_eq(node.receiver.stats().acks_sent, 0);
  ck_assert_uint_eq(node.receiver.stats().nacks_sent, 0);
  // Nobody answers: it goes as slowly as it can.
  ck_assert_uint_eq(pipe.sender.stats().rate, 1400 * 8);
}
END_TEST

CHECK_MAIN("core/srm_congestion", rates_and_losses_in_sixteen_bits, the_rate_of_tcp,
           losses_are_counted_as_events, who_is_overtaken_is_not_lost, the_slowest_decides,
           nobody_makes_it_leap_or_stop, only_who_matters_answers,
           without_answers_it_slows_down, a_line_is_filled_and_not_flooded,
           losses_cost_what_they_cost_tcp, a_line_that_changes_is_followed,
           a_file_arrives_whole_under_control, who_is_silent_says_nothing)
