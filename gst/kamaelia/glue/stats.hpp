// SPDX-License-Identifier: LGPL-2.1-or-later
// Counters that one thread writes and any thread reads, and the structure they are read in.
#pragma once

#include "glue/element.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <atomic>
#include <initializer_list>
#include <utility>

namespace kam::glue {

class Counter {
 public:
  // Only for the streaming thread.
  void add(guint64 n = 1)
  {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void reset() { value_.store(0, std::memory_order_relaxed); }
  guint64 value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<guint64> value_ = 0;
};

// What a "stats" property says: unsigned 64-bit fields with kebab-case keys.
using StatsFields = std::initializer_list<std::pair<const char *, guint64>>;

inline void add_stats(GstStructure *to, StatsFields fields)
{
  for (const auto &[key, value] : fields)
    gst_structure_set(to, key, G_TYPE_UINT64, value, nullptr);
}

inline StructurePtr stats_structure(const char *name, StatsFields fields)
{
  StructurePtr structure{gst_structure_new_empty(name)};
  add_stats(structure.get(), fields);
  return structure;
}

// What the base class reports as "stats", for an Impl that puts its own beside it.
template <class Impl>
StructurePtr inherited_stats(typename Impl::Base *object)
{
  auto *parent = G_OBJECT_CLASS(parent_class_of<Impl>(object));
  auto *spec = g_object_class_find_property(parent, "stats");
  GValue value = G_VALUE_INIT;
  g_value_init(&value, GST_TYPE_STRUCTURE);
  parent->get_property(G_OBJECT(object), spec->param_id, &value, spec);
  StructurePtr stats{static_cast<GstStructure *>(g_value_dup_boxed(&value))};
  g_value_unset(&value);
  return stats;
}

}  // namespace kam::glue
