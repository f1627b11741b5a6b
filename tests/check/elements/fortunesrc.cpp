// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cookie_support.hpp"
#include "support/fortune_index.hpp"
#include "support/temporary_folder.hpp"
#include "support/unprivileged.hpp"

#include <sys/stat.h>

#include <array>
#include <csignal>
#include <fstream>
#include <set>

using namespace kam;
using namespace kam::test;

namespace {

const std::vector<std::string> sayings{"One.\n", "Two\nlines.\n", "Drei: grün.\n", "Four.\n",
                                       "The fifth is the longest of them all.\n"};

std::string joined(const std::vector<std::string> &cookies)
{
  std::string text;
  for (const auto &cookie : cookies)
    text += (text.empty() ? "" : "%\n") + cookie;
  return text;
}

std::string quoted(const std::string &text)
{
  return "\"" + text + "\"";
}

// What it says when it cannot go to READY.
std::string refusal(const std::string &properties)
{
  Cookies cookies{"fortunesrc " + properties};
  ck_assert_msg(cookies.set_state(GST_STATE_READY) == GST_STATE_CHANGE_FAILURE, "%s",
                properties.c_str());
  return cookies.take_error();
}

void assert_text(const std::string &got, const std::string &expected)
{
  ck_assert_msg(got == expected, "\"%s\" instead of \"%s\"", got.c_str(), expected.c_str());
}

bool contains(const std::string &text, const std::string &part)
{
  return text.find(part) != std::string::npos;
}

void assert_contains(const std::string &text, const std::string &part)
{
  ck_assert_msg(contains(text, part), "\"%s\" is not in \"%s\"", part.c_str(), text.c_str());
}

}  // namespace

GST_START_TEST(what_it_sends_is_in_the_database)
{
  const TemporaryFolder folder;
  const auto database = folder.write("sayings", joined(sayings));
  std::set<std::string> seen;
  for (int seed = 1; seed <= 100; ++seed) {
    Cookies cookies{"fortunesrc bitrate=0 location=" + database +
                    " seed=" + std::to_string(seed)};
    const auto text = cookies.run();
    ck_assert_msg(std::ranges::count(sayings, text) == 1, "%d: %s", seed, text.c_str());
    seen.insert(text);
    const auto number = std::ranges::find(sayings, text) - sayings.begin() + 1;
    assert_text(cookies.last_pick(), database + ":" + std::to_string(number));
    assert_text(cookies.caps(), "text/x-raw, format=(string)utf8");
    ck_assert(cookies.segment_format() == GST_FORMAT_TIME);
  }
  ck_assert_uint_eq(seen.size(), sayings.size());
}
GST_END_TEST

GST_START_TEST(a_seed_picks_the_same_after_each_start)
{
  const TemporaryFolder folder;
  const auto database = folder.write("sayings", joined(sayings));
  const auto launch = "fortunesrc bitrate=0 num-cookies=6 separator=\"\" location=" + database;
  Cookies cookies{launch + " seed=42"};
  const auto expected =
      sayings[3] + sayings[1] + sayings[3] + sayings[4] + sayings[0] + sayings[2];
  assert_text(cookies.run(), expected);
  Cookies again{launch + " seed=42"};
  assert_text(again.run(), expected);
  again.set_state(GST_STATE_PLAYING);
  again.wait_for_bytes(2 * expected.size());
  assert_text(again.text(), expected + expected);
}
GST_END_TEST

GST_START_TEST(it_says_what_it_has_picked)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "Alone.\n");
  Cookies cookies{"fortunesrc bitrate=0 num-cookies=2 location=" + database};
  assert_text(cookies.run(), "Alone.\n\nAlone.\n");
  for (int i = 0; i < 2; ++i) {
    const auto message = cookies.take_message(GST_MESSAGE_ELEMENT);
    assert_text(message, "cookie-picked, location=(string)" + database +
                             ", number=(guint64)1, size=(guint64)7;");
  }
  assert_text(cookies.take_message(GST_MESSAGE_ELEMENT), "");
}
GST_END_TEST

