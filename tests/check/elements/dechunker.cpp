// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/memory.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

using namespace kam;
using test::Harness;
using test::hostile_bytes;

namespace {

const std::string sync24(24, 'X');

void set_sync(GstElement *element, Bytes sync)
{
  auto *bytes = g_bytes_new(sync.data(), sync.size());
  g_object_set(element, "sync-bytes", bytes, nullptr);
  g_bytes_unref(bytes);
}

GstBuffer *timed(std::string_view text, GstClockTime pts)
{
  auto *buffer = test::buffer_of(as_bytes(text));
  GST_BUFFER_PTS(buffer) = pts;
  return buffer;
}

}  // namespace

GST_START_TEST(reads_what_kamaelia_should_have_read)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("dechunker")) {
    Harness h{"dechunker"};
    set_sync(h.element("dechunker"), vector["params"]["syncmessage"].bytes());
    gst_harness_set_src_caps_str(h.get(), "application/octet-stream");
    for (const auto &event : vector["events"].items()) {
      if (event.has("data"))
        h.push(event["data"].bytes());
      else
        g_signal_emit_by_name(h.element("dechunker"), "flush-pending");
    }
    std::vector<ByteVector> want;
    for (const auto &out : vector[vector.has("want") ? "want" : "out"].items())
      want.push_back(out.bytes());
    test::assert_equal(h.take(), want, vector["id"].text());
    ++cases;
  }
  ck_assert_int_eq(cases, 42);
}
GST_END_TEST

GST_START_TEST(gives_back_what_went_in)
{
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    test::Random random{seed};
    auto sync = random.bytes(1 + random.below(30));
    sync.back() = std::byte{'X'};  // never made only of what escaped data is full of
    Harness h{"framer ! chunker ! packetiser ! dechunker ! deframer"};
    set_sync(h.element("chunker"), sync);
    g_object_set(h.element("packetiser"), "max-size", guint(1 + random.below(3000)), nullptr);
    gst_harness_set_src_caps_str(h.get(), "application/octet-stream");
    std::vector<ByteVector> want;
    for (int i = 0; i < 30; ++i) {
      want.push_back(random.bytes(random.below(4000), "X%2558"));
      h.push(Bytes{want.back()});
    }
    h.end();
    test::assert_equal(h.take(), want, "seed " + std::to_string(seed));
  }
}
GST_END_TEST

GST_START_TEST(ends_a_chunk_with_its_packet_if_told)
{
  Harness h{"dechunker packetized=true", "application/octet-stream"};
  h.push(sync24 + "alpha");
  h.push(sync24);
  h.push(sync24 + "be%58ta" + sync24 + "gamma");
  h.push("no sync in here");
  test::assert_equal(
      h.take(), {test::bytes_of("alpha"), {}, test::bytes_of("beXta"), test::bytes_of("gamma")},
      "packetized");
  ck_assert_uint_eq(h.stat("dechunker", "bytes-skipped"), 15);
}
GST_END_TEST

GST_START_TEST(lets_go_at_eos_and_drain)
{
  Harness h{"dechunker", "application/octet-stream"};
  h.push(sync24 + "alpha");
  test::assert_equal(h.take(), {}, "still open");
  auto *query = gst_query_new_drain();
  gst_pad_peer_query(h.get()->srcpad, query);
  gst_query_unref(query);
  test::assert_equal(h.take(), {test::bytes_of("alpha")}, "drained");
  h.push(sync24 + "beta");
  h.end();
  test::assert_equal(h.take(), {test::bytes_of("beta")}, "ended");
}
GST_END_TEST

GST_START_TEST(forgets_what_was_before_a_flush)
{
  Harness h{"dechunker", "application/octet-stream"};
  h.push(sync24 + "alpha");
  h.push_event(gst_event_new_flush_start());
  h.push_event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  h.push_event(gst_event_new_segment(&segment));
  h.push("rest of it" + sync24 + "beta");
  h.end();
  test::assert_equal(h.take(), {test::bytes_of("beta")}, "flushed");
}
GST_END_TEST

