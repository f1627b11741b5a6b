// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/servervalues.hpp"

#include <array>

namespace kam {

namespace {

constexpr std::array<GEnumValue, removal_count + 1> removals{{
    {static_cast<int>(Removal::eos), "Everything was sent, or recorded", "eos"},
    {static_cast<int>(Removal::peer), "The client broke the connection", "peer"},
    {static_cast<int>(Removal::error), "The launch failed", "error"},
    {static_cast<int>(Removal::idle), "Nothing came or went within idle-timeout", "idle"},
    {static_cast<int>(Removal::slow), "The client took nothing within send-timeout", "slow"},
    {static_cast<int>(Removal::lifetime), "max-lifetime was over", "lifetime"},
    {static_cast<int>(Removal::evicted), "The application removed it", "evicted"},
    {static_cast<int>(Removal::stopped), "The server was stopped", "stopped"},
    {0, nullptr, nullptr},
}};

}  // namespace

const char *name_of(Removal reason)
{
  return removals.at(static_cast<std::size_t>(reason)).value_nick;
}

GType removal_type()
{
  static const GType type = glue::register_enum("KamClientRemoval", removals.data());
  return type;
}

GType overflow_type()
{
  static constexpr std::array<GEnumValue, 3> values{{
      {static_cast<int>(Overflow::wait), "It waits until there is a place", "wait"},
      {static_cast<int>(Overflow::close), "It is closed at once", "close"},
      {0, nullptr, nullptr},
  }};
  static const GType type = glue::register_enum("KamClientOverflow", values.data());
  return type;
}

GType client_threads_type()
{
  static constexpr std::array<GEnumValue, 3> values{{
      {static_cast<int>(ClientThreads::automatic), "Where the launch needs them", "auto"},
      {static_cast<int>(ClientThreads::always), "Always", "always"},
      {0, nullptr, nullptr},
  }};
  static const GType type = glue::register_enum("KamClientThreads", values.data());
  return type;
}

}  // namespace kam
