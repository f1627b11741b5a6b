// SPDX-License-Identifier: LGPL-2.1-or-later
// The element around MediaCookies, once for sounds and once for films. A `Kind` has
//   type_name, factory, long_name, klass, description
//   bitrate, chunk_rate   Kamaelia's
//   pattern               what such files are called
#pragma once

#include "elements/base/cookie/mediacookies.hpp"
#include "glue/properties.hpp"

#include <array>
#include <utility>

template <>
struct kam::glue::GTypeOf<kam::cookie::Order> {
  static GType type()
  {
    using kam::cookie::Order;
    static constexpr std::array<GEnumValue, 4> values{
        {{gint(Order::random), "Any, each time anew", "random"},
         {gint(Order::shuffle), "Each once, in a random order, and again in another",
          "shuffle"},
         {gint(Order::sequential), "One after the other, by name", "sequential"},
         {0, nullptr, nullptr}}};
    static const GType type = register_enum("KamCookieOrder", values.data());
    return type;
  }
};

namespace kam {

template <class Kind>
class MediaCookieSrc final : MediaCookies::Settings {
 public:
  using Base = GstBaseSrc;
  using Class = GstBaseSrcClass;
  static constexpr auto type_name = Kind::type_name;
  static GType base_type() { return GST_TYPE_BASE_SRC; }
  static void class_init(Class *klass);

  struct Values : MediaCookieValues {
    Values()
    {
      pattern = Kind::pattern;
      bitrate = Kind::bitrate;
      chunk_rate = Kind::chunk_rate;
    }
  };
  glue::Settings<Values> settings;
  static const glue::Properties<MediaCookieSrc, Values> &properties();

  explicit MediaCookieSrc(Base *base) : base_{base}, cookies_{base, *this}
  {
    gst_pad_set_activatemode_function(
        base->srcpad,
        [](GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active) noexcept {
          return glue::impl_of<MediaCookieSrc>(parent).cookies_.drive().activate(pad, parent,
                                                                                 mode, active);
        });
  }
  std::string last_pick() const { return cookies_.last_pick(); }

 private:
  const MediaCookieValues &current() override { return settings.current(); }
  bool changed() override { return settings.changed(); }

  Class *parent() { return glue::parent_class_of<MediaCookieSrc>(base_); }
  GstStateChangeReturn change_state(GstStateChange change)
  {
    return cookies_.change_state(change, GST_ELEMENT_CLASS(parent()));
  }
  gboolean start() { return cookies_.begin(); }
  gboolean stop()
  {
    cookies_.end();
    return TRUE;
  }
  gboolean is_seekable() { return cookies_.is_seekable(); }
  gboolean get_size(guint64 *size)
  {
    const auto known = cookies_.size();
    *size = known.value_or(0);
    return known.has_value();
  }
  gboolean query(GstQuery *query)
  {
    return ReactorDrive::answer_scheduling(query, settings.current().is_seekable()) ||
           parent()->query(base_, query);
  }
  void get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end)
  {
    cookies_.get_times(buffer, start, end);
  }
  GstFlowReturn create(guint64 offset, guint size, GstBuffer **buffer)
  {
    return cookies_.is_seekable() ? parent()->create(base_, offset, size, buffer)
                                  : cookies_.create(buffer);
  }
  GstFlowReturn fill(guint64 offset, guint size, GstBuffer *buffer)
  {
    return cookies_.fill(offset, size, buffer);
  }

  Base *base_;
  MediaCookies cookies_;
};

template <class Kind>
const glue::Properties<MediaCookieSrc<Kind>, typename MediaCookieSrc<Kind>::Values>
    &MediaCookieSrc<Kind>::properties()
{
  using V = MediaCookieValues;
  using glue::Mutable;
  static const auto table = [] {
    const auto of = []<class Value>(Value V::*member) {
      return static_cast<Value Values::*>(member);
    };
    glue::Properties<MediaCookieSrc, Values> properties;
    properties
        .add("location", of(&V::location), "The folder to pick files from, or one file",
             Mutable::in_ready)
        .add(
            "pattern", of(&V::pattern),
            "What the names of files in the folder have to be like, whatever their case: globs "
            "with semicolons in between",
            Mutable::in_ready)
        .add("bitrate", of(&V::bitrate),
             "How fast to send, in bit/s, live; 0 for as fast as it goes", Mutable::in_ready)
        .add("chunk-rate", of(&V::chunk_rate),
             "Number of buffers per second at the bitrate, which says how large they are",
             Mutable::in_ready, {1, 1000})
        .add("pick", of(&V::pick),
             "How to pick; a server gives each client the beginning of another round, or the "
             "next file",
             Mutable::in_ready)
        .add("num-cookies", of(&V::num_cookies),
             "Number of files to send before the stream ends; -1 for no end", Mutable::in_ready,
             {-1, G_MAXINT})
        .add("seed", of(&V::seed),
             "Seed of what is picked: the same files from the same folder after each start; 0 "
             "for others each time",
             Mutable::in_ready)
        .template report<&MediaCookieSrc::last_pick>("last-pick",
                                                     "The file that was picked last");
    return properties;
  }();
  return table;
}

template <class Kind>
void MediaCookieSrc<Kind>::class_init(Class *klass)
{
  static GstStaticPadTemplate src_template =
      GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
  properties().install(klass);
  glue::describe(klass, {Kind::long_name, Kind::klass, Kind::description, Kind::example});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  GST_ELEMENT_CLASS(klass)->change_state = glue::vfunc<&MediaCookieSrc::change_state>;
  klass->start = glue::vfunc<&MediaCookieSrc::start>;
  klass->stop = glue::vfunc<&MediaCookieSrc::stop>;
  klass->is_seekable = glue::vfunc<&MediaCookieSrc::is_seekable>;
  klass->get_size = glue::vfunc<&MediaCookieSrc::get_size>;
  klass->query = glue::vfunc<&MediaCookieSrc::query>;
  klass->get_times = glue::vfunc<&MediaCookieSrc::get_times>;
  klass->create = glue::vfunc<&MediaCookieSrc::create>;
  klass->fill = glue::vfunc<&MediaCookieSrc::fill>;
  // Caps are set with the first buffer of each file.
  klass->negotiate = [](GstBaseSrc *) noexcept -> gboolean { return TRUE; };
}

}  // namespace kam
