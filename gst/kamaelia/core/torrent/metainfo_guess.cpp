// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/metainfo_guess.hpp"

#include <string_view>

namespace kam::torrent {

namespace {

constexpr std::size_t most_digits = 18;

bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

// Walks through bencoded values. What it returns is `yes` if the step was possible.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_{text} {}

  // Consumes `wanted` if it is next.
  MetainfoGuess take(char wanted)
  {
    if (at_end())
      return MetainfoGuess::undecided;
    if (text_[at_] != wanted)
      return MetainfoGuess::no;
    ++at_;
    return MetainfoGuess::yes;
  }

  MetainfoGuess take_string(std::string_view &content)
  {
    std::size_t size = 0;
    const auto begin = at_;
    for (; !at_end() && is_digit(text_[at_]); ++at_) {
      size = size * 10 + static_cast<std::size_t>(text_[at_] - '0');
      if (at_ - begin >= most_digits)
        return MetainfoGuess::no;
    }
    if (at_ == begin)
      return at_end() ? MetainfoGuess::undecided : MetainfoGuess::no;
    if (const auto colon = take(':'); colon != MetainfoGuess::yes)
      return colon;
    if (text_.size() - at_ < size)
      return MetainfoGuess::undecided;
    content = text_.substr(at_, size);
    at_ += size;
    return MetainfoGuess::yes;
  }

  // A value of any kind.
  MetainfoGuess skip()
  {
    std::size_t depth = 0;
    do {
      if (at_end())
        return MetainfoGuess::undecided;
      const auto c = text_[at_];
      if (c == 'e' && depth > 0) {
        ++at_;
        --depth;
      } else if (c == 'l' || c == 'd') {
        ++at_;
        if (++depth > max_guess_depth)
          return MetainfoGuess::no;
      } else if (const auto scalar = skip_scalar(); scalar != MetainfoGuess::yes) {
        return scalar;
      }
    } while (depth > 0);
    return MetainfoGuess::yes;
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }

  MetainfoGuess skip_scalar()
  {
    std::string_view ignored;
    if (text_[at_] != 'i')
      return take_string(ignored);
    ++at_;
    if (!at_end() && text_[at_] == '-')
      ++at_;
    const auto begin = at_;
    while (!at_end() && is_digit(text_[at_]))
      ++at_;
    if (!at_end() && at_ == begin)
      return MetainfoGuess::no;
    return take('e');
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

MetainfoGuess guess_metainfo(Bytes beginning)
{
  Walker walker{as_text(beginning)};
  if (const auto begun = walker.take('d'); begun != MetainfoGuess::yes)
    return begun;
  for (;;) {
    std::string_view key;
    if (const auto step = walker.take_string(key); step != MetainfoGuess::yes)
      return step;
    if (key == "info")
      return walker.take('d');
    if (const auto step = walker.skip(); step != MetainfoGuess::yes)
      return step;
  }
}

}  // namespace kam::torrent
