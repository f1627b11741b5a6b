// SPDX-License-Identifier: LGPL-2.1-or-later
// While one of these lives, warnings are counted and not fatal, whatever G_DEBUG says.
#pragma once

#include <glib.h>

#include <array>
#include <utility>

namespace kam::test {

class Warnings {
 public:
  Warnings()
  {
    fatal_before_ = g_log_set_always_fatal(
        GLogLevelFlags(G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_FLAG_RECURSION));
    for (auto &[domain, handler] : handlers_)
      handler = g_log_set_handler(
          domain, G_LOG_LEVEL_WARNING,
          [](const gchar *, GLogLevelFlags, const gchar *, gpointer count) {
            ++*static_cast<int *>(count);
          },
          &count_);
  }
  ~Warnings()
  {
    for (const auto &[domain, handler] : handlers_)
      g_log_remove_handler(domain, handler);
    g_log_set_always_fatal(fatal_before_);
  }
  Warnings(const Warnings &) = delete;
  Warnings &operator=(const Warnings &) = delete;

  // How many there were since the last call.
  int take() { return std::exchange(count_, 0); }

 private:
  int count_ = 0;
  GLogLevelFlags fatal_before_;
  std::array<std::pair<const char *, guint>, 3> handlers_{
      {{nullptr, 0}, {"GLib-GObject", 0}, {"GStreamer", 0}}};
};

}  // namespace kam::test
