// SPDX-License-Identifier: LGPL-2.1-or-later
// srmsink and srmsrc with each other, over sockets on loopback.
#include "srm_support.hpp"

#include <string>
#include <thread>
#include <vector>

using namespace kam;
using namespace kam::test;
using namespace std::string_literals;
using Messages = std::vector<ByteVector>;

namespace {

// Of all sizes that matter: none, small, about a packet, more than a block.
Messages messages(std::uint32_t seed, std::size_t count)
{
  constexpr std::array<std::size_t, 9> sizes{0, 1, 100, 1316, 1400, 1401, 8000, 65536, 200'000};
  Random random{seed};
  Messages all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(random.bytes(sizes.at(random.below(sizes.size()))));
  return all;
}

void send_all(const SrmSending &sender, const Messages &all)
{
  for (const auto &message : all)
    sender.push(message);
  ck_assert(sender.end());
}

std::string to_host(const char *host, int port)
{
  return "host=" + std::string{host} + " port=" + std::to_string(port) + " ";
}

}  // namespace

GST_START_TEST(buffers_arrive_as_they_are)
{
  for (const auto *mode : {"bulk min-receivers=1", "latency max-rate=400000000"}) {
    const SrmReceiving receiver{from_group()};
    const SrmSending sender{to_group(receiver.port()) + "mode=" + mode};
    const auto sent = messages(1, 60);
    send_all(sender, sent);
    assert_equal(receiver.pull(sent.size()), sent, mode);
    receiver.wait_for_eos();
    ck_assert_uint_eq(srm_stat(receiver.element(), "segments-lost"), 0);
    ck_assert_uint_gt(srm_stat(sender.element(), "source-packets"), 0);
  }
}
GST_END_TEST

GST_START_TEST(by_unicast_and_ipv6)
{
  for (const auto *host : {"127.0.0.1", "::1"}) {
    const SrmReceiving receiver{"address=" + std::string{host}};
    const SrmSending sender{to_host(host, receiver.port()) + "mode=bulk min-receivers=1"};
    const auto sent = messages(2, 30);
    send_all(sender, sent);
    assert_equal(receiver.pull(sent.size()), sent, host);
    receiver.wait_for_eos();
  }
}
GST_END_TEST

// Any-source and source-specific, by the interface's name. A loopback interface carries no
// groups of IPv6: tests/network has those.
GST_START_TEST(by_every_kind_of_group)
{
  const auto here = "multicast-iface=lo ttl-mc=0 "s;
  for (const auto *group : {"239.255.77.4", "232.77.4.1 source-filter=127.0.0.1",
                            "239.255.77.4 source-filter=127.0.0.9,127.0.0.1"}) {
    const SrmReceiving receiver{here + "address=" + group};
    const auto host = std::string{group}.substr(0, std::string{group}.find(' '));
    const SrmSending sender{here + to_host(host.c_str(), receiver.port()) +
                            "mode=bulk min-receivers=1 bind-address=127.0.0.1"};
    const auto sent = messages(12, 30);
    send_all(sender, sent);
    assert_equal(receiver.pull(sent.size()), sent, group);
    receiver.wait_for_eos();
  }
}
GST_END_TEST

// Of two sources in one group, who has joined for one of them hears that one only.
GST_START_TEST(a_source_specific_group_has_one_source)
{
  const SrmReceiving receiver{
      "multicast-iface=lo ttl-mc=0 address=232.77.4.1 source-filter=127.0.0.9"};
  const auto to = "multicast-iface=lo ttl-mc=0 mode=bulk host=232.77.4.1 port=" +
                  std::to_string(receiver.port()) + " bind-address=";
  const SrmSending other{to + "127.0.0.1"};
  const SrmSending source{to + "127.0.0.9 min-receivers=1"};
  other.push(as_bytes("other"));
  ck_assert(other.end());
  send_all(source, {bytes_of("source")});
  assert_equal(receiver.pull(1), {bytes_of("source")}, "only");
  receiver.wait_for_eos();
}
GST_END_TEST

// A srmsrc for each of two senders that share a group and a port.
GST_START_TEST(two_senders_share_a_group)
{
  const SrmReceiving from_first{from_group() + "allowed-nodes=1"};
  const auto port = from_first.port();
  const SrmReceiving from_second{from_group() + "allowed-nodes=2 port=" + std::to_string(port)};
  const auto to = to_group(port) + "mode=bulk min-receivers=1 max-rate=200000000 ";
  const SrmSending first{to + "node-id=1"};
  const SrmSending second{to + "node-id=2"};
  const auto sent_first = messages(13, 60);
  const auto sent_second = messages(14, 60);
  std::thread streaming{[&] { send_all(first, sent_first); }};
  send_all(second, sent_second);
  streaming.join();
  assert_equal(from_first.pull(sent_first.size()), sent_first, "first");
  assert_equal(from_second.pull(sent_second.size()), sent_second, "second");
  from_first.wait_for_eos();
  from_second.wait_for_eos();
}
GST_END_TEST

GST_START_TEST(several_receivers_get_the_same)
{
  const SrmReceiving first{from_group()};
  const auto port = first.port();
  std::vector<std::unique_ptr<SrmReceiving>> others;
  for (int i = 0; i < 3; ++i)
    others.push_back(
        std::make_unique<SrmReceiving>(from_group() + "port=" + std::to_string(port)));
  const SrmSending sender{to_group(port) + "mode=bulk min-receivers=4"};
  const auto sent = messages(3, 40);
  send_all(sender, sent);
  assert_equal(first.pull(sent.size()), sent, "first");
  for (const auto &other : others)
    assert_equal(other->pull(sent.size()), sent, "another");
  ck_assert_uint_eq(srm_stat(sender.element(), "receivers"), 4);
}
GST_END_TEST

GST_START_TEST(what_is_lost_is_repaired)
{
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    const SrmReceiving receiver{"address=127.0.0.1"};
    const LossyRelay relay{receiver.port(), 100, 100, seed};
    const SrmSending sender{to_host("127.0.0.1", relay.port()) +
                            "mode=bulk min-receivers=1 max-rate=200000000"};
    const auto sent = messages(seed, 50);
    send_all(sender, sent);
    assert_equal(receiver.pull(sent.size()), sent, "seed " + std::to_string(seed));
    receiver.wait_for_eos();
    ck_assert_uint_gt(srm_stat(receiver.element(), "segments-missed"), 0);
    ck_assert_uint_gt(srm_stat(sender.element(), "repair-packets"), 0);
  }
}
GST_END_TEST

