// SPDX-License-Identifier: LGPL-2.1-or-later
// Torrents and magnet links that mean harm: nothing is made outside the folder for them,
// nothing crashes, and what they may cost has limits.
#include "elements/torrent/swarm/torrentspec.hpp"
#include "support/check_main.hpp"
#include "support/torrent_oracle.hpp"
#include "support/torrent_paths.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <variant>
#include <vector>

using namespace kam;
using namespace kam::torrent;
using test::Folder;
using namespace std::string_literals;

namespace {

std::string str(const std::string &text)
{
  return std::to_string(text.size()) + ":" + text;
}

std::string number(const std::string &digits)
{
  return "i" + digits + "e";
}

std::string path(const std::vector<std::string> &parts)
{
  std::string all = "l";
  for (const auto &part : parts)
    all += str(part);
  return all + "e";
}

std::string file(const std::string &size, const std::vector<std::string> &parts)
{
  return "d6:length" + number(size) + "4:path" + path(parts) + "e";
}

std::string link(const std::vector<std::string> &parts, const std::vector<std::string> &target)
{
  return "d4:attr1:l6:lengthi0e4:path" + path(parts) + "12:symlink path" + path(target) + "e";
}

std::string pieces(std::size_t count)
{
  return "6:pieces" + str(std::string(20 * count, 'x'));
}

// A torrent of one file, and one of several.
std::string single(const std::string &name, const std::string &size = "5",
                   const std::string &piece_length = "16384", std::size_t piece_count = 1)
{
  return "d4:infod6:length" + number(size) + "4:name" + str(name) + "12:piece length" +
         number(piece_length) + pieces(piece_count) + "ee";
}

std::string several(const std::string &files, const std::string &name = "d",
                    std::size_t piece_count = 1)
{
  return "d4:infod5:filesl" + files + "e4:name" + str(name) + "12:piece lengthi16384e" +
         pieces(piece_count) + "ee";
}

std::string version2(const std::string &tree, const std::string &name = "d")
{
  return "d4:infod9:file treed" + tree + "e12:meta versioni2e4:name" + str(name) +
         "12:piece lengthi16384ee12:piece layersdee";
}

std::string leaf(const std::string &name, const std::string &size = "5")
{
  return str(name) + "d0:d6:length" + number(size) + "11:pieces root" +
         str(std::string(32, 'r')) + "ee";
}

struct Hostile {
  const char *what;
  std::string torrent;
  bool is_refused = false;
};

std::vector<Hostile> hostile_names()
{
  return {
      {"a name with ..", single("../../x")},
      {"an absolute name", single("/etc/x")},
      {"the name ..", single("..")},
      {"an empty name", single("")},
      {"a name of a slash", single("/")},
      {"a name with NUL", single("a\0/../x"s)},
      {"a name with overlong slashes", single("\xc0\xaf\xc0\xae\xc0\xae")},
      {"a name with backslashes", single("..\\..\\x")},
      {"a device", single("NUL")},
      {"control characters", single("a\n\x1b[2Jb")},
      {"right to left", single("a\xe2\x80\xae"
                               "4pm.exe")},
      {"a long name", single(std::string(4000, 'n'))},
      {"a path with ..", several(file("5", {"..", "..", "x"}))},
      {"a path with . and nothing", several(file("5", {".", "", "x"}))},
      {"a path that is absolute", several(file("5", {"/etc", "x"}))},
      {"a path of slashes in a part", several(file("5", {"a/../../x"}))},
      {"a path without parts", several("d6:lengthi5e4:pathlee")},
      {"a path of many parts", several(file("5", std::vector<std::string>(900, "p")))},
      {"the same path twice", several(file("2", {"a"}) + file("3", {"a"}))},
      {"twins but for their case", several(file("2", {"a"}) + file("3", {"A"}))},
      {"a file that is a folder", several(file("2", {"a"}) + file("3", {"a", "b"}))},
      {"a link out of it", several(file("5", {"a"}) + link({"l"}, {"..", "..", "..", "etc"}))},
      {"a link that is absolute", several(file("5", {"a"}) + link({"l"}, {"/etc/passwd"}))},
      {"a file behind a link", several(link({"l"}, {"..", ".."}) + file("5", {"l", "x"}))},
      {"version 2: ..", version2(str("..") + "d" + leaf("x") + "e")},
      {"version 2: a slash", version2(leaf("../../x"))},
  };
}

std::vector<Hostile> hostile_numbers()
{
  std::string many_files;
  for (int i = 0; i < 20'000; ++i)
    many_files += file("0", {std::to_string(i)});
  std::string many_trackers = "d13:announce-listl";
  for (int i = 0; i < 20'000; ++i)
    many_trackers += "l" + str("http://127.0.0.1:1/" + std::to_string(i)) + "e";
  return {
      {"a negative size", single("a", "-5"), true},
      {"a size of 2^62", single("a", "4611686018427387904"), true},
      {"a size that is no number", single("a", "99999999999999999999"), true},
      {"pieces of nothing", single("a", "5", "0"), true},
      {"pieces of less than nothing", single("a", "5", "-1"), true},
      {"pieces of 2^31", single("a", "5", "2147483648"), true},
      {"too few hashes", single("a", "500000"), true},
      {"too many hashes", single("a", "5", "16384", 2), true},
      {"half a hash",
       "d4:infod6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces10:xxxxxxxxxxee", true},
      {"sizes whose sum is too large",
       several(file("9000000000000000000", {"a"}) + file("9000000000000000000", {"b"})), true},
      {"no files", several(""), true},
      {"files that are lists", several("llelee"), true},
      {"version 2: a negative size", version2(leaf("a", "-1")), true},
      {"version 2: no files", version2(""), true},
      {"version 7", "d4:infod12:meta versioni7e4:name1:a12:piece lengthi16384eee", true},
      {"brackets", "d4:info" + std::string(100'000, 'l') + std::string(100'000, 'e') + "e",
       true},
      {"half a torrent", single("a").substr(0, 40), true},
      {"a string of 2^31", "d4:info2147483647:", true},
      {"nothing", "", true},
      {"20000 files", several(file("5", {"a"}) + many_files)},
      {"20000 trackers", many_trackers + "e" + single("a").substr(1)},
  };
}

// Everything in a folder, relative to it.
std::vector<std::string> tree_of(const std::filesystem::path &folder)
{
  std::vector<std::string> all;
  for (const auto &entry : std::filesystem::recursive_directory_iterator{folder})
    all.push_back(entry.path().lexically_relative(folder).string());
  return all;
}

std::shared_ptr<TorrentSession> lonely_session()
{
  SessionSettings settings;
  settings.listen_interfaces = "127.0.0.1:0";
  settings.dht = settings.lsd = settings.upnp = settings.natpmp = settings.pex = false;
  return TorrentSession::acquire(settings);
}

// Holds it until libtorrent has made what it makes of it.
void hold(TorrentSession &session, const TorrentSpec &spec, const std::string &save_path,
          const char *what)
{
  TorrentOptions options;
  options.save_path = save_path;
  options.keep_files = true;
  options.resume = false;
  const auto lease = session.hold(spec, options);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  const auto is_starting = [&lease] {
    const auto state = lease->status().state;
    return !lease->failure() &&
           (state == TorrentStatus::State::starting || state == TorrentStatus::State::checking);
  };
  while (is_starting() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  ck_assert_msg(!is_starting(), "%s: it never begins", what);
}

}  // namespace

START_TEST(stays_in_its_folder)
{
  const Folder world;
  const auto folder = world.path() / "deep" / "down" / "here";
  auto session = lonely_session();
  int number = 0;
  for (const auto &hostile : hostile_names()) {
    const auto loaded = TorrentSpec::from_metainfo(as_bytes(hostile.torrent));
    const auto *spec = std::get_if<TorrentSpec>(&loaded);
    if (!spec)
      continue;
    for (const auto &file : spec->contents()->files)
      ck_assert_msg(test::is_inside(file.path), "%s: %s", hostile.what, file.path.c_str());
    hold(*session, *spec, folder / std::to_string(number++), hostile.what);
  }
  ck_assert_int_ge(number, 15);
  for (const auto &path : tree_of(world.path())) {
    ck_assert_msg(path == "deep" || path == "deep/down" || path.starts_with("deep/down/here"),
                  "made outside: %s", path.c_str());
    const auto whole = world.path() / path;
    if (!std::filesystem::is_symlink(whole))
      continue;
    const auto target = (whole.parent_path() / std::filesystem::read_symlink(whole))
                            .lexically_relative(folder)
                            .string();
    ck_assert_msg(!target.starts_with(".."), "%s leads to %s", path.c_str(), target.c_str());
  }
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
  for (const auto &hostile : hostile_numbers()) {
    const auto loaded = TorrentSpec::from_metainfo(as_bytes(hostile.torrent));
    const bool is_refused = std::holds_alternative<Failure>(loaded);
    ck_assert_msg(is_refused == hostile.is_refused, "%s", hostile.what);
    if (is_refused)
      ck_assert_msg(!std::get<Failure>(loaded).text.empty(), "%s: no reason", hostile.what);
  }
}
END_TEST

START_TEST(has_limits)
{
  const auto too_large = single("a") + std::string(TorrentSpec::largest_metainfo, ' ');
  ck_assert(std::holds_alternative<Failure>(TorrentSpec::from_metainfo(as_bytes(too_large))));
  const auto numbers = hostile_numbers();
  const auto &trackers = numbers.back();
  const auto loaded = TorrentSpec::from_metainfo(as_bytes(trackers.torrent));
  const auto &info = *std::get<TorrentSpec>(loaded).parsed().params.ti;
  ck_assert_uint_eq(info.trackers().size(), TorrentSpec::most_trackers);
}
END_TEST

START_TEST(takes_magnets_with_care)
{
  const auto hash = std::string(40, '1');
  const auto base = "magnet:?xt=urn:btih:" + hash;
  std::string many = base;
  for (int i = 0; i < 5000; ++i)
    many += "&tr=http://127.0.0.1/" + std::to_string(i);
  const struct {
    const char *what;
    std::string uri;
    bool is_refused = false;
  } cases[] = {
      {"a name with ..", base + "&dn=..%2F..%2Fx"},
      {"a name with NUL", base + "&dn=a%00b"},
      {"an absolute name", base + "&dn=/etc/passwd"},
      {"5000 trackers", many},
      {"files beyond all", base + "&so=0-4294967295"},
      {"a peer that is none", base + "&x.pe=nonsense&x.pe=1.2.3.4:99999"},
      {"no hash", "magnet:?dn=film", true},
      {"a hash of zeros", "magnet:?xt=urn:btih:" + std::string(40, '0'), true},
      {"a short hash", "magnet:?xt=urn:btih:1234", true},
      {"no hexadecimal digits", "magnet:?xt=urn:btih:" + std::string(40, 'z'), true},
      {"too long", base + "&dn=" + std::string(1'000'000, 'x'), true},
      {"something else", "http://example.org/", true},
      {"nothing", "", true},
  };
  for (const auto &c : cases) {
    const auto loaded = TorrentSpec::from_magnet(c.uri);
    ck_assert_msg(std::holds_alternative<Failure>(loaded) == c.is_refused, "%s", c.what);
    if (c.is_refused)
      continue;
    const auto &spec = std::get<TorrentSpec>(loaded);
    ck_assert_str_eq(spec.info_hash().c_str(), hash.c_str());
    ck_assert_msg(spec.name().find('/') == std::string::npos &&
                      spec.name().find('\0') == std::string::npos,
                  "%s: %s", c.what, spec.name().c_str());
    ck_assert_uint_le(spec.magnet().size(), 10'000);
    ck_assert_uint_le(spec.selected().size(), 1'000'000);
  }
}
END_TEST

CHECK_MAIN("torrent_hostile", stays_in_its_folder, refuses_what_cannot_be, has_limits,
           takes_magnets_with_care)
