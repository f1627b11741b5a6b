// SPDX-License-Identifier: LGPL-2.1-or-later
// For tests of what holds for every element we have: those that the registry holds for the
// plugins named in KAM_PLUGINS (separated by colons). An element that is new is among them.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kam::test {

using ElementPtr = glue::Owned<GstElement, gst_object_unref>;

// In alphabetical order.
inline std::vector<std::string> our_elements()
{
  std::vector<std::string> names;
  const char *list = std::getenv("KAM_PLUGINS");
  const glue::Owned<char *, g_strfreev> plugins{g_strsplit(list ? list : "", ":", -1)};
  for (auto *const *plugin = plugins.get(); *plugin; ++plugin) {
    GList *features = gst_registry_get_feature_list_by_plugin(gst_registry_get(), *plugin);
    for (const GList *l = features; l; l = l->next)
      if (GST_IS_ELEMENT_FACTORY(l->data))
        names.emplace_back(GST_OBJECT_NAME(l->data));
    gst_plugin_feature_list_free(features);
  }
  std::ranges::sort(names);
  return names;
}

inline ElementPtr make_element(const std::string &name)
{
  auto *element = gst_element_factory_make(name.c_str(), nullptr);
  return ElementPtr{element ? GST_ELEMENT(gst_object_ref_sink(element)) : nullptr};
}

// The properties that come from our own types.
inline std::vector<GParamSpec *> our_properties(GstElement *element)
{
  guint count = 0;
  const glue::Owned<GParamSpec *, g_free> specs{
      g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count)};
  std::vector<GParamSpec *> own;
  for (auto *spec : std::span{specs.get(), count})
    if (std::string_view{g_type_name(spec->owner_type)}.starts_with("Kam"))
      own.push_back(spec);
  return own;
}

}  // namespace kam::test
