// SPDX-License-Identifier: LGPL-2.1-or-later
// audiocookiesrc and videocookiesrc, which differ in their defaults.
#include "cookie_support.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"
#include "support/unprivileged.hpp"

#include <sys/stat.h>

#include <set>

using namespace kam;
using namespace kam::test;

namespace {

void assert_text(const std::string &got, const std::string &expected)
{
  ck_assert_msg(got == expected, "%zu bytes \"%.80s\" instead of %zu \"%.80s\"", got.size(),
                got.c_str(), expected.size(), expected.c_str());
}

void assert_contains(const std::string &text, const std::string &part)
{
  ck_assert_msg(text.find(part) != std::string::npos, "\"%s\" is not in \"%s\"", part.c_str(),
                text.c_str());
}

std::string noise(std::size_t size, std::uint32_t seed)
{
  const auto bytes = Random{seed}.bytes(size);
  return std::string{as_text(bytes)};
}

// A wave file of silence.
std::string wave(std::size_t size)
{
  std::string bytes{
      "RIFF....WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data....", 44};
  bytes.resize(size, '\x80');
  return bytes;
}

std::string refusal(const std::string &launch)
{
  Cookies cookies{launch};
  ck_assert_msg(cookies.set_state(GST_STATE_READY) == GST_STATE_CHANGE_FAILURE, "%s",
                launch.c_str());
  return cookies.take_error();
}

// The names of the files that were picked, without their endings.
std::string picks(const std::string &launch)
{
  Cookies cookies{launch};
  (void)cookies.run();
  std::string names;
  for (;;) {
    const auto message = cookies.take_message(GST_MESSAGE_ELEMENT);
    const auto end = message.find(".wav");
    if (end == std::string::npos)
      return names;
    names += message.substr(message.rfind('/', end) + 1, end - message.rfind('/', end) - 1);
  }
}

}  // namespace