// By the clock: a byte every 25 milliseconds, the first at once.
GST_START_TEST(it_keeps_the_pace_of_kamaelia)
{
  const TemporaryFolder folder;
  const std::string text = "0123456789012345678901234567890123456789\n";
  auto *h = gst_harness_new_parse(("fortunesrc location=" + folder.write("one", text)).c_str());
  gst_harness_use_testclock(h);
  gst_harness_play(h);
  for (std::size_t i = 0; i < text.size(); ++i) {
    ck_assert(gst_harness_crank_single_clock_wait(h));
    auto *buffer = gst_harness_pull(h);
    ck_assert(buffer != nullptr);
    ck_assert_uint_eq(gst_buffer_get_size(buffer), 1);
    ck_assert_uint_eq(GST_BUFFER_PTS(buffer), i * 25 * GST_MSECOND);
    ck_assert_uint_eq(GST_BUFFER_DURATION(buffer), 25 * GST_MSECOND);
    gst_buffer_unref(buffer);
    auto *clock = gst_harness_get_testclock(h);
    ck_assert_uint_eq(gst_clock_get_time(GST_CLOCK(clock)), i * 25 * GST_MSECOND);
    gst_object_unref(clock);
  }
  gst_harness_teardown(h);
}
GST_END_TEST

GST_START_TEST(chunks_are_cut_between_characters)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "aäb€\n");
  Cookies cookies{"fortunesrc bitrate=8000 chunk-rate=1000 location=" + database};
  (void)cookies.run();
  std::vector<std::string> pieces;
  GstClockTime next = 0;
  const auto arrivals = cookies.arrivals();
  const auto first = arrivals.front().pts;
  for (const auto &arrival : arrivals) {
    pieces.push_back(arrival.bytes);
    ck_assert_uint_eq(arrival.pts - first, next);
    ck_assert_uint_eq(arrival.duration, arrival.bytes.size() * GST_MSECOND);
    next += arrival.duration;
  }
  ck_assert(pieces == std::vector<std::string>({"a", "ä", "b", "€", "\n"}));
}
GST_END_TEST

// For subtitles: a buffer is a cookie and lasts as long as it would take to send.
GST_START_TEST(whole_cookies)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "12345678\n");
  Cookies cookies{"fortunesrc bitrate=36000 chunk-rate=0 num-cookies=3 location=" + database};
  (void)cookies.run();
  const auto arrivals = cookies.arrivals();
  ck_assert_uint_eq(arrivals.size(), 3);
  assert_text(arrivals[0].bytes, "12345678\n");
  ck_assert_uint_eq(arrivals[0].duration, 2 * GST_MSECOND);
  assert_text(arrivals[1].bytes, "\n12345678\n");
  ck_assert_uint_eq(arrivals[1].pts - arrivals[0].pts, 2 * GST_MSECOND);
}
GST_END_TEST

GST_START_TEST(lines_and_lengths_are_as_wanted)
{
  const TemporaryFolder folder;
  const auto database = folder.write("sayings", joined(sayings));
  Cookies dos{"fortunesrc bitrate=0 eol=crlf max-length=13 min-length=13 location=" + database};
  assert_text(dos.run(), "Two\r\nlines.\r\n");
  Cookies longest{"fortunesrc bitrate=0 min-length=20 location=" + database};
  assert_text(longest.run(), sayings.back());
  assert_contains(refusal("max-length=3 location=" + database), "as long as");
}
GST_END_TEST

