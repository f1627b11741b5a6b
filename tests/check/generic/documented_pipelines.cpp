// SPDX-License-Identifier: LGPL-2.1-or-later
// Every gst-launch-1.0 command in the pages parses with the elements as they are now.
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;

namespace {

// Pages that need not show a pipeline; all others do.
constexpr std::array without_pipelines{"architecture.md", "benchmarks.md", "CONTRIBUTING.md",
                                       "elements.md", "NEWS.md"};

using Words = std::vector<std::string>;

// Splits what a shell would run into simple commands, without their redirections. Each is
// kept as text, with its quotes.
class ShellLine {
 public:
  explicit ShellLine(std::string_view line)
  {
    for (at_ = 0; at_ < line.size(); ++at_)
      take(line);
    end_command();
  }
  const std::vector<std::string> &commands() const { return commands_; }

 private:
  void take(std::string_view line)
  {
    const char c = line[at_];
    if (quote_ == 0 && std::string_view{"|&;()"}.find(c) != std::string_view::npos)
      return end_command();
    if (quote_ == 0 && (c == '>' || c == '<'))
      return skip_redirection(line);
    if (quote_ == 0 && c == '#' && (command_.empty() || command_.back() == ' ')) {
      at_ = line.size();
      return;
    }
    if (c == '\\' && quote_ != '\'' && at_ + 1 < line.size()) {
      command_ += c;
      ++at_;
    } else if (quote_ == c) {
      quote_ = 0;
    } else if (quote_ == 0 && (c == '\'' || c == '"')) {
      quote_ = c;
    }
    command_ += line[at_];
  }

  // "2>&1", "> file": the number before, the sign, and the word after it.
  void skip_redirection(std::string_view line)
  {
    const auto size = command_.size();
    if (size >= 2 && g_ascii_isdigit(command_.back()) && command_[size - 2] == ' ')
      command_.pop_back();
    auto end = line.find_first_not_of("<>& ", at_);
    end = line.find_first_of(" |&;", std::min(end, line.size()));
    at_ = std::min(end, line.size()) - 1;
  }

  void end_command()
  {
    commands_.push_back(command_);
    command_.clear();
  }

