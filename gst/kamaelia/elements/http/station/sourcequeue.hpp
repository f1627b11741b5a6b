// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/http/request_head.hpp"
#include "core/icy/metadata.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kam::http {

enum class SourceEnd { ended, lost, timeout, broken, removed, replaced };

struct SourceBegan {
  RequestHead request;
  std::string peer;
};
struct SourceTitle {
  std::vector<icy::MetadataField> fields;
  std::string charset;  // empty: nobody says
};
struct SourceEnded {
  SourceEnd reason = SourceEnd::ended;
  std::uint64_t bytes = 0;
};
using SourceItem = std::variant<glue::BufferPtr, SourceBegan, SourceTitle, SourceEnded>;

// What it takes to keep one of these, about.
inline std::size_t cost_of(const SourceItem &item)
{
  if (const auto *buffer = std::get_if<glue::BufferPtr>(&item))
    return gst_buffer_get_size(buffer->get());
  std::size_t cost = sizeof item;
  if (const auto *began = std::get_if<SourceBegan>(&item))
    for (const auto &[key, value] : began->request.fields)
      cost += key.size() + value.size();
  if (const auto *title = std::get_if<SourceTitle>(&item))
    for (const auto &[key, value] : title->fields)
      cost += key.size() + value.size();
  return cost;
}

// What sources send, in its order, from the front end's thread to that which streams.
class SourceQueue {
 public:
  // --- the front end's thread

  void start(std::size_t max_bytes, std::function<void()> has_room)
  {
    const std::lock_guard lock{mutex_};
    max_bytes_ = max_bytes;
    has_room_ = std::move(has_room);
    is_full_ = false;
    bytes_ = 0;
    items_.clear();
  }
  // False: no more until `has_room` has been called, in the thread that takes. What is put
  // nevertheless is kept. A title takes the place of one without sound behind it.
  bool put(SourceItem item)
  {
    const std::lock_guard lock{mutex_};
    if (std::holds_alternative<SourceTitle>(item) && !items_.empty() &&
        std::holds_alternative<SourceTitle>(items_.back())) {
      bytes_ -= cost_of(items_.back());
      items_.pop_back();
    }
    bytes_ += cost_of(item);
    items_.push_back(std::move(item));
    is_full_ = is_full_ || bytes_ >= max_bytes_;
    changed_.notify_one();
    return !is_full_;
  }

  // Forgets what was sent and is not taken yet; what is told of it stays.
  void drop_sound()
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(items_, [](const SourceItem &item) {
      return std::holds_alternative<glue::BufferPtr>(item);
    });
    bytes_ = 0;
    for (const auto &item : items_)
      bytes_ += cost_of(item);
    is_full_ = bytes_ >= max_bytes_;
  }

  // --- the streaming thread

  // Waits; nothing if that was interrupted.
  std::optional<SourceItem> take()
  {
    std::function<void()> tell;
    std::optional<SourceItem> item;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return is_interrupted_ || !items_.empty(); });
      if (is_interrupted_)
        return std::nullopt;
      item = std::move(items_.front());
      items_.pop_front();
      bytes_ -= cost_of(*item);
      if (is_full_ && bytes_ <= max_bytes_ / 2) {
        is_full_ = false;
        tell = has_room_;
      }
    }
    if (tell)
      tell();
    return item;
  }

  // --- any thread

  void interrupt(bool is_interrupted)
  {
    const std::lock_guard lock{mutex_};
    is_interrupted_ = is_interrupted;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SourceItem> items_;
  std::size_t max_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::function<void()> has_room_;
  bool is_full_ = false;
  bool is_interrupted_ = false;
};

}  // namespace kam::http
