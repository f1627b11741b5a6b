// SPDX-License-Identifier: LGPL-2.1-or-later
// What the cookie sources say on the bus.
#pragma once

#include "elements/base/cookie/cookiefiles.hpp"

#include <gst/gst.h>

#include <string>

namespace kam {

// GST_ELEMENT_ERROR, with the domain and code for it.
void post_cookie_fault(GstElement *element, const CookieFault &fault);

struct CookiePick {
  std::string location;  // a file, a program, or "built-in"
  guint64 number = 0;    // of the cookie in the file, from 1; 0 for all of it
  guint64 size = 0;      // in bytes; 0 if it is not known yet

  // "location", or "location:number".
  std::string name() const;
};

// The element message "cookie-picked".
void post_cookie_picked(GstElement *element, const CookiePick &pick);

}  // namespace kam
