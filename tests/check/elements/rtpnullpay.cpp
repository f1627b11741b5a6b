// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/rtp/null_payload.hpp"
#include "support/vectors.hpp"

#include <gst/rtp/rtp.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

using namespace kam;

namespace {

struct Teardown {
  void operator()(GstHarness *h) const { gst_harness_teardown(h); }
};
using Harness = std::unique_ptr<GstHarness, Teardown>;

Harness payloader(const std::string &properties, bool caps = true)
{
  Harness h{gst_harness_new_parse(
      ("rtpnullpay ssrc=7 seqnum-offset=65534 timestamp-offset=0 " + properties).c_str())};
  if (caps)
    gst_harness_set_src_caps_str(h.get(), "application/octet-stream");
  return h;
}

GstBuffer *buffer_of(Bytes bytes, GstClockTime pts = GST_CLOCK_TIME_NONE)
{
  GstBuffer *buffer =
      bytes.empty() ? gst_buffer_new() : gst_buffer_new_memdup(bytes.data(), bytes.size());
  GST_BUFFER_PTS(buffer) = pts;
  return buffer;
}

GstBuffer *zeros(gsize size, GstClockTime pts = GST_CLOCK_TIME_NONE)
{
  return buffer_of(ByteVector(size), pts);
}

void push(const Harness &h, GstBuffer *buffer)
{
  ck_assert_int_eq(gst_harness_push(h.get(), buffer), GST_FLOW_OK);
}

struct Packet {
  ByteVector payload;
  guint16 seq;
  guint32 timestamp;
  bool marker;
  GstClockTime pts;
  GstClockTime duration;
};

std::vector<Packet> pull_all(const Harness &h)
{
  std::vector<Packet> packets;
  while (auto *buffer = gst_harness_try_pull(h.get())) {
    ByteVector wire(gst_buffer_get_size(buffer));
    gst_buffer_extract(buffer, 0, wire.data(), wire.size());
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    ck_assert(gst_rtp_buffer_map(buffer, GST_MAP_READ, &rtp));
    ck_assert_uint_eq(gst_rtp_buffer_get_ssrc(&rtp), 7);
    packets.push_back({ByteVector(wire.begin() + 12, wire.end()), gst_rtp_buffer_get_seq(&rtp),
                       gst_rtp_buffer_get_timestamp(&rtp),
                       gst_rtp_buffer_get_marker(&rtp) == TRUE, GST_BUFFER_PTS(buffer),
                       GST_BUFFER_DURATION(buffer)});
    gst_rtp_buffer_unmap(&rtp);
    gst_buffer_unref(buffer);
  }
  return packets;
}

guint64 stat(const Harness &h, const char *field)
{
  GstStructure *stats = nullptr;
  auto *pay = gst_harness_find_element(h.get(), "rtpnullpay");
  g_object_get(pay, "stats", &stats, nullptr);
  guint64 value = 0;
  ck_assert_msg(gst_structure_get_uint64(stats, field, &value), "no %s", field);
  ck_assert(gst_structure_has_field(stats, "clock-rate"));  // of the base class
  gst_structure_free(stats);
  gst_object_unref(pay);
  return value;
}

void push_time_segment(const Harness &h, const std::function<void(GstSegment &)> &change = {})
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  if (change)
    change(segment);
  gst_harness_push_event(h.get(), gst_event_new_segment(&segment));
}

}  // namespace

