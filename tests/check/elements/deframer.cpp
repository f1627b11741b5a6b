// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/memory.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

using namespace kam;
using test::Harness;
using test::hostile_bytes;

namespace {

constexpr auto framed = "application/x-kamaelia-frame,framed=true";
constexpr auto unframed = "application/x-kamaelia-frame,framed=false";

std::string tag_of(GstBuffer *buffer)
{
  if (GST_BUFFER_OFFSET_IS_VALID(buffer))
    return std::to_string(GST_BUFFER_OFFSET(buffer));
  auto *meta = gst_buffer_get_custom_meta(buffer, "KamFrameTag");
  return meta ? gst_structure_get_string(gst_custom_meta_get_structure(meta), "tag") : "none";
}

}  // namespace

GST_START_TEST(reads_what_kamaelia_should_have_read)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("deframer")) {
    const auto id = vector["id"].text();
    Harness h{"deframer", framed};
    for (const auto &frame : vector["in"].items())
      ck_assert_int_eq(h.push(frame.bytes()), GST_FLOW_OK);
    ++cases;
    if (vector["policy"].text() == "either")
      continue;
    const auto wants = vector[vector.has("want") ? "want" : "out"].items();
    for (const auto &want : wants) {
      auto *out = h.try_pull();
      ck_assert_msg(out != nullptr, "%s: nothing came out", id.c_str());
      ck_assert_msg(test::bytes_of(out) == want["data"].bytes(), "%s: other data", id.c_str());
      ck_assert_msg(tag_of(out) == want["tag"].text(), "%s: other tag", id.c_str());
      gst_buffer_unref(out);
    }
    ck_assert_msg(h.try_pull() == nullptr, "%s: more came out", id.c_str());
  }
  ck_assert_int_eq(cases, 41);
}
GST_END_TEST

GST_START_TEST(counts_drops_by_reason)
{
  Harness h{"deframer", framed};
  for (const auto *const frame : {"rubbish", "1 2 3\nabc", "1_0 3\nabc", "1 -2\nabcde", "1 x\n",
                                  "1 99999999999999999999\nabc", "1 4\nabc", "1 3\nabcdef"})
    h.push(frame);
  ck_assert_uint_eq(h.stat("deframer", "bad-header"), 2);
  ck_assert_uint_eq(h.stat("deframer", "bad-tag"), 1);
  ck_assert_uint_eq(h.stat("deframer", "bad-length"), 3);
  ck_assert_uint_eq(h.stat("deframer", "short"), 1);
  ck_assert_uint_eq(h.stat("deframer", "frames"), 1);
  ck_assert_uint_eq(h.stat("deframer", "trailing-bytes"), 3);
}
GST_END_TEST

