// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

namespace kam::srm {

// Bytes that are held of what may be: an object's, which are its sender's as well, and those
// of all senders. An account outlives its claims and the accounts below it.
class MemoryAccount {
 public:
  explicit MemoryAccount(std::size_t limit, MemoryAccount *parent = nullptr)
      : limit_{limit}, parent_{parent}
  {
  }
  MemoryAccount(const MemoryAccount &) = delete;
  MemoryAccount &operator=(const MemoryAccount &) = delete;

  std::size_t used() const { return used_; }
  // What is left, here and above.
  std::size_t left() const
  {
    auto left = std::numeric_limits<std::size_t>::max();
    for (const auto *account = this; account; account = account->parent_)
      left = std::min(left, account->limit_ - std::min(account->limit_, account->used_));
    return left;
  }
  void change(std::ptrdiff_t bytes)
  {
    for (auto *account = this; account; account = account->parent_)
      account->used_ += static_cast<std::size_t>(bytes);
  }

 private:
  std::size_t limit_;
  MemoryAccount *parent_;
  std::size_t used_ = 0;
};

// What one holder has taken; it goes back when the holder goes.
class MemoryClaim {
 public:
  MemoryClaim() = default;
  MemoryClaim(MemoryClaim &&other) noexcept
      : account_{std::exchange(other.account_, nullptr)}, bytes_{std::exchange(other.bytes_, 0)}
  {
  }
  MemoryClaim &operator=(MemoryClaim &&other) noexcept
  {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MemoryClaim() { release(); }

  void take(MemoryAccount &account, std::size_t bytes)
  {
    account_ = &account;
    bytes_ += bytes;
    account.change(static_cast<std::ptrdiff_t>(bytes));
  }
  void release()
  {
    if (account_)
      account_->change(-static_cast<std::ptrdiff_t>(bytes_));
    account_ = nullptr;
    bytes_ = 0;
  }

 private:
  MemoryAccount *account_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace kam::srm
