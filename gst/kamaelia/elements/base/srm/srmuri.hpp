// SPDX-License-Identifier: LGPL-2.1-or-later
// srm://group:port?property=value&…, as properties of srmsink and srmsrc.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

namespace kam {

// Only properties that say how to send or receive can be set; `host` is the one for the host.
// The element is left as it was if something is wrong.
bool set_srm_uri(GstElement *element, const char *host, const char *text, GError **error);
glue::StringPtr get_srm_uri(GstElement *element, const char *host);

// Makes the type of `Impl` a GstURIHandler for `direction`; Impl::host_property is the name of
// the property with the host.
template <class Impl, GstURIType Direction>
void add_srm_uri_handler(GType type)
{
  const auto init = [](gpointer interface, gpointer) {
    auto *handler = static_cast<GstURIHandlerInterface *>(interface);
    handler->get_type = [](GType) { return Direction; };
    handler->get_protocols = [](GType) -> const gchar *const * {
      static const gchar *const protocols[] = {"srm", nullptr};  // NOLINT: the interface's type
      return protocols;
    };
    handler->get_uri = [](GstURIHandler *self) -> gchar * {
      return get_srm_uri(GST_ELEMENT(self), Impl::host_property).release();
    };
    handler->set_uri = [](GstURIHandler *self, const gchar *uri, GError **error) -> gboolean {
      return set_srm_uri(GST_ELEMENT(self), Impl::host_property, uri, error);
    };
  };
  const GInterfaceInfo info{init, nullptr, nullptr};
  g_type_add_interface_static(type, GST_TYPE_URI_HANDLER, &info);
}

}  // namespace kam