GST_START_TEST(folders_of_databases)
{
  const TemporaryFolder folder;
  folder.write("turned", "Nccyr.\n%\nCrne.\n");
  folder.write("turned.dat", std::string{IndexOf{.offsets = {0, 9}, .flags = 4}});
  folder.write("wide", "Plum.\n%\nFig.\n");
  folder.write("wide.dat", std::string{IndexOf{.offsets = {0, 8}, .is_wide = true}});
  folder.write("plain", "Lime.\r\n%\r\nDate.\r\n");
  folder.write("whole", "Kiwi.\n");
  folder.write("whole.dat", std::string{IndexOf{.offsets = {0}}});
  folder.write("README", "Nothing to laugh about.\n");
  folder.write("program.c", "%\nint main() {}\n%\n");
  folder.write(".hidden", "No.\n%\nNo.\n");
  folder.write("rude-o", "Rude.\n%\nRuder.\n");
  folder.write("off/worse", "Worse.\n%\nWorst.\n");
  folder.link("wide.u8", "wide");
  folder.link("escape", "/etc/passwd");
  std::set<std::string> polite{"Apple.\n", "Pear.\n", "Plum.\n", "Fig.\n",
                               "Lime.\n",  "Date.\n", "Kiwi.\n"};
  std::set<std::string> all = polite;
  all.insert({"Rude.\n", "Ruder.\n", "Worse.\n", "Worst.\n"});
  for (const bool offensive : {false, true}) {
    Cookies cookies{std::string{"fortunesrc bitrate=0 num-cookies=500 separator=| offensive="} +
                    (offensive ? "true" : "false") + " location=" + folder.path()};
    std::set<std::string> seen;
    auto text = cookies.run() + "|";
    for (std::size_t end = 0; (end = text.find('|')) != std::string::npos;) {
      seen.insert(text.substr(0, end));
      text.erase(0, end + 1);
    }
    std::string shown;
    for (const auto &cookie : seen)
      shown += cookie;
    ck_assert_msg(seen == (offensive ? all : polite), "%s", shown.c_str());
  }
}
GST_END_TEST

GST_START_TEST(the_search_path_and_names_in_it)
{
  const TemporaryFolder folder;
  folder.write("first/a", "A.\n%\nA.\n");
  folder.write("second/b", "B.\n%\nB.\n");
  const auto path =
      folder.path("none") + ":" + folder.path("second") + ":" + folder.path("first");
  g_setenv("FORTUNE_PATH", path.c_str(), TRUE);
  Cookies all{"fortunesrc bitrate=0"};
  assert_text(all.run(), "B.\n");
  Cookies named{"fortunesrc bitrate=0 location=a"};
  assert_text(named.run(), "A.\n");
  Cookies several{"fortunesrc bitrate=0 num-cookies=200 separator=\"\" location=a:" +
                  folder.path("second/b")};
  const auto both = several.run();
  ck_assert(contains(both, "A.") && contains(both, "B."));
  assert_contains(refusal("location=c"), "\"c\"");
  // As the last resort.
  g_setenv("FORTUNE_PATH", folder.path("none").c_str(), TRUE);
  Cookies built_in{"fortunesrc bitrate=0"};
  ck_assert_uint_gt(built_in.run().size(), 0);
  assert_contains(built_in.last_pick(), "built-in:");
  g_unsetenv("FORTUNE_PATH");
}
GST_END_TEST

GST_START_TEST(it_says_at_ready_what_is_missing)
{
  const TemporaryFolder folder;
  const auto error = refusal("location=" + folder.path("absent"));
  assert_contains(error,
                  "gst-resource-error-quark " + std::to_string(GST_RESOURCE_ERROR_NOT_FOUND));
  assert_contains(error, folder.path("absent"));
  assert_contains(refusal("location=" + folder.path()), "no fortunes");
  assert_contains(refusal("location=" + folder.write("empty", "%\n%\n")), "no cookies");
  folder.write("linked/x", "");
  folder.link("linked/passwd", "/etc/passwd");
  assert_contains(refusal("location=" + folder.path("linked")), "not followed");
  mkfifo(folder.path("pipe").c_str(), 0600);
  assert_contains(refusal("location=" + folder.path("pipe")), "not a file");
  // One of several that is missing is told too.
  const auto good = folder.write("good", "Good.\n");
  assert_contains(refusal("location=" + good + ":" + folder.path("absent")), "absent");
}
GST_END_TEST

