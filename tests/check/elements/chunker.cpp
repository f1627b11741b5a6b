// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/vectors.hpp"

using namespace kam;
using test::Harness;

namespace {

// A chunker or dechunker with the sync of a vector; false if the property refused it.
bool set_sync(GstElement *element, Bytes sync)
{
  // A refusal is a warning; here it is an answer.
  auto *bytes = g_bytes_new(sync.data(), sync.size());
  const auto handler = g_log_set_handler(
      nullptr, G_LOG_LEVEL_WARNING,
      [](const gchar *, GLogLevelFlags, const gchar *, gpointer) {}, nullptr);
  const auto fatal = g_log_set_always_fatal(GLogLevelFlags(G_LOG_FATAL_MASK));
  g_object_set(element, "sync-bytes", bytes, nullptr);
  g_log_set_always_fatal(fatal);
  g_log_remove_handler(nullptr, handler);
  GBytes *now = nullptr;
  g_object_get(element, "sync-bytes", &now, nullptr);
  const bool taken = now && g_bytes_equal(now, bytes);
  if (now)
    g_bytes_unref(now);
  g_bytes_unref(bytes);
  return taken;
}

}  // namespace

GST_START_TEST(writes_what_kamaelia_wrote)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("chunker")) {
    const auto id = vector["id"].text();
    if (id.starts_with("unescape/"))
      continue;
    ++cases;
    Harness h{"chunker"};
    const auto taken = set_sync(h.element("chunker"), vector["params"]["syncmessage"].bytes());
    const bool refused = id == "chunker/sync-percent" || id == "chunker/sync-hexdigits-6a";
    ck_assert_msg(taken == !refused, "%s", id.c_str());
    if (refused || vector["policy"].text() == "either")
      continue;
    gst_harness_set_src_caps_str(h.get(), "application/octet-stream");
    for (const auto &in : vector["in"].items())
      h.push(in.bytes());
    std::vector<ByteVector> want;
    for (const auto &out : vector[vector.has("want") ? "want" : "out"].items())
      want.push_back(out.bytes());
    test::assert_equal(h.take(), want, id);
  }
  ck_assert_int_eq(cases, 28);
}
GST_END_TEST

GST_START_TEST(writes_srm_after_a_framer)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("srm")) {
    if (!vector["id"].text().starts_with("srm-sender/"))
      continue;
    ++cases;
    Harness h{"framer ! chunker", "application/octet-stream"};
    for (const auto &in : vector["in"].items())
      h.push(in.bytes());
    std::vector<ByteVector> want;
    for (const auto &out : vector["out"].items())
      want.push_back(out.bytes());
    test::assert_equal(h.take(), want, vector["id"].text());
  }
  ck_assert_int_eq(cases, 9);
}
GST_END_TEST

GST_START_TEST(keeps_times_and_flags)
{
  Harness h{"chunker", "text/plain"};
  for (const auto *const text : {"nothing to escape", "100%"}) {
    auto *buffer = test::buffer_of(as_bytes(text));
    GST_BUFFER_PTS(buffer) = 5;
    GST_BUFFER_DTS(buffer) = 4;
    GST_BUFFER_DURATION(buffer) = 3;
    GST_BUFFER_OFFSET(buffer) = 2;
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_MARKER);
    h.push(buffer);
    auto *out = h.try_pull();
    ck_assert_uint_eq(GST_BUFFER_PTS(out), 5);
    ck_assert_uint_eq(GST_BUFFER_DTS(out), 4);
    ck_assert_uint_eq(GST_BUFFER_DURATION(out), 3);
    ck_assert_uint_eq(GST_BUFFER_OFFSET(out), 2);
    ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
    ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_MARKER));
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(shares_data_that_needs_no_escape)
{
  Harness h{"chunker", "text/plain"};
  auto *buffer = test::buffer_of(as_bytes("nothing to escape"));
  auto *memory = gst_buffer_peek_memory(buffer, 0);
  h.push(buffer);
  auto *out = h.try_pull();
  ck_assert_ptr_eq(gst_buffer_peek_memory(out, 1), memory);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(takes_the_sync_as_text)
{
  Harness h{"chunker sync=|-|", "text/plain"};
  h.push("a|b");
  test::assert_equal(h.take(), {test::bytes_of("|-|a%7cb")}, "sync");
  auto *caps = gst_pad_get_current_caps(h.get()->sinkpad);
  const auto *value = gst_structure_get_value(gst_caps_get_structure(caps, 0), "sync");
  ck_assert(test::bytes_of(gst_value_get_buffer(value)) == test::bytes_of("|-|"));
  gst_caps_unref(caps);
}
GST_END_TEST

static Suite *chunker_suite()
{
  Suite *suite = suite_create("chunker");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, writes_what_kamaelia_wrote);
  tcase_add_test(tc, writes_srm_after_a_framer);
  tcase_add_test(tc, keeps_times_and_flags);
  tcase_add_test(tc, shares_data_that_needs_no_escape);
  tcase_add_test(tc, takes_the_sync_as_text);
  return suite;
}

GST_CHECK_MAIN(chunker)
