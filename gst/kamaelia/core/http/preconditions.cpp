// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/preconditions.hpp"

#include "core/http/http_date.hpp"

#include <optional>

namespace kam::http {
namespace {

enum class Comparison { strong, weak };

// Whether a list of tags, or "*", has the tag.
bool has_tag(std::string_view list, std::string_view etag, Comparison comparison)
{
  if (list == "*")
    return true;
  while (!list.empty()) {
    const auto quote = list.find('"');
    if (quote == std::string_view::npos)
      return false;
    const auto end = list.find('"', quote + 1);
    if (end == std::string_view::npos)
      return false;
    const bool is_weak = quote >= 2 && list.substr(quote - 2, 2) == "W/";
    if (list.substr(quote, end + 1 - quote) == etag &&
        (comparison == Comparison::weak || !is_weak))
      return true;
    list.remove_prefix(end + 1);
  }
  return false;
}

std::optional<std::int64_t> date_in(const RequestHead &request, std::string_view key,
                                    std::int64_t now)
{
  const auto *field = request.find(key);
  return field ? parse_http_date(*field, now) : std::nullopt;
}

}  // namespace

Condition condition_of(const RequestHead &request, const Validators &current, std::int64_t now)
{
  if (const auto *tags = request.find("if-match")) {
    if (!has_tag(*tags, current.etag, Comparison::strong))
      return Condition::failed;
  } else if (const auto date = date_in(request, "if-unmodified-since", now)) {
    if (current.modified > *date)
      return Condition::failed;
  }
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (const auto *tags = request.find("if-none-match")) {
    if (has_tag(*tags, current.etag, Comparison::weak))
      return is_read ? Condition::not_modified : Condition::failed;
  } else if (const auto date = date_in(request, "if-modified-since", now); date && is_read) {
    if (current.modified <= *date)
      return Condition::not_modified;
  }
  return Condition::holds;
}

bool may_send_range(const RequestHead &request, const Validators &current, std::int64_t now)
{
  const auto *condition = request.find("if-range");
  if (!condition)
    return true;
  if (condition->find('"') != std::string::npos)
    return *condition == current.etag;
  // A file may change twice within a second.
  const auto date = parse_http_date(*condition, now);
  return date && *date == current.modified && now - current.modified > 1;
}

}  // namespace kam::http
