// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/fortune_file.hpp"

#include "core/utf8.hpp"

#include <algorithm>

namespace kam::cookie {
namespace {

constexpr std::size_t header_size = 24;

std::uint64_t big_endian(Bytes bytes)
{
  std::uint64_t value = 0;
  for (const auto byte : bytes)
    value = value << 8U | std::to_integer<std::uint64_t>(byte);
  return value;
}

// Takes the next line, without its end, from `text`.
std::string_view take_line(std::string_view &text)
{
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

bool is_delimiter(std::string_view line, char delimiter)
{
  return line.size() == 1 && line.front() == delimiter;
}

// The pieces between delimiters, but for empty ones, in the order of the text.
std::vector<std::string_view> split(std::string_view text, char delimiter)
{
  std::vector<std::string_view> pieces;
  const auto *begin = text.data();
  const auto end_piece = [&](const char *end) {
    if (end != begin)
      pieces.emplace_back(begin, static_cast<std::size_t>(end - begin));
  };
  while (!text.empty()) {
    const auto *const start = text.data();
    if (is_delimiter(take_line(text), delimiter)) {
      end_piece(start);
      begin = text.data();
    }
  }
  end_piece(text.data());
  return pieces;
}

// Puts the pieces into the index's order, if it names each of them, once.
bool put_in_order(std::vector<std::string_view> &pieces, const char *text,
                  const std::vector<std::uint64_t> &offsets)
{
  if (offsets.size() != pieces.size())
    return false;
  const auto offset_of = [text](std::string_view piece) {
    return static_cast<std::uint64_t>(piece.data() - text);
  };
  std::vector<std::string_view> ordered;
  ordered.reserve(pieces.size());
  std::vector<bool> is_named(pieces.size());
  for (const auto offset : offsets) {
    const auto piece = std::ranges::lower_bound(pieces, offset, {}, offset_of);
    if (piece == pieces.end() || offset_of(*piece) != offset)
      return false;
    const auto at = static_cast<std::size_t>(piece - pieces.begin());
    if (is_named[at])
      return false;
    is_named[at] = true;
    ordered.push_back(*piece);
  }
  pieces = std::move(ordered);
  return true;
}

char rot13(char c)
{
  if (c >= 'a' && c <= 'z')
    return static_cast<char>('a' + (c - 'a' + 13) % 26);
  if (c >= 'A' && c <= 'Z')
    return static_cast<char>('A' + (c - 'A' + 13) % 26);
  return c;
}

std::string without_comments(std::string_view text, char delimiter)
{
  std::string rest;
  while (!text.empty()) {
    const auto size = std::min(text.find('\n'), text.size() - 1) + 1;
    const bool is_comment = size >= 2 && text[0] == delimiter && text[1] == delimiter;
    if (!is_comment)
      rest += text.substr(0, size);
    text.remove_prefix(size);
  }
  return rest;
}

}  // namespace

std::optional<FortuneIndex> parse_fortune_index(Bytes index)
{
  if (index.size() < header_size)
    return std::nullopt;
  const auto version = big_endian(index.first(4));
  const auto count = big_endian(index.subspan(4, 4));
  const auto offsets = index.subspan(header_size);
  // One more than there are cookies.
  const std::size_t width = offsets.size() / (count + 1);
  if (version < 1 || version > 2 || (width != 4 && width != 8) ||
      offsets.size() != width * (count + 1))
    return std::nullopt;
  FortuneIndex result;
  result.flags = static_cast<std::uint32_t>(big_endian(index.subspan(16, 4)));
  result.delimiter = std::to_integer<char>(index[20]);
  if (result.delimiter == '\0' || result.delimiter == '\n' || result.delimiter == '\r')
    return std::nullopt;
  result.offsets.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    result.offsets.push_back(big_endian(offsets.subspan(i * width, width)));
  return result;
}

bool looks_like_fortunes(Bytes bytes)
{
  auto text = as_text(bytes);
  if (text.find('\0') != std::string_view::npos)
    return false;
  while (!text.empty()) {
    if (is_delimiter(take_line(text), '%'))
      return true;
  }
  return false;
}

const char *describe(FortuneFault fault)
{
  switch (fault) {
  case FortuneFault::too_large: return "is too large";
  case FortuneFault::no_cookies: return "has no cookies in it";
  }
  return "";
}

std::string cookie_text(std::string_view raw)
{
  std::string text;
  text.reserve(raw.size());
  while (!raw.empty()) {
    const bool ends = raw.find('\n') != std::string_view::npos;
    text += take_line(raw);
    if (ends)
      text += '\n';
  }
  return is_utf8(text) ? text : utf8_of(text);
}

std::variant<FortuneFile, FortuneFault> FortuneFile::read(Bytes text,
                                                          std::optional<Bytes> index,
                                                          const FortuneLimits &limits)
{
  // Places are counted in 32 bits, and ISO 8859-1 doubles as UTF-8.
  if (text.size() > std::min<std::size_t>(limits.max_text_size, UINT32_MAX / 2))
    return FortuneFault::too_large;
  FortuneFile file;
  const auto parsed = index ? parse_fortune_index(*index) : std::nullopt;
  const auto described = parsed.value_or(FortuneIndex{});
  auto pieces = split(as_text(text), described.delimiter);
  if (index)
    file.index_fits_ = parsed && put_in_order(pieces, as_text(text).data(), described.offsets);
  file.text_.reserve(text.size());
  for (const auto piece : pieces)
    file.add(piece, described, limits);
  if (file.cookies_.empty())
    return FortuneFault::no_cookies;
  file.text_.shrink_to_fit();
  file.cookies_.shrink_to_fit();
  return file;
}

FortuneFile FortuneFile::of(const std::vector<std::string_view> &cookies)
{
  FortuneFile file;
  for (const auto cookie : cookies)
    file.add(cookie, {}, {});
  return file;
}

void FortuneFile::add(std::string_view raw, const FortuneIndex &index,
                      const FortuneLimits &limits)
{
  auto cookie = cookie_text(raw);
  if (index.has_comments())
    cookie = without_comments(cookie, index.delimiter);
  if (index.is_rot13())
    std::ranges::transform(cookie, cookie.begin(), rot13);
  if (cookie.empty())
    return;
  if (cookies_.size() >= limits.max_cookies || cookie.size() > limits.max_cookie_size) {
    ++left_out_;
    return;
  }
  cookies_.push_back(
      {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(cookie.size())});
  text_ += cookie;
}

}  // namespace kam::cookie
