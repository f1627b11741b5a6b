// SPDX-License-Identifier: LGPL-2.1-or-later
// Between the byte types of the cores and GstBuffer.
#pragma once

#include "core/bytes.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <utility>

namespace kam::glue {

// A buffer around bytes that a core hands over; nothing is copied.
inline BufferPtr wrap(ByteVector bytes)
{
  if (bytes.empty())
    return BufferPtr{gst_buffer_new()};
  auto *box = new ByteVector{std::move(bytes)};
  const auto size = box->size();
  return BufferPtr{gst_buffer_new_wrapped_full(
      GstMemoryFlags(0), box->data(), size, 0, size, box,
      [](gpointer owned) { delete static_cast<ByteVector *>(owned); })};
}

// A few bytes as a memory of their own. Wrapping a copy costs less than going through the
// default allocator and mapping what it gives.
inline GstMemory *small_memory(Bytes bytes)
{
  auto *copy = g_memdup2(bytes.data(), bytes.size());
  return gst_memory_new_wrapped(GstMemoryFlags(0), copy, bytes.size(), 0, bytes.size(), copy,
                                g_free);
}

// A new buffer of `size` bytes, behind which `slack` more may be written. The allocator is
// named because the default one is looked up by its name for each buffer.
inline BufferPtr allocate(gsize size, gsize slack = 0)
{
  static GstAllocator *const system_memory = gst_allocator_find(GST_ALLOCATOR_SYSMEM);
  GstAllocationParams params;
  gst_allocation_params_init(&params);
  params.padding = slack;
  return BufferPtr{gst_buffer_new_allocate(system_memory, size, &params)};
}

// A new buffer with a copy of `bytes`.
inline BufferPtr copy(Bytes bytes)
{
  BufferPtr buffer{gst_buffer_new()};
  if (!bytes.empty())
    gst_buffer_append_memory(buffer.get(), small_memory(bytes));
  return buffer;
}

// Parts up to this size are copied: out of the cache that costs less than another GstMemory
// that shares.
inline constexpr std::size_t largest_copied = 2048;

// The part of `buffer` that `part` is in `whole`, the buffer's mapped bytes, without its
// metadata.
inline BufferPtr region(GstBuffer *buffer, Bytes whole, Bytes part)
{
  // A memory can have 65,535 others that share it at most.
  const bool too_many = whole.size() / largest_copied >= G_MAXUINT16;
  if (part.size() <= largest_copied || too_many)
    return copy(part);
  const auto offset = static_cast<gsize>(part.data() - whole.data());
  return BufferPtr{gst_buffer_copy_region(buffer, GST_BUFFER_COPY_MEMORY, offset, part.size())};
}

}  // namespace kam::glue
