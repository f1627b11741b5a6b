// SPDX-License-Identifier: LGPL-2.1-or-later
// A sender and receivers together, on links that lose packets.
#include "support/srm_pipe.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

using namespace kam;
using namespace kam::srm;
using kam::test::count_events;
using kam::test::SrmPipe;

namespace {

SenderOptions bulk_sender(std::uint32_t min_receivers)
{
  SenderOptions options;
  options.policy = Policy::bulk;
  options.segment_size = 200;
  options.block_size = 20;
  options.parity = 10;
  options.min_receivers = min_receivers;
  options.max_rate = 100'000'000;
  return options;
}

ReceiverOptions bulk_receiver()
{
  ReceiverOptions options;
  options.policy = Policy::bulk;
  return options;
}

ByteVector sample(std::size_t size)
{
  return kam::test::Random{5}.bytes(size);
}

void send_all(SrmPipe &pipe, const ByteVector &bytes)
{
  pipe.sender.begin_stream(as_bytes("about it"), pipe.now);
  pipe.write(bytes);
  while (!pipe.sender.end_object(pipe.now))
    pipe.step();
  pipe.sender.finish(pipe.now);
}

}  // namespace

START_TEST(bulk_stream_arrives_whole)
{
  for (const double loss : {0.0, 0.05, 0.3}) {
    SrmPipe pipe{bulk_sender(3), 1};
    for (int i = 0; i < 3; ++i)
      pipe.add_receiver(bulk_receiver(), loss);
    pipe.feedback_loss = loss;
    const auto bytes = sample(300'000);
    send_all(pipe, bytes);
    ck_assert(pipe.run(60 * second, [&] { return pipe.sender.finished(); }));
    pipe.run(second);
    for (const auto &node : pipe.nodes) {
      ck_assert(node->bytes == bytes);
      ck_assert_uint_eq(node->lost_segments, 0);
      ck_assert_uint_eq(count_events<ObjectInfo>(node->events), 1);
      ck_assert_uint_eq(count_events<ObjectEnds>(node->events), 1);
      ck_assert_uint_eq(count_events<SenderLeft>(node->events), 1);
    }
    ck_assert_uint_eq(count_events<AllAcknowledged>(pipe.events), 1);
    ck_assert_uint_eq(count_events<ReceiverSeen>(pipe.events), 3);
  }
}
END_TEST

START_TEST(objects_arrive_whole)
{
  for (const std::size_t size : {std::size_t{1}, std::size_t{200}, std::size_t{4000},
                                 std::size_t{4001}, std::size_t{123'457}}) {
    SrmPipe pipe{bulk_sender(1), 2};
    auto &node = pipe.add_receiver(bulk_receiver(), 0.1);
    const auto bytes = sample(size);
    ByteVector all;
    for (int i = 0; i < 3; ++i) {
      pipe.sender.begin_object(ObjectKind::file, size, as_bytes("name"), pipe.now);
      pipe.write(bytes);
      ck_assert(pipe.sender.end_object(pipe.now));
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
    pipe.sender.finish(pipe.now);
    ck_assert(pipe.run(60 * second, [&] { return pipe.sender.finished(); }));
    pipe.run(second);
    ck_assert_uint_eq(node.bytes.size(), all.size());
    ck_assert(node.bytes == all);
    ck_assert_uint_eq(count_events<ObjectEnds>(node.events), 3);
  }
}
END_TEST

START_TEST(many_objects_in_the_buffer_are_repaired)
{
  SrmPipe pipe{bulk_sender(1), 8};
  auto &node = pipe.add_receiver(bulk_receiver(), 0.3);
  const auto bytes = sample(900);
  ByteVector all;
  for (int i = 0; i < 40; ++i) {
    pipe.sender.begin_object(ObjectKind::data, bytes.size(), {}, pipe.now);
    pipe.write(bytes);
    ck_assert(pipe.sender.end_object(pipe.now));
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  pipe.sender.finish(pipe.now);
  ck_assert(pipe.run(60 * second, [&] { return pipe.sender.finished(); }));
  pipe.run(second);
  ck_assert(node.bytes == all);
  ck_assert_uint_eq(count_events<ObjectEnds>(node.events), 40);
}
END_TEST

START_TEST(latency_stream_is_repaired_in_time)
{
  SenderOptions options;
  options.segment_size = 1316;
  SrmPipe pipe{options, 3};
  ReceiverOptions receiver;
  receiver.latency = 200 * millisecond;
  auto &node = pipe.add_receiver(receiver, 0.1);
  const auto bytes = sample(1316 * 500);
  pipe.sender.begin_stream({}, pipe.now);
  for (std::size_t at = 0; at < bytes.size(); at += 1316) {
    pipe.write(Bytes{bytes}.subspan(at, 1316));
    pipe.sender.flush(pipe.now);
    pipe.run(2 * millisecond);
  }
  pipe.sender.end_object(pipe.now);
  pipe.sender.finish(pipe.now);
  ck_assert(pipe.run(10 * second, [&] { return pipe.sender.finished(); }));
  pipe.run(second);
  ck_assert(node.bytes == bytes);
  ck_assert_uint_eq(node.lost_segments, 0);
  // One segment, one message.
  ck_assert_uint_eq(node.message_starts.size(), 500);
}
END_TEST

START_TEST(latency_gives_up_and_goes_on)
{
  SenderOptions options;
  options.segment_size = 100;
  SrmPipe pipe{options, 4};
  ReceiverOptions receiver;
  receiver.latency = 50 * millisecond;
  receiver.silent = true;
  auto &node = pipe.add_receiver(receiver, 0.1);
  const auto bytes = sample(100 * 1000);
  pipe.sender.begin_stream({}, pipe.now);
  pipe.run(10 * millisecond);
  for (std::size_t at = 0; at < bytes.size(); at += 100) {
    pipe.write(Bytes{bytes}.subspan(at, 100));
    pipe.run(millisecond);
  }
  pipe.sender.end_object(pipe.now);
  pipe.sender.finish(pipe.now);
  pipe.run(5 * second);
  ck_assert_uint_gt(node.lost_segments, 50);
  ck_assert_uint_lt(node.bytes.size(), bytes.size());
  ck_assert_uint_ge(node.bytes.size() + 100 * node.lost_segments, bytes.size() - 500);
  ck_assert_uint_eq(node.receiver.stats().nacks_sent, 0);
}
END_TEST

START_TEST(proactive_parity_serves_silent_receivers)
{
  SenderOptions options;
  options.segment_size = 100;
  options.block_size = 10;
  options.parity = 10;
  options.fec_overhead = 1;
  SrmPipe pipe{options, 5};
  ReceiverOptions receiver;
  receiver.silent = true;
  auto &node = pipe.add_receiver(receiver, 0.1);
  const auto bytes = sample(100 * 1000);
  pipe.sender.begin_stream({}, pipe.now);
  pipe.run(10 * millisecond);
  for (std::size_t at = 0; at < bytes.size(); at += 100) {
    pipe.write(Bytes{bytes}.subspan(at, 100));
    pipe.run(millisecond);
  }
  pipe.sender.end_object(pipe.now);
  pipe.sender.finish(pipe.now);
  pipe.run(5 * second);
  ck_assert(node.bytes == bytes);
  ck_assert_uint_gt(node.receiver.stats().segments_rebuilt, 50);
}
END_TEST

START_TEST(who_comes_late_to_bulk_gets_what_there_is)
{
  SrmPipe pipe{bulk_sender(1), 6};
  auto &first = pipe.add_receiver(bulk_receiver(), 0.05);
  const auto bytes = sample(400'000);
  pipe.sender.begin_stream(as_bytes("info"), pipe.now);
  pipe.write(Bytes{bytes}.first(200'000));
  pipe.run(100 * millisecond);
  auto &late = pipe.add_receiver(bulk_receiver(), 0.05);
  pipe.write(Bytes{bytes}.subspan(200'000), false);
  while (!pipe.sender.end_object(pipe.now))
    pipe.step();
  pipe.sender.finish(pipe.now);
  ck_assert(pipe.run(60 * second, [&] { return pipe.sender.finished(); }));
  pipe.run(second);
  ck_assert(first.bytes == bytes);
  ck_assert_uint_ge(late.bytes.size(), 190'000);
  ck_assert(std::equal(late.bytes.rbegin(), late.bytes.rend(), bytes.rbegin()));
}
END_TEST

START_TEST(slow_reader_holds_up_bulk_and_loses_nothing)
{
  auto options = bulk_sender(1);
  options.buffer_bytes = 100'000;
  SrmPipe pipe{options, 7};
  auto receiver = bulk_receiver();
  receiver.buffer_bytes = 50'000;
  auto &node = pipe.add_receiver(receiver, 0.02);
  const auto bytes = sample(500'000);
  pipe.sender.begin_stream({}, pipe.now);
  node.takes = false;
  std::size_t written = 0;
  pipe.run(3 * second, [&] {
    written += pipe.sender.push(Bytes{bytes}.subspan(written), written == 0, pipe.now);
    return false;
  });
  ck_assert_uint_lt(written, 200'000);
  node.takes = true;
  pipe.write(Bytes{bytes}.subspan(written), false);
  while (!pipe.sender.end_object(pipe.now))
    pipe.step();
  pipe.sender.finish(pipe.now);
  ck_assert(pipe.run(60 * second, [&] { return pipe.sender.finished(); }));
  pipe.run(second);
  ck_assert(node.bytes == bytes);
}
END_TEST

CHECK_MAIN("core/srm_session", bulk_stream_arrives_whole, objects_arrive_whole,
           many_objects_in_the_buffer_are_repaired, latency_stream_is_repaired_in_time,
           latency_gives_up_and_goes_on, proactive_parity_serves_silent_receivers,
           who_comes_late_to_bulk_gets_what_there_is,
           slow_reader_holds_up_bulk_and_loses_nothing)
