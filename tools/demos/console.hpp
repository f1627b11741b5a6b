// SPDX-License-Identifier: LGPL-2.1-or-later
// What a scene says while it runs and at its end.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace demo {

// 1234567 as 1,234,567.
inline std::string grouped(std::uint64_t number)
{
  const auto digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0)
      text += ',';
    text += digits[i];
  }
  return text;
}

inline std::string percent(std::uint64_t part, std::uint64_t whole)
{
  char text[32];
  std::snprintf(
      text, sizeof text, "%.2f %%",
      whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

inline std::string seconds(double value)
{
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", value);
  return text;
}

// One step of the work: a bar that grows on a terminal, a line every fifth elsewhere.
class Progress {
 public:
  explicit Progress(const char *what) : what_{what} { show(0); }

  void show(double done)
  {
    const int percent = static_cast<int>(100 * std::clamp(done, 0.0, 1.0));
    if (terminal_) {
      constexpr int width = 30;
      std::string bar;
      for (int i = 0; i < width; ++i)
        bar += i * 100 < percent * width ? "█" : "·";
      std::printf("\r  %-34s %s %3d %%", what_, bar.c_str(), percent);
      std::fflush(stdout);
    } else if (percent >= shown_ + 20 || shown_ < 0) {
      std::printf("  %s: %d %%\n", what_, percent);
      std::fflush(stdout);
      shown_ = percent / 20 * 20;
    }
  }

  void finish()
  {
    show(1);
    if (terminal_)
      std::printf("\n");
  }

 private:
  const char *what_;
  bool terminal_ = isatty(STDOUT_FILENO) != 0;
  int shown_ = -1;
};

inline void heading(const char *text)
{
  std::printf("\n  %s\n", text);
}

inline void row(const char *name, const std::string &value, const std::string &remark = {})
{
  std::printf("    %-28s %12s   %s\n", name, value.c_str(), remark.c_str());
}

}  // namespace demo
