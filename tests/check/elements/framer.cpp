// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/vectors.hpp"

using namespace kam;
using test::Harness;

namespace {

void add_tag(GstBuffer *buffer, const char *tag)
{
  auto *meta = gst_buffer_add_custom_meta(buffer, "KamFrameTag");
  gst_structure_set(gst_custom_meta_get_structure(meta), "tag", G_TYPE_STRING, tag, nullptr);
}

std::string tag_of(const test::Json &item)
{
  if (item.has("tag"))
    return item["tag"].text();
  const auto bytes = item["tag_str"].bytes();
  return std::string{as_text(bytes)};
}

}  // namespace

GST_START_TEST(writes_what_kamaelia_wrote)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("framer")) {
    Harness h{"framer tag-mode=meta", "application/octet-stream"};
    for (const auto &item : vector["in"].items()) {
      auto *buffer = test::buffer_of(item["data"].bytes());
      add_tag(buffer, tag_of(item).c_str());
      ck_assert_int_eq(h.push(buffer), GST_FLOW_OK);
    }
    std::vector<ByteVector> want;
    // "fix": no frame can carry such a tag, so none is written.
    if (vector["policy"].text() != "fix")
      for (const auto &out : vector["out"].items())
        want.push_back(out.bytes());
    test::assert_equal(h.take(), want, vector["id"].text());
    ck_assert_uint_eq(h.stat("framer", "bad-tag"), vector["policy"].text() == "fix" ? 1 : 0);
    ++cases;
  }
  ck_assert_int_eq(cases, 25);
}
GST_END_TEST

GST_START_TEST(counts_from_one)
{
  Harness h{"framer", "text/plain"};
  h.push("a");
  h.push("");
  h.push("bcd");
  test::assert_equal(
      h.take(), {test::bytes_of("1 1\na"), test::bytes_of("2 0\n"), test::bytes_of("3 3\nbcd")},
      "sequence");
  guint64 next = 0;
  g_object_get(h.element("framer"), "sequence", &next, nullptr);
  ck_assert_uint_eq(next, 4);
}
GST_END_TEST

GST_START_TEST(wraps_where_told)
{
  Harness h{"framer first-sequence=65534 modulo=65536", "text/plain"};
  for (int i = 0; i < 4; ++i)
    h.push("x");
  test::assert_equal(h.take(),
                     {test::bytes_of("65534 1\nx"), test::bytes_of("65535 1\nx"),
                      test::bytes_of("0 1\nx"), test::bytes_of("1 1\nx")},
                     "modulo");
}
GST_END_TEST

GST_START_TEST(takes_the_offset)
{
  Harness h{"framer tag-mode=offset", "text/plain"};
  auto *buffer = test::buffer_of(as_bytes("x"));
  GST_BUFFER_OFFSET(buffer) = 77;
  h.push(buffer);
  h.push("no offset");
  test::assert_equal(h.take(), {test::bytes_of("77 1\nx")}, "offset");
  ck_assert_uint_eq(h.stat("framer", "no-tag"), 1);
}
GST_END_TEST

GST_START_TEST(keeps_times_flags_and_the_data_in_place)
{
  Harness h{"framer", "text/plain"};
  auto *buffer = test::buffer_of(as_bytes("data"));
  GST_BUFFER_PTS(buffer) = 5;
  GST_BUFFER_DTS(buffer) = 4;
  GST_BUFFER_DURATION(buffer) = 3;
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_MARKER);
  auto *memory = gst_buffer_peek_memory(buffer, 0);
  h.push(buffer);
  auto *out = h.try_pull();
  ck_assert_uint_eq(GST_BUFFER_PTS(out), 5);
  ck_assert_uint_eq(GST_BUFFER_DTS(out), 4);
  ck_assert_uint_eq(GST_BUFFER_DURATION(out), 3);
  ck_assert_uint_eq(GST_BUFFER_OFFSET(out), 1);
  ck_assert_uint_eq(GST_BUFFER_OFFSET_END(out), 2);
  ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
  ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_MARKER));
  ck_assert_ptr_eq(gst_buffer_peek_memory(out, 1), memory);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(does_not_change_a_buffer_that_others_hold)
{
  Harness h{"framer", "text/plain"};
  auto *buffer = test::buffer_of(as_bytes("data"));
  h.push(gst_buffer_ref(buffer));
  ck_assert_uint_eq(gst_buffer_get_size(buffer), 4);
  gst_buffer_unref(buffer);
  test::assert_equal(h.take(), {test::bytes_of("1 4\ndata")}, "shared");
}
GST_END_TEST

GST_START_TEST(says_in_caps_what_is_inside)
{
  Harness h{"framer", "text/plain,format=utf8"};
  h.push("x");
  auto *caps = gst_pad_get_current_caps(h.get()->sinkpad);
  auto *want = gst_caps_from_string(
      "application/x-kamaelia-frame,framed=true,"
      "payload-caps=\"text/plain,\\ format\\=\\(string\\)utf8\"");
  ck_assert_msg(gst_caps_is_subset(caps, want) || gst_caps_can_intersect(caps, want), "%s",
                gst_caps_to_string(caps));
  gst_caps_unref(caps);
  gst_caps_unref(want);
}
GST_END_TEST

GST_START_TEST(goes_on_counting_after_a_flush_and_anew_after_ready)
{
  Harness h{"framer", "text/plain"};
  h.push("a");
  h.push_event(gst_event_new_flush_start());
  h.push_event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  h.push_event(gst_event_new_segment(&segment));
  h.push("b");
  test::assert_equal(h.take(), {test::bytes_of("1 1\na"), test::bytes_of("2 1\nb")}, "flush");
  auto *framer = h.element("framer");
  gst_element_set_state(framer, GST_STATE_READY);
  gst_element_set_state(framer, GST_STATE_PLAYING);
  guint64 next = 0;
  g_object_get(framer, "sequence", &next, nullptr);
  ck_assert_uint_eq(next, 1);
}
GST_END_TEST

static Suite *framer_suite()
{
  Suite *suite = suite_create("framer");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, writes_what_kamaelia_wrote);
  tcase_add_test(tc, counts_from_one);
  tcase_add_test(tc, wraps_where_told);
  tcase_add_test(tc, takes_the_offset);
  tcase_add_test(tc, keeps_times_flags_and_the_data_in_place);
  tcase_add_test(tc, does_not_change_a_buffer_that_others_hold);
  tcase_add_test(tc, says_in_caps_what_is_inside);
  tcase_add_test(tc, goes_on_counting_after_a_flush_and_anew_after_ready);
  return suite;
}

GST_CHECK_MAIN(framer)
