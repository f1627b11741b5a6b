// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/safe_name.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <array>

namespace kam::torrent {

namespace {

constexpr std::size_t longest_extension = 16;

bool is_forbidden(char c)
{
  constexpr std::string_view of_windows = "<>:\"/\\|?*";
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f || of_windows.find(c) != std::string_view::npos;
}

char upper(char c)
{
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// Windows opens the device whatever follows the first dot.
bool is_device(std::string_view name)
{
  constexpr std::array devices{std::string_view{"CON"},    std::string_view{"PRN"},
                               std::string_view{"AUX"},    std::string_view{"NUL"},
                               std::string_view{"CONIN$"}, std::string_view{"CONOUT$"}};
  std::string stem{name.substr(0, name.find('.'))};
  stem.erase(stem.find_last_not_of(' ') + 1);
  std::ranges::transform(stem, stem.begin(), upper);
  if (std::ranges::find(devices, stem) != devices.end())
    return true;
  const bool is_port = stem.starts_with("COM") || stem.starts_with("LPT");
  return is_port && stem.size() == 4 && stem[3] >= '0' && stem[3] <= '9';
}

bool is_weak_end(char c)
{
  return c == '.' || c == ' ';
}

void shorten(std::string &name)
{
  if (name.size() <= max_name_size)
    return;
  const auto dot = name.rfind('.');
  const bool has_extension = dot != std::string::npos && name.size() - dot <= longest_extension;
  const auto extension = has_extension ? name.substr(dot) : std::string{};
  name.resize(utf8_prefix(name, max_name_size - extension.size()).size());
  name += extension;
}

}  // namespace

bool is_safe_name(std::string_view name)
{
  return !name.empty() && name.size() <= max_name_size && is_utf8(name) &&
         std::ranges::none_of(name, is_forbidden) && !is_weak_end(name.front()) &&
         !is_weak_end(name.back()) && !is_device(name);
}

std::string safe_name(std::string_view wish, std::string_view fallback)
{
  std::string name{wish};
  const bool is_text = is_utf8(name);
  std::ranges::replace_if(
      name,
      [is_text](char c) {
        return is_forbidden(c) || (!is_text && static_cast<unsigned char>(c) >= 0x80);
      },
      '_');
  name.erase(0, std::min(name.size(), name.find_first_not_of(". ")));
  shorten(name);
  name.erase(name.find_last_not_of(". ") + 1);
  if (name.find_first_not_of('_') == std::string::npos && (name.empty() || name != wish))
    return std::string{fallback};
  if (is_device(name)) {
    name.insert(name.begin(), '_');
    shorten(name);
    name.erase(name.find_last_not_of(". ") + 1);
  }
  return name;
}

}  // namespace kam::torrent
