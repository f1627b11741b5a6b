// SPDX-License-Identifier: LGPL-2.1-or-later
// What norm-send and norm-receive share: the options of both, a session of libnorm that has
// them, and its events and the signals that end a program in one loop.
#pragma once

#include <normApi.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kam::norm {

// What the user did wrong, or what libnorm refused.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// `--name value` and what is left. A name that is not in the table of defaults is a Failure.
class Options {
 public:
  using Table = std::map<std::string, std::string, std::less<>>;

  Options(int argc, char **argv, Table defaults);

  const std::string &text(std::string_view name) const;
  double number(std::string_view name) const;
  unsigned count(std::string_view name) const;
  // Numbers with commas between them.
  std::vector<unsigned> counts(std::string_view name) const;
  const std::vector<std::string> &rest() const { return rest_; }

 private:
  Table values_;
  std::vector<std::string> rest_;
};

// The options that both programs have, to begin a table of defaults with.
Options::Table common_defaults();

// An instance of libnorm with one session in it, set up as the common options say.
class Session {
 public:
  explicit Session(const Options &options);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  NormInstanceHandle instance() const { return instance_; }
  NormSessionHandle get() const { return session_; }

  // Waits for the next event, at most so long, and hands it over. False when there was none.
  bool handle_event(int timeout_ms, const std::function<void(const NormEvent &)> &handle);
  // Whether SIGINT or SIGTERM has come: then nothing waits any more.
  bool stopped() const { return stopped_; }

 private:
  NormInstanceHandle instance_ = NORM_INSTANCE_INVALID;
  NormSessionHandle session_ = NORM_SESSION_INVALID;
  int signals_ = -1;
  bool stopped_ = false;
};

// Runs the program: says what failed, and makes an exit status of it.
int run_main(int argc, char **argv, int (*run)(int argc, char **argv));

}  // namespace kam::norm
