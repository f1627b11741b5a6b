// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/rtp/null_payload.hpp"

#include <gst/rtp/rtp.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/check/gsttestclock.h>

using namespace kam;

namespace {

constexpr auto rtp_caps =
    "application/x-rtp, media=application, clock-rate=90000, "
    "encoding-name=X-KAMAELIA-NULL, payload=96, bitrate=(string)80";

struct Teardown {
  void operator()(GstHarness *h) const { gst_harness_teardown(h); }
};
using Harness = std::unique_ptr<GstHarness, Teardown>;

Harness harness(const std::string &launch, const char *caps = rtp_caps)
{
  Harness h{gst_harness_new_parse(launch.c_str())};
  gst_harness_set_src_caps_str(h.get(), caps);
  return h;
}

GstBuffer *packet(guint16 seq, Bytes payload, bool marker = false)
{
  auto *buffer = gst_rtp_buffer_new_allocate(static_cast<guint>(payload.size()), 0, 0);
  GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
  gst_rtp_buffer_map(buffer, GST_MAP_READWRITE, &rtp);
  gst_rtp_buffer_set_seq(&rtp, seq);
  gst_rtp_buffer_set_payload_type(&rtp, 96);
  gst_rtp_buffer_set_marker(&rtp, marker);
  gst_rtp_buffer_unmap(&rtp);
  gst_buffer_fill(buffer, 12, payload.data(), payload.size());
  GST_BUFFER_PTS(buffer) = seq * GST_SECOND;
  return buffer;
}

GstBuffer *packet(guint16 seq, std::string_view payload, bool marker = false)
{
  return packet(seq, as_bytes(payload), marker);
}

void push(const Harness &h, GstBuffer *buffer)
{
  ck_assert_int_eq(gst_harness_push(h.get(), buffer), GST_FLOW_OK);
}

std::string text_of(GstBuffer *buffer)
{
  std::string text(gst_buffer_get_size(buffer), '\0');
  gst_buffer_extract(buffer, 0, text.data(), text.size());
  return text;
}

guint64 stat(const Harness &h, const char *field)
{
  GstStructure *stats = nullptr;
  auto *depay = gst_harness_find_element(h.get(), "rtpnulldepay");
  g_object_get(depay, "stats", &stats, nullptr);
  guint64 value = 0;
  ck_assert_msg(gst_structure_get_uint64(stats, field, &value), "no %s", field);
  gst_structure_free(stats);
  gst_object_unref(depay);
  return value;
}

}  // namespace

GST_START_TEST(takes_the_data_out)
{
  const auto h = harness("rtpnulldepay");
  push(h, packet(3, std::string_view{"\0\0\0\5hello", 9}));
  push(h, packet(4, std::string_view{"\0\0\0\5world", 9}, true));
  auto *buffer = gst_harness_pull(h.get());
  ck_assert(text_of(buffer) == "hello");
  ck_assert_uint_eq(GST_BUFFER_PTS(buffer), 3 * GST_SECOND);
  gst_buffer_unref(buffer);
  buffer = gst_harness_pull(h.get());
  ck_assert(text_of(buffer) == "world");
  ck_assert(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_RESYNC));
  ck_assert(GST_BUFFER_IS_DISCONT(buffer));
  gst_buffer_unref(buffer);
  auto *caps = gst_pad_get_current_caps(h->sinkpad);
  ck_assert(
      gst_structure_has_name(gst_caps_get_structure(caps, 0), "application/octet-stream"));
  gst_caps_unref(caps);
  ck_assert_uint_eq(stat(h, "packets"), 2);
  ck_assert_uint_eq(stat(h, "bytes"), 10);
}
GST_END_TEST

