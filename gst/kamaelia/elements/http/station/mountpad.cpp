// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/mountpad.hpp"

#include "elements/http/station/mountsink.hpp"

#include <string>

namespace kam {
namespace {

// The stream behind the pad.
glue::Ref<GstElement> stream_of(GstGhostPad *pad)
{
  const auto target = glue::Ref<GstPad>::adopt(gst_ghost_pad_get_target(pad));
  return target ? glue::Ref<GstElement>::adopt(gst_pad_get_parent_element(target.get()))
                : glue::Ref<GstElement>{};
}

}  // namespace

const glue::Properties<MountPad, MountPadValues> &MountPad::properties()
{
  using V = MountPadValues;
  using glue::Mutable;
  static const auto table =
      glue::Properties<MountPad, V>{}
          .add("mount", &V::mount,
               "Path of the stream, beginning with a slash; unset for /stream_N of sink_N",
               Mutable::in_ready)
          .add("content-type", &V::content_type,
               "Media type of the stream; unset for the element's", Mutable::in_ready)
          .add("stream-name", &V::stream_name, "Name of the stream; unset for the element's",
               Mutable::in_playing)
          .add("description", &V::description,
               "What the stream is about; unset for the element's", Mutable::in_playing)
          .add("genre", &V::genre, "Genre of the stream; unset for the element's",
               Mutable::in_playing)
          .add("url", &V::url, "Address of a page about the stream; unset for the element's",
               Mutable::in_playing)
          .add("public", &V::is_public, "Tell clients that directories may list the stream",
               Mutable::in_playing)
          .add("max-listeners", &V::max_listeners,
               "Number of listeners of this stream; 0 for the element's", Mutable::in_playing)
          .report<&MountPad::num_listeners>("num-listeners",
                                            "Number of listeners of this stream just now")
          .report<&MountPad::bytes_served>(
              "bytes-served", "Number of bytes of this stream that were sent since READY");
  return table;
}

void MountPad::class_init(Class *klass)
{
  properties().install(klass);
  gst_type_mark_as_plugin_api(G_TYPE_FROM_CLASS(klass), GstPluginAPIFlags(0));
  g_signal_new_class_handler(
      "set-title", G_TYPE_FROM_CLASS(klass), GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
      G_CALLBACK(+[](gpointer pad, const gchar *title, const gchar *url) {
        if (const auto stream = stream_of(GST_GHOST_PAD(pad)))
          glue::impl_of<MountSink>(stream.get())
              .host()
              .set_title(title ? title : "", url ? url : "");
      }),
      nullptr, nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

GstPad *MountPad::make(GstPadTemplate *templ, const char *name)
{
  return GST_PAD(g_object_new(glue::type_of<MountPad>(), "name", name, "direction",
                              GST_PAD_SINK, "template", templ, nullptr));
}

HttpServerSinkValues MountPad::values(HttpServerSinkValues of_element) const
{
  const auto own = settings.snapshot();
  const std::string name{GST_OBJECT_NAME(pad_)};
  const auto number = name.substr(name.find('_') + 1);
  of_element.mount = "/stream_" + number;
  of_element.place = static_cast<guint>(std::stoul(number)) + 1;
  for (const auto member :
       {&StreamValues::mount, &StreamValues::content_type, &StreamValues::stream_name,
        &StreamValues::description, &StreamValues::genre, &StreamValues::url})
    if (!(own.*member).empty())
      of_element.*member = own.*member;
  of_element.is_public = own.is_public;
  if (own.max_listeners > 0)
    of_element.max_listeners = own.max_listeners;
  return of_element;
}

guint64 MountPad::count(std::atomic<std::uint64_t> http::MountStats::*member) const
{
  const auto stream = stream_of(pad_);
  return stream ? glue::impl_of<MountSink>(stream.get()).host().count(member) : 0;
}

guint64 MountPad::num_listeners() const
{
  return count(&http::MountStats::listeners);
}

guint64 MountPad::bytes_served() const
{
  return count(&http::MountStats::bytes_sent);
}

void show_pads_as_children(GType element_type)
{
  static const GInterfaceInfo child_proxy{
      [](gpointer interface, gpointer) {
        auto *proxy = static_cast<GstChildProxyInterface *>(interface);
        proxy->get_child_by_name = [](GstChildProxy *self, const gchar *name) {
          return reinterpret_cast<GObject *>(
              gst_element_get_static_pad(GST_ELEMENT(self), name));
        };
        proxy->get_child_by_index = [](GstChildProxy *self, guint index) {
          GST_OBJECT_LOCK(self);
          auto *pad =
              static_cast<GObject *>(g_list_nth_data(GST_ELEMENT(self)->sinkpads, index));
          if (pad)
            g_object_ref(pad);
          GST_OBJECT_UNLOCK(self);
          return pad;
        };
        proxy->get_children_count = [](GstChildProxy *self) {
          GST_OBJECT_LOCK(self);
          const guint count = GST_ELEMENT(self)->numsinkpads;
          GST_OBJECT_UNLOCK(self);
          return count;
        };
      },
      nullptr, nullptr};
  g_type_add_interface_static(element_type, GST_TYPE_CHILD_PROXY, &child_proxy);
}

}  // namespace kam
