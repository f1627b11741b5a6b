// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/cookiemessages.hpp"

namespace kam {

void post_cookie_fault(GstElement *element, const CookieFault &fault)
{
  const auto *what = fault.what.c_str();
  switch (fault.kind) {
  case CookieFault::Kind::not_found:
    GST_ELEMENT_ERROR(element, RESOURCE, NOT_FOUND, ("%s", what), (nullptr));
    break;
  case CookieFault::Kind::not_readable:
    GST_ELEMENT_ERROR(element, RESOURCE, OPEN_READ, ("%s", what), (nullptr));
    break;
  case CookieFault::Kind::not_usable:
    GST_ELEMENT_ERROR(element, RESOURCE, READ, ("%s", what), (nullptr));
    break;
  }
}

std::string CookiePick::name() const
{
  return number == 0 ? location : location + ":" + std::to_string(number);
}

void post_cookie_picked(GstElement *element, const CookiePick &pick)
{
  gst_element_post_message(
      element, gst_message_new_element(
                   GST_OBJECT(element),
                   gst_structure_new("cookie-picked", "location", G_TYPE_STRING,
                                     pick.location.c_str(), "number", G_TYPE_UINT64,
                                     pick.number, "size", G_TYPE_UINT64, pick.size, nullptr)));
}

}  // namespace kam
