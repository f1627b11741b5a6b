// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/station/httpserversinkvalues.hpp"
#include "glue/element.hpp"
#include "glue/properties.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <string>

namespace kam {

// Where a stream differs from what is set on the element; an empty string, or 0: it does not.
using MountPadValues = StreamValues;

// The way into one of several streams of httpserversink, and what is set on it.
class MountPad final {
 public:
  using Base = GstGhostPad;
  using Class = GstGhostPadClass;
  using Values = MountPadValues;
  static constexpr auto type_name = "KamHttpServerSinkPad";
  static GType base_type() { return GST_TYPE_GHOST_PAD; }
  static void class_init(Class *klass);

  // `name` is one of `templ`, such as sink_3.
  static GstPad *make(GstPadTemplate *templ, const char *name);

  glue::Settings<Values> settings;
  static const glue::Properties<MountPad, Values> &properties();

  explicit MountPad(Base *pad) : pad_{pad} {}
  // What is set on the element, and on this pad.
  HttpServerSinkValues values(HttpServerSinkValues of_element) const;
  guint64 num_listeners() const;
  guint64 bytes_served() const;

 private:
  guint64 count(std::atomic<std::uint64_t> http::MountStats::*member) const;

  Base *pad_;
};

// To an element whose children are its pads, so that gst-launch-1.0 can set what is set on
// them: sink_0::mount=/one.
void show_pads_as_children(GType element_type);

}  // namespace kam
