// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes Markdown about every element of the plugin files named on the command line. Fails
// if one of them has no line to paste, or a property that may be written but does not say until
// which state.
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using kam::glue::Owned;
using kam::glue::StringPtr;

// Longest caps that are shown in one line.
constexpr std::size_t widest_caps = 88;

std::string text(const StringPtr &chars)
{
  return chars ? chars.get() : "";
}

std::string code(const std::string &words)
{
  return "`" + words + "`";
}

// Text that means nothing to Markdown, in or out of a table.
std::string prose(std::string_view words)
{
  std::string escaped;
  for (const char c : words) {
    if (std::strchr("|<*_`\\", c))
      escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

bool is_ours(GType type)
{
  return std::string_view{g_type_name(type)}.starts_with("Kam");
}

// "" where the property breaks the house rule.
std::string mutability(const GParamSpec *spec)
{
  if ((spec->flags & G_PARAM_WRITABLE) == 0)
    return "read-only";
  if (spec->flags & G_PARAM_CONSTRUCT_ONLY)
    return "at construction";
  if (spec->flags & GST_PARAM_MUTABLE_PLAYING)
    return "any state";
  if (spec->flags & GST_PARAM_MUTABLE_PAUSED)
    return "up to PAUSED";
  if (spec->flags & GST_PARAM_MUTABLE_READY)
    return "up to READY";
  return "";
}

std::string type_of(const GParamSpec *spec)
{
  const GType type = spec->value_type;
  if (type == GST_TYPE_FRACTION)
    return "fraction";
  switch (G_TYPE_FUNDAMENTAL(type)) {
  case G_TYPE_BOOLEAN: return "boolean";
  case G_TYPE_INT: return "int";
  case G_TYPE_UINT: return "uint";
  case G_TYPE_INT64: return "int64";
  case G_TYPE_UINT64: return "uint64";
  case G_TYPE_DOUBLE: return "double";
  case G_TYPE_STRING: return "string";
  case G_TYPE_ENUM: return "enum";
  case G_TYPE_FLAGS: return "flags";
  default: return code(g_type_name(type));
  }
}

template <class Number>
std::string shown(Number value)
{
  if constexpr (std::is_floating_point_v<Number>) {
    std::array<char, G_ASCII_DTOSTR_BUF_SIZE> digits{};
    return g_ascii_formatd(digits.data(), digits.size(), "%.10g", value);
  } else {
    return std::to_string(value);
  }
}

template <class Number>
std::string between(Number min, Number max)
{
  const bool open_below = min == std::numeric_limits<Number>::lowest();
  const bool open_above = max == std::numeric_limits<Number>::max();
  if (open_above && (open_below || min == 0))
    return open_below ? "any" : "≥ 0";
  if (open_above)
    return "≥ " + shown(min);
  return (open_below ? "" : shown(min) + " ") + "– " + shown(max);
}

std::string range_of(const GParamSpec *spec)
{
  if (GST_IS_PARAM_SPEC_FRACTION(spec)) {
    const auto *p = reinterpret_cast<const GstParamSpecFraction *>(spec);
    return shown(p->min_num) + "/" + shown(p->min_den) + " – " + shown(p->max_num) + "/" +
           shown(p->max_den);
  }
  const auto limits = [](const auto *p) { return between(p->minimum, p->maximum); };
  switch (G_TYPE_FUNDAMENTAL(spec->value_type)) {
  case G_TYPE_INT: return limits(G_PARAM_SPEC_INT(spec));
  case G_TYPE_UINT: return limits(G_PARAM_SPEC_UINT(spec));
  case G_TYPE_INT64: return limits(G_PARAM_SPEC_INT64(spec));
  case G_TYPE_UINT64: return limits(G_PARAM_SPEC_UINT64(spec));
  case G_TYPE_DOUBLE: return limits(G_PARAM_SPEC_DOUBLE(spec));
  case G_TYPE_ENUM:
  case G_TYPE_FLAGS: return "see below";
  default: return "";
  }
}

std::string default_of(GParamSpec *spec)
{
  if ((spec->flags & G_PARAM_WRITABLE) == 0)
    return "";
  const auto *value = g_param_spec_get_default_value(spec);
  switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value))) {
  case G_TYPE_STRING: {
    const auto *words = g_value_get_string(value);
    return words ? code(words) : "unset";
  }
  case G_TYPE_BOXED:
    if (!g_value_get_boxed(value))
      return "unset";
    break;
  case G_TYPE_OBJECT: return "unset";
  case G_TYPE_DOUBLE: return code(shown(g_value_get_double(value)));
  default: break;
  }
  return code(text(StringPtr{gst_value_serialize(value)}));
}

// The values of an enum or of flags: public API too.
template <class Value>
void describe_values(const GParamSpec *spec, const Value *values, guint count)
{
  std::cout << "\n" << code(spec->name) << ":\n\n";
  for (guint i = 0; i < count; ++i)
    std::cout << "- " << code(values[i].value_nick) << ": " << prose(values[i].value_name)
              << "\n";
}