// The sender follows the receiver that answers, and says when it holds data back.
GST_START_TEST(congestion_is_controlled_where_it_is_asked_for)
{
  const SrmReceiving receiver{from_group() + "node-id=77"};
  const SrmSending sender{to_group(receiver.port()) +
                          "mode=bulk min-receivers=1 repair-buffer-size=65536 "
                          "segment-size=500 congestion-control=true"};
  const Bytes message = as_bytes("a message");
  std::size_t count = 0;
  for (; srm_stat(sender.element(), "limiting-receiver") != 77; ++count)
    sender.push(message);
  const auto more = messages(15, 60);
  for (const auto &one : more)
    sender.push(one);
  auto *limited = pop_message(sender.bus(), "KamSrmRateLimited");
  guint64 rate = 0;
  ck_assert(gst_structure_get_uint64(gst_message_get_structure(limited), "rate", &rate));
  ck_assert_uint_gt(rate, 0);
  gst_message_unref(limited);
  ck_assert(sender.end());
  ck_assert_uint_eq(receiver.pull(count + more.size()).size(), count + more.size());
  receiver.wait_for_eos();
  ck_assert_uint_gt(srm_stat(sender.element(), "rate"), 0);
}
GST_END_TEST

// Without feedback, what is missing is given up, told, and gone on after.
GST_START_TEST(what_cannot_be_repaired_is_told)
{
  const SrmReceiving receiver{"address=127.0.0.1 mode=latency latency=20"};
  const LossyRelay relay{receiver.port(), 100, 1000, 5};
  const SrmSending sender{to_host("127.0.0.1", relay.port()) +
                          "mode=latency max-rate=100000000"};
  Random random{5};
  Messages sent;
  for (int i = 0; i < 2000; ++i)
    sent.push_back(random.bytes(1000));
  send_all(sender, sent);
  receiver.wait_for_eos();
  std::size_t at = 0;
  std::size_t received = 0;
  std::size_t marked = 0;
  while (auto *buffer = gst_harness_try_pull(receiver.get())) {
    const auto bytes = bytes_of(buffer);
    const auto before = at;
    while (at < sent.size() && sent[at] != bytes)
      ++at;
    ck_assert_msg(at < sent.size(), "what was not sent, or not in order");
    const bool is_marked = GST_BUFFER_IS_DISCONT(buffer);
    ck_assert(at == before || is_marked);
    marked += is_marked ? 1U : 0U;
    ++at;
    ++received;
    gst_buffer_unref(buffer);
  }
  ck_assert_uint_gt(received, 1000);
  ck_assert_uint_lt(received, 2000);
  ck_assert_uint_gt(marked, 10);
  auto *message = pop_message(receiver.bus(), "KamSrmDataLost");
  guint64 segments = 0;
  ck_assert(
      gst_structure_get_uint64(gst_message_get_structure(message), "segments", &segments));
  ck_assert_uint_gt(segments, 0);
  gst_message_unref(message);
}
GST_END_TEST

