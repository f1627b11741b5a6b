// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

using namespace kam;
using test::Harness;

GST_START_TEST(cuts_as_kamaelia_did)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("packetiser")) {
    Harness h{"packetiser", "application/octet-stream"};
    g_object_set(h.element("packetiser"), "max-size",
                 guint(vector["params"]["maxsize"].unsigned_integer()), nullptr);
    for (const auto &event : vector["events"].items())
      h.push(event["data"].bytes());
    std::vector<ByteVector> want;
    for (const auto &out : vector[vector.has("want") ? "want" : "out"].items())
      want.push_back(out.bytes());
    test::assert_equal(h.take(), want, vector["id"].text());
    ++cases;
  }
  ck_assert_int_eq(cases, 13);
}
GST_END_TEST

GST_START_TEST(gives_each_piece_the_time_and_the_ends_their_flags)
{
  for (const auto *const launch : {"packetiser max-size=10", "packetiser max-size=3000"}) {
    Harness h{launch, "application/octet-stream"};
    guint max_size = 0;
    g_object_get(h.element("packetiser"), "max-size", &max_size, nullptr);
    test::Random random{1};
    const auto data = random.bytes(2 * max_size + 5);
    auto *buffer = test::buffer_of(data);
    GST_BUFFER_PTS(buffer) = 5;
    GST_BUFFER_DTS(buffer) = 4;
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    h.push(buffer);
    ByteVector joined;
    for (int piece = 0; piece < 3; ++piece) {
      auto *out = h.try_pull();
      const auto bytes = test::bytes_of(out);
      joined.insert(joined.end(), bytes.begin(), bytes.end());
      ck_assert_uint_eq(GST_BUFFER_PTS(out), 5);
      ck_assert_uint_eq(GST_BUFFER_DTS(out), 4);
      ck_assert_int_eq(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT), piece == 0);
      ck_assert_int_eq(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_MARKER), piece == 2);
      gst_buffer_unref(out);
    }
    ck_assert(joined == data);
    ck_assert(h.try_pull() == nullptr);
  }
}
GST_END_TEST

GST_START_TEST(passes_what_fits_untouched)
{
  Harness h{"packetiser max-size=10", "application/octet-stream"};
  auto *buffer = test::buffer_of(as_bytes("0123456789"));
  h.push(gst_buffer_ref(buffer));
  auto *out = h.try_pull();
  ck_assert_ptr_eq(out, buffer);
  gst_buffer_unref(out);
  gst_buffer_unref(buffer);
}
GST_END_TEST

GST_START_TEST(accounts_for_everything)
{
  Harness h{"packetiser max-size=10", "application/octet-stream"};
  h.push("0123456789abcdef");
  h.push("");
  h.push("x");
  ck_assert_uint_eq(h.stat("packetiser", "buffers-in"), 3);
  ck_assert_uint_eq(h.stat("packetiser", "packets-out"), 3);
  ck_assert_uint_eq(h.stat("packetiser", "bytes"), 17);
  ck_assert_uint_eq(h.stat("packetiser", "empty"), 1);
}
GST_END_TEST

GST_START_TEST(takes_a_new_size_while_playing)
{
  Harness h{"packetiser", "application/octet-stream"};
  h.push("0123456789");
  g_object_set(h.element("packetiser"), "max-size", 5U, nullptr);
  h.push("0123456789");
  test::assert_equal(
      h.take(),
      {test::bytes_of("0123456789"), test::bytes_of("01234"), test::bytes_of("56789")},
      "max-size");
}
GST_END_TEST

static Suite *packetiser_suite()
{
  Suite *suite = suite_create("packetiser");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, cuts_as_kamaelia_did);
  tcase_add_test(tc, gives_each_piece_the_time_and_the_ends_their_flags);
  tcase_add_test(tc, passes_what_fits_untouched);
  tcase_add_test(tc, accounts_for_everything);
  tcase_add_test(tc, takes_a_new_size_while_playing);
  return suite;
}

GST_CHECK_MAIN(packetiser)