// Properties of base classes that others made are named and no more.
void mention_inherited(const std::vector<GParamSpec *> &specs)
{
  std::vector<GType> owners;
  for (const auto *spec : specs)
    if (std::ranges::find(owners, spec->owner_type) == owners.end())
      owners.push_back(spec->owner_type);
  for (const GType owner : owners) {
    std::cout << "\nAnd the properties of " << code(g_type_name(owner)) << ": ";
    bool first = true;
    for (const auto *spec : specs) {
      if (spec->owner_type != owner)
        continue;
      std::cout << (first ? "" : ", ") << code(spec->name);
      first = false;
    }
    std::cout << ".\n";
  }
}

// False if a property does not say when it may be written.
bool describe_own(const char *element, const std::vector<GParamSpec *> &specs)
{
  if (specs.empty())
    return true;
  bool all_declared = true;
  std::cout << "\n| property | type | default | range | may change in | meaning |\n"
               "|---|---|---|---|---|---|\n";
  for (auto *spec : specs) {
    const auto when = mutability(spec);
    if (when.empty()) {
      std::cerr << element << ": property \"" << spec->name
                << "\" may be written but does not say until which state\n";
      all_declared = false;
    }
    const auto *blurb = g_param_spec_get_blurb(spec);
    std::cout << "| " << code(spec->name) << " | " << type_of(spec) << " | " << default_of(spec)
              << " | " << range_of(spec) << " | " << when << " | " << prose(blurb ? blurb : "")
              << " |\n";
  }
  for (const auto *spec : specs) {
    if (G_IS_PARAM_SPEC_ENUM(spec)) {
      const auto *klass = G_PARAM_SPEC_ENUM(spec)->enum_class;
      describe_values(spec, klass->values, klass->n_values);
    } else if (G_IS_PARAM_SPEC_FLAGS(spec)) {
      const auto *klass = G_PARAM_SPEC_FLAGS(spec)->flags_class;
      describe_values(spec, klass->values, klass->n_values);
    }
  }
  return all_declared;
}

bool describe_properties(const char *name, GstElement *element)
{
  guint count = 0;
  const Owned<GParamSpec *, g_free> specs{
      g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count)};
  std::vector<GParamSpec *> own;
  std::vector<GParamSpec *> inherited;
  for (auto *spec : std::span{specs.get(), count}) {
    if (g_type_is_a(GST_TYPE_ELEMENT, spec->owner_type))
      continue;
    (is_ours(spec->owner_type) ? own : inherited).push_back(spec);
  }
  const bool all_declared = describe_own(name, own);
  mention_inherited(inherited);
  return all_declared;
}

void describe_signals(GType described)
{
  std::vector<std::string> lines;
  for (GType type = described; is_ours(type); type = g_type_parent(type)) {
    guint count = 0;
    const Owned<guint, g_free> ids{g_signal_list_ids(type, &count)};
    for (const guint id : std::span{ids.get(), count}) {
      GSignalQuery query;
      g_signal_query(id, &query);
      std::string line = (query.signal_flags & G_SIGNAL_ACTION) ? "action signal" : "signal";
      line += " `" + std::string{query.signal_name} + " (";
      for (guint i = 0; i < query.n_params; ++i)
        line += (i > 0 ? ", " : "") + std::string{g_type_name(query.param_types[i])};
      line += ")`";
      if (query.return_type != G_TYPE_NONE)
        line += " returns " + code(g_type_name(query.return_type));
      lines.push_back(line);
    }
  }
  std::ranges::sort(lines);
  for (const auto &line : lines)
    std::cout << (line == lines.front() ? "\n- " : "- ") << line << "\n";
}

// What an element is, where it is more than a plain element.
void describe_ancestry(GstElement *element)
{
  GType base = G_OBJECT_TYPE(element);
  while (is_ours(base))
    base = g_type_parent(base);
  if (base != GST_TYPE_ELEMENT)
    std::cout << "\nExtends " << code(g_type_name(base)) << ".\n";
  guint count = 0;
  const Owned<GType, g_free> interfaces{g_type_interfaces(G_OBJECT_TYPE(element), &count)};
  for (const GType interface : std::span{interfaces.get(), count})
    if (!g_type_is_a(base, interface))
      std::cout << "\nImplements " << code(g_type_name(interface)) << ".\n";
  if (!GST_IS_URI_HANDLER(element))
    return;
  std::cout << "\nURI schemes:";
  for (const auto *const *scheme = gst_uri_handler_get_protocols(GST_URI_HANDLER(element));
       scheme && *scheme; ++scheme)
    std::cout << " " << code(*scheme);
  std::cout << ".\n";
}

gboolean write_field(GQuark field, const GValue *value, gpointer)
{
  std::cout << ",\n      " << g_quark_to_string(field) << "=(" << G_VALUE_TYPE_NAME(value)
            << ")" << text(StringPtr{gst_value_serialize(value)});
  return TRUE;
}

