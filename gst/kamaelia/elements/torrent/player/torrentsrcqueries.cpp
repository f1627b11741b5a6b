// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentsrcqueries.hpp"

namespace kam {

void answer_scheduling(GstQuery *query, bool can_seek)
{
  const auto order = can_seek ? GST_SCHEDULING_FLAG_SEEKABLE : GST_SCHEDULING_FLAG_SEQUENTIAL;
  gst_query_set_scheduling(
      query, GstSchedulingFlags(order | GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED), 1, -1, 0);
  gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
  if (can_seek)
    gst_query_add_scheduling_mode(query, GST_PAD_MODE_PULL);
}

bool answer_buffering(GstQuery *query, const torrent::TorrentLease &lease, guint64 size)
{
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_buffering_range(query, &format, nullptr, nullptr, nullptr);
  if (size == 0 || size == GST_CLOCK_TIME_NONE ||
      (format != GST_FORMAT_BYTES && format != GST_FORMAT_PERCENT))
    return false;
  const auto in_format = [&](guint64 bytes) {
    return gint64(format == GST_FORMAT_BYTES
                      ? bytes
                      : gst_util_uint64_scale(GST_FORMAT_PERCENT_MAX, bytes, size));
  };
  const auto runs = lease.available();
  guint64 there = 0;
  for (const auto &run : runs)
    there += run.end - run.begin;
  const auto rate = lease.status().download_rate;
  const gint64 left = rate > 0 ? gint64(gst_util_uint64_scale(size - there, 1000, rate)) : -1;
  gst_query_set_buffering_percent(query, there < size, gint(there * 100 / size));
  gst_query_set_buffering_stats(query, GST_BUFFERING_DOWNLOAD, gint(rate), -1,
                                there < size ? left : 0);
  const auto last = runs.empty() ? 0 : runs.back().end;
  gst_query_set_buffering_range(query, format, 0, in_format(last), there < size ? left : 0);
  for (const auto &run : runs)
    gst_query_add_buffering_range(query, in_format(run.begin), in_format(run.end));
  return true;
}

bool answer_uri(GstQuery *query, const PlayedTorrent &torrent, const std::string &location)
{
  const auto file = torrent.current_file();
  const auto hash = torrent.info_hash();
  if (file.empty() || hash.empty() || torrent.series())
    return false;
  const glue::StringPtr path{g_uri_escape_string(file.c_str(), "/", FALSE)};
  const bool is_magnet = g_ascii_strncasecmp(location.c_str(), "magnet:", 7) == 0;
  const auto question = is_magnet ? location.find('?') : std::string::npos;
  constexpr std::size_t v1_digits = 40;
  const auto what =
      question == std::string::npos
          ? (hash.size() == v1_digits ? "?xt=urn:btih:" : "?xt=urn:btmh:1220") + hash
          : location.substr(question);
  const auto uri = std::string{"magnet:"} + path.get() + what;
  if (!gst_uri_is_valid(uri.c_str()))
    return false;
  gst_query_set_uri(query, uri.c_str());
  return true;
}

}  // namespace kam
