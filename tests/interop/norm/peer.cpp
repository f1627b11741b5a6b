// SPDX-License-Identifier: LGPL-2.1-or-later
#include "peer.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace kam::norm {

Options::Options(int argc, char **argv, Table defaults) : values_{std::move(defaults)}
{
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    if (!word.starts_with("--")) {
      rest_.emplace_back(word);
      continue;
    }
    const auto value = values_.find(word.substr(2));
    if (value == values_.end() || i + 1 == argc) {
      std::string known;
      for (const auto &[name, standard] : values_)
        known += "\n  --" + name + " " + (standard.empty() ? "(none)" : standard);
      throw Failure{"there is no option " + std::string{word} +
                    " with that value; these, with their defaults:" + known};
    }
    value->second = argv[++i];
  }
}

const std::string &Options::text(std::string_view name) const
{
  return values_.find(name)->second;
}

double Options::number(std::string_view name) const
{
  const auto &value = text(name);
  char *end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0')
    throw Failure{"--" + std::string{name} + " is no number: " + value};
  return number;
}

unsigned Options::count(std::string_view name) const
{
  const double value = number(name);
  if (value < 0 || value > 4294967295.0)
    throw Failure{"--" + std::string{name} + " is out of range"};
  return static_cast<unsigned>(value);
}

std::vector<unsigned> Options::counts(std::string_view name) const
{
  std::vector<unsigned> all;
  const auto &value = text(name);
  const char *at = value.c_str();
  while (*at != '\0') {
    char *end = nullptr;
    all.push_back(static_cast<unsigned>(std::strtoul(at, &end, 10)));
    if (end == at || (*end != ',' && *end != '\0'))
      throw Failure{"--" + std::string{name} + " is no list of numbers: " + value};
    at = *end == ',' ? end + 1 : end;
  }
  return all;
}

Options::Table common_defaults()
{
  return {
      {"group", "239.255.76.79"},  // where to; an address of one receiver is possible too
      {"port", "6003"},
      {"iface", "lo"},
      {"node", "1"},
      {"socket-buffer", "4000000"},  // bytes
      {"tx-loss", "0"},              // per cent of what it sends that it throws away
      {"rx-loss", "0"},
      {"trace", "0"},  // 1: every message on the standard error
  };
}

Session::Session(const Options &options)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  // Before libnorm starts its thread, which shall not get them either.
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  instance_ = NormCreateInstance();
  if (instance_ == NORM_INSTANCE_INVALID)
    throw Failure{"libnorm has no instance"};
  session_ =
      NormCreateSession(instance_, options.text("group").c_str(),
                        static_cast<UINT16>(options.count("port")), options.count("node"));
  if (session_ == NORM_SESSION_INVALID)
    throw Failure{"libnorm has no session for " + options.text("group")};
  // Sender and receivers share the port: NACKs go to the group. On one machine they must also
  // hear each other, though not themselves.
  NormSetRxPortReuse(session_, true);
  if (!options.text("iface").empty())
    NormSetMulticastInterface(session_, options.text("iface").c_str());
  NormSetMulticastLoopback(session_, true);
  NormSetTxLoss(session_, options.number("tx-loss"));
  NormSetRxLoss(session_, options.number("rx-loss"));
  NormSetMessageTrace(session_, options.count("trace") != 0);
}

Session::~Session()
{
  if (session_ != NORM_SESSION_INVALID)
    NormDestroySession(session_);
  NormDestroyInstance(instance_);
  if (signals_ >= 0)
    close(signals_);
}

bool Session::handle_event(int timeout_ms, const std::function<void(const NormEvent &)> &handle)
{
  std::array<pollfd, 2> files{pollfd{NormGetDescriptor(instance_), POLLIN, 0},
                              pollfd{signals_, POLLIN, 0}};
  if (stopped_ || poll(files.data(), files.size(), timeout_ms) <= 0)
    return false;
  stopped_ = files[1].revents != 0;
  NormEvent event;
  if (files[0].revents == 0 || !NormGetNextEvent(instance_, &event, false))
    return false;
  handle(event);
  return true;
}

int run_main(int argc, char **argv, int (*run)(int argc, char **argv))
{
  try {
    return run(argc, argv);
  } catch (const std::exception &failure) {
    std::fprintf(stderr, "%s: %s\n", argv[0], failure.what());
    return EXIT_FAILURE;
  }
}

}  // namespace kam::norm
