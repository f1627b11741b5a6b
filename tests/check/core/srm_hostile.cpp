// SPDX-License-Identifier: LGPL-2.1-or-later
// What strangers send in a sender's or a receiver's name: it moves little, and costs little.
#include "support/srm_pipe.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <array>

using namespace kam;
using namespace kam::srm;
using kam::test::count_events;
using kam::test::SrmPipe;

namespace {

constexpr std::uint16_t segment_size = 200;
constexpr std::uint16_t block_size = 20;

SenderOptions sender_options(Policy policy)
{
  SenderOptions options;
  options.policy = policy;
  options.segment_size = segment_size;
  options.block_size = block_size;
  options.parity = 10;
  options.min_receivers = policy == Policy::bulk ? 1 : 0;
  options.max_rate = 20'000'000;
  return options;
}

ReceiverOptions receiver_options(Policy policy)
{
  ReceiverOptions options;
  options.policy = policy;
  options.buffer_bytes = std::size_t{1} << 20U;
  return options;
}

SenderState state_of(std::uint16_t instance)
{
  return {instance, quantise_rtt(millisecond), 0, 0};
}

// Data of a stream, as the senders of these tests send it.
ByteVector data_packet(NodeId node, std::uint16_t instance, std::uint16_t object,
                       PayloadId place, bool with_fti = false)
{
  ByteVector packet(max_header_size + StreamHeader::size + segment_size);
  std::optional<ObjectTransmissionInfo> fti;
  if (with_fti)
    fti = {std::uint64_t{1} << 20U, segment_size, block_size, 10};
  const auto size = write_data_header(packet, {7, node}, state_of(instance),
                                      {object_flag::stream, FecId::rs8, object}, place, fti);
  write_stream_header({segment_size, 0, 0}, std::span<std::byte, StreamHeader::size>{
                                                packet.data() + size, StreamHeader::size});
  packet.resize(size + StreamHeader::size + segment_size);
  return packet;
}

// Sends a stream to one receiver that loses nothing, with `forge` called now and then; all
// arrives, and nobody is asked for anything.
template <class Forge>
void stream_with(Policy policy, Forge forge)
{
  SrmPipe pipe{sender_options(policy), 1};
  auto &node = pipe.add_receiver(receiver_options(policy));
  const auto bytes = kam::test::Random{5}.bytes(400'000);
  pipe.sender.begin_stream(as_bytes("about it"), pipe.now);
  pipe.step();  // its information goes first
  constexpr std::size_t piece = 20'000;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    pipe.write(Bytes{bytes}.subspan(at, piece));
    pipe.run(5 * millisecond);
    forge(node.receiver, pipe.now);
  }
  while (!pipe.sender.end_object(pipe.now))
    pipe.step();
  pipe.sender.finish(pipe.now);
  ck_assert(pipe.run(10 * second, [&] { return pipe.sender.finished(); }));
  pipe.run(second);
  ck_assert_uint_eq(node.bytes.size(), bytes.size());
  ck_assert(node.bytes == bytes);
  ck_assert_uint_eq(node.lost_segments, 0);
  ck_assert_uint_eq(count_events<SenderSeen>(node.events), 1);
  ck_assert_uint_eq(count_events<ObjectEnds>(node.events), 1);
  ck_assert_uint_eq(node.receiver.stats().nacks_sent, 0);
}

constexpr std::array policies{Policy::latency, Policy::bulk};
constexpr PayloadId far_ahead{900'000, 3, 0};

}  // namespace

START_TEST(forged_requests_do_not_flood_the_group)
{
  for (const auto policy : policies) {
    auto options = sender_options(policy);
    options.max_rate = 0;
    options.min_receivers = 0;
    options.buffer_bytes = 200'000;
    Sender sender{options};
    std::uint64_t now = second;
    sender.begin_stream({}, now);
    const auto message = kam::test::Random{1}.bytes(segment_size);
    const RepairPoint all{FecId::rs8, 1, {}};
    RepairRequestWriter requests{1300};
    requests.add({RepairForm::items, repair_flag::object, all, all});
    for (int ms = 0; ms < 5000; ++ms, now += millisecond) {
      sender.push(message, true, now);
      sender.flush(now);
      for (NodeId node = 500; node < 510; ++node) {
        ByteVector nack;
        write_nack(nack, {1, node}, options.node, options.instance, 0, {}, requests.bytes());
        sender.handle_packet(nack, false, now);
      }
      sender.handle_timeout(now);
      while (sender.poll_burst(now)) {
      }
    }
    const auto stats = sender.stats();
    // As many as there is data in that time; a fifth of a second is saved up at first.
    constexpr std::uint64_t data_packets = 5000;
    ck_assert_uint_gt(stats.repair_packets, 0);
    ck_assert_uint_le(stats.repair_packets, data_packets * 11 / 10 + 200);
  }
}
END_TEST

START_TEST(places_far_ahead_are_not_believed)
{
  for (const auto policy : policies) {
    stream_with(policy, [](Receiver &receiver, std::uint64_t now) {
      receiver.handle_packet(data_packet(1, 1, 1, far_ahead), 1, now);
    });
    stream_with(policy, [](Receiver &receiver, std::uint64_t now) {
      ByteVector flush;
      write_flush(flush, {1, 1}, state_of(1), 1, far_ahead, {});
      receiver.handle_packet(flush, 1, now);
    });
    stream_with(policy, [](Receiver &receiver, std::uint64_t now) {
      ByteVector squelch;
      write_squelch(squelch, {1, 1}, state_of(1), 1, far_ahead, {});
      receiver.handle_packet(squelch, 1, now);
    });
  }
}
END_TEST

START_TEST(objects_far_ahead_are_not_believed)
{
  for (const auto policy : policies)
    stream_with(policy,
                [id = std::uint16_t{100}](Receiver &receiver, std::uint64_t now) mutable {
                  receiver.handle_packet(data_packet(1, 1, id, {0, 0, 0}), 1, now);
                  id = static_cast<std::uint16_t>(id + 1000);
                });
}
END_TEST

START_TEST(another_instance_is_not_believed_at_once)
{
  for (const auto policy : policies)
    stream_with(policy, [](Receiver &receiver, std::uint64_t now) {
      receiver.handle_packet(data_packet(1, 99, 1, {0, 0, 0}), 1, now);
      ByteVector end;
      write_end_of_transmission(end, {1, 1}, state_of(98));
      receiver.handle_packet(end, 1, now);
    });
}
END_TEST

START_TEST(another_instance_is_believed_when_the_first_is_quiet)
{
  Receiver receiver{receiver_options(Policy::latency), 1};
  std::uint64_t now = second;
  receiver.handle_packet(data_packet(1, 1, 1, {0, 0, 0}, true), 1, now);
  std::vector<std::uint16_t> seen;
  for (std::uint16_t symbol = 0; symbol < 10; ++symbol) {
    now += 5 * millisecond;
    receiver.handle_packet(data_packet(1, 2, 1, {0, symbol, 0}, true), 1, now);
    while (const auto event = receiver.poll_event()) {
      if (const auto *const sender = std::get_if<SenderSeen>(&*event))
        seen.push_back(sender->instance);
    }
  }
  ck_assert_uint_eq(seen.size(), 2);
  ck_assert_uint_eq(seen[1], 2);
}
END_TEST

START_TEST(memory_is_bounded_for_each_sender_and_for_all)
{
  constexpr std::size_t blocks = 100;
  constexpr std::size_t block_bytes = segment_size * block_size;
  auto options = receiver_options(Policy::bulk);
  options.buffer_bytes = blocks * block_bytes;
  options.total_bytes = 3 * options.buffer_bytes;
  Receiver receiver{options, 1};
  const auto fill = [&receiver](NodeId node, std::uint16_t object) {
    // The first of all is missing, so that nothing can be handed on.
    for (std::uint32_t block = 0; block < 2 * blocks; ++block)
      for (std::uint16_t symbol = block == 0 ? 1 : 0; symbol < block_size; ++symbol)
        receiver.handle_packet(data_packet(node, 1, object, {block, symbol, 0}, true), 1,
                               second);
  };
  for (std::uint16_t object = 1; object <= 10; ++object)
    fill(1, object);
  ck_assert_uint_ge(receiver.stats().buffered_bytes, options.buffer_bytes / 2);
  ck_assert_uint_le(receiver.stats().buffered_bytes, options.buffer_bytes + block_bytes);
  for (NodeId node = 2; node <= 12; ++node)
    fill(node, 1);
  ck_assert_uint_ge(receiver.stats().buffered_bytes, options.total_bytes - block_bytes);
  ck_assert_uint_le(receiver.stats().buffered_bytes, options.total_bytes + 12 * block_bytes);
  // A block that is larger than what there may be is not begun.
  options.buffer_bytes = block_bytes - 1;
  Receiver small{options, 1};
  small.handle_packet(data_packet(1, 1, 1, {0, 0, 0}, true), 1, second);
  ck_assert_uint_eq(small.stats().buffered_bytes, 0);
  ck_assert_uint_eq(small.stats().bad_packets, 1);
}
END_TEST

CHECK_MAIN("core/srm_hostile", forged_requests_do_not_flood_the_group,
           places_far_ahead_are_not_believed, objects_far_ahead_are_not_believed,
           another_instance_is_not_believed_at_once,
           another_instance_is_believed_when_the_first_is_quiet,
           memory_is_bounded_for_each_sender_and_for_all)