  std::size_t at_ = 0;
  char quote_ = 0;
  std::string command_;
  std::vector<std::string> commands_;
};

// The arguments of gst-launch-1.0 in a simple command, without its options; nothing if
// another program is run.
Words pipeline_of(const std::string &command, const std::string &where)
{
  if (command.find("gst-launch-1.0 ") == std::string::npos)
    return {};
  gint count = 0;
  gchar **raw = nullptr;
  g_autoptr(GError) error = nullptr;
  ck_assert_msg(g_shell_parse_argv(command.c_str(), &count, &raw, &error), "%s: \"%s\": %s",
                where.c_str(), command.c_str(), error ? error->message : "");
  const glue::Owned<gchar *, g_strfreev> owned{raw};
  Words words{raw, raw + count};
  auto word = std::ranges::find(words, "gst-launch-1.0");
  if (word == words.end())
    return {};
  ++word;
  while (word != words.end() && word->starts_with('-'))
    ++word;
  words.erase(words.begin(), word);
  return words;
}

void expect_parses(const Words &words, const std::string &where)
{
  std::vector<const gchar *> arguments;
  std::string shown;
  for (const auto &word : words) {
    arguments.push_back(word.c_str());
    shown += word + " ";
  }
  arguments.push_back(nullptr);
  GError *error = nullptr;
  auto *parsed =
      gst_parse_launchv_full(arguments.data(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  ck_assert_msg(parsed && !error, "%s: \"%s\": %s", where.c_str(), shown.c_str(),
                error ? error->message : "not parsed");
  gst_object_unref(gst_object_ref_sink(parsed));
}

// How many gst-launch-1.0 commands there are in `line`; all of them parse.
int check_line(const std::string &line, const std::string &where)
{
  int found = 0;
  const ShellLine shell{line};
  for (const auto &command : shell.commands()) {
    const auto words = pipeline_of(command, where);
    if (words.empty())
      continue;
    expect_parses(words, where);
    ++found;
  }
  return found;
}

// The parts of a line of text that stand between backquotes.
Words inline_code(const std::string &line)
{
  Words spans;
  for (auto open = line.find('`'); open != std::string::npos;) {
    const auto close = line.find('`', open + 1);
    if (close == std::string::npos)
      break;
    spans.push_back(line.substr(open + 1, close - open - 1));
    open = line.find('`', close + 1);
  }
  return spans;
}

int check_page(std::istream &page, const std::string &name)
{
  int found = 0;
  int number = 0;
  bool fenced = false;
  std::string command;
  for (std::string line; std::getline(page, line);) {
    ++number;
    const auto where = name + ":" + std::to_string(number);
    const auto first = line.find_first_not_of(' ');
    if (first != std::string::npos && line.compare(first, 3, "```") == 0) {
      fenced = !fenced;
      continue;
    }
    if (!fenced && !line.starts_with("    ")) {
      for (const auto &span : inline_code(line))
        found += check_line(span, where);
      continue;
    }
    command += line;
    if (command.ends_with('\\')) {
      command.back() = ' ';
      continue;
    }
    found += check_line(std::exchange(command, {}), where);
  }
  ck_assert_msg(command.empty(), "%s ends in the middle of a command", name.c_str());
  return found;
}

int check_file(const std::filesystem::path &path)
{
  std::ifstream page{path};
  ck_assert_msg(page.is_open(), "cannot read %s", path.c_str());
  return check_page(page, path.filename());
}

}  // namespace

GST_START_TEST(documented_pipelines_parse)
{
  const std::filesystem::path root{SOURCE_ROOT};
  std::vector<std::filesystem::path> pages{root / "README.md", root / "CONTRIBUTING.md"};
  for (const auto &entry : std::filesystem::recursive_directory_iterator{root / "docs"})
    if (entry.path().extension() == ".md")
      pages.push_back(entry.path());
  int all = 0;
  for (const auto &page : pages) {
    const int found = check_file(page);
    all += found;
    const bool may_have_none = std::ranges::find(without_pipelines, page.filename().string()) !=
                               without_pipelines.end();
    ck_assert_msg(found > 0 || may_have_none, "%s shows no pipeline", page.c_str());
  }
  g_print("%d pipelines in %zu pages\n", all, pages.size());
  ck_assert_int_gt(all, 0);
}
GST_END_TEST

// The test of the test: what it takes for a command, and what not.
GST_START_TEST(commands_are_found)
{
  const std::pair<const char *, int> pages[] = {
      {"gst-launch-1.0 is a tool\n", 0},
      {"Run `gst-launch-1.0 fakesrc ! fakesink` or `gst-launch-1.0 -v fakesrc ! fakesink`.\n",
       2},
      {"```\nprintf 'a|b' | gst-launch-1.0 -q fdsrc ! fakesink | md5sum\n```\n", 1},
      {"```\ngst-launch-1.0 fakesrc ! \\\n  fakesink 2>/dev/null > x &\n```\n", 1},
      {"```\ngst-launch-1.0 fakesrc ! fakesink & gst-launch-1.0 fakesrc ! fakesink; x\n```\n",
       2},
      {"    A=b gst-launch-1.0 fakesrc ! 'audio/x-raw, rate=8000' ! fakesink # | \"\n", 1},
  };
  for (const auto &[text, count] : pages) {
    std::istringstream page{text};
    ck_assert_msg(check_page(page, "page") == count, "%s", text);
  }
}
GST_END_TEST

static Suite *documented_pipelines_suite()
{
  Suite *suite = suite_create("documented pipelines");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, commands_are_found);
  tcase_add_test(tc, documented_pipelines_parse);
  return suite;
}

GST_CHECK_MAIN(documented_pipelines)
