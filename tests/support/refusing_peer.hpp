// SPDX-License-Identifier: LGPL-2.1-or-later
// A peer in this process that has all of a torrent and takes one request less than it says, as
// Transmission 3.00 does: the rest it forgets. It knows no more of the protocol than that
// takes.
#pragma once

#include "core/bytes.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace kam::test {

class RefusingPeer {
 public:
  // Of a torrent of one file.
  RefusingPeer(const ByteVector &content, std::uint32_t piece_length,
               std::size_t says_it_takes);
  ~RefusingPeer();
  RefusingPeer(const RefusingPeer &) = delete;
  RefusingPeer &operator=(const RefusingPeer &) = delete;

  std::string address() const;
  std::size_t refused() const { return refused_; }
  std::size_t most_at_once() const { return most_at_once_; }  // requests

 private:
  struct Request {
    std::uint32_t piece = 0;
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
  };

  void serve();
  bool greet(int peer) const;
  // Takes what has come; false when the peer has gone.
  bool take(int peer);
  void take_messages();
  bool answer(int peer);

  const ByteVector &content_;
  const std::uint32_t piece_length_;
  const std::size_t says_it_takes_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  ByteVector received_;
  std::vector<Request> requests_;
  std::atomic<std::size_t> refused_ = 0;
  std::atomic<std::size_t> most_at_once_ = 0;
  std::atomic<bool> is_quitting_ = false;
  std::thread thread_;
};

}  // namespace kam::test