GST_START_TEST(it_says_what_it_may_not_read)
{
  const TemporaryFolder folder;
  chmod(folder.path().c_str(), 0755);
  const auto secret = folder.write("secret", "Hush.\n");
  const auto locked = folder.path("locked");
  folder.write("locked/sayings", "Hush.\n%\nShh.\n");
  const auto program = folder.write("program", "#!/bin/sh\necho Hush.\n");
  for (const auto &path : {secret, locked})
    chmod(path.c_str(), 0);
  chmod(program.c_str(), 0600);
  const auto refused = [](const std::string &properties) {
    const Unprivileged nobody;
    return refusal(properties);
  };
  assert_contains(refused("location=" + secret),
                  "Cannot open " + quoted(secret) + ": Permission denied.");
  assert_contains(refused("location=" + locked),
                  "Cannot open the folder " + quoted(locked) + ": Permission denied.");
  assert_contains(refused("command=" + program), "Permission denied");
  chmod(locked.c_str(), 0700);  // so that it can be removed
}
GST_END_TEST

GST_START_TEST(a_change_of_the_database_is_seen)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "Before.\n");
  {
    Cookies cookies{"fortunesrc bitrate=0 location=" + database};
    assert_text(cookies.run(), "Before.\n");
  }
  folder.write("one", "Afterwards.\n");
  Cookies cookies{"fortunesrc bitrate=0 location=" + database};
  assert_text(cookies.run(), "Afterwards.\n");
}
GST_END_TEST

// --- programs -----------------------------------------------------------------------------

GST_START_TEST(a_program_prints_the_cookie)
{
  // Nothing in it means anything to a shell, as there is none.
  Cookies cookies{"fortunesrc bitrate=0"};
  g_object_set(cookies.element(), "command", R"(printf '%s|%s\r\n' '$HOME; *' x\ y)", nullptr);
  assert_text(cookies.run(), "$HOME; *|x y\n");
  assert_contains(cookies.last_pick(), "/printf");
  Cookies twice{"fortunesrc bitrate=0 num-cookies=2 separator=- command=\"echo a\""};
  assert_text(twice.run(), "a\n-a\n");
  // It has nothing to read, and so ends.
  Cookies cat{"fortunesrc bitrate=0 command=\"sh -c 'cat; echo end'\""};
  assert_text(cat.run(), "end\n");
  Cookies latin{"fortunesrc bitrate=0"};
  g_object_set(latin.element(), "command", R"(printf gr\\374n)", nullptr);
  assert_text(latin.run(), "grün");
}
GST_END_TEST

GST_START_TEST(programs_that_do_not_work)
{
  assert_contains(refusal("command=no-such-program"), "no program \"no-such-program\"");
  assert_contains(refusal("command=/no/such/program"), "No such file");
  assert_contains(refusal("command=/etc/passwd"), "Permission denied");
  assert_contains(refusal("command=\"echo 'a\""), "cannot be understood");
  const std::pair<const char *, const char *> failures[]{
      {"command=true", "printed nothing"},
      {"command=\"yes\" max-bytes=100000", "more than 100000 bytes"},
      {"command=\"sleep 1000\" command-timeout=20", "has not ended after 20 milliseconds"},
      {"command=\"sh -c 'echo a; exec sleep 1000'\" command-timeout=20", "has not ended"},
  };
  for (const auto &[properties, expected] : failures) {
    Cookies cookies{std::string{"fortunesrc bitrate=0 "} + properties};
    assert_text(cookies.run(), "");
    assert_contains(cookies.take_error(), expected);
  }
}
GST_END_TEST

// A program, and what it has started, ends with the element, and at once.
GST_START_TEST(programs_end_with_the_element)
{
  const TemporaryFolder folder;
  const auto script =
      folder.write("hang", "#!/bin/sh\nsleep 1000 & echo $$ $! >$1.new; mv $1.new $1\nwait\n");
  chmod(script.c_str(), 0700);
  const auto file = folder.path("pids");
  Cookies cookies{"fortunesrc command-timeout=3600000 command=" + quoted(script + " " + file)};
  cookies.set_state(GST_STATE_PLAYING);
  int shell = 0;
  int child = 0;
  while (!(std::ifstream{file} >> shell >> child))
    std::this_thread::yield();
  ck_assert_int_eq(kill(child, 0), 0);
  ck_assert_int_eq(getpgid(shell), shell);
  cookies.set_state(GST_STATE_NULL);
  ck_assert_int_eq(kill(shell, 0), -1);
  // Whose parent has gone is waited for by somebody else.
  const auto has_ended = [child] {
    std::ifstream status{"/proc/" + std::to_string(child) + "/stat"};
    std::string number;
    std::string name;
    std::string state;
    return !(status >> number >> name >> state) || state == "Z" || state == "X";
  };
  while (!has_ended())
    std::this_thread::yield();
}
GST_END_TEST