GST_START_TEST(caps_times_and_flags_travel)
{
  const SrmReceiving receiver{from_group()};
  constexpr auto caps = "video/x-test, width=(int)320, streamheader=(buffer)< 0102, 03 >";
  const SrmSending sender{to_group(receiver.port()), caps};
  constexpr GstClockTime start = 3600 * GST_SECOND;
  for (guint i = 0; i < 5; ++i) {
    auto *buffer = buffer_of(as_bytes("frame"));
    GST_BUFFER_PTS(buffer) = start + i * 40 * GST_MSECOND;
    GST_BUFFER_DTS(buffer) = start + i * 40 * GST_MSECOND - GST_MSECOND;
    GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
    if (i > 0)
      GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    if (i == 3)
      GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_MARKER);
    ck_assert_int_eq(gst_harness_push(sender.get(), buffer), GST_FLOW_OK);
  }
  for (guint i = 0; i < 5; ++i) {
    auto *buffer = receiver.pull();
    ck_assert_uint_eq(GST_BUFFER_PTS(buffer), start + i * 40 * GST_MSECOND);
    ck_assert_uint_eq(GST_BUFFER_DTS(buffer), start + i * 40 * GST_MSECOND - GST_MSECOND);
    ck_assert_uint_eq(GST_BUFFER_DURATION(buffer), 40 * GST_MSECOND);
    ck_assert(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT) == (i > 0));
    ck_assert(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_MARKER) == (i == 3));
    gst_buffer_unref(buffer);
  }
  auto *wanted = gst_caps_from_string(caps);
  auto *got = gst_pad_get_current_caps(receiver.get()->sinkpad);
  ck_assert(gst_caps_is_equal(got, wanted));
  gst_caps_unref(got);
  gst_caps_unref(wanted);

  // The first of them is played when it comes, not an hour later.
  auto *event = gst_pad_get_sticky_event(receiver.get()->sinkpad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment = nullptr;
  gst_event_parse_segment(event, &segment);
  ck_assert_int_eq(segment->format, GST_FORMAT_TIME);
  const auto running_time = gst_segment_to_running_time(segment, GST_FORMAT_TIME, start);
  auto *clock = gst_element_get_clock(receiver.element());
  const auto now = gst_clock_get_time(clock) - gst_element_get_base_time(receiver.element());
  ck_assert_uint_le(running_time, now);
  ck_assert_uint_gt(running_time + 60 * GST_SECOND, now);
  gst_object_unref(clock);
  gst_event_unref(event);
}
GST_END_TEST

