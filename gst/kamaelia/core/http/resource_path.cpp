// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/resource_path.hpp"

#include "core/http/request_head.hpp"

#include <algorithm>

namespace kam::http {
namespace {

bool is_name(std::string_view name)
{
  return name != "." && name != ".." && std::ranges::none_of(name, [](char c) {
           return static_cast<unsigned char>(c) < ' ' || c == '/' || c == '\\' || c == '\x7f';
         });
}

}  // namespace

std::string ResourcePath::joined(std::size_t first) const
{
  std::string result;
  for (auto i = first; i < names.size(); ++i)
    result += (i > first ? "/" : "") + names[i];
  return result;
}

bool ResourcePath::is_hidden() const
{
  return std::ranges::any_of(names, [](const auto &name) { return name.starts_with('.'); });
}

std::optional<ResourcePath> resource_path(std::string_view path)
{
  if (!path.starts_with('/'))
    return std::nullopt;
  ResourcePath result;
  result.ends_in_slash = path.ends_with('/');
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part.empty())
      continue;
    auto name = percent_decoded(part, Plus::is_plus);
    if (!name || !is_name(*name))
      return std::nullopt;
    result.names.push_back(std::move(*name));
  }
  return result;
}

std::string encoded_name(std::string_view name)
{
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view others = "-._~";
  std::string result;
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
    if (is_plain)
      result += c;
    else
      (result += '%').append({digits[code >> 4U], digits[code & 15U]});
  }
  return result;
}

}  // namespace kam::http
