// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/serverpresets.hpp"

#include "elements/base/protocolserver/protocolserver.hpp"
#include "glue/element.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace kam {

namespace {

// A server that is known by what it serves. Ports and pace are those of Kamaelia's examples.
struct Preset {
  const char *factory;
  const char *type_name;
  const char *long_name;
  const char *description;
  const char *example;
  int port;
  const char *launch;
  const char *source_factory;  // whose properties are the server's too; empty: none
  const char *source_type;
};

constexpr std::array presets{
    Preset{"audiocookieserver", "KamAudioCookieServer", "Audio cookie server",
           "Sends each TCP client a sound of those in a directory, at the pace it plays",
           "gst-launch-1.0 audiocookieserver location=/usr/share/sounds", 1500,
           "audiocookiesrc", "audiocookiesrc", "KamAudioCookieSrc"},
    Preset{"echoserver", "KamEchoServer", "Echo server",
           "Sends each TCP client what it has sent, until it ends (RFC 862)",
           "gst-launch-1.0 echoserver", 1501, "", "", ""},
    Preset{"fortuneserver", "KamFortuneServer", "Fortune cookie server",
           "Sends each TCP client a fortune cookie, letter by letter (RFC 865)",
           "gst-launch-1.0 fortuneserver", 1500, "fortunesrc", "fortunesrc", "KamFortuneSrc"},
    Preset{"videocookieserver", "KamVideoCookieServer", "Video cookie server",
           "Sends each TCP client a film of those in a directory, at the pace it plays",
           "gst-launch-1.0 videocookieserver location=/srv/films", 5222, "videocookiesrc",
           "videocookiesrc", "KamVideoCookieSrc"},
};

ProtocolServer &server_of(GObject *object)
{
  return glue::impl_of<ProtocolServer>(object);
}

GParamSpec *port_spec(int port)
{
  return g_param_spec_int(
      "port", "port", "TCP port to listen at; 0 for one that is free, which current-port tells",
      0, 65535, port,
      GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
}

// The same property of another class; nullptr for a kind that no source of ours has.
GParamSpec *clone(GParamSpec *spec)
{
  constexpr auto flags = GParamFlags(G_PARAM_READWRITE | GST_PARAM_MUTABLE_READY);
  const char *name = g_param_spec_get_name(spec);
  const char *blurb = g_param_spec_get_blurb(spec);
  if (const auto *s = G_IS_PARAM_SPEC_BOOLEAN(spec) ? G_PARAM_SPEC_BOOLEAN(spec) : nullptr)
    return g_param_spec_boolean(name, name, blurb, s->default_value, flags);
  if (const auto *s = G_IS_PARAM_SPEC_INT(spec) ? G_PARAM_SPEC_INT(spec) : nullptr)
    return g_param_spec_int(name, name, blurb, s->minimum, s->maximum, s->default_value, flags);
  if (const auto *s = G_IS_PARAM_SPEC_UINT(spec) ? G_PARAM_SPEC_UINT(spec) : nullptr)
    return g_param_spec_uint(name, name, blurb, s->minimum, s->maximum, s->default_value,
                             flags);
  if (const auto *s = G_IS_PARAM_SPEC_INT64(spec) ? G_PARAM_SPEC_INT64(spec) : nullptr)
    return g_param_spec_int64(name, name, blurb, s->minimum, s->maximum, s->default_value,
                              flags);
  if (const auto *s = G_IS_PARAM_SPEC_UINT64(spec) ? G_PARAM_SPEC_UINT64(spec) : nullptr)
    return g_param_spec_uint64(name, name, blurb, s->minimum, s->maximum, s->default_value,
                               flags);
  if (const auto *s = G_IS_PARAM_SPEC_DOUBLE(spec) ? G_PARAM_SPEC_DOUBLE(spec) : nullptr)
    return g_param_spec_double(name, name, blurb, s->minimum, s->maximum, s->default_value,
                               flags);
  if (const auto *s = G_IS_PARAM_SPEC_STRING(spec) ? G_PARAM_SPEC_STRING(spec) : nullptr)
    return g_param_spec_string(name, name, blurb, s->default_value, flags);
  if (const auto *s = G_IS_PARAM_SPEC_ENUM(spec) ? G_PARAM_SPEC_ENUM(spec) : nullptr)
    return g_param_spec_enum(name, name, blurb, spec->value_type, s->default_value, flags);
  if (G_IS_PARAM_SPEC_BOXED(spec))
    return g_param_spec_boxed(name, name, blurb, spec->value_type, flags);
  return nullptr;
}

// A source's own properties that a server can set for it. The seed is the server's, so that
// each client has another.
bool is_forwarded(GObjectClass *server, const GParamSpec *spec, GType source)
{
  constexpr int both = G_PARAM_READWRITE;
  return spec->owner_type == source && (spec->flags & both) == both &&
         !g_object_class_find_property(server, spec->name);
}

void class_init(gpointer klass, gpointer data)
{
  const auto &preset = *static_cast<const Preset *>(data);
  auto *object_class = static_cast<GObjectClass *>(klass);
  object_class->set_property = [](GObject *object, guint, const GValue *value,
                                  GParamSpec *spec) {
    if (std::string_view{spec->name} == "port")
      server_of(object).settings.write(
          [value](ServerValues &values) { values.port = g_value_get_int(value); });
    else
      server_of(object).set_source_property(spec->name, value);
  };
  object_class->get_property = [](GObject *object, guint, GValue *value, GParamSpec *spec) {
    if (std::string_view{spec->name} == "port")
      g_value_set_int(value, server_of(object).settings.snapshot().port);
    else if (!server_of(object).get_source_property(spec->name, value))
      g_param_value_set_default(spec, value);
  };
  guint id = 0;
  if (const GType source = g_type_from_name(preset.source_type); source != G_TYPE_INVALID) {
    auto *source_class = static_cast<GObjectClass *>(g_type_class_ref(source));
    guint count = 0;
    const glue::Owned<GParamSpec *, g_free> specs{
        g_object_class_list_properties(source_class, &count)};
    for (auto *spec : std::span{specs.get(), count})
      if (is_forwarded(object_class, spec, source))
        if (auto *own = clone(spec))
          g_object_class_install_property(object_class, ++id, own);
    g_type_class_unref(source_class);
  }
  g_object_class_install_property(object_class, ++id, port_spec(preset.port));
  glue::describe(klass,
                 {preset.long_name, "Sink/Source/Network", preset.description, preset.example});
}

GType register_type(const Preset &preset)
{
  GTypeQuery parent{};
  g_type_query(glue::type_of<ProtocolServer>(), &parent);
  GTypeInfo info{};
  info.class_size = static_cast<guint16>(parent.class_size);
  info.class_init = class_init;
  info.class_data = &preset;
  info.instance_size = static_cast<guint16>(parent.instance_size);
  info.instance_init = [](GTypeInstance *instance, gpointer klass) {
    const char *type_name = g_type_name(G_TYPE_FROM_CLASS(klass));
    for (const auto &known : presets)
      if (std::string_view{known.type_name} == type_name)
        server_of(reinterpret_cast<GObject *>(instance))
            .preset(known.launch, known.source_factory, known.port);
  };
  return g_type_register_static(parent.type, preset.type_name, &info, GTypeFlags(0));
}

}  // namespace

bool register_server_presets(GstPlugin *plugin)
{
  bool any = false;
  for (const auto &preset : presets) {
    const bool has_source = std::string_view{preset.source_type}.empty() ||
                            g_type_from_name(preset.source_type) != G_TYPE_INVALID;
    if (has_source)
      any |= gst_element_register(plugin, preset.factory, GST_RANK_NONE, register_type(preset));
  }
  return any;
}

}  // namespace kam
