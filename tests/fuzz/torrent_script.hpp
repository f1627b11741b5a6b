// SPDX-License-Identifier: LGPL-2.1-or-later
// Torrents that are well-formed and mean harm, put together as a script of bytes says. Changes
// to bytes of a torrent seldom leave one that is read to its end.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kam::fuzz {

class TorrentScript {
 public:
  explicit TorrentScript(std::span<const std::uint8_t> script) : script_{script} {}

  std::string torrent()
  {
    std::string info;
    const auto kind = next() % 4;  // one file, several, version 2, both
    if (kind == 1)
      info += "5:files" + files();
    if (kind >= 2)
      info += "9:file tree" + tree(0);
    if (kind == 0 || kind == 3)
      info += "6:length" + length();
    if (kind >= 2)
      info += "12:meta version" + (next() % 8 == 0 ? number() : std::string{"i2e"});
    info += "4:name" + string(name());
    const auto piece_size = std::size_t{16384} << (next() % 8U);
    info += "12:piece length" +
            (next() % 8 == 0 ? number() : "i" + std::to_string(piece_size) + "e");
    if (kind != 2)
      info += "6:pieces" + string(std::string(pieces(piece_size), '\x11'));
    if (next() % 4 == 0)
      info += "7:private" + number();
    std::string all = "d";
    if (next() % 4 == 0)
      all += "13:announce-list" + trackers();
    all += "4:infod" + info + "e";
    if (kind >= 2)
      all += "12:piece layersd" + layers() + "e";
    if (next() % 4 == 0)
      all += "8:url-list" + trackers();
    return all + "e";
  }

 private:
  std::uint8_t next()
  {
    if (script_.empty())
      return 0;
    const auto value = script_.front();
    script_ = script_.subspan(1);
    return value;
  }

  static std::string string(const std::string &text)
  {
    return std::to_string(text.size()) + ":" + text;
  }

  std::string name()
  {
    using namespace std::string_view_literals;
    static constexpr std::array names{
        "a"sv,       "A"sv,    "a.1"sv,      ".."sv,    "."sv,           ""sv,     "/"sv,
        "../../x"sv, "/etc"sv, "a/b"sv,      "a\\b"sv,  "a\0b"sv,        "NUL"sv,  "con.mkv"sv,
        "a."sv,      " "sv,    "\xc0\xae"sv, "\xff"sv,  "...."sv,        ".pad"sv, "C:"sv,
        "~"sv,       "\n"sv,   "film.mkv"sv, "..\\x"sv, "\xe2\x80\xae"sv};
    const auto choice = next();
    if (choice < 200)
      return std::string{names[choice % names.size()]};
    if (choice < 220)
      return std::string(300U + next(), 'x');
    std::string text;
    for (auto left = next() % 16; left > 0; --left)
      text += static_cast<char>(next());
    return text;
  }

  std::string number()
  {
    static constexpr std::array numbers{"0",
                                        "1",
                                        "5",
                                        "16384",
                                        "16385",
                                        "-1",
                                        "-16384",
                                        "2147483647",
                                        "2147483648",
                                        "4294967296",
                                        "70368744177664",
                                        "4611686018427387904",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "00"};
    const auto choice = next();
    if (choice < 128)
      return "i" + std::to_string(choice * 1000) + "e";
    return std::string{"i"} + numbers[choice % numbers.size()] + "e";
  }

  // Of a file. Most are such that the torrent has as many pieces as it should.
  std::string length()
  {
    if (next() % 8 == 0)
      return number();
    const auto bytes = std::size_t{next()} * 1000;
    total_bytes_ += bytes;
    return "i" + std::to_string(bytes) + "e";
  }
  std::size_t pieces(std::size_t piece_size)
  {
    const auto needed = (total_bytes_ + piece_size - 1) / piece_size * 20;
    return next() % 8 == 0 ? next() : needed;
  }

  std::string path()
  {
    std::string parts = "l";
    for (auto left = 1 + next() % 3; left > 0; --left)
      parts += string(name());
    return parts + "e";
  }

  std::string files()
  {
    static constexpr std::array attributes{"p", "l", "x", "h", "lp"};
    std::string all = "l";
    for (auto left = 1 + next() % 8; left > 0; --left) {
      const auto attribute = next();
      all += "d";
      if (attribute < 80)
        all += "4:attr" + string(attributes[attribute % attributes.size()]);
      all += "6:length" + length() + "4:path" + path();
      if (attribute < 80)
        all += "12:symlink path" + path();
      all += "e";
    }
    return all + "e";
  }

  std::string tree(int depth)
  {
    std::string all = "d";
    for (auto left = 1 + next() % 3; left > 0; --left) {
      all += string(name());
      if (depth < 3 && next() % 3 == 0)
        all += tree(depth + 1);
      else
        all += "d0:d6:length" + length() + "11:pieces root" + string(root()) + "ee";
    }
    return all + "e";
  }

  std::string root()
  {
    return std::string(next() % 16 == 0 ? next() : 32U, char('A' + next() % 4));
  }

  std::string layers()
  {
    std::string all;
    for (auto left = next() % 4; left > 0; --left)
      all += string(root()) + string(std::string((next() % 8U) * 32U, '\x22'));
    return all;
  }

  std::string trackers()
  {
    std::string all = "l";
    for (auto left = next() % 64; left > 0; --left)
      all += "l" + string("http://" + name() + "/") + "e";
    return all + "e";
  }

  std::span<const std::uint8_t> script_;
  std::size_t total_bytes_ = 0;
};

}  // namespace kam::fuzz