GST_START_TEST(gives_up_where_told)
{
  Harness h{"deframer max-errors=1", framed};
  auto *bus = gst_bus_new();
  gst_element_set_bus(h.element("deframer"), bus);
  ck_assert_int_eq(h.push("rubbish"), GST_FLOW_OK);
  ck_assert_int_eq(h.push("more rubbish"), GST_FLOW_ERROR);
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  ck_assert(message != nullptr);
  gst_message_unref(message);
  gst_element_set_bus(h.element("deframer"), nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

GST_START_TEST(tells_about_drops_if_asked)
{
  Harness h{"deframer post-drop-messages=true", framed};
  auto *bus = gst_bus_new();
  gst_element_set_bus(h.element("deframer"), bus);
  for (int i = 0; i < 100; ++i)
    h.push("rubbish");
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
  ck_assert(message != nullptr);
  const auto *structure = gst_message_get_structure(message);
  ck_assert(gst_structure_has_name(structure, "drop-msg"));
  ck_assert_str_eq(gst_structure_get_string(structure, "reason"), "bad-header");
  gst_message_unref(message);
  // Not one for each.
  int more = 0;
  while (auto *next = gst_bus_pop(bus)) {
    gst_message_unref(next);
    ++more;
  }
  ck_assert_int_lt(more, 10);
  gst_element_set_bus(h.element("deframer"), nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

GST_START_TEST(keeps_times_flags_and_the_data_in_place)
{
  Harness h{"deframer", framed};
  auto *buffer = test::buffer_of(as_bytes("9 4\ndata"));
  GST_BUFFER_PTS(buffer) = 5;
  GST_BUFFER_DTS(buffer) = 4;
  GST_BUFFER_DURATION(buffer) = 3;
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_MARKER);
  auto *memory = gst_buffer_peek_memory(buffer, 0);
  h.push(buffer);
  auto *out = h.try_pull();
  ck_assert_uint_eq(GST_BUFFER_PTS(out), 5);
  ck_assert_uint_eq(GST_BUFFER_DTS(out), 4);
  ck_assert_uint_eq(GST_BUFFER_DURATION(out), 3);
  ck_assert_uint_eq(GST_BUFFER_OFFSET(out), 9);
  ck_assert_uint_eq(GST_BUFFER_OFFSET_END(out), 10);
  ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_MARKER));
  ck_assert(!GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
  ck_assert_ptr_eq(gst_buffer_peek_memory(out, 0), memory);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(carries_discont_over_a_drop)
{
  Harness h{"deframer", framed};
  auto *bad = test::buffer_of(as_bytes("rubbish"));
  GST_BUFFER_FLAG_SET(bad, GST_BUFFER_FLAG_DISCONT);
  h.push(bad);
  h.push("1 1\na");
  h.push("2 1\nb");
  auto *first = h.try_pull();
  auto *second = h.try_pull();
  ck_assert(GST_BUFFER_FLAG_IS_SET(first, GST_BUFFER_FLAG_DISCONT));
  ck_assert(!GST_BUFFER_FLAG_IS_SET(second, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref(first);
  gst_buffer_unref(second);
}
GST_END_TEST

GST_START_TEST(gives_back_the_caps_of_the_data)
{
  Harness h{"framer ! deframer", "text/plain,format=(string)utf8"};
  h.push("x");
  auto *caps = gst_pad_get_current_caps(h.get()->sinkpad);
  auto *want = gst_caps_from_string("text/plain,format=utf8");
  ck_assert(gst_caps_is_equal(caps, want));
  gst_caps_unref(caps);
  gst_caps_unref(want);
}
GST_END_TEST

GST_START_TEST(names_the_caps_it_is_told)
{
  Harness h{"deframer caps=video/mpegts,systemstream=true", framed};
  h.push("1 1\nx");
  auto *caps = gst_pad_get_current_caps(h.get()->sinkpad);
  ck_assert(gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/mpegts"));
  gst_caps_unref(caps);
}
GST_END_TEST

GST_START_TEST(works_without_caps)
{
  Harness h{"deframer"};
  h.start_without_caps();
  h.push("1 1\nx");
  test::assert_equal(h.take(), {test::bytes_of("x")}, "no caps");
  auto *caps = gst_pad_get_current_caps(h.get()->sinkpad);
  ck_assert(
      gst_structure_has_name(gst_caps_get_structure(caps, 0), "application/octet-stream"));
  gst_caps_unref(caps);
}
GST_END_TEST

GST_START_TEST(reads_a_stream_in_any_pieces)
{
  test::Random random{3};
  for (int round = 0; round < 50; ++round) {
    ByteVector stream;
    std::vector<ByteVector> want;
    for (int i = 1; i <= 20; ++i) {
      want.push_back(random.bytes(random.below(5000)));
      const auto header = std::to_string(i) + " " + std::to_string(want.back().size()) + "\n";
      const auto bytes = as_bytes(header);
      stream.insert(stream.end(), bytes.begin(), bytes.end());
      stream.insert(stream.end(), want.back().begin(), want.back().end());
    }
    Harness h{"deframer", unframed};
    const auto piece = 1 + random.below(9000);
    for (Bytes rest = stream; !rest.empty(); rest = rest.subspan(std::min(piece, rest.size())))
      h.push(rest.first(std::min(piece, rest.size())));
    h.end();
    test::assert_equal(h.take(), want, "stream");
  }
}
GST_END_TEST

GST_START_TEST(times_a_frame_of_a_stream_by_its_first_byte)
{
  Harness h{"deframer", unframed};
  GstClockTime pts = 10;
  for (const auto *const piece : {"1 4\nab", "cd2 1\ne3 2\nf", "g"}) {
    auto *buffer = test::buffer_of(as_bytes(piece));
    GST_BUFFER_PTS(buffer) = pts;
    pts += 10;
    h.push(buffer);
  }
  for (const GstClockTime want : {10, 20, 20}) {
    auto *out = h.try_pull();
    ck_assert_uint_eq(GST_BUFFER_PTS(out), want);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(begins_anew_after_discont)
{
  Harness h{"deframer", unframed};
  h.push("1 10\nabc");
  auto *buffer = test::buffer_of(as_bytes("3 2\nhi"));
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  h.push(buffer);
  auto *out = h.try_pull();
  ck_assert_uint_eq(GST_BUFFER_OFFSET(out), 3);
  ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref(out);
  ck_assert_uint_eq(h.stat("deframer", "short"), 1);
}
GST_END_TEST

GST_START_TEST(stays_small_under_hostile_input)
{
  for (const auto *const caps : {framed, unframed})
    for (const auto *const start :
         {"", "1 2147483648\n", "1 18446744073709551619\n", "1 100000000000000000000\n",
          "text before a frame 1 5\nhello", "1 4194304"}) {
      Harness h{"deframer", caps};
      gst_harness_set_drop_buffers(h.get(), TRUE);
      std::string block{start};
      block.resize(std::size_t{64} << 10U, '1');
      h.push(block);
      const auto before = test::resident_memory();
      for (std::size_t sent = 0; sent < hostile_bytes; sent += block.size())
        ck_assert_int_eq(h.push(block), GST_FLOW_OK);
      const auto after = test::resident_memory();
      if (test::memory_is_measurable)
        ck_assert_msg(after < before + (std::size_t{2} << 20U), "'%s' grew memory by %zu KiB",
                      start, (after - before) >> 10U);
      gst_harness_set_drop_buffers(h.get(), FALSE);
      h.push("7 4\ngood");
      test::assert_equal(h.take(), {test::bytes_of("good")}, start);
    }
}
GST_END_TEST

static Suite *deframer_suite()
{
  Suite *suite = suite_create("deframer");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, reads_what_kamaelia_should_have_read);
  tcase_add_test(tc, counts_drops_by_reason);
  tcase_add_test(tc, gives_up_where_told);
  tcase_add_test(tc, tells_about_drops_if_asked);
  tcase_add_test(tc, keeps_times_flags_and_the_data_in_place);
  tcase_add_test(tc, carries_discont_over_a_drop);
  tcase_add_test(tc, gives_back_the_caps_of_the_data);
  tcase_add_test(tc, names_the_caps_it_is_told);
  tcase_add_test(tc, works_without_caps);
  tcase_add_test(tc, reads_a_stream_in_any_pieces);
  tcase_add_test(tc, times_a_frame_of_a_stream_by_its_first_byte);
  tcase_add_test(tc, begins_anew_after_discont);
  tcase_add_test(tc, stays_small_under_hostile_input);
  return suite;
}

GST_CHECK_MAIN(deframer)
