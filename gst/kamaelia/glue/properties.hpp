// SPDX-License-Identifier: LGPL-2.1-or-later
// One table declares an element's properties; defaults come from the settings struct itself.
#pragma once

#include "glue/element.hpp"
#include "glue/refs.hpp"
#include "glue/settings.hpp"

#include <gst/gst.h>

#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kam::glue {

// The last state in which a property may be set.
enum class Mutable { construct_only, in_ready, in_paused, in_playing };

template <class Value>
struct Range {
  Value min = std::numeric_limits<Value>::lowest();
  Value max = std::numeric_limits<Value>::max();
};

struct Fraction {
  int numerator = 0;
  int denominator = 1;
  friend bool operator==(const Fraction &, const Fraction &) = default;
};

template <>
struct Range<Fraction> {
  Fraction min{0, 1};
  Fraction max{G_MAXINT, 1};
};

// How a C++ type is known to GObject. Enums and flags specialise it with
//   static constexpr bool is_flags;  static GType type();
template <class Value>
struct GTypeOf;

template <class Value>
concept Registered = requires
{
  {
    GTypeOf<Value>::type()
    } -> std::convertible_to<GType>;
};

template <>
struct GTypeOf<GBytes> {
  static GType type() { return G_TYPE_BYTES; }
};
template <>
struct GTypeOf<GstCaps> {
  static GType type() { return GST_TYPE_CAPS; }
};

// Registers an enum for properties; its values are public API and documented with it. Two
// plugins may have it in common.
inline GType register_enum(const char *name, const GEnumValue *values)
{
  if (const auto known = g_type_from_name(name); known != 0)
    return known;
  const GType type = g_enum_register_static(name, values);
  gst_type_mark_as_plugin_api(type, GstPluginAPIFlags(0));
  return type;
}

inline GType register_flags(const char *name, const GFlagsValue *values)
{
  const GType type = g_flags_register_static(name, values);
  gst_type_mark_as_plugin_api(type, GstPluginAPIFlags(0));
  return type;
}

// One overload per kind of property: its GParamSpec, and the way in and out of a GValue.
struct ParamSpecs {
  using Flags = GParamFlags;

  static GParamSpec *make(const char *name, const char *blurb, bool value, Range<bool>, Flags f)
  {
    return g_param_spec_boolean(name, name, blurb, value, f);
  }
  static GParamSpec *make(const char *name, const char *blurb, int v, Range<int> r, Flags f)
  {
    return g_param_spec_int(name, name, blurb, r.min, r.max, v, f);
  }
  static GParamSpec *make(const char *name, const char *blurb, guint v, Range<guint> r, Flags f)
  {
    return g_param_spec_uint(name, name, blurb, r.min, r.max, v, f);
  }
  static GParamSpec *make(const char *name, const char *blurb, gint64 v, Range<gint64> r,
                          Flags f)
  {
    return g_param_spec_int64(name, name, blurb, r.min, r.max, v, f);
  }
  static GParamSpec *make(const char *name, const char *blurb, guint64 v, Range<guint64> r,
                          Flags f)
  {
    return g_param_spec_uint64(name, name, blurb, r.min, r.max, v, f);
  }
  static GParamSpec *make(const char *name, const char *blurb, double v, Range<double> r,
                          Flags f)
  {
    return g_param_spec_double(name, name, blurb, r.min, r.max, v, f);
  }
  // An empty string is shown and read as NULL, the way GStreamer says "not set".
  static GParamSpec *make(const char *name, const char *blurb, const std::string &v,
                          const Range<std::string> &, Flags f)
  {
    return g_param_spec_string(name, name, blurb, v.empty() ? nullptr : v.c_str(), f);
  }
  static GParamSpec *make(const char *name, const char *blurb, Fraction v, Range<Fraction> r,
                          Flags f)
  {
    return gst_param_spec_fraction(name, name, blurb, r.min.numerator, r.min.denominator,
                                   r.max.numerator, r.max.denominator, v.numerator,
                                   v.denominator, f);
  }
  template <class T>
  static GParamSpec *make(const char *name, const char *blurb, const Ref<T> &, Range<Ref<T>>,
                          Flags f)
  {
    const GType type = GTypeOf<T>::type();
    if (G_TYPE_IS_OBJECT(type))
      return g_param_spec_object(name, name, blurb, type, f);
    return g_param_spec_boxed(name, name, blurb, type, f);
  }
  static GParamSpec *make(const char *name, const char *blurb, const SharedStructure &,
                          const Range<SharedStructure> &, Flags f)
  {
    return g_param_spec_boxed(name, name, blurb, GST_TYPE_STRUCTURE, f);
  }
  // No strings are shown and read as NULL.
  static GParamSpec *make(const char *name, const char *blurb, const std::vector<std::string> &,
                          const Range<std::vector<std::string>> &, Flags f)
  {
    return g_param_spec_boxed(name, name, blurb, G_TYPE_STRV, f);
  }
  template <Registered Enum>
  requires std::is_enum_v<Enum>
  static GParamSpec *make(const char *name, const char *blurb, Enum v, Range<Enum>, Flags f)
  {
    const GType type = GTypeOf<Enum>::type();
    if (G_TYPE_IS_FLAGS(type))
      return g_param_spec_flags(name, name, blurb, type, static_cast<guint>(v), f);
    return g_param_spec_enum(name, name, blurb, type, static_cast<gint>(v), f);
  }

