// SPDX-License-Identifier: LGPL-2.1-or-later
// What an element does about data it has to drop: count, log, tell, and give up if asked to.
#pragma once

#include "glue/stats.hpp"

#include <gst/gst.h>

#include <array>
#include <cstddef>

namespace kam::glue {

// Posts at most one "drop-msg" element message in so many microseconds.
inline constexpr gint64 drop_message_interval = 200 * G_TIME_SPAN_MILLISECOND;

// Drops by reason. `Reason` is an enum from 0 whose last value is `count_`, with
//   const char *name_of(Reason)   kebab-case, the key in stats and in messages
template <class Reason>
class Drops {
 public:
  // How many drops there may be; -1 for any number.
  struct Policy {
    gint max_errors = -1;
    bool post_messages = false;
  };

  void reset()
  {
    for (auto &counter : counters_)
      counter.reset();
    total_ = 0;
    last_message_ = 0;
    unreported_ = 0;
  }

  // Counts one drop. False if it was one too many: an error has been posted then.
  [[nodiscard]] bool add(GstElement *element, Reason reason, Policy policy)
  {
    counters_[static_cast<std::size_t>(reason)].add();
    ++total_;
    GST_DEBUG_OBJECT(element, "dropped: %s", name_of(reason));
    if (policy.post_messages)
      post(element, reason);
    if (policy.max_errors < 0 || total_ <= static_cast<guint64>(policy.max_errors))
      return true;
    GST_ELEMENT_ERROR(
        element, STREAM, DECODE,
        ("The stream has more errors than allowed (%d).", policy.max_errors),
        ("the last one: %s; property max-errors sets the limit", name_of(reason)));
    return false;
  }

  guint64 count(Reason reason) const
  {
    return counters_[static_cast<std::size_t>(reason)].value();
  }

  // Adds one field per reason.
  void append_to(GstStructure *stats) const
  {
    for (std::size_t i = 0; i < counters_.size(); ++i)
      gst_structure_set(stats, name_of(static_cast<Reason>(i)), G_TYPE_UINT64,
                        counters_[i].value(), nullptr);
  }

 private:
  void post(GstElement *element, Reason reason)
  {
    ++unreported_;
    const gint64 now = g_get_monotonic_time();
    if (last_message_ != 0 && now - last_message_ < drop_message_interval)
      return;
    gst_element_post_message(
        element, gst_message_new_element(
                     GST_OBJECT(element),
                     gst_structure_new("drop-msg", "reason", G_TYPE_STRING, name_of(reason),
                                       "num-dropped", G_TYPE_UINT64, unreported_, nullptr)));
    last_message_ = now;
    unreported_ = 0;
  }

  std::array<Counter, static_cast<std::size_t>(Reason::count_)> counters_;
  guint64 total_ = 0;
  gint64 last_message_ = 0;
  guint64 unreported_ = 0;
};

}  // namespace kam::glue