GST_START_TEST(times_a_chunk_by_its_first_byte)
{
  Harness h{"dechunker", "application/octet-stream"};
  h.push(timed(sync24 + "al", 10));
  h.push(timed("pha" + sync24 + "beta" + sync24, 20));
  h.push(timed("gamma" + sync24, 30));
  h.end();
  for (const GstClockTime want : {10, 20, 30, 30}) {
    auto *out = h.try_pull();
    ck_assert(out != nullptr);
    ck_assert_uint_eq(GST_BUFFER_PTS(out), want);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(keeps_what_it_has_over_discont_and_says_so_next)
{
  Harness h{"dechunker", "application/octet-stream"};
  h.push(sync24 + "alpha");
  auto *buffer = test::buffer_of(as_bytes(sync24 + "beta" + sync24 + "gamma"));
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  h.push(buffer);
  auto *first = h.try_pull();
  auto *second = h.try_pull();
  ck_assert(GST_BUFFER_FLAG_IS_SET(first, GST_BUFFER_FLAG_DISCONT));
  ck_assert(!GST_BUFFER_FLAG_IS_SET(second, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref(first);
  gst_buffer_unref(second);
}
GST_END_TEST

GST_START_TEST(flags_a_damaged_chunk)
{
  Harness h{"dechunker", "application/octet-stream"};
  h.push(sync24 + "alXpha" + sync24 + "beta");
  h.end();
  auto *first = h.try_pull();
  auto *second = h.try_pull();
  ck_assert(GST_BUFFER_FLAG_IS_SET(first, GST_BUFFER_FLAG_CORRUPTED));
  ck_assert(!GST_BUFFER_FLAG_IS_SET(second, GST_BUFFER_FLAG_CORRUPTED));
  gst_buffer_unref(first);
  gst_buffer_unref(second);
  ck_assert_uint_eq(h.stat("dechunker", "damaged"), 1);
}
GST_END_TEST

GST_START_TEST(takes_the_sync_from_caps)
{
  Harness h{"chunker sync=|-| ! dechunker", "text/plain"};
  h.push("one");
  h.push("two");
  h.end();
  test::assert_equal(h.take(), {test::bytes_of("one"), test::bytes_of("two")}, "caps");
}
GST_END_TEST

GST_START_TEST(is_followed_by_a_deframer_without_caps)
{
  Harness h{"dechunker ! deframer"};
  h.start_without_caps();
  h.push(sync24 + "1 3\nabc");
  h.end();
  test::assert_equal(h.take(), {test::bytes_of("abc")}, "no caps");
}
GST_END_TEST

GST_START_TEST(stays_small_under_hostile_input)
{
  for (const auto &start : {std::string{}, sync24, sync24 + "1 2147483648\n"})
    for (const char filler : {'j', '%', 'X'}) {
      // A run of sync bytes is a chunk (an empty one) for every 24 of them: less will do.
      const auto total = filler == 'X' ? hostile_bytes / 10 : hostile_bytes;
      Harness h{"dechunker", "application/octet-stream"};
      gst_harness_set_drop_buffers(h.get(), TRUE);
      std::string block(std::size_t{64} << 10U, filler);
      h.push(block);
      const auto before = test::resident_memory();
      h.push(start);
      for (std::size_t sent = 0; sent < total; sent += block.size())
        ck_assert_int_eq(h.push(block), GST_FLOW_OK);
      const auto after = test::resident_memory();
      if (test::memory_is_measurable)
        ck_assert_msg(after < before + (std::size_t{2} << 20U), "filler %c: grew by %zu KiB",
                      filler, (after - before) >> 10U);
      if (filler == 'X')
        h.push("end of the run");
      gst_harness_set_drop_buffers(h.get(), FALSE);
      (void)h.take();
      h.push(sync24 + "good");
      (void)h.take();
      h.end();
      test::assert_equal(h.take(), {test::bytes_of("good")}, "after hostile input");
    }
}
GST_END_TEST

static Suite *dechunker_suite()
{
  Suite *suite = suite_create("dechunker");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, reads_what_kamaelia_should_have_read);
  tcase_add_test(tc, gives_back_what_went_in);
  tcase_add_test(tc, ends_a_chunk_with_its_packet_if_told);
  tcase_add_test(tc, lets_go_at_eos_and_drain);
  tcase_add_test(tc, forgets_what_was_before_a_flush);
  tcase_add_test(tc, times_a_chunk_by_its_first_byte);
  tcase_add_test(tc, keeps_what_it_has_over_discont_and_says_so_next);
  tcase_add_test(tc, flags_a_damaged_chunk);
  tcase_add_test(tc, takes_the_sync_from_caps);
  tcase_add_test(tc, is_followed_by_a_deframer_without_caps);
  tcase_add_test(tc, stays_small_under_hostile_input);
  return suite;
}

GST_CHECK_MAIN(dechunker)