void describe_caps(GstCaps *caps)
{
  const auto whole = text(StringPtr{gst_caps_to_string(caps)});
  if (whole.size() <= widest_caps) {
    std::cout << " " << code(whole) << "\n";
    return;
  }
  std::cout << "\n  ```\n";
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    const auto *structure = gst_caps_get_structure(caps, i);
    std::cout << "  " << gst_structure_get_name(structure);
    gst_structure_foreach(structure, write_field, nullptr);
    std::cout << "\n";
  }
  std::cout << "  ```\n";
}

void describe_pads(GstElementFactory *factory)
{
  static constexpr std::array presence{"always", "sometimes", "on request"};
  std::cout << "\n";
  for (const GList *l = gst_element_factory_get_static_pad_templates(factory); l; l = l->next) {
    auto *pad = static_cast<GstStaticPadTemplate *>(l->data);
    const Owned<GstCaps, gst_caps_unref> caps{gst_static_caps_get(&pad->static_caps)};
    std::cout << "- " << (pad->direction == GST_PAD_SRC ? "source" : "sink") << " pad "
              << code(pad->name_template) << ", " << presence.at(pad->presence) << ":";
    describe_caps(caps.get());
  }
}

// Of pads that have properties and signals of their own.
bool describe_pad_types(GstElement *element)
{
  bool all_declared = true;
  for (const GList *l = gst_element_get_pad_template_list(element); l; l = l->next) {
    auto *pad = GST_PAD_TEMPLATE(l->data);
    const GType type = GST_PAD_TEMPLATE_GTYPE(pad);
    if (!is_ours(type))
      continue;
    std::cout << "\nOf each " << code(GST_PAD_TEMPLATE_NAME_TEMPLATE(pad)) << ":\n";
    const Owned<void, g_type_class_unref> klass{g_type_class_ref(type)};
    guint count = 0;
    const Owned<GParamSpec *, g_free> specs{
        g_object_class_list_properties(static_cast<GObjectClass *>(klass.get()), &count)};
    std::vector<GParamSpec *> own;
    for (auto *spec : std::span{specs.get(), count})
      if (is_ours(spec->owner_type))
        own.push_back(spec);
    all_declared &= describe_own(g_type_name(type), own);
    describe_signals(type);
  }
  return all_declared;
}

bool describe(GstElementFactory *factory)
{
  const auto meta = [factory](const char *key) {
    return gst_element_factory_get_metadata(factory, key);
  };
  const auto *name = GST_OBJECT_NAME(factory);
  std::cout << "\n### " << name << "\n\n"
            << prose(meta(GST_ELEMENT_METADATA_DESCRIPTION)) << ".\n\n*"
            << meta(GST_ELEMENT_METADATA_KLASS) << "*, rank "
            << gst_plugin_feature_get_rank(GST_PLUGIN_FEATURE(factory)) << ".\n";
  const auto *example = meta("example");
  if (example)
    std::cout << "\n    " << example << "\n";
  else
    std::cerr << name << ": there is no line that shows what it is for\n";
  const Owned<GstElement, gst_object_unref> element{
      GST_ELEMENT(gst_object_ref_sink(gst_element_factory_create(factory, nullptr)))};
  describe_ancestry(element.get());
  describe_pads(factory);
  bool all_declared = describe_properties(name, element.get()) && example;
  describe_signals(G_OBJECT_TYPE(element.get()));
  all_declared &= describe_pad_types(element.get());
  return all_declared;
}

bool describe_plugin(const char *file)
{
  GError *error = nullptr;
  const Owned<GstPlugin, gst_object_unref> plugin{gst_plugin_load_file(file, &error)};
  if (!plugin) {
    std::cerr << file << ": " << error->message << '\n';
    g_clear_error(&error);
    return false;
  }
  std::cout << "\n## Plugin " << gst_plugin_get_name(plugin.get()) << "\n\n"
            << prose(gst_plugin_get_description(plugin.get())) << ".\n";
  GList *features = gst_registry_get_feature_list_by_plugin(gst_registry_get(),
                                                            gst_plugin_get_name(plugin.get()));
  features = g_list_sort(features, [](gconstpointer a, gconstpointer b) {
    return g_strcmp0(GST_OBJECT_NAME(a), GST_OBJECT_NAME(b));
  });
  bool all_declared = true;
  for (const GList *l = features; l; l = l->next)
    if (GST_IS_ELEMENT_FACTORY(l->data))
      all_declared &= describe(GST_ELEMENT_FACTORY(l->data));
  gst_plugin_feature_list_free(features);
  return all_declared;
}

}  // namespace

int main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  std::cout << "<!-- Made from the plugins by `ninja update-docs`: do not edit. -->\n"
               "# Element reference\n\n"
               "What each element is, takes, gives and can be told. What the protocols are "
               "for stands in the other pages here.\n";
  bool good = true;
  for (const auto *file : std::span{argv, static_cast<std::size_t>(argc)}.subspan(1))
    good &= describe_plugin(file);
  return good ? 0 : 1;
}
