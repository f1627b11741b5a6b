// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/headerfields.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <atomic>
#include <string_view>

namespace kam::glue {
namespace {

// Whether a structure may have a field of that name. It has to survive the way into a string
// and back; and because GLib never forgets a field's name, the number of names that peers
// may invent is limited.
bool is_field_name(const std::string &key)
{
  constexpr int most_invented_names = 4096;
  static std::atomic<int> invented_names = 0;
  const bool writable = std::ranges::all_of(key, [](char c) {
    return g_ascii_isalnum(c) || std::string_view{"-_+."}.find(c) != std::string_view::npos;
  });
  if (!writable)
    return false;
  if (g_quark_try_string(key.c_str()) != 0)
    return true;
  return invented_names.load(std::memory_order_relaxed) < most_invented_names &&
         invented_names.fetch_add(1, std::memory_order_relaxed) < most_invented_names;
}

}  // namespace

StructurePtr header_fields(const char *name, const std::vector<http::Header> &headers)
{
  StructurePtr fields{gst_structure_new_empty(name)};
  for (const auto &header : headers)
    if (is_field_name(header.key))
      gst_structure_set(fields.get(), header.key.c_str(), G_TYPE_STRING,
                        utf8_of(header.value).c_str(), nullptr);
  return fields;
}

void set_strings(GstStructure *structure, const char *field,
                 const std::vector<std::string> &strings)
{
  GValue array = G_VALUE_INIT;
  gst_value_array_init(&array, static_cast<guint>(strings.size()));
  for (const auto &string : strings) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_STRING);
    g_value_set_string(&value, string.c_str());
    gst_value_array_append_and_take_value(&array, &value);
  }
  gst_structure_take_value(structure, field, &array);
}

}  // namespace kam::glue
