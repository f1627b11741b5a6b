// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <variant>

namespace kam {

// What several elements of a process share for as long as any of them has it.
template <class Key, class Value>
class WeakCache {
 public:
  using Shared = std::shared_ptr<const Value>;

  // What is there for `key`, if it was last found to be true less than `lifetime` ago, or if
  // `is_true(value)` says so; else what `make` makes, a variant of a Shared and a fault, of
  // which a fault is not kept. Others wait meanwhile, so that nothing is made twice.
  template <class IsTrue, class Make>
  auto get(const Key &key, std::chrono::nanoseconds lifetime, IsTrue is_true, Make make)
      -> decltype(make())
  {
    const std::lock_guard lock{mutex_};
    const auto now = std::chrono::steady_clock::now();
    if (const auto entry = entries_.find(key); entry != entries_.end()) {
      if (auto value = entry->second.value.lock()) {
        if (now - entry->second.checked < lifetime)
          return value;
        if (is_true(*value)) {
          entry->second.checked = now;
          return value;
        }
      }
      entries_.erase(entry);
    }
    auto made = make();
    if (const auto *value = std::get_if<Shared>(&made)) {
      std::erase_if(entries_, [](const auto &entry) { return entry.second.value.expired(); });
      entries_[key] = {*value, now};
    }
    return made;
  }

 private:
  struct Entry {
    std::weak_ptr<const Value> value;
    std::chrono::steady_clock::time_point checked;
  };

  std::mutex mutex_;
  std::map<Key, Entry> entries_;
};

}  // namespace kam
