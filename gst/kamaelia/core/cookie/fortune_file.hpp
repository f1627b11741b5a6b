// SPDX-License-Identifier: LGPL-2.1-or-later
// Fortune databases: a text in which lines of one % separate the cookies, and beside it what
// strfile(1) says about it, in a file with .dat behind the name.
//
//   byte  0  version       32 bits, big-endian as all here: 1 (BSD) or 2 (fortune-mod)
//         4  cookies       how many
//         8  longest, 12 shortest
//        16  flags         1 random, 2 ordered, 4 rot13, 8 comments (lines that begin with %%)
//        20  delimiter     the character that is alone on a line, and three bytes of nothing
//        24  offsets       where each cookie begins, and the end: 32 bits each (fortune-mod) or
//                          64 (FreeBSD, whose off_t they are); the size of the file tells
//
// The text counts for more than the index, which goes stale when somebody adds a cookie and
// forgets strfile: an index that names other cookies than there are lends its flags alone.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam::cookie {

struct FortuneLimits {
  std::size_t max_text_size = std::size_t{64} << 20U;
  std::size_t max_cookies = std::size_t{1} << 20U;      // those after them are left out
  std::size_t max_cookie_size = std::size_t{1} << 20U;  // longer ones are left out
};

// What strfile says.
struct FortuneIndex {
  std::uint32_t flags = 0;
  char delimiter = '%';
  std::vector<std::uint64_t> offsets;  // of the cookies, without the end

  bool is_rot13() const { return (flags & 4U) != 0; }
  bool has_comments() const { return (flags & 8U) != 0; }
};

// Nothing if these bytes are no index.
std::optional<FortuneIndex> parse_fortune_index(Bytes index);

// Whether a line of it is a delimiter alone, and nothing of it speaks against text: what may be
// a database though it has no index.
bool looks_like_fortunes(Bytes bytes);

enum class FortuneFault {
  too_large,
  no_cookies,
};

// As part of a sentence: "the database …".
const char *describe(FortuneFault fault);

// Text as it is sent: UTF-8 with LF at the ends of lines. What is not UTF-8 is taken for ISO
// 8859-1.
std::string cookie_text(std::string_view raw);

// The cookies of one database as they are sent: UTF-8 with LF at the ends of lines, in clear,
// none of them empty.
class FortuneFile {
 public:
  // An `index` that is none, or none of this text, is as good as nothing; see index_fits().
  static std::variant<FortuneFile, FortuneFault> read(Bytes text,
                                                      std::optional<Bytes> index = std::nullopt,
                                                      const FortuneLimits &limits = {});
  // Of cookies that are in order already.
  static FortuneFile of(const std::vector<std::string_view> &cookies);

  std::size_t size() const { return cookies_.size(); }
  // Valid as long as the file lives.
  std::string_view operator[](std::size_t number) const
  {
    const auto &[begin, size] = cookies_[number];
    return std::string_view{text_}.substr(begin, size);
  }
  // False if there was an index and it is of another text.
  bool index_fits() const { return index_fits_; }
  // How many cookies the limits have cost.
  std::size_t left_out() const { return left_out_; }

 private:
  struct Place {
    std::uint32_t begin;
    std::uint32_t size;
  };

  void add(std::string_view raw, const FortuneIndex &index, const FortuneLimits &limits);

  std::string text_;
  std::vector<Place> cookies_;
  bool index_fits_ = true;
  std::size_t left_out_ = 0;
};

}  // namespace kam::cookie