GST_START_TEST(gives_the_caps_it_is_told)
{
  const auto h = harness("rtpnulldepay caps=video/mpegts,systemstream=true,packetsize=188");
  push(h, packet(0, std::string_view{"\0\0\0\1x", 5}));
  auto *caps = gst_pad_get_current_caps(h->sinkpad);
  ck_assert(gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/mpegts"));
  gst_caps_unref(caps);
}
GST_END_TEST

GST_START_TEST(does_not_copy)
{
  const auto h = harness("rtpnulldepay");
  auto *input = packet(0, std::string_view{"\0\0\0\5hello!!", 11});
  push(h, gst_buffer_ref(input));
  auto *output = gst_harness_pull(h.get());
  GstMapInfo in;
  GstMapInfo out;
  gst_buffer_map(output, &out, GST_MAP_READ);
  auto *memory = gst_buffer_peek_memory(input, gst_buffer_n_memory(input) - 1);
  gst_memory_map(memory, &in, GST_MAP_READ);
  ck_assert_uint_eq(out.size, 5);
  ck_assert(out.data > in.data && out.data < in.data + in.size);
  gst_memory_unmap(memory, &in);
  gst_buffer_unmap(output, &out);
  gst_buffer_unref(output);
  gst_buffer_unref(input);
  ck_assert_uint_eq(stat(h, "trailing-bytes"), 2);
}
GST_END_TEST

// What is not right is dropped and counted, and the next packet is fine.
GST_START_TEST(drops_what_is_damaged)
{
  const auto h = harness("rtpnulldepay");
  guint16 seq = 0;
  for (const auto payload : {std::string_view{""}, std::string_view{"\0\0\0", 3}})
    push(h, packet(seq++, payload));
  for (const auto payload :
       {std::string_view{"\0\0\0\6hello", 9}, std::string_view{"\377\377\377\377hello", 9},
        std::string_view{"\200\0\0\0", 4}, std::string_view{"\177\377\377\377\0", 5}})
    push(h, packet(seq++, payload));
  push(h, packet(seq++, std::string_view{"\0\0\0\0", 4}));
  push(h, packet(1, std::string_view{"\0\0\0\3old", 7}));
  push(h, gst_buffer_new());
  push(h, gst_buffer_new_memdup("rubbish", 7));
  auto *list = gst_buffer_list_new();
  gst_buffer_list_add(list, gst_buffer_new_memdup("more rubbish that is longer", 27));
  gst_buffer_list_add(list, packet(seq, std::string_view{"\0\0\0\4good", 8}));
  ck_assert_int_eq(gst_pad_push_list(h->srcpad, list), GST_FLOW_OK);
  ck_assert_uint_eq(gst_harness_buffers_received(h.get()), 1);
  auto *buffer = gst_harness_pull(h.get());
  ck_assert(text_of(buffer) == "good");
  gst_buffer_unref(buffer);
  ck_assert_uint_eq(stat(h, "short"), 2);
  ck_assert_uint_eq(stat(h, "bad-length"), 4);
  ck_assert_uint_eq(stat(h, "empty"), 1);
  ck_assert_uint_eq(stat(h, "rejected"), 4);
  ck_assert_uint_eq(stat(h, "packets"), 1);
}
GST_END_TEST

GST_START_TEST(reads_what_rtpnullpay_writes)
{
  std::mt19937 random{11};
  const auto h =
      harness("rtpnullpay chunk-size=257 ! rtpnulldepay", "application/octet-stream");
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    std::string piece(random() % 1200, '\0');
    for (auto &byte : piece)
      byte = static_cast<char>(random());
    push(h,
         piece.empty() ? gst_buffer_new() : gst_buffer_new_memdup(piece.data(), piece.size()));
    sent += piece;
  }
  gst_harness_push_event(h.get(), gst_event_new_eos());
  std::string received;
  while (auto *buffer = gst_harness_try_pull(h.get())) {
    received += text_of(buffer);
    gst_buffer_unref(buffer);
  }
  ck_assert_msg(received == sent, "what came out differs");
}
GST_END_TEST

namespace {

constexpr guint packets_sent = 400;
constexpr gsize chunk = 1000;
constexpr GstClockTime packet_time = 10 * GST_MSECOND;

// Packets of rtpnullpay whose data is their number, over and over, and whose timestamps and
// sequence numbers both wrap on the way.
std::vector<GstBuffer *> numbered_packets()
{
  const auto pay = harness(
      "rtpnullpay chunk-size=1000 bitrate=800000 seqnum-offset=65400 "
      "timestamp-offset=4294900000 ssrc=7",
      "application/octet-stream");
  std::vector<GstBuffer *> packets;
  for (guint i = 0; i < packets_sent; ++i) {
    const std::vector<guint16> numbers(chunk / 2, static_cast<guint16>(i));
    push(pay, gst_buffer_new_memdup(numbers.data(), chunk));
    packets.push_back(gst_harness_pull(pay.get()));
  }
  return packets;
}

// Lets the harness's clock jump from one wait of another thread to the next while it lives.
class ClockCrank {
 public:
  explicit ClockCrank(GstHarness *h)
      : clock_{gst_harness_get_testclock(h)}, thread_{[this] {
          while (!done_)
            if (gst_test_clock_timed_wait_for_multiple_pending_ids(clock_, 1, 10, nullptr))
              gst_test_clock_crank(clock_);
        }}
  {
  }
  ~ClockCrank()
  {
    done_ = true;
    thread_.join();
    gst_object_unref(clock_);
  }
  ClockCrank(const ClockCrank &) = delete;
  ClockCrank &operator=(const ClockCrank &) = delete;