// --- at a reactor -------------------------------------------------------------------------

GST_START_TEST(a_reactor_drives_it_without_a_thread)
{
  const TemporaryFolder folder;
  const std::string text = "0123456789\n";
  const auto database = folder.write("one", text);
  Cookies cookies{"fortunesrc bitrate=8000 chunk-rate=100 location=" + database};
  Seat seat;
  std::set<std::thread::id> threads;
  cookies.on_buffer = [&] { threads.insert(std::this_thread::get_id()); };
  seat.give(cookies);
  const auto began = net::now_ns();
  ck_assert_int_eq(seat.set_state(cookies, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  cookies.wait_for_end();
  seat.set_state(cookies, GST_STATE_NULL);
  assert_text(cookies.text(), text);
  ck_assert(threads == std::set<std::thread::id>{seat.thread()});
  const auto arrivals = cookies.arrivals();
  ck_assert_uint_eq(arrivals.size(), 2);
  ck_assert_uint_eq(arrivals[0].pts, 0);
  ck_assert_uint_eq(arrivals[1].pts, 10 * GST_MSECOND);
  ck_assert_uint_ge(arrivals[1].at, began + 10 * GST_MSECOND);
  assert_text(cookies.caps(), "text/x-raw, format=(string)utf8");
  ck_assert(cookies.segment_format() == GST_FORMAT_TIME);
}
GST_END_TEST

GST_START_TEST(a_seat_has_a_seed)
{
  const TemporaryFolder folder;
  const auto database = folder.write("sayings", joined(sayings));
  std::vector<std::string> picks;
  for (const guint64 seed : {7U, 8U, 7U, 0U}) {
    Seat seat{seed};
    Cookies cookies{"fortunesrc seed=8 bitrate=0 num-cookies=9 location=" + database};
    seat.give(cookies);
    seat.set_state(cookies, GST_STATE_PLAYING);
    cookies.wait_for_end();
    seat.set_state(cookies, GST_STATE_NULL);
    picks.push_back(cookies.text());
  }
  ck_assert(picks[0] == picks[2]);
  ck_assert(picks[0] != picks[1]);
  // Where the server has none, the element's counts.
  ck_assert(picks[1] == picks[3]);
}
GST_END_TEST

// While the client does not take what it was sent, nothing more is made; afterwards nothing is
// missing.
GST_START_TEST(a_closed_gate_holds_it_up)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "abc\n");
  Seat seat;
  Cookies cookies{"fortunesrc bitrate=0 num-cookies=100 separator=\"\" location=" + database};
  seat.give(cookies);
  cookies.on_buffer = [&] { seat.gate().close(); };
  seat.set_state(cookies, GST_STATE_PLAYING);
  for (std::size_t i = 1; i <= 100; ++i) {
    cookies.wait_for_bytes(4 * i);
    // Two turns of the loop.
    seat.run([] {});
    seat.run([] {});
    ck_assert_uint_eq(cookies.arrivals().size(), i);
    seat.run([&] { seat.gate().open(); });
  }
  cookies.wait_for_end();
  seat.set_state(cookies, GST_STATE_NULL);
}
GST_END_TEST

GST_START_TEST(programs_run_at_a_reactor)
{
  const std::pair<const char *, const char *> cases[]{
      {"command=\"sh -c 'echo a; echo b'\" num-cookies=2 separator=-", ""},
      {"command=\"sleep 1000\" command-timeout=20", "has not ended after 20 milliseconds"},
      {"command=yes", "more than 1048576 bytes"},
  };
  for (const auto &[properties, error] : cases) {
    Seat seat;
    Cookies cookies{std::string{"fortunesrc bitrate=0 "} + properties};
    seat.give(cookies);
    seat.set_state(cookies, GST_STATE_PLAYING);
    cookies.wait_for_end();
    assert_text(cookies.text(), *error ? "" : "a\nb\n-a\nb\n");
    assert_contains(cookies.take_error(), error);
    seat.set_state(cookies, GST_STATE_NULL);
  }
}
GST_END_TEST