GST_START_TEST(it_sends_files_of_the_folder)
{
  const TemporaryFolder folder;
  folder.write("a.wav", wave(5000));
  folder.write("b.WAV", wave(70'000));
  folder.write("cover.jpg", noise(100, 1));
  folder.write(".hidden.wav", wave(100));
  std::set<std::string> seen;
  for (int seed = 1; seed <= 20; ++seed) {
    Cookies cookies{"audiocookiesrc bitrate=0 num-cookies=2 location=" + folder.path() +
                    " seed=" + std::to_string(seed)};
    const auto text = cookies.run();
    ck_assert(text == wave(5000) + wave(5000) || text == wave(5000) + wave(70'000) ||
              text == wave(70'000) + wave(5000) || text == wave(70'000) + wave(70'000));
    seen.insert(cookies.last_pick());
    assert_text(cookies.caps(), "audio/x-wav");
  }
  ck_assert(seen == std::set<std::string>({folder.path("a.wav"), folder.path("b.WAV")}));
}
GST_END_TEST

GST_START_TEST(the_order_is_as_wanted)
{
  const TemporaryFolder folder;
  for (const auto *name : {"c.wav", "a.wav", "d.wav", "b.wav"})
    folder.write(name, wave(50));
  const auto launch =
      "audiocookiesrc bitrate=0 num-cookies=8 seed=42 location=" + folder.path();
  assert_text(picks(launch), "bdcaccba");
  assert_text(picks(launch), "bdcaccba");
  assert_text(picks(launch + " pick=sequential"), "abcdabcd");
  auto shuffled = picks(launch + " pick=shuffle");
  assert_text(shuffled, "cadbdbac");
  std::sort(shuffled.begin(), shuffled.begin() + 4);
  assert_text(shuffled.substr(0, 4), "abcd");
}
GST_END_TEST

// By the clock: Kamaelia's chunks, each when it is due, and a short one at the end.
GST_START_TEST(it_keeps_the_pace_of_kamaelia)
{
  const TemporaryFolder folder;
  const struct {
    const char *factory;
    const char *name;
    std::size_t chunk;
    double rate;
  } kinds[]{{"audiocookiesrc", "a.wav", 476, 95'200},
            {"videocookiesrc", "a.mpg", 1953, 375'000}};
  for (const auto &kind : kinds) {
    const auto content = noise(kind.chunk * 10 + 7, 5);
    const auto launch =
        std::string{kind.factory} + " location=" + folder.write(kind.name, content);
    auto *h = gst_harness_new_parse(launch.c_str());
    gst_harness_use_testclock(h);
    gst_harness_play(h);
    std::string got;
    while (got.size() < content.size()) {
      const auto due =
          static_cast<GstClockTime>(static_cast<double>(got.size()) * 8e9 / kind.rate);
      ck_assert(gst_harness_crank_single_clock_wait(h));
      auto *buffer = gst_harness_pull(h);
      ck_assert_uint_eq(GST_BUFFER_PTS(buffer), due);
      auto *clock = gst_harness_get_testclock(h);
      ck_assert_uint_eq(gst_clock_get_time(GST_CLOCK(clock)), due);
      gst_object_unref(clock);
      ck_assert_uint_eq(gst_buffer_get_size(buffer),
                        std::min(kind.chunk, content.size() - got.size()));
      got += as_text(bytes_of(buffer));
      gst_buffer_unref(buffer);
    }
    ck_assert(got == content);
    gst_harness_teardown(h);
  }
}
GST_END_TEST

GST_START_TEST(caps_are_of_the_bytes)
{
  const TemporaryFolder folder;
  const std::pair<std::string, std::string> files[]{
      {folder.write("tune.mp3", wave(500)), "audio/x-wav"},
      {folder.write("tune", "?"), ""},
  };
  for (const auto &[file, expected] : files) {
    Cookies cookies{"audiocookiesrc bitrate=0 num-cookies=2 location=" + file};
    (void)cookies.run();
    assert_text(cookies.caps().substr(0, expected.size()), expected);
    ck_assert_int_eq(cookies.caps().empty(), expected.empty());
  }
}
GST_END_TEST

// One file, as fast as it goes, is what a file source would give: decoders may read anywhere.
GST_START_TEST(unpaced_it_can_be_read_from_anywhere)
{
  const TemporaryFolder folder;
  const auto content = noise(200'000, 9);
  auto *element = gst_parse_launch(
      ("audiocookiesrc bitrate=0 location=" + folder.write("a.wav", content)).c_str(), nullptr);
  gst_object_ref_sink(element);
  auto *pad = gst_element_get_static_pad(element, "src");
  auto *query = gst_query_new_scheduling();
  ck_assert(gst_pad_query(pad, query));
  ck_assert(gst_query_has_scheduling_mode_with_flags(query, GST_PAD_MODE_PULL,
                                                     GST_SCHEDULING_FLAG_SEEKABLE));
  gst_query_unref(query);
  ck_assert_int_ne(gst_element_set_state(element, GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  ck_assert(gst_pad_activate_mode(pad, GST_PAD_MODE_PULL, TRUE));
  gint64 size = 0;
  ck_assert(gst_element_query_duration(element, GST_FORMAT_BYTES, &size));
  ck_assert_int_eq(size, 200'000);
  // Downstream gets to PAUSED first; what it has begun goes on when the source follows.
  ck_assert_int_ne(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  ck_assert(gst_element_query_duration(element, GST_FORMAT_BYTES, &size));
  ck_assert_int_eq(size, 200'000);
  for (const auto &[offset, wanted, expected] : {std::array<guint64, 3>{0, 10, 10},
                                                 {199'990, 100, 10},
                                                 {100'000, 70'000, 70'000},
                                                 {5, 1, 1}}) {
    GstBuffer *buffer = nullptr;
    ck_assert_int_eq(gst_pad_get_range(pad, offset, static_cast<guint>(wanted), &buffer),
                     GST_FLOW_OK);
    ck_assert(as_text(bytes_of(buffer)) == content.substr(offset, expected));
    gst_buffer_unref(buffer);
  }
  GstBuffer *none = nullptr;
  ck_assert_int_eq(gst_pad_get_range(pad, 200'000, 1, &none), GST_FLOW_EOS);
  gst_pad_activate_mode(pad, GST_PAD_MODE_PULL, FALSE);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_object_unref(pad);
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(unpaced_it_can_be_pushed_from_anywhere)
{
  const TemporaryFolder folder;
  const auto content = noise(200'000, 9);
  Cookies cookies{"audiocookiesrc bitrate=0 location=" + folder.write("a.wav", content)};
  cookies.set_state(GST_STATE_PLAYING);
  cookies.wait_for_end();
  ck_assert(cookies.segment_format() == GST_FORMAT_BYTES);
  ck_assert(cookies.text() == content);
  ck_assert(gst_element_seek_simple(cookies.element(), GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH,
                                    150'000));
  cookies.wait_for_bytes(250'000);
  ck_assert(cookies.text() == content + content.substr(150'000));
}
GST_END_TEST

GST_START_TEST(it_says_what_is_missing)
{
  const TemporaryFolder folder;
  assert_contains(refusal("audiocookiesrc"), "not said");
  assert_contains(refusal("audiocookiesrc location=" + folder.path("absent")),
                  "gst-resource-error-quark " + std::to_string(GST_RESOURCE_ERROR_NOT_FOUND) +
                      ": Cannot open \"" + folder.path("absent"));
  assert_contains(refusal("audiocookiesrc location=" + folder.path()), "No file in the folder");
  folder.write("film.mpg", "x");
  assert_contains(refusal("audiocookiesrc location=" + folder.path()), "No file in the folder");
  folder.link("escape.wav", "/etc/passwd");
  assert_contains(refusal("audiocookiesrc location=" + folder.path()),
                  "links, like \"escape.wav\", are not followed");
  mkfifo(folder.path("pipe").c_str(), 0600);
  assert_contains(refusal("audiocookiesrc location=" + folder.path("pipe")), "not a file");
}
GST_END_TEST

GST_START_TEST(it_says_what_it_may_not_read)
{
  const TemporaryFolder folder;
  chmod(folder.path().c_str(), 0755);
  const auto file = folder.write("locked/a.wav", wave(100));
  const auto locked = folder.path("locked");
  const auto refused = [](const std::string &location) {
    const Unprivileged nobody;
    return refusal("audiocookiesrc location=" + location);
  };
  for (const mode_t mode : {0000, 0111}) {
    chmod(locked.c_str(), mode);
    assert_contains(refused(locked),
                    "gst-resource-error-quark " + std::to_string(GST_RESOURCE_ERROR_OPEN_READ) +
                        ": Cannot open the folder \"" + locked + "\": Permission denied.");
  }
  chmod(file.c_str(), 0);
  chmod(locked.c_str(), 0755);
  assert_contains(refused(file), "Cannot open \"" + file + "\": Permission denied.");
  // Who may read a folder may perhaps not read what is in it: told when it is its turn.
  const Unprivileged nobody;
  Cookies cookies{"audiocookiesrc bitrate=0 location=" + locked};
  ck_assert_int_eq(cookies.set_state(GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  ck_assert_int_eq(cookies.set_state(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  assert_contains(cookies.take_error(), "Permission denied");
}
GST_END_TEST

// What was a file when the folder was read, and is none when it is its turn.
GST_START_TEST(files_that_change_on_the_way)
{
  const TemporaryFolder folder;
  folder.write("a.wav", wave(100));
  const auto launch = "audiocookiesrc num-cookies=2 bitrate=0 location=" + folder.path();
  const auto error_after = [&](auto change) {
    Cookies cookies{launch};
    ck_assert_int_ne(cookies.set_state(GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
    std::filesystem::remove(folder.path("a.wav"));
    change();
    cookies.set_state(GST_STATE_PLAYING);
    cookies.wait_for_end();
    assert_text(cookies.text(), "");
    std::filesystem::remove(folder.path("a.wav"));
    folder.write("a.wav", wave(100));
    return cookies.take_error();
  };
  assert_contains(error_after([] {}), "No such file");
  assert_contains(error_after([&] { folder.link("a.wav", "/etc/passwd"); }), "not followed");
  assert_contains(error_after([&] { mkfifo(folder.path("a.wav").c_str(), 0600); }),
                  "not a file");
  assert_contains(error_after([&] { folder.write("a.wav", ""); }), "is empty");
}
GST_END_TEST

GST_START_TEST(a_file_that_gets_shorter_ends)
{
  const TemporaryFolder folder;
  const auto file = folder.write("a.wav", wave(10'000));
  Cookies cookies{"audiocookiesrc bitrate=8000000 chunk-rate=1000 num-cookies=2 location=" +
                  file};
  std::size_t count = 0;
  cookies.on_buffer = [&] {
    if (++count == 2)
      std::filesystem::resize_file(file, 4000);
  };
  assert_text(cookies.run(), wave(4000) + wave(4000));
}
GST_END_TEST

GST_START_TEST(a_reactor_drives_it)
{
  const TemporaryFolder folder;
  for (const auto *name : {"a.wav", "b.wav", "c.wav"})
    folder.write(name, std::string{name} + noise(3000, 3));
  Seat seat{42};
  std::vector<std::string> picked;
  for (int client = 0; client < 4; ++client) {
    Cookies cookies{"audiocookiesrc bitrate=2400000 chunk-rate=100 pick=sequential location=" +
                    folder.path()};
    seat.give(cookies);
    const auto began = net::now_ns();
    seat.set_state(cookies, GST_STATE_PLAYING);
    cookies.wait_for_end();
    const auto last = cookies.arrivals().back();
    ck_assert_uint_eq(last.pts, 10 * GST_MSECOND);
    ck_assert_uint_ge(last.at, began + 10 * GST_MSECOND);
    seat.set_state(cookies, GST_STATE_NULL);
    const auto name = cookies.text().substr(0, 1);
    assert_text(cookies.text(), name + ".wav" + noise(3000, 3));
    picked.push_back(name);
  }
  // Each client has the file after that of the one before, as long as anybody has the folder.
  ck_assert(picked.size() == 4);
}
GST_END_TEST

GST_START_TEST(clients_of_a_server_share_files)
{
  const TemporaryFolder folder;
  for (const auto *name : {"a.wav", "b.wav", "c.wav"})
    folder.write(name, name);
  const auto launch = "audiocookiesrc bitrate=0 pick=sequential location=" + folder.path();
  Seat seat;
  Cookies holder{launch};
  ck_assert_int_ne(holder.set_state(GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  std::string all;
  for (int client = 0; client < 5; ++client) {
    Cookies cookies{launch};
    seat.give(cookies);
    seat.set_state(cookies, GST_STATE_PLAYING);
    cookies.wait_for_end();
    seat.set_state(cookies, GST_STATE_NULL);
    all += cookies.text();
  }
  assert_text(all, "a.wavb.wavc.wava.wavb.wav");
  // As many open files for a hundred as for one.
  const auto open_files = [&] {
    int count = 0;
    for (const auto &entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
      std::error_code ignored;
      const auto target = std::filesystem::read_symlink(entry, ignored).string();
      count += target.starts_with(folder.path()) ? 1 : 0;
    }
    return count;
  };
  seat.run([&] { seat.gate().close(); });
  std::vector<std::unique_ptr<Cookies>> clients;
  const auto add = [&] {
    clients.push_back(std::make_unique<Cookies>(launch + " pick=random"));
    seat.give(*clients.back());
    seat.set_state(*clients.back(), GST_STATE_PLAYING);
    seat.run([] {});
  };
  for (int i = 0; i < 100; ++i)
    add();
  // The folder, and the three files.
  ck_assert_int_eq(open_files(), 4);
  for (auto &client : clients)
    seat.set_state(*client, GST_STATE_NULL);
}
GST_END_TEST

GST_START_TEST(it_stops_at_once)
{
  const TemporaryFolder folder;
  const auto file = folder.write("a.wav", wave(1000));
  for (const auto *properties : {"bitrate=1", "bitrate=0 num-cookies=-1", "num-cookies=-1"}) {
    Cookies cookies{"audiocookiesrc location=" + file + " " + properties};
    cookies.set_state(GST_STATE_PLAYING);
    cookies.wait_for_bytes(1);
    const auto before = net::now_ns();
    cookies.set_state(GST_STATE_NULL);
    ck_assert_uint_lt(net::now_ns() - before, 5 * GST_SECOND);
  }
}
GST_END_TEST

static Suite *cookiesrc_suite()
{
  Suite *suite = suite_create("cookiesrc");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, it_sends_files_of_the_folder);
  tcase_add_test(tc, the_order_is_as_wanted);
  tcase_add_test(tc, it_keeps_the_pace_of_kamaelia);
  tcase_add_test(tc, caps_are_of_the_bytes);
  tcase_add_test(tc, unpaced_it_can_be_read_from_anywhere);
  tcase_add_test(tc, unpaced_it_can_be_pushed_from_anywhere);
  tcase_add_test(tc, it_says_what_is_missing);
  tcase_add_test(tc, it_says_what_it_may_not_read);
  tcase_add_test(tc, files_that_change_on_the_way);
  tcase_add_test(tc, a_file_that_gets_shorter_ends);
  tcase_add_test(tc, a_reactor_drives_it);
  tcase_add_test(tc, clients_of_a_server_share_files);
  tcase_add_test(tc, it_stops_at_once);
  return suite;
}

GST_CHECK_MAIN(cookiesrc)
