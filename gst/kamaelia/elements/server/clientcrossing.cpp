// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/clientcrossing.hpp"

#include <utility>

namespace kam {

void ClientCrossing::Way::put(glue::BufferPtr buffer)
{
  bytes += gst_buffer_get_size(buffer.get());
  buffers.push_back(std::move(buffer));
}

glue::BufferPtr ClientCrossing::Way::get()
{
  if (buffers.empty())
    return nullptr;
  auto buffer = std::move(buffers.front());
  buffers.pop_front();
  bytes -= gst_buffer_get_size(buffer.get());
  return buffer;
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

void ClientCrossing::end_sending(bool &is_first)
{
  const std::lock_guard lock{mutex_};
  out_.has_ended = true;
  is_first = !std::exchange(is_told_, true);
}

glue::BufferPtr ClientCrossing::receive(bool &has_room_again)
{
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return is_shut_ || in_.has_ended || !in_.buffers.empty(); });
  if (is_shut_)
    return nullptr;
  const bool was_full = in_.bytes >= max_bytes_;
  auto buffer = in_.get();
  has_room_again = was_full && in_.bytes < max_bytes_;
  return buffer;
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

glue::BufferPtr ClientCrossing::take()
{
  glue::BufferPtr buffer;
  {
    const std::lock_guard lock{mutex_};
    buffer = out_.get();
    if (!buffer)
      is_told_ = false;
  }
  if (buffer)
    changed_.notify_all();
  return buffer;
}

bool ClientCrossing::has_ended()
{
  const std::lock_guard lock{mutex_};
  return out_.has_ended && out_.buffers.empty();
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
    in_.buffers.clear();
    out_.buffers.clear();
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
