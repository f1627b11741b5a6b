// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/xspf.hpp"

#include "core/utf8.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kam::http {
namespace {

constexpr std::size_t max_depth = 32;
constexpr auto npos = std::string_view::npos;

// Cuts XML into tags and text, and leaves out what is neither.
class Scanner {
 public:
  enum class Kind { text, cdata, start, empty, end, nothing, broken };
  struct Token {
    Kind kind;
    std::string_view text;  // or the element's name without its prefix
  };

  explicit Scanner(std::string_view rest) : rest_{rest} {}

  Token next()
  {
    while (!rest_.empty()) {
      if (rest_.front() != '<')
        return {Kind::text, take(std::min(rest_.find('<'), rest_.size()))};
      if (const auto section = enclosed("<![CDATA[", "]]>"))
        return section->empty() ? Token{Kind::broken, {}} : cdata(*section);
      const bool skipped = rest_.starts_with("<!--") ? skip("-->")
                           : rest_.starts_with("<?") ? skip("?>")
                           : rest_.starts_with("<!") ? skip_declaration()
                                                     : false;
      if (skipped)
        continue;
      if (rest_.starts_with("<!") || rest_.starts_with("<?"))
        return {Kind::broken, {}};
      return tag();
    }
    return {Kind::nothing, {}};
  }

 private:
  std::string_view take(std::size_t size)
  {
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  // With its marks, if one begins here; empty if it does not end.
  std::optional<std::string_view> enclosed(std::string_view begin, std::string_view end)
  {
    if (!rest_.starts_with(begin))
      return std::nullopt;
    const auto at = rest_.find(end, begin.size());
    return at == npos ? std::string_view{} : take(at + end.size());
  }

  static Token cdata(std::string_view section)
  {
    constexpr std::size_t begin_size = 9;
    constexpr std::size_t end_size = 3;
    return {Kind::cdata, section.substr(begin_size, section.size() - begin_size - end_size)};
  }

  bool skip(std::string_view end)
  {
    const auto at = rest_.find(end, 2);
    if (at == npos)
      return false;
    take(at + end.size());
    return true;
  }

  // A document type, with its own declarations in brackets; nothing in it is of use.
  bool skip_declaration()
  {
    std::size_t open = 0;
    char quote = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (quote != 0)
        quote = c == quote ? '\0' : quote;
      else if (c == '"' || c == '\'')
        quote = c;
      else if (c == '<')
        ++open;
      else if (c == '>' && --open == 0) {
        take(i + 1);
        return true;
      }
    }
    return false;
  }

  Token tag()
  {
    char quote = 0;
    std::size_t i = 1;
    for (; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (quote != 0)
        quote = c == quote ? '\0' : quote;
      else if (c == '"' || c == '\'')
        quote = c;
      else if (c == '>' || c == '<')
        break;
    }
    if (i >= rest_.size() || rest_[i] != '>')
      return {Kind::broken, {}};
    auto inside = take(i + 1).substr(1, i - 1);
    auto kind = Kind::start;
    if (inside.starts_with('/')) {
      kind = Kind::end;
      inside.remove_prefix(1);
    } else if (inside.ends_with('/')) {
      kind = Kind::empty;
      inside.remove_suffix(1);
    }
    auto name = inside.substr(0, inside.find_first_of(" \t\r\n"));
    if (const auto colon = name.find(':'); colon != npos)
      name.remove_prefix(colon + 1);
    return name.empty() ? Token{Kind::broken, {}} : Token{kind, name};
  }

  std::string_view rest_;
};

// The character that "&amp;" or "&#38;" stands for, given what is between & and ;.
std::optional<std::uint32_t> character_of(std::string_view reference)
{
  constexpr std::array<std::pair<std::string_view, char>, 5> named{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto &[name, character] : named)
    if (reference == name)
      return static_cast<std::uint32_t>(character);
  if (!reference.starts_with('#'))
    return std::nullopt;
  reference.remove_prefix(1);
  const bool hexadecimal = reference.starts_with('x');
  if (hexadecimal)
    reference.remove_prefix(1);
  std::uint32_t number = 0;
  const char *const end = reference.data() + reference.size();
  const auto [parsed, error] =
      std::from_chars(reference.data(), end, number, hexadecimal ? 16 : 10);
  if (error != std::errc{} || parsed != end || number < ' ')
    return std::nullopt;
  return number;
}

void append_decoded(std::string &result, std::string_view text)
{
  constexpr std::size_t longest_reference = 10;
  while (!text.empty()) {
    const auto begin = std::min(text.find('&'), text.size());
    result.append(text.substr(0, begin));
    text.remove_prefix(begin);
    if (text.empty())
      return;
    const auto end = text.substr(0, longest_reference).find(';');
    const auto character = end == npos ? std::nullopt : character_of(text.substr(1, end - 1));
    if (character && append_utf8(result, *character)) {
      text.remove_prefix(end + 1);
    } else {
      result += '&';
      text.remove_prefix(1);
    }
  }
}

// Gathers what is said about a track until it ends.
class TrackReader {
 public:
  explicit TrackReader(const TrackTaker &add) : add_{add} {}

  // False if the elements are not nested as they have to be.
  bool take(const Scanner::Token &token)
  {
    using Kind = Scanner::Kind;
    switch (token.kind) {
    case Kind::text:
      if (auto *const value = field())
        append_decoded(*value, token.text);
      return true;
    case Kind::cdata:
      if (auto *const value = field())
        value->append(token.text);
      return true;
    case Kind::start: return begin(token.text);
    case Kind::end: return end(token.text);
    default: return true;
    }
  }

  bool is_whole() const { return open_.empty(); }

 private:
  // The text of the track that we are in.
  std::string *field()
  {
    if (open_.size() < 2 || open_[open_.size() - 2] != "track")
      return nullptr;
    if (open_.back() == "location" && !locations_.empty())
      return &locations_.back();
    return open_.back() == "title" ? &title_ : nullptr;
  }

  bool begin(std::string_view element)
  {
    if (open_.size() == max_depth)
      return false;
    open_.push_back(element);
    if (element == "location")
      locations_.emplace_back();
    return true;
  }

  bool end(std::string_view element)
  {
    if (open_.empty() || open_.back() != element)
      return false;
    open_.pop_back();
    if (element != "track")
      return true;
    for (const auto &location : locations_)
      add_(location, title_);
    locations_.clear();
    title_.clear();
    return true;
  }

  const TrackTaker &add_;
  std::vector<std::string_view> open_;  // the elements that we are in, the outermost first
  std::vector<std::string> locations_;
  std::string title_;
};

}  // namespace

PlaylistGuess guess_xspf(std::string_view text)
{
  Scanner scanner{text};
  for (;;) {
    const auto token = scanner.next();
    switch (token.kind) {
    case Scanner::Kind::start:
      return token.text == "playlist" ? PlaylistGuess::yes : PlaylistGuess::no;
    // Most likely it only goes on.
    case Scanner::Kind::broken:
    case Scanner::Kind::nothing: return PlaylistGuess::undecided;
    case Scanner::Kind::text:
      if (token.text.find_first_not_of(" \t\r\n") != npos)
        return PlaylistGuess::no;
      break;
    default: return PlaylistGuess::no;
    }
  }
}

bool read_xspf(std::string_view text, const TrackTaker &add)
{
  Scanner scanner{text};
  TrackReader reader{add};
  for (;;) {
    const auto token = scanner.next();
    if (token.kind == Scanner::Kind::nothing)
      return reader.is_whole();
    if (token.kind == Scanner::Kind::broken || !reader.take(token))
      return false;
  }
}

}  // namespace kam::http
