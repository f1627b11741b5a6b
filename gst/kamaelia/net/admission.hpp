// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace kam::net {

// Who decides whether there is a place for one more client. Any thread: several may be about to
// accept, and only one of them gets the connection, so a place is kept before it is known who
// comes.
class Admission {
 public:
  struct Limits {
    std::uint64_t clients = UINT64_MAX;      // at once
    std::uint64_t per_address = UINT64_MAX;  // at once
    std::uint64_t rate = 0;                  // within one second, in the long run; 0: any
    std::uint64_t total = UINT64_MAX;        // ever
  };
  enum class Verdict {
    welcome,   // a place is kept: give_back() or count() has to follow
    full,      // until somebody leaves
    too_fast,  // until `retry_ns`
    held,      // another thread keeps the last place, and may give it back: ask at `retry_ns`
    over,      // for good
  };
  struct Answer {
    Verdict verdict = Verdict::welcome;
    std::uint64_t retry_ns = 0;
  };

  explicit Admission(const Limits &limits) : limits_{limits} {}

  Answer reserve(std::uint64_t now_ns);
  // The place was not needed.
  void give_back();
  // There is a client; false, and the place is given back, if its address has too many.
  bool count(const Endpoint &peer);
  // It is gone. True if somebody may wait for the place.
  bool leave(const Endpoint &peer);
  // Nobody is welcome any more.
  void close();
  // Whether all that there shall ever be have come.
  bool is_over();

 private:
  // Rates are kept over one second: who waited so long may come all at once.
  static constexpr std::uint64_t second = 1'000'000'000;
  static constexpr std::uint64_t retry_interval_ns = 1'000'000;
  using Address = std::pair<std::uint64_t, std::uint64_t>;
  static Address address_of(const Endpoint &peer);

  const Limits limits_;
  std::mutex mutex_;
  std::uint64_t clients_ = 0;
  std::uint64_t ever_ = 0;
  std::uint64_t kept_ = 0;  // of both: places for which nobody has come yet
  std::uint64_t paid_until_ns_ = 0;
  bool has_refused_ = false;
  bool is_closed_ = false;
  std::map<Address, std::uint64_t> by_address_;
};

}  // namespace kam::net