GST_START_TEST(packets_as_kamaelia_makes_them)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("nullpayload")) {
    const auto id = vector["id"].text();
    if (!id.starts_with("nullpayload/"))
      continue;  // packlength has no element; tests/check/core has it
    ++cases;
    const auto &params = vector["params"];
    const auto bitrate = params["sourcebitrate"].unsigned_integer();
    const auto h =
        payloader("chunk-size=" + std::to_string(params["chunksize"].unsigned_integer()) +
                  " bitrate=" + std::to_string(bitrate));
    for (const auto &event : vector["events"].items())
      if (event.has("data"))
        push(h, buffer_of(event["data"].bytes()));
    gst_harness_push_event(h.get(), gst_event_new_eos());
    const auto packets = pull_all(h);
    ck_assert_msg(packets.size() == vector["out"].size(), "%s: %zu packets", id.c_str(),
                  packets.size());
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const auto want = vector["out"][i];
      ck_assert_msg(packets[i].payload == want["data"].bytes(), "%s: %zu", id.c_str(), i);
      const auto seconds = want["timestamp"].number();
      ck_assert_uint_le(std::abs(static_cast<double>(packets[i].pts) - seconds * 1e9), 1);
      ck_assert_uint_eq(packets[i].timestamp,
                        static_cast<guint32>(std::floor(seconds * 90'000 + 1e-6)));
      ck_assert_uint_eq(packets[i].seq, static_cast<guint16>(65534 + i));
    }
  }
  ck_assert_int_eq(cases, 9);
}
GST_END_TEST

// RTP time is made of bytes, not of rounded nanoseconds, and wraps where it should.
GST_START_TEST(rtp_time_is_exact_over_the_wrap)
{
  const auto h = payloader("chunk-size=7 bitrate=3 timestamp-offset=4294000000");
  const rtp::ConstantBitrate bitrate{3};
  constexpr std::uint64_t packets = 20'000;
  guint64 bytes = 0;
  for (std::uint64_t i = 0; i < packets; ++i) {
    push(h, zeros(7, i == 0 ? 123'456'789 : GST_CLOCK_TIME_NONE));
    for (const auto &packet : pull_all(h)) {
      const auto ticks = 11'111 + bitrate.ticks(bytes, 90'000);
      ck_assert_uint_eq(packet.timestamp, static_cast<guint32>(4'294'000'000U + ticks));
      ck_assert_uint_eq(packet.pts, 123'456'789 + bitrate.nanoseconds(bytes));
      bytes += 7;
    }
  }
  ck_assert_uint_eq(bytes, packets * 7);
  ck_assert_uint_gt(bitrate.ticks(bytes, 90'000), 2ULL << 32);
}
GST_END_TEST

GST_START_TEST(time_begins_at_the_segment_or_the_first_pts)
{
  const auto h = payloader("chunk-size=1000 bitrate=8000");
  push_time_segment(h, [](GstSegment &s) { s.start = s.position = 5 * GST_SECOND; });
  push(h, zeros(1000));
  push(h, zeros(1000, 99 * GST_SECOND));  // without DISCONT only the count of bytes matters
  auto packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 2);
  ck_assert_uint_eq(packets[0].pts, 5 * GST_SECOND);
  ck_assert_uint_eq(packets[0].timestamp, 0);
  ck_assert_uint_eq(packets[1].pts, 6 * GST_SECOND);
  ck_assert_uint_eq(packets[1].timestamp, 90'000);
  ck_assert_uint_eq(packets[1].duration, GST_SECOND);

  push(h, zeros(300));
  push_time_segment(h);
  packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 1);  // what was left, in the old segment
  ck_assert_uint_eq(packets[0].pts, 7 * GST_SECOND);
  ck_assert_uint_eq(packets[0].duration, 300 * GST_MSECOND);
  push(h, zeros(1000, 2 * GST_SECOND));
  packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 1);
  ck_assert_uint_eq(packets[0].pts, 2 * GST_SECOND);
  ck_assert_uint_eq(packets[0].timestamp, 180'000);
}
GST_END_TEST

GST_START_TEST(takes_bytes_without_caps_or_times)
{
  const auto h = payloader("chunk-size=1000 bitrate=8000", false);
  gst_harness_push_event(h.get(), gst_event_new_stream_start("bytes"));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  segment.start = 4711;
  gst_harness_push_event(h.get(), gst_event_new_segment(&segment));
  push(h, zeros(2000, 17));
  const auto packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 2);
  ck_assert_uint_eq(packets[0].pts, 0);
  ck_assert_uint_eq(packets[1].timestamp, 90'000);
  auto *caps = gst_pad_get_current_caps(h->sinkpad);
  auto *structure = gst_caps_get_structure(caps, 0);
  ck_assert_str_eq(gst_structure_get_string(structure, "bitrate"), "8000");
  ck_assert_str_eq(gst_structure_get_string(structure, "media"), "application");
  ck_assert_str_eq(gst_structure_get_string(structure, "encoding-name"), "X-KAMAELIA-NULL");
  gst_caps_unref(caps);
}
GST_END_TEST

GST_START_TEST(caps_and_end_flush_the_rest)
{
  const auto h = payloader("chunk-size=10 bitrate=80");
  push(h, zeros(4));
  auto *caps = gst_caps_from_string("text/plain");
  gst_harness_push_event(h.get(), gst_event_new_caps(caps));
  gst_caps_unref(caps);
  push(h, zeros(3));
  gst_harness_push_event(h.get(), gst_event_new_eos());
  const auto packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 2);
  ck_assert_uint_eq(packets[0].payload.size(), 8);
  ck_assert_uint_eq(packets[1].payload.size(), 7);
  ck_assert_uint_eq(packets[1].timestamp, 36'000);  // the stream goes on
  ck_assert_uint_eq(stat(h, "buffers-in"), 2);
  ck_assert_uint_eq(stat(h, "packets"), 2);
  ck_assert_uint_eq(stat(h, "bytes"), 7);
}
GST_END_TEST

GST_START_TEST(flush_forgets)
{
  const auto h = payloader("chunk-size=10 bitrate=80");
  push(h, zeros(9));
  gst_harness_push_event(h.get(), gst_event_new_flush_start());
  gst_harness_push_event(h.get(), gst_event_new_flush_stop(TRUE));
  push_time_segment(h);
  push(h, zeros(9));
  ck_assert_uint_eq(pull_all(h).size(), 0);
  push(h, zeros(1));
  const auto packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 1);
  ck_assert_uint_eq(packets[0].pts, 0);
}
GST_END_TEST

GST_START_TEST(discontinuity_ends_a_chunk_and_sets_the_marker)
{
  const auto h = payloader("chunk-size=10 bitrate=80");
  push(h, zeros(14, 0));
  auto *buffer = zeros(10, 9 * GST_SECOND);
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  push(h, buffer);
  buffer = zeros(20);
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  push(h, buffer);
  const auto packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 5);
  const gsize sizes[] = {14, 8, 14, 14, 14};
  const bool markers[] = {false, false, true, true, false};
  const guint seconds[] = {0, 1, 9, 10, 11};  // the last had no time: it goes on
  for (std::size_t i = 0; i < packets.size(); ++i) {
    ck_assert_uint_eq(packets[i].payload.size(), sizes[i]);
    ck_assert_int_eq(packets[i].marker, markers[i]);
    ck_assert_uint_eq(packets[i].pts, seconds[i] * GST_SECOND);
    ck_assert_uint_eq(packets[i].timestamp, seconds[i] * 90'000);
  }
}
GST_END_TEST

GST_START_TEST(shares_the_input)
{
  const auto h = payloader("");
  auto *input = zeros(1400);
  push(h, gst_buffer_ref(input));
  auto *packet = gst_harness_pull(h.get());
  auto *last = gst_buffer_peek_memory(packet, gst_buffer_n_memory(packet) - 1);
  GstMapInfo in;
  GstMapInfo out;
  gst_memory_map(gst_buffer_peek_memory(input, 0), &in, GST_MAP_READ);
  gst_memory_map(last, &out, GST_MAP_READ);
  ck_assert_ptr_eq(in.data, out.data);
  gst_memory_unmap(last, &out);
  gst_memory_unmap(gst_buffer_peek_memory(input, 0), &in);
  gst_buffer_unref(packet);
  gst_buffer_unref(input);
}
GST_END_TEST

// The packets of one large buffer, or of a list, come as lists, each with its own time.
GST_START_TEST(gives_lists)
{
  const auto h = payloader("chunk-size=10 bitrate=80");
  int lists = 0;
  gst_pad_add_probe(
      h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER_LIST,
      [](GstPad *, GstPadProbeInfo *, gpointer count) {
        ++*static_cast<int *>(count);
        return GST_PAD_PROBE_OK;
      },
      &lists, nullptr);
  push(h, zeros(25));
  ck_assert_int_eq(lists, 1);
  push(h, zeros(10));
  ck_assert_int_eq(lists, 1);
  auto *list = gst_buffer_list_new();
  for (int i = 0; i < 5; ++i)
    gst_buffer_list_add(list, zeros(7));
  ck_assert_int_eq(gst_pad_push_list(h->srcpad, list), GST_FLOW_OK);
  ck_assert_int_eq(lists, 2);
  push(h, zeros(10'000));  // not one list of a thousand
  ck_assert_int_ge(lists, 5);
  const auto packets = pull_all(h);
  ck_assert_uint_eq(packets.size(), 1007);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    ck_assert_uint_eq(packets[i].timestamp, i * 90'000);
    ck_assert_uint_eq(packets[i].seq, static_cast<guint16>(65534 + i));
  }
}
GST_END_TEST

GST_START_TEST(empty_buffers_are_nothing)
{
  const auto h = payloader("chunk-size=10");
  for (int i = 0; i < 3; ++i)
    push(h, gst_buffer_new());
  gst_harness_push_event(h.get(), gst_event_new_eos());
  ck_assert_uint_eq(pull_all(h).size(), 0);
}
GST_END_TEST

GST_START_TEST(adds_the_time_of_a_chunk_to_the_latency)
{
  const auto h = payloader("chunk-size=1000 bitrate=8000");
  gst_harness_set_upstream_latency(h.get(), 3 * GST_SECOND);
  ck_assert_uint_eq(gst_harness_query_latency(h.get()), 4 * GST_SECOND);
}
GST_END_TEST

GST_START_TEST(can_start_again_and_again)
{
  const auto h = payloader("chunk-size=10 bitrate=80");
  auto *pay = gst_harness_find_element(h.get(), "rtpnullpay");
  for (int i = 0; i < 100; ++i) {
    push(h, zeros(25));
    ck_assert_uint_eq(stat(h, "packets"), 2);
    gst_element_set_state(pay, i % 2 == 0 ? GST_STATE_READY : GST_STATE_NULL);
    gst_element_set_state(pay, GST_STATE_PLAYING);
    gst_harness_push_event(h.get(), gst_event_new_stream_start("again"));
    gst_harness_set_src_caps_str(h.get(), "application/octet-stream");
    push_time_segment(h);
    const auto packets = pull_all(h);
    ck_assert_uint_eq(packets.size(), 2);
    ck_assert_uint_eq(packets[0].seq, 65534);
  }
  gst_object_unref(pay);
}
GST_END_TEST

GST_START_TEST(fails_as_downstream_does)
{
  const auto h = payloader("chunk-size=10");
  push(h, zeros(15));
  gst_pad_set_active(h->sinkpad, FALSE);
  ck_assert_int_eq(gst_harness_push(h.get(), zeros(100)), GST_FLOW_FLUSHING);
  auto *list = gst_buffer_list_new();
  gst_buffer_list_add(list, zeros(100));
  ck_assert_int_eq(gst_pad_push_list(h->srcpad, list), GST_FLOW_FLUSHING);
}
GST_END_TEST

static Suite *rtpnullpay_suite()
{
  Suite *suite = suite_create("rtpnullpay");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, packets_as_kamaelia_makes_them);
  tcase_add_test(tc, rtp_time_is_exact_over_the_wrap);
  tcase_add_test(tc, time_begins_at_the_segment_or_the_first_pts);
  tcase_add_test(tc, takes_bytes_without_caps_or_times);
  tcase_add_test(tc, caps_and_end_flush_the_rest);
  tcase_add_test(tc, flush_forgets);
  tcase_add_test(tc, discontinuity_ends_a_chunk_and_sets_the_marker);
  tcase_add_test(tc, shares_the_input);
  tcase_add_test(tc, gives_lists);
  tcase_add_test(tc, empty_buffers_are_nothing);
  tcase_add_test(tc, adds_the_time_of_a_chunk_to_the_latency);
  tcase_add_test(tc, can_start_again_and_again);
  tcase_add_test(tc, fails_as_downstream_does);
  return suite;
}

GST_CHECK_MAIN(rtpnullpay)
