// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/clientcrossing.hpp"

#include <utility>

namespace kam {

void ClientCrossing::Way::put(glue::BufferPtr buffer)
{
  bytes += gst_buffer_get_size(buffer.get());
  items.emplace_back(std::move(buffer));
}

ClientOutput ClientCrossing::Way::get()
{
  if (items.empty())
    return {};
  auto item = std::move(items.front());
  items.pop_front();
  if (const auto *buffer = std::get_if<glue::BufferPtr>(&item))
    bytes -= gst_buffer_get_size(buffer->get());
  return item;
}

GstFlowReturn ClientCrossing::send(glue::BufferPtr buffer, bool &is_first)
{
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return is_shut_ || out_.bytes < max_bytes_; });
  if (is_shut_)
    return GST_FLOW_FLUSHING;
  out_.put(std::move(buffer));
  is_first = !std::exchange(is_told_, true);
  return GST_FLOW_OK;
}

void ClientCrossing::send(glue::EventPtr event, bool &is_first)
{
  const std::lock_guard lock{mutex_};
  if (is_shut_)
    return;
  out_.items.emplace_back(std::move(event));
  is_first = !std::exchange(is_told_, true);
}

void ClientCrossing::end_sending(bool &is_first)
{
  const std::lock_guard lock{mutex_};
  out_.has_ended = true;
  is_first = !std::exchange(is_told_, true);
}

glue::BufferPtr ClientCrossing::receive(bool &has_room_again)
{
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return is_shut_ || in_.has_ended || !in_.items.empty(); });
  if (is_shut_)
    return nullptr;
  const bool was_full = in_.bytes >= max_bytes_;
  auto item = in_.get();
  has_room_again = was_full && in_.bytes < max_bytes_;
  auto *const buffer = std::get_if<glue::BufferPtr>(&item);
  return buffer ? std::move(*buffer) : nullptr;
}

void ClientCrossing::give(glue::BufferPtr buffer)
{
  {
    const std::lock_guard lock{mutex_};
    if (is_shut_)
      return;
    in_.put(std::move(buffer));
  }
  changed_.notify_all();
}

void ClientCrossing::end_giving()
{
  {
    const std::lock_guard lock{mutex_};
    in_.has_ended = true;
  }
  changed_.notify_all();
}

bool ClientCrossing::is_full()
{
  const std::lock_guard lock{mutex_};
  return in_.bytes >= max_bytes_;
}

ClientOutput ClientCrossing::take()
{
  ClientOutput item;
  {
    const std::lock_guard lock{mutex_};
    item = out_.get();
    if (std::holds_alternative<std::monostate>(item))
      is_told_ = false;
  }
  if (std::holds_alternative<glue::BufferPtr>(item))
    changed_.notify_all();
  return item;
}

bool ClientCrossing::has_ended()
{
  const std::lock_guard lock{mutex_};
  return out_.has_ended && out_.items.empty();
}

std::size_t ClientCrossing::bytes_to_take()
{
  const std::lock_guard lock{mutex_};
  return out_.bytes;
}

void ClientCrossing::shut()
{
  {
    const std::lock_guard lock{mutex_};
    is_shut_ = true;
    in_.items.clear();
    out_.items.clear();
    in_.bytes = out_.bytes = 0;
  }
  changed_.notify_all();
}

bool ClientCrossing::is_shut()
{
  const std::lock_guard lock{mutex_};
  return is_shut_;
}

}  // namespace kam
