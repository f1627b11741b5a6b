// SPDX-License-Identifier: LGPL-2.1-or-later
// The bridge between a GObject instance and the C++ object that does the work.
//
// An element is a class `Impl` with
//   using Base / Class          the GStreamer instance and class structs it extends
//   type_name, base_type()      its GType
//   class_init(Class *)         metadata, pad templates, properties, vfuncs
//   Impl(Base *)                the constructor: runs in instance_init
//   add_interfaces(GType)       optional: the interfaces that the type implements
// GObject owns exactly one Impl per instance; its destructor runs in finalize.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <type_traits>

namespace kam::glue {

// What GObject allocates: the GStreamer base struct, then the C++ object.
template <class Impl>
struct Instance {
  typename Impl::Base base;
  union {
    Impl impl;
  };

  Instance() = delete;  // GObject allocates; instance_init() constructs `impl`
  ~Instance() = delete;
};

template <class Impl>
Impl &impl_of(void *object)
{
  return static_cast<Instance<Impl> *>(object)->impl;
}

// vfunc<&Impl::method> converts to any C function pointer whose first argument is the object.
template <auto Method>
struct Vfunc;

template <class Impl, class Result, class... Params, Result (Impl::*Method)(Params...)>
struct Vfunc<Method> {
  template <class R, class Object, class... Args>
  using Function = R (*)(Object *, Args...);

  template <class R, class Object, class... Args>
  operator Function<R, Object, Args...>() const
  {
    return [](Object *object, Args... args) noexcept -> R {
      return static_cast<R>((impl_of<Impl>(object).*Method)(args...));
    };
  }
};

template <auto Method>
inline constexpr Vfunc<Method> vfunc{};

// What two plugins have in common is registered by the first of them.
template <class Impl>
GType type_of()
{
  static const GType type = [] {
    if (const auto known = g_type_from_name(Impl::type_name); known != 0)
      return known;
    static_assert(alignof(Impl) <= 2 * sizeof(gsize),
                  "GObject instances are only 16-byte aligned");
    static_assert(sizeof(Instance<Impl>) <= G_MAXUINT16,
                  "GObject instances are limited to 64 KiB");
    static gpointer parent_class;
    const auto class_init = [](gpointer klass, gpointer) {
      parent_class = g_type_class_peek_parent(klass);
      G_OBJECT_CLASS(klass)->finalize = [](GObject *object) {
        std::destroy_at(&impl_of<Impl>(object));
        G_OBJECT_CLASS(parent_class)->finalize(object);
      };
      Impl::class_init(static_cast<typename Impl::Class *>(klass));
    };
    const auto instance_init = [](GTypeInstance *instance, gpointer) {
      std::construct_at(&impl_of<Impl>(instance),
                        reinterpret_cast<typename Impl::Base *>(instance));
    };
    const GType registered = g_type_register_static_simple(
        Impl::base_type(), g_intern_static_string(Impl::type_name),
        sizeof(typename Impl::Class), class_init, sizeof(Instance<Impl>), instance_init,
        GTypeFlags(0));
    if constexpr (requires { Impl::add_interfaces(registered); })
      Impl::add_interfaces(registered);
    return registered;
  }();
  return type;
}

// The class struct of the GStreamer type that `Impl` extends, to chain up to.
template <class Impl>
typename Impl::Class *parent_class_of(typename Impl::Base *object)
{
  auto *klass = G_OBJECT_GET_CLASS(object);
  while (G_TYPE_FROM_CLASS(klass) != type_of<Impl>())
    klass = static_cast<GObjectClass *>(g_type_class_peek_parent(klass));
  return static_cast<typename Impl::Class *>(g_type_class_peek_parent(klass));
}

// What gst-inspect-1.0 says about an element.
struct ElementInfo {
  const char *long_name;
  const char *klass;  // the slash-separated kinds, e.g. "Codec/Payloader/Network"
  const char *description;
  const char *example;  // a line to paste; nullptr for what users do not see
};

inline void describe(gpointer klass, const ElementInfo &info)
{
  gst_element_class_set_static_metadata(static_cast<GstElementClass *>(klass), info.long_name,
                                        info.klass, info.description,
                                        "The gst-kamaelia authors");
  if (info.example)
    gst_element_class_add_static_metadata(static_cast<GstElementClass *>(klass), "example",
                                          info.example);
}

}  // namespace kam::glue
