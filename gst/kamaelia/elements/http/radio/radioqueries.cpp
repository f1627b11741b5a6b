// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radioqueries.hpp"

namespace kam::icy {
namespace {

// Players put a buffer, and the messages that go with it, behind what says that it may be slow.
void limit_bandwidth(GstQuery *query)
{
  GstSchedulingFlags flags{};
  gint min = 0;
  gint max = 0;
  gint align = 0;
  gst_query_parse_scheduling(query, &flags, &min, &max, &align);
  gst_query_set_scheduling(query,
                           GstSchedulingFlags(flags | GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED),
                           min, max, align);
}

// A live source that is not read in time has its bytes wait in the server, and loses none.
void wait_for_ever(GstQuery *query)
{
  gboolean is_live = FALSE;
  GstClockTime min = 0;
  gst_query_parse_latency(query, &is_live, &min, nullptr);
  gst_query_set_latency(query, is_live, min, GST_CLOCK_TIME_NONE);
}

}  // namespace

bool complete_answer(GstQuery *query, bool answered)
{
  if (GST_QUERY_TYPE(query) == GST_QUERY_SCHEDULING) {
    limit_bandwidth(query);
    return true;
  }
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && answered)
    wait_for_ever(query);
  return answered;
}

}  // namespace kam::icy
