// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmuri.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kam {

namespace {

using UriPtr = glue::Owned<GstUri, gst_uri_unref>;

// What a URI from a playlist may set: nothing that opens files or uses others' sockets.
constexpr std::array<std::string_view, 26> settable{"ack-receivers",
                                                    "allowed-nodes",
                                                    "backoff-factor",
                                                    "block-size",
                                                    "buffer-size",
                                                    "congestion-control",
                                                    "fec-overhead",
                                                    "framing",
                                                    "group-size",
                                                    "grtt",
                                                    "latency",
                                                    "loop",
                                                    "max-rate",
                                                    "min-rate",
                                                    "min-receivers",
                                                    "mode",
                                                    "multicast-iface",
                                                    "node-id",
                                                    "parity",
                                                    "qos-dscp",
                                                    "segment-size",
                                                    "send-timestamps",
                                                    "silent",
                                                    "source-filter",
                                                    "ttl",
                                                    "ttl-mc"};

bool refuse(GError **error, GstURIError code, const std::string &why)
{
  g_set_error_literal(error, GST_URI_ERROR, code, why.c_str());
  return false;
}

using Setting = std::pair<std::string, std::string>;

// The parameters, checked; nothing if one of them is no good.
bool read_parameters(GstElement *element, const GstUri *uri, std::vector<Setting> &settings,
                     GError **error)
{
  GHashTable *table = gst_uri_get_query_table(uri);
  if (!table)
    return true;
  const std::unique_ptr<GHashTable, decltype(&g_hash_table_unref)> owner{table,
                                                                         g_hash_table_unref};
  GHashTableIter iterator;
  g_hash_table_iter_init(&iterator, table);
  gpointer key = nullptr;
  gpointer value = nullptr;
  while (g_hash_table_iter_next(&iterator, &key, &value)) {
    const std::string name{static_cast<const char *>(key)};
    const auto *text = value ? static_cast<const char *>(value) : "";
    auto *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name.c_str());
    if (!spec || std::ranges::find(settable, std::string_view{name}) == settable.end())
      return refuse(error, GST_URI_ERROR_UNSUPPORTED_PROTOCOL,
                    "There is no \"" + name + "\" to be set by a URI");
    GValue parsed = G_VALUE_INIT;
    g_value_init(&parsed, spec->value_type);
    const bool is_valid = gst_value_deserialize_with_pspec(&parsed, text, spec) &&
                          !g_param_value_validate(spec, &parsed);
    g_value_unset(&parsed);
    if (!is_valid)
      return refuse(error, GST_URI_ERROR_BAD_URI,
                    std::string{"\""}.append(text) + "\" is no value for \"" + name + "\"");
    settings.emplace_back(name, text);
  }
  return true;
}

}  // namespace

bool set_srm_uri(GstElement *element, const char *host, const char *text, GError **error)
{
  if (GST_STATE(element) > GST_STATE_READY)
    return refuse(error, GST_URI_ERROR_BAD_STATE, "A URI can only be set before PAUSED");
  const UriPtr uri{gst_uri_from_string(text)};
  if (!uri || !gst_uri_get_host(uri.get()))
    return refuse(error, GST_URI_ERROR_BAD_URI, "srm://group:port has to name a group");
  std::vector<Setting> settings;
  if (!read_parameters(element, uri.get(), settings, error))
    return false;
  g_object_set(element, host, gst_uri_get_host(uri.get()), nullptr);
  const auto port = gst_uri_get_port(uri.get());
  if (port != GST_URI_NO_PORT)
    g_object_set(element, "port", static_cast<int>(std::min(port, 65535U)), nullptr);
  for (const auto &[name, value] : settings)
    gst_util_set_object_arg(G_OBJECT(element), name.c_str(), value.c_str());
  return true;
}

glue::StringPtr get_srm_uri(GstElement *element, const char *host_property)
{
  gchar *host = nullptr;
  gint port = 0;
  g_object_get(element, host_property, &host, "port", &port, nullptr);
  const glue::StringPtr owner{host};
  const UriPtr uri{
      gst_uri_new("srm", nullptr, host, static_cast<guint>(port), nullptr, nullptr, nullptr)};
  for (const auto name : settable) {
    auto *spec =
        g_object_class_find_property(G_OBJECT_GET_CLASS(element), std::string{name}.c_str());
    if (!spec)
      continue;
    GValue value = G_VALUE_INIT;
    g_value_init(&value, spec->value_type);
    g_object_get_property(G_OBJECT(element), spec->name, &value);
    if (!g_param_value_defaults(spec, &value)) {
      const glue::StringPtr text{G_VALUE_HOLDS_STRING(&value) ? g_value_dup_string(&value)
                                                              : gst_value_serialize(&value)};
      gst_uri_set_query_value(uri.get(), spec->name, text.get());
    }
    g_value_unset(&value);
  }
  return glue::StringPtr{gst_uri_to_string(uri.get())};
}

}  // namespace kam