// What does not fit NORM_INFO comes in the stream.
GST_START_TEST(long_caps_travel)
{
  const SrmReceiving receiver{from_group()};
  const auto caps = "video/x-test, codec_data=(buffer)" + std::string(20'000, 'a');
  const SrmSending sender{to_group(receiver.port()) + "mode=bulk min-receivers=1",
                          caps.c_str()};
  send_all(sender, {bytes_of("x")});
  assert_equal(receiver.pull(1), {bytes_of("x")}, "data");
  auto *wanted = gst_caps_from_string(caps.c_str());
  auto *got = gst_pad_get_current_caps(receiver.get()->sinkpad);
  ck_assert(gst_caps_is_equal(got, wanted));
  gst_caps_unref(got);
  gst_caps_unref(wanted);
}
GST_END_TEST

GST_START_TEST(who_joins_late_gets_what_it_needs)
{
  const SrmReceiving early{from_group()};
  const auto port = early.port();
  const SrmSending sender{to_group(port), "video/x-test"};
  sender.push(as_bytes("first"));
  gst_buffer_unref(early.pull());
  const SrmReceiving late{from_group() + "port=" + std::to_string(port)};
  std::atomic<bool> has_come = false;
  std::thread streaming{[&] {
    while (!has_come) {
      sender.push(as_bytes("later"));
      gst_buffer_unref(early.pull());
    }
  }};
  // Perhaps from what is still repaired of the block that it joins in.
  const auto got = late.pull(1).front();
  ck_assert(got == bytes_of("later") || got == bytes_of("first"));
  has_come = true;
  streaming.join();
  auto *caps = gst_pad_get_current_caps(late.get()->sinkpad);
  ck_assert(gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/x-test"));
  gst_caps_unref(caps);
}
GST_END_TEST

GST_START_TEST(raw_streams_and_objects)
{
  for (const auto *how : {"framing=raw", "object-type=data", "object-type=file"}) {
    const SrmReceiving receiver{from_group()};
    auto *sink = gst_parse_launch(
        ("appsrc name=in format=bytes size=100000 ! srmsink mode=bulk min-receivers=1 " +
         to_group(receiver.port()) + how)
            .c_str(),
        nullptr);
    gst_element_set_state(sink, GST_STATE_PLAYING);
    auto *in = gst_bin_get_by_name(GST_BIN(sink), "in");
    Random random{9};
    const auto sent = random.bytes(100'000);
    GstFlowReturn flow = GST_FLOW_OK;
    auto *buffer = buffer_of(sent);
    g_signal_emit_by_name(in, "push-buffer", buffer, &flow);
    g_signal_emit_by_name(in, "end-of-stream", &flow);
    gst_buffer_unref(buffer);
    ByteVector received;
    while (received.size() < sent.size()) {
      auto *part = receiver.pull();
      const auto bytes = bytes_of(part);
      received.insert(received.end(), bytes.begin(), bytes.end());
      gst_buffer_unref(part);
    }
    ck_assert_msg(received == sent, "%s", how);
    receiver.wait_for_eos();
    auto *bus = gst_element_get_bus(sink);
    auto *message = gst_bus_timed_pop_filtered(
        bus, 20 * GST_SECOND, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    ck_assert(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
    gst_message_unref(message);
    gst_object_unref(bus);
    gst_object_unref(in);
    gst_element_set_state(sink, GST_STATE_NULL);
    gst_object_unref(sink);
  }
}
GST_END_TEST

GST_START_TEST(each_side_tells_of_the_other)
{
  const SrmReceiving receiver{from_group() + "node-id=7"};
  const SrmSending sender{to_group(receiver.port()) +
                          "mode=bulk min-receivers=1 node-id=5 instance-id=3"};
  send_all(sender, messages(4, 5));
  receiver.wait_for_eos();
  guint node = 0;
  guint instance = 0;
  auto *message = pop_message(sender.bus(), "KamSrmReceiverSeen");
  ck_assert(gst_structure_get_uint(gst_message_get_structure(message), "node-id", &node));
  ck_assert_uint_eq(node, 7);
  gst_message_unref(message);
  gst_message_unref(pop_message(sender.bus(), "KamSrmAllAcknowledged"));
  message = pop_message(receiver.bus(), "KamSrmSenderSeen");
  const auto *seen = gst_message_get_structure(message);
  ck_assert(gst_structure_get(seen, "node-id", G_TYPE_UINT, &node, "instance-id", G_TYPE_UINT,
                              &instance, nullptr));
  ck_assert_uint_eq(node, 5);
  ck_assert_uint_eq(instance, 3);
  gst_message_unref(message);
}
GST_END_TEST

GST_START_TEST(strangers_are_not_listened_to)
{
  const SrmReceiving receiver{from_group() + "allowed-nodes=5,6"};
  const auto port = receiver.port();
  const SrmSending stranger{to_group(port) + "node-id=4"};
  const SrmSending friendly{to_group(port) + "node-id=6"};
  stranger.push(as_bytes("strange"));
  friendly.push(as_bytes("friendly"));
  assert_equal(receiver.pull(1), {bytes_of("friendly")}, "only");
  ck_assert_uint_gt(srm_stat(receiver.element(), "refused-packets"), 0);

  const SrmReceiving other{"address=127.0.0.1 source-filter=127.0.0.9"};
  const SrmSending from_here{to_host("127.0.0.1", other.port())};
  const SrmSending from_there{to_host("127.0.0.1", other.port()) + "bind-address=127.0.0.9"};
  from_here.push(as_bytes("here"));
  from_there.push(as_bytes("there"));
  assert_equal(other.pull(1), {bytes_of("there")}, "source");
}
GST_END_TEST

// Nobody is there, so that writing waits for ever: a state change ends that.
GST_START_TEST(waiting_ends_with_the_state)
{
  for (const bool at_end : {false, true}) {
    const SrmSending sender{
        "host=127.0.0.1 port=9 mode=bulk min-receivers=1 "
        "repair-buffer-size=65536"};
    std::thread streaming{[&] {
      const ByteVector data(1000);
      GstFlowReturn flow = GST_FLOW_OK;
      if (at_end)
        gst_harness_push_event(sender.get(), gst_event_new_eos());
      while (!at_end && flow == GST_FLOW_OK)
        flow = gst_harness_push(sender.get(), buffer_of(data));
      ck_assert_int_eq(flow, at_end ? GST_FLOW_OK : GST_FLOW_FLUSHING);
    }};
    // It has begun to wait when what it has written does not grow any more.
    while (!at_end && srm_stat(sender.element(), "buffered-bytes") < 50'000)
      std::this_thread::yield();
    gst_element_set_state(sender.element(), GST_STATE_NULL);
    streaming.join();
  }
  const SrmReceiving receiver{"address=127.0.0.1"};
  gst_element_set_state(receiver.element(), GST_STATE_NULL);
}
GST_END_TEST

// A pause in the middle of a buffer that does not fit tears nothing.
GST_START_TEST(a_pause_tears_nothing)
{
  const SrmReceiving receiver{from_group()};
  const SrmSending sender{to_group(receiver.port()) +
                          "mode=bulk min-receivers=2 repair-buffer-size=65536"};
  Random random{11};
  const Messages sent{random.bytes(3'000'000), random.bytes(100)};
  std::thread streaming{[&] { send_all(sender, sent); }};
  while (srm_stat(sender.element(), "buffered-bytes") < 50'000)
    std::this_thread::yield();
  gst_element_set_state(sender.element(), GST_STATE_PAUSED);
  g_object_set(sender.element(), "min-receivers", 1, nullptr);
  gst_element_set_state(sender.element(), GST_STATE_PLAYING);
  assert_equal(receiver.pull(2), sent, "whole");
  streaming.join();
}
GST_END_TEST

GST_START_TEST(goes_on_after_the_end)
{
  const SrmReceiving first{from_group()};
  const auto port = first.port();
  const SrmSending sender{to_group(port) + "mode=bulk min-receivers=1"};
  send_all(sender, {bytes_of("once")});
  assert_equal(first.pull(1), {bytes_of("once")}, "once");
  first.wait_for_eos();
  gst_element_set_state(first.element(), GST_STATE_NULL);
  const SrmReceiving second{from_group() + "port=" + std::to_string(port)};
  gst_harness_push_event(sender.get(), gst_event_new_flush_start());
  gst_harness_push_event(sender.get(), gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(sender.get(), gst_event_new_segment(&segment));
  send_all(sender, {bytes_of("more")});
  assert_equal(second.pull(1), {bytes_of("more")}, "more");
}
GST_END_TEST

GST_START_TEST(uses_the_sockets_it_is_given)
{
  auto *socket = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                              G_SOCKET_PROTOCOL_UDP, nullptr);
  auto *any = g_inet_socket_address_new_from_string("127.0.0.1", 0);
  ck_assert(g_socket_bind(socket, any, FALSE, nullptr));
  g_object_unref(any);
  {
    auto *h = gst_harness_new("srmsrc");
    g_object_set(h->element, "socket", socket, "close-socket", FALSE, "address", "127.0.0.1",
                 nullptr);
    gst_harness_use_systemclock(h);
    gst_harness_play(h);
    const SrmSending sender{to_host("127.0.0.1", used_port(h->element))};
    sender.push(as_bytes("x"));
    auto *buffer = gst_harness_pull(h);
    ck_assert(buffer != nullptr);
    gst_buffer_unref(buffer);
    gst_harness_teardown(h);
  }
  ck_assert(!g_socket_is_closed(socket));
  auto *sink = gst_element_factory_make("srmsink", nullptr);
  g_object_set(sink, "socket", socket, "host", "127.0.0.1", nullptr);
  gst_element_set_state(sink, GST_STATE_PAUSED);
  gst_element_set_state(sink, GST_STATE_NULL);
  gst_object_unref(sink);
  ck_assert(g_socket_is_closed(socket));
  g_object_unref(socket);
}
GST_END_TEST

GST_START_TEST(says_what_cannot_be)
{
  for (const auto *properties :
       {"srmsrc multicast-iface=no-such-interface", "srmsrc address=300.1.2.3",
        "srmsrc address=192.0.2.254", "srmsrc source-filter=nobody.invalid.",
        "srmsink host=300.1.2.3", "srmsink bind-address=192.0.2.254",
        "srmsink host=239.255.77.3 multicast-iface=nowhere"}) {
    auto *element = gst_parse_launch(properties, nullptr);
    auto *bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    ck_assert_msg(gst_element_set_state(element, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE,
                  "%s", properties);
    auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    ck_assert_msg(message != nullptr, "%s", properties);
    gst_message_unref(message);
    gst_element_set_state(element, GST_STATE_NULL);
    gst_element_set_bus(element, nullptr);
    gst_object_unref(bus);
    gst_object_unref(element);
  }
}
GST_END_TEST

GST_START_TEST(an_object_needs_a_size)
{
  const SrmSending sender{"host=127.0.0.1 port=9 mode=bulk object-type=data"};
  ck_assert_int_eq(gst_harness_push(sender.get(), buffer_of(as_bytes("x"))), GST_FLOW_ERROR);
  auto *message = gst_bus_pop_filtered(sender.bus(), GST_MESSAGE_ERROR);
  ck_assert(message != nullptr);
  gst_message_unref(message);
}
GST_END_TEST

GST_START_TEST(uris)
{
  auto *source = gst_element_make_from_uri(
      GST_URI_SRC, "srm://239.1.2.3:7000?mode=latency&latency=50&multicast-iface=eth7", nullptr,
      nullptr);
  ck_assert(source != nullptr);
  gchar *address = nullptr;
  gchar *interface = nullptr;
  gint port = 0;
  guint latency = 0;
  g_object_get(source, "address", &address, "port", &port, "latency", &latency,
               "multicast-iface", &interface, nullptr);
  ck_assert_str_eq(address, "239.1.2.3");
  ck_assert_str_eq(interface, "eth7");
  ck_assert_int_eq(port, 7000);
  ck_assert_uint_eq(latency, 50);
  g_free(address);
  g_free(interface);
  gchar *uri = gst_uri_handler_get_uri(GST_URI_HANDLER(source));
  auto *again = gst_element_make_from_uri(GST_URI_SRC, uri, nullptr, nullptr);
  gchar *uri_again = gst_uri_handler_get_uri(GST_URI_HANDLER(again));
  ck_assert_str_eq(uri, uri_again);
  g_free(uri);
  g_free(uri_again);
  gst_object_unref(again);
  for (const auto *wrong : {"srm:", "srm://", "srm://h?socket=1", "srm://h?latency=x",
                            "srm://h?latency=-1", "srm://h?nothing=1", "srm://h?mode=other"}) {
    GError *error = nullptr;
    ck_assert_msg(!gst_uri_handler_set_uri(GST_URI_HANDLER(source), wrong, &error), "%s",
                  wrong);
    g_clear_error(&error);
  }
  gst_object_unref(source);
  auto *sink = gst_element_make_from_uri(GST_URI_SINK, "srm://[ff15::1]:7000?mode=bulk",
                                         nullptr, nullptr);
  ck_assert(sink != nullptr);
  gchar *host = nullptr;
  g_object_get(sink, "host", &host, nullptr);
  ck_assert_str_eq(host, "ff15::1");
  g_free(host);
  gst_object_unref(sink);
}
GST_END_TEST

GST_START_TEST(latency_is_reported)
{
  const SrmReceiving receiver{"address=127.0.0.1 mode=latency latency=70"};
  auto *query = gst_query_new_latency();
  ck_assert(gst_element_query(receiver.element(), query));
  gboolean is_live = FALSE;
  GstClockTime least = 0;
  GstClockTime most = 0;
  gst_query_parse_latency(query, &is_live, &least, &most);
  ck_assert(is_live);
  ck_assert_uint_eq(least, 70 * GST_MSECOND);
  ck_assert(most == GST_CLOCK_TIME_NONE);
  gst_query_unref(query);
}
GST_END_TEST

static Suite *srm_suite()
{
  Suite *suite = suite_create("srm");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, buffers_arrive_as_they_are);
  tcase_add_test(tc, by_unicast_and_ipv6);
  tcase_add_test(tc, by_every_kind_of_group);
  tcase_add_test(tc, a_source_specific_group_has_one_source);
  tcase_add_test(tc, two_senders_share_a_group);
  tcase_add_test(tc, several_receivers_get_the_same);
  tcase_add_test(tc, what_is_lost_is_repaired);
  tcase_add_test(tc, what_cannot_be_repaired_is_told);
  tcase_add_test(tc, congestion_is_controlled_where_it_is_asked_for);
  tcase_add_test(tc, caps_times_and_flags_travel);
  tcase_add_test(tc, long_caps_travel);
  tcase_add_test(tc, who_joins_late_gets_what_it_needs);
  tcase_add_test(tc, raw_streams_and_objects);
  tcase_add_test(tc, each_side_tells_of_the_other);
  tcase_add_test(tc, strangers_are_not_listened_to);
  tcase_add_test(tc, waiting_ends_with_the_state);
  tcase_add_test(tc, a_pause_tears_nothing);
  tcase_add_test(tc, goes_on_after_the_end);
  tcase_add_test(tc, uses_the_sockets_it_is_given);
  tcase_add_test(tc, says_what_cannot_be);
  tcase_add_test(tc, an_object_needs_a_size);
  tcase_add_test(tc, uris);
  tcase_add_test(tc, latency_is_reported);
  return suite;
}

GST_CHECK_MAIN(srm)