  static void store(bool v, GValue *to) { g_value_set_boolean(to, v); }
  static void store(int v, GValue *to) { g_value_set_int(to, v); }
  static void store(guint v, GValue *to) { g_value_set_uint(to, v); }
  static void store(gint64 v, GValue *to) { g_value_set_int64(to, v); }
  static void store(guint64 v, GValue *to) { g_value_set_uint64(to, v); }
  static void store(double v, GValue *to) { g_value_set_double(to, v); }
  static void store(const std::string &v, GValue *to)
  {
    g_value_set_string(to, v.empty() ? nullptr : v.c_str());
  }
  static void store(Fraction v, GValue *to)
  {
    gst_value_set_fraction(to, v.numerator, v.denominator);
  }
  template <class T>
  static void store(const Ref<T> &v, GValue *to)
  {
    if (G_VALUE_HOLDS_OBJECT(to))
      g_value_set_object(to, v.get());
    else
      g_value_set_boxed(to, v.get());
  }
  static void store(const SharedStructure &v, GValue *to) { g_value_set_boxed(to, v.get()); }
  static void store(const std::vector<std::string> &v, GValue *to)
  {
    auto **strings = v.empty() ? nullptr : g_new0(char *, v.size() + 1);
    for (std::size_t i = 0; i < v.size(); ++i)
      strings[i] = g_strdup(v[i].c_str());
    g_value_take_boxed(to, strings);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  static void store(Enum v, GValue *to)
  {
    if (G_VALUE_HOLDS_FLAGS(to))
      g_value_set_flags(to, static_cast<guint>(v));
    else
      g_value_set_enum(to, static_cast<gint>(v));
  }

  static void load(const GValue *from, bool &v) { v = g_value_get_boolean(from); }
  static void load(const GValue *from, int &v) { v = g_value_get_int(from); }
  static void load(const GValue *from, guint &v) { v = g_value_get_uint(from); }
  static void load(const GValue *from, gint64 &v) { v = g_value_get_int64(from); }
  static void load(const GValue *from, guint64 &v) { v = g_value_get_uint64(from); }
  static void load(const GValue *from, double &v) { v = g_value_get_double(from); }
  static void load(const GValue *from, std::string &v)
  {
    const char *text = g_value_get_string(from);
    v = text ? text : "";
  }
  static void load(const GValue *from, Fraction &v)
  {
    v = {gst_value_get_fraction_numerator(from), gst_value_get_fraction_denominator(from)};
  }
  template <class T>
  static void load(const GValue *from, Ref<T> &v)
  {
    gpointer p =
        G_VALUE_HOLDS_OBJECT(from) ? g_value_get_object(from) : g_value_get_boxed(from);
    v = Ref<T>::share(static_cast<T *>(p));
  }
  static void load(const GValue *from, SharedStructure &v)
  {
    v = {static_cast<GstStructure *>(g_value_dup_boxed(from)), [](GstStructure *structure) {
           if (structure)
             gst_structure_free(structure);
         }};
  }
  static void load(const GValue *from, std::vector<std::string> &v)
  {
    v.clear();
    for (auto *const *string = static_cast<char **>(g_value_get_boxed(from)); string && *string;
         ++string)
      v.emplace_back(*string);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  static void load(const GValue *from, Enum &v)
  {
    v = static_cast<Enum>(G_VALUE_HOLDS_FLAGS(from) ? g_value_get_flags(from)
                                                    : guint(g_value_get_enum(from)));
  }
};

// The properties of an element whose Impl has `glue::Settings<Values> settings`. If it has
// settings_changed() too, that is called after each write, without any lock.
template <class Impl, class Values>
class Properties {
 public:
  // `member`: of Values, or of what that extends.
  template <class Value, class Owner>
  Properties &add(const char *name, Value Owner::*member, const char *blurb, Mutable when,
                  std::type_identity_t<Range<Value>> range = {})
  {
    return add_checked(
        name, member, blurb, when, [](const Value &) { return true; }, range);
  }

  // As add(), but a value for which `accept` is false is refused with a warning.
  template <class Value, class Owner, class Accept>
  Properties &add_checked(const char *name, Value Owner::*member, const char *blurb,
                          Mutable when, Accept accept,
                          std::type_identity_t<Range<Value>> range = {})
  {
    Entry entry;
    entry.spec = ParamSpecs::make(name, blurb, Values{}.*member, range, writable(when));
    entry.get = [member](Impl &impl, GValue *to) {
      ParamSpecs::store(impl.settings.read([&](const Values &v) { return v.*member; }), to);
    };
    entry.set = [member, accept, name](Impl &impl, const GValue *from) {
      Value value{};
      ParamSpecs::load(from, value);
      if (!accept(value)) {
        g_warning("The value given for property \"%s\" cannot be used; it stays as it was.",
                  name);
        return;
      }
      impl.settings.write([&](Values &v) { v.*member = std::move(value); });
      if constexpr (requires { impl.settings_changed(); })
        impl.settings_changed();
    };
    entries_.push_back(std::move(entry));
    return *this;
  }

  // A property that only reports; `method` is a const member function that takes no
  // arguments, is safe in any thread and returns a value or a StructurePtr.
  template <auto Method>
  Properties &report(const char *name, const char *blurb)
  {
    using Value = std::decay_t<decltype((std::declval<const Impl &>().*Method)())>;
    constexpr auto flags = GParamFlags(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    Entry entry;
    if constexpr (std::is_same_v<Value, StructurePtr>) {
      entry.spec = g_param_spec_boxed(name, name, blurb, GST_TYPE_STRUCTURE, flags);
      entry.get = [](Impl &impl, GValue *to) {
        g_value_take_boxed(to, (std::as_const(impl).*Method)().release());
      };
    } else {
      entry.spec = ParamSpecs::make(name, blurb, Value{}, Range<Value>{}, flags);
      entry.get = [](Impl &impl, GValue *to) {
        ParamSpecs::store((std::as_const(impl).*Method)(), to);
      };
    }
    entries_.push_back(std::move(entry));
    return *this;
  }

  // Installs every property and the accessors.
  void install(gpointer klass) const
  {
    auto *object_class = static_cast<GObjectClass *>(klass);
    object_class->set_property = [](GObject *o, guint id, const GValue *v, GParamSpec *) {
      Impl::properties().entries_[id - 1].set(impl_of<Impl>(o), v);
    };
    object_class->get_property = [](GObject *o, guint id, GValue *v, GParamSpec *) {
      Impl::properties().entries_[id - 1].get(impl_of<Impl>(o), v);
    };
    guint id = 0;
    for (const auto &entry : entries_)
      g_object_class_install_property(object_class, ++id, entry.spec);
  }

 private:
  struct Entry {
    GParamSpec *spec = nullptr;
    std::function<void(Impl &, GValue *)> get;
    std::function<void(Impl &, const GValue *)> set;
  };

  static GParamFlags writable(Mutable when)
  {
    constexpr int base = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
    switch (when) {
    case Mutable::construct_only: return GParamFlags(base | G_PARAM_CONSTRUCT_ONLY);
    case Mutable::in_ready: return GParamFlags(base | GST_PARAM_MUTABLE_READY);
    case Mutable::in_paused: return GParamFlags(base | GST_PARAM_MUTABLE_PAUSED);
    case Mutable::in_playing: return GParamFlags(base | GST_PARAM_MUTABLE_PLAYING);
    }
    g_assert_not_reached();
  }

  std::vector<Entry> entries_;
};

}  // namespace kam::glue
