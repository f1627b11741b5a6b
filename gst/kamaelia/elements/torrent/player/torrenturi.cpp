// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrenturi.hpp"

#include "elements/torrent/player/torrentsrcvalues.hpp"

#include <array>

namespace kam {

namespace {

const gchar *const *schemes()
{
  static constexpr std::array<const gchar *, 5> names{"magnet", "torrent", "torrent+http",
                                                      "torrent+https", nullptr};
  return names.data();
}

// A new string, or null if the location is no URI.
gchar *uri_of(GstURIHandler *element)
{
  gchar *text = nullptr;
  g_object_get(element, "location", &text, nullptr);
  glue::StringPtr location{text};
  return location && gst_uri_is_valid(location.get()) ? location.release() : nullptr;
}

// Whether it can be played; if not, why.
bool check_uri(const gchar *uri, GError **error)
{
  TorrentSrcValues values;
  values.location = uri;
  if (!is_magnet(values))
    return true;
  const auto spec = spec_of(values);
  const auto *failure = std::get_if<torrent::Failure>(&spec);
  if (failure)
    g_set_error(error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI, "%s %s", failure->text.c_str(),
                failure->detail.c_str());
  return !failure;
}

}  // namespace

void add_torrent_uri_handler(GType type)
{
  static constexpr GInterfaceInfo uri_handler{
      [](gpointer interface, gpointer) {
        auto *handler = static_cast<GstURIHandlerInterface *>(interface);
        handler->get_type = [](GType) { return GST_URI_SRC; };
        handler->get_protocols = [](GType) { return schemes(); };
        handler->get_uri = uri_of;
        handler->set_uri = [](GstURIHandler *element, const gchar *uri,
                              GError **error) -> gboolean {
          if (!check_uri(uri, error))
            return FALSE;
          g_object_set(element, "location", uri, nullptr);
          return TRUE;
        };
      },
      nullptr, nullptr};
  g_type_add_interface_static(type, GST_TYPE_URI_HANDLER, &uri_handler);
}

}  // namespace kam
