// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/http_date.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace kam::http {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed",
                                                   "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
// Of years with four digits.
constexpr std::int64_t first_second = -62'167'219'200;
constexpr std::int64_t last_second = 253'402'300'799;

std::string padded(unsigned number, std::size_t width)
{
  auto text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

int current_year(std::int64_t now)
{
  const sys_seconds time{seconds{std::clamp(now, first_second, last_second)}};
  return static_cast<int>(std::chrono::year_month_day{std::chrono::floor<days>(time)}.year());
}

// Takes the parts of a date one after the other; after the first that is not there, none is.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_{text} {}

  void literal(std::string_view text)
  {
    if (rest_.starts_with(text))
      rest_.remove_prefix(text.size());
    else
      is_good_ = false;
  }
  unsigned number(std::size_t digits)
  {
    unsigned value = 0;
    if (rest_.size() < digits)
      is_good_ = false;
    for (std::size_t i = 0; is_good_ && i < digits; ++i) {
      is_good_ = rest_[i] >= '0' && rest_[i] <= '9';
      value = value * 10 + static_cast<unsigned>(rest_[i] - '0');
    }
    if (is_good_)
      rest_.remove_prefix(digits);
    return value;
  }
  unsigned month()
  {
    const auto *const found = std::ranges::find(months, rest_.substr(0, 3));
    is_good_ = is_good_ && found != months.end();
    if (is_good_)
      rest_.remove_prefix(3);
    return static_cast<unsigned>(found - months.begin()) + 1;
  }
  // A day that may have a blank for its first digit.
  unsigned loose_day()
  {
    if (!rest_.starts_with(' '))
      return number(2);
    rest_.remove_prefix(1);
    return number(1);
  }
  bool has_ended_well() const { return is_good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

struct Parts {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
};

void read_time(Reader &reader, Parts &parts)
{
  parts.hour = reader.number(2);
  reader.literal(":");
  parts.minute = reader.number(2);
  reader.literal(":");
  parts.second = reader.number(2);
}

std::optional<std::int64_t> seconds_of(const Parts &parts)
{
  const auto date = std::chrono::year{parts.year} / static_cast<int>(parts.month) /
                    static_cast<int>(parts.day);
  // The second 60 is one that is put in.
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60)
    return std::nullopt;
  return std::chrono::duration_cast<seconds>(sys_days{date}.time_since_epoch()).count() +
         std::int64_t{parts.hour} * 3600 + std::int64_t{parts.minute} * 60 + parts.second;
}

// What follows "Sun, " or "Sunday, ".
std::optional<std::int64_t> parse_with_comma(std::string_view text, std::int64_t now)
{
  Reader reader{text};
  Parts parts;
  parts.day = reader.number(2);
  const bool is_old = text.size() > 2 && text[2] == '-';
  reader.literal(is_old ? "-" : " ");
  parts.month = reader.month();
  reader.literal(is_old ? "-" : " ");
  parts.year = static_cast<int>(reader.number(is_old ? 2 : 4));
  reader.literal(" ");
  read_time(reader, parts);
  reader.literal(" GMT");
  if (!reader.has_ended_well())
    return std::nullopt;
  if (is_old) {
    const auto this_year = current_year(now);
    parts.year += this_year - this_year % 100;
    if (parts.year >= this_year + 50)
      parts.year -= 100;
  }
  return seconds_of(parts);
}

}  // namespace

std::string http_date(std::int64_t seconds_since_1970)
{
  const sys_seconds time{seconds{std::clamp(seconds_since_1970, first_second, last_second)}};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::string text{weekdays.at(std::chrono::weekday{day}.c_encoding())};
  text += ", " + padded(static_cast<unsigned>(date.day()), 2) + ' ';
  text += months.at(static_cast<unsigned>(date.month()) - 1);
  text += ' ' + padded(static_cast<unsigned>(static_cast<int>(date.year())), 4) + ' ' +
          padded(static_cast<unsigned>(clock.hours().count()), 2) + ':' +
          padded(static_cast<unsigned>(clock.minutes().count()), 2) + ':' +
          padded(static_cast<unsigned>(clock.seconds().count()), 2) + " GMT";
  return text;
}

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now)
{
  const auto comma = text.find(", ");
  if (comma != std::string_view::npos)
    return parse_with_comma(text.substr(comma + 2), now);
  Reader reader{text.substr(std::min<std::size_t>(3, text.size()))};
  Parts parts;
  reader.literal(" ");
  parts.month = reader.month();
  reader.literal(" ");
  parts.day = reader.loose_day();
  reader.literal(" ");
  read_time(reader, parts);
  reader.literal(" ");
  parts.year = static_cast<int>(reader.number(4));
  return reader.has_ended_well() ? seconds_of(parts) : std::nullopt;
}

}  // namespace kam::http
