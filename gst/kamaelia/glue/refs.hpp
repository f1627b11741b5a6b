// SPDX-License-Identifier: LGPL-2.1-or-later
// Ownership of what GLib and GStreamer count or free.
#pragma once

#include <gst/gst.h>

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace kam::glue {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T *p) const
  {
    Free(p);
  }
};

// A box with a single owner.
template <class T, auto Free>
using Owned = std::unique_ptr<T, FreeWith<Free>>;

using StructurePtr = Owned<GstStructure, gst_structure_free>;
using StringPtr = Owned<char, g_free>;

// Two kinds do not show what they are made of.
template <class T>
concept MiniObject = std::is_same_v<T, GstBufferList> || std::is_same_v<T, GstContext> ||
    requires(T *p)
{
  p->mini_object;
};

// What is neither a mini object nor named here is a GObject.
template <class T>
void ref(T *p)
{
  if constexpr (std::is_same_v<T, GBytes>)
    g_bytes_ref(p);
  else if constexpr (MiniObject<T>)
    gst_mini_object_ref(GST_MINI_OBJECT_CAST(p));
  else
    g_object_ref(p);
}

template <class T>
void unref(T *p)
{
  if constexpr (std::is_same_v<T, GBytes>)
    g_bytes_unref(p);
  else if constexpr (MiniObject<T>)
    gst_mini_object_unref(GST_MINI_OBJECT_CAST(p));
  else
    g_object_unref(p);
}

struct Unref {
  template <class T>
  void operator()(T *p) const
  {
    unref(p);
  }
};

// A structure that nobody changes any more and several may hold.
using SharedStructure = std::shared_ptr<const GstStructure>;

// The only share in something that is counted: what travels down a pipeline.
using BufferPtr = std::unique_ptr<GstBuffer, Unref>;
using BufferListPtr = std::unique_ptr<GstBufferList, Unref>;
using EventPtr = std::unique_ptr<GstEvent, Unref>;

// A share in something that is counted.
template <class T>
class Ref {
 public:
  Ref() = default;
  static Ref adopt(T *p) { return Ref{p}; }
  static Ref share(T *p)
  {
    if (p)
      ref(p);
    return Ref{p};
  }
  Ref(const Ref &other) : p_{other.p_}
  {
    if (p_)
      ref(p_);
  }
  Ref(Ref &&other) noexcept : p_{std::exchange(other.p_, nullptr)} {}
  Ref &operator=(Ref other) noexcept
  {
    std::swap(p_, other.p_);
    return *this;
  }
  ~Ref()
  {
    if (p_)
      unref(p_);
  }

  T *get() const { return p_; }
  [[nodiscard]] T *release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }
  friend bool operator==(const Ref &a, const Ref &b) { return a.p_ == b.p_; }

 private:
  explicit Ref(T *p) : p_{p} {}
  T *p_ = nullptr;
};

// Maps a buffer for as long as the object lives.
template <GstMapFlags Access>
class Map {
 public:
  // Most buffers have one memory; mapping that costs half of mapping the buffer, which for
  // writing has to see to it that nobody shares the memory.
  explicit Map(GstBuffer *buffer) : buffer_{buffer}
  {
    if (Access == GST_MAP_READ && gst_buffer_n_memory(buffer) == 1) {
      memory_ = gst_buffer_peek_memory(buffer, 0);
      ok_ = gst_memory_map(memory_, &info_, Access) == TRUE;
    } else {
      ok_ = gst_buffer_map(buffer, &info_, Access) == TRUE;
    }
  }
  ~Map()
  {
    if (ok_ && memory_)
      gst_memory_unmap(memory_, &info_);
    else if (ok_)
      gst_buffer_unmap(buffer_, &info_);
  }
  Map(const Map &) = delete;
  Map &operator=(const Map &) = delete;

  explicit operator bool() const { return ok_; }
  auto bytes() const
  {
    const std::span data{info_.data, ok_ ? info_.size : 0};
    if constexpr ((Access & GST_MAP_WRITE) != 0)
      return std::as_writable_bytes(data);
    else
      return std::as_bytes(data);
  }

 private:
  GstBuffer *buffer_;
  GstMemory *memory_ = nullptr;
  GstMapInfo info_ = GST_MAP_INFO_INIT;
  bool ok_ = false;
};
using ReadMap = Map<GST_MAP_READ>;
using WriteMap = Map<GST_MAP_WRITE>;

}  // namespace kam::glue