// In the middle of everything, and again.
GST_START_TEST(it_leaves_its_seat)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "abc\n");
  Seat seat;
  for (const auto *properties :
       {"num-cookies=-1", "num-cookies=-1 bitrate=0", "command=\"sleep 1000\""}) {
    Cookies cookies{"fortunesrc location=" + database + " " + properties};
    seat.give(cookies);
    for (int i = 0; i < 20; ++i) {
      seat.set_state(cookies, GST_STATE_PLAYING);
      if (i % 2 == 0)
        seat.run([&] { seat.gate().close(); });
      seat.run([] {});
      seat.set_state(cookies, GST_STATE_READY);
      seat.run([&] { seat.gate().open(); });
    }
    seat.set_state(cookies, GST_STATE_NULL);
  }
}
GST_END_TEST

// Two questions that the base class would answer by starting the source.
GST_START_TEST(questions_do_not_disturb_it)
{
  const TemporaryFolder folder;
  const auto database = folder.write("one", "abcdefghijklmnopqrstuvwxyz\n");
  for (const bool has_seat : {false, true}) {
    Seat seat;
    Cookies cookies{"fortunesrc bitrate=8000 chunk-rate=1000 location=" + database};
    if (has_seat)
      seat.give(cookies);
    const auto ask = [&] {
      auto *scheduling = gst_query_new_scheduling();
      ck_assert(gst_element_query(cookies.element(), scheduling));
      ck_assert(!gst_query_has_scheduling_mode(scheduling, GST_PAD_MODE_PULL));
      ck_assert(gst_query_has_scheduling_mode(scheduling, GST_PAD_MODE_PUSH));
      gst_query_unref(scheduling);
      auto *seeking = gst_query_new_seeking(GST_FORMAT_TIME);
      gst_element_query(cookies.element(), seeking);
      gst_query_unref(seeking);
    };
    cookies.on_buffer = ask;
    ask();
    seat.set_state(cookies, GST_STATE_PLAYING);
    cookies.wait_for_end();
    seat.set_state(cookies, GST_STATE_NULL);
    assert_text(cookies.text(), "abcdefghijklmnopqrstuvwxyz\n");
  }
}
GST_END_TEST

static Suite *fortunesrc_suite()
{
  Suite *suite = suite_create("fortunesrc");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, what_it_sends_is_in_the_database);
  tcase_add_test(tc, a_seed_picks_the_same_after_each_start);
  tcase_add_test(tc, it_says_what_it_has_picked);
  tcase_add_test(tc, it_keeps_the_pace_of_kamaelia);
  tcase_add_test(tc, chunks_are_cut_between_characters);
  tcase_add_test(tc, whole_cookies);
  tcase_add_test(tc, lines_and_lengths_are_as_wanted);
  tcase_add_test(tc, folders_of_databases);
  tcase_add_test(tc, the_search_path_and_names_in_it);
  tcase_add_test(tc, it_says_at_ready_what_is_missing);
  tcase_add_test(tc, it_says_what_it_may_not_read);
  tcase_add_test(tc, a_change_of_the_database_is_seen);
  tcase_add_test(tc, a_program_prints_the_cookie);
  tcase_add_test(tc, programs_that_do_not_work);
  tcase_add_test(tc, programs_end_with_the_element);
  tcase_add_test(tc, a_reactor_drives_it_without_a_thread);
  tcase_add_test(tc, a_seat_has_a_seed);
  tcase_add_test(tc, a_closed_gate_holds_it_up);
  tcase_add_test(tc, programs_run_at_a_reactor);
  tcase_add_test(tc, it_leaves_its_seat);
  tcase_add_test(tc, questions_do_not_disturb_it);
  return suite;
}

GST_CHECK_MAIN(fortunesrc)
