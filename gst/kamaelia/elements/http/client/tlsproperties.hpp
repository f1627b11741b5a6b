// SPDX-License-Identifier: LGPL-2.1-or-later
// What GIO says about TLS, as types of properties.
#pragma once

#include "elements/server/tlsvalues.hpp"
#include "glue/properties.hpp"

#include <gio/gio.h>

template <>
struct kam::glue::GTypeOf<GTlsInteraction> {
  static GType type() { return G_TYPE_TLS_INTERACTION; }
};