 private:
  GstTestClock *clock_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

guint number_of(GstBuffer *buffer)
{
  std::vector<guint16> numbers(chunk / 2);
  ck_assert_uint_eq(gst_buffer_get_size(buffer), chunk);
  gst_buffer_extract(buffer, 0, numbers.data(), chunk);
  ck_assert(std::all_of(numbers.begin(), numbers.end(),
                        [&](auto number) { return number == numbers[0]; }));
  return numbers[0];
}

}  // namespace

// One in ten lost, one in ten late by two places, over both wraps: what was not lost comes out
// in order, at its time, with a DISCONT after each hole.
GST_START_TEST(works_behind_a_jitter_buffer)
{
  constexpr unsigned seed = 5;
  std::mt19937 random{seed};
  const auto h = harness("rtpjitterbuffer latency=100 do-lost=true ! rtpnulldepay");
  gst_harness_use_testclock(h.get());
  gst_harness_set_time(h.get(), 0);

  auto packets = numbered_packets();
  std::vector<guint> order;
  std::vector<guint> survivors;
  for (guint i = 0; i < packets_sent; ++i) {
    if (i > 2 && i + 10 < packets_sent && random() % 10 == 0)
      continue;
    survivors.push_back(i);
    order.push_back(i);
  }
  for (std::size_t i = 2; i + 2 < order.size(); i += 10)
    std::swap(order[i], order[i + 2]);

  struct Received {
    guint number;
    GstClockTime pts;
    bool discont;
  };
  std::vector<Received> received;
  GstClockTime now = 0;
  for (const auto number : order) {
    // Each arrives when it is sent, but for those that were overtaken.
    now = std::max(now, (number + 1) * packet_time);
    gst_harness_set_time(h.get(), now);
    auto *buffer = gst_buffer_make_writable(gst_buffer_ref(packets[number]));
    GST_BUFFER_DTS(buffer) = now;
    GST_BUFFER_PTS(buffer) = now;
    push(h, buffer);
  }
  const ClockCrank crank{h.get()};
  while (received.size() < survivors.size()) {
    auto *buffer = gst_harness_pull(h.get());
    ck_assert_msg(buffer != nullptr, "only %zu of %zu came (seed %u)", received.size(),
                  survivors.size(), seed);
    received.push_back(
        {number_of(buffer), GST_BUFFER_PTS(buffer), GST_BUFFER_IS_DISCONT(buffer) == TRUE});
    gst_buffer_unref(buffer);
  }
  guint holes = 0;
  for (std::size_t i = 1; i < received.size(); ++i) {
    ck_assert_uint_eq(received[i].number, survivors[i]);
    const bool hole = survivors[i] != survivors[i - 1] + 1;
    ck_assert_int_eq(received[i].discont, hole);
    holes += hole ? 1 : 0;
    const auto want = received[0].pts + survivors[i] * packet_time;
    ck_assert_uint_lt(received[i].pts, want + packet_time / 2);
    ck_assert_uint_gt(received[i].pts, want - packet_time / 2);
  }
  ck_assert_uint_gt(holes, 10);
  ck_assert_uint_gt(stat(h, "lost"), 10);
  ck_assert_uint_eq(stat(h, "packets"), survivors.size());
  for (auto *buffer : packets)
    gst_buffer_unref(buffer);
}
GST_END_TEST

GST_START_TEST(can_start_again_and_again)
{
  const auto h = harness("rtpnulldepay");
  auto *depay = gst_harness_find_element(h.get(), "rtpnulldepay");
  for (int i = 0; i < 100; ++i) {
    push(h, packet(0, std::string_view{"\0\0\0\1x", 5}));
    push(h, packet(1, std::string_view{"\0\0\0\2x", 5}));
    gst_buffer_unref(gst_harness_pull(h.get()));
    ck_assert_uint_eq(stat(h, "bad-length"), 1);
    gst_element_set_state(depay, i % 2 == 0 ? GST_STATE_READY : GST_STATE_NULL);
    gst_element_set_state(depay, GST_STATE_PLAYING);
    gst_harness_push_event(h.get(), gst_event_new_stream_start("again"));
    gst_harness_set_src_caps_str(h.get(), rtp_caps);
  }
  gst_object_unref(depay);
}
GST_END_TEST

static Suite *rtpnulldepay_suite()
{
  Suite *suite = suite_create("rtpnulldepay");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, takes_the_data_out);
  tcase_add_test(tc, gives_the_caps_it_is_told);
  tcase_add_test(tc, does_not_copy);
  tcase_add_test(tc, drops_what_is_damaged);
  tcase_add_test(tc, reads_what_rtpnullpay_writes);
  tcase_add_test(tc, works_behind_a_jitter_buffer);
  tcase_add_test(tc, can_start_again_and_again);
  return suite;
}

GST_CHECK_MAIN(rtpnulldepay)
