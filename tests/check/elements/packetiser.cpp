// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

GST_START_TEST(cuts_a_buffer)
{
  GstHarness *h = gst_harness_new_parse("packetiser max-size=10");
  gst_harness_set_src_caps_str(h, "application/octet-stream");
  ck_assert_int_eq(gst_harness_push(h, gst_harness_create_buffer(h, 25)), GST_FLOW_OK);
  ck_assert_uint_eq(gst_harness_buffers_received(h), 3);
  gst_harness_teardown(h);
}
GST_END_TEST

static Suite *packetiser_suite()
{
  Suite *suite = suite_create("packetiser");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, cuts_a_buffer);
  return suite;
}

GST_CHECK_MAIN(packetiser)
