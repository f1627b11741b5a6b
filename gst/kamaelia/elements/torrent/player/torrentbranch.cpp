// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentbranch.hpp"

#include <array>
#include <utility>

namespace kam {

void copy_properties(GstElement *from, GstElement *to)
{
  guint count = 0;
  const glue::Owned<GParamSpec *, g_free> specs{
      g_object_class_list_properties(G_OBJECT_GET_CLASS(from), &count)};
  for (guint i = 0; i < count; ++i) {
    const auto *spec = specs.get()[i];
    const auto *other = g_object_class_find_property(G_OBJECT_GET_CLASS(to), spec->name);
    // Not those of GstObject.
    if (spec->owner_type != G_OBJECT_TYPE(from) || !other ||
        (other->flags & G_PARAM_WRITABLE) == 0 || other->value_type != spec->value_type)
      continue;
    GValue value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(from), spec->name, &value);
    g_object_set_property(G_OBJECT(to), spec->name, &value);
    g_value_unset(&value);
  }
}

TorrentBranch::TorrentBranch(GstBin *bin, std::size_t index, GstStream *stream, Found found)
    : bin_{bin},
      index_{index},
      stream_{glue::Ref<GstStream>::share(stream)},
      found_{std::move(found)}
{
}

std::unique_ptr<TorrentBranch> TorrentBranch::make(GstBin *bin, GBytes *metainfo,
                                                   std::size_t index, GstStream *stream,
                                                   Found found)
{
  auto *source = gst_element_factory_make("torrentsrc", nullptr);
  auto *typefind = gst_element_factory_make("typefind", nullptr);
  if (!source || !typefind) {
    for (auto *made : {source, typefind})
      if (made)
        gst_object_unref(made);
    return nullptr;
  }
  std::unique_ptr<TorrentBranch> branch{
      new TorrentBranch{bin, index, stream, std::move(found)}};
  branch->source_ = glue::Ref<GstElement>::share(source);
  branch->typefind_ = glue::Ref<GstElement>::share(typefind);
  copy_properties(GST_ELEMENT(bin), source);
  g_object_set(source, "torrent", metainfo, "file-index", gint(index), "file-path", nullptr,
               nullptr);
  gst_bin_add_many(bin, source, typefind, nullptr);
  gst_element_link(source, typefind);
  g_signal_connect(typefind, "have-type",
                   G_CALLBACK(+[](GstElement *, guint, GstCaps *, gpointer self) {
                     auto *branch = static_cast<TorrentBranch *>(self);
                     branch->found_(*branch);
                   }),
                   branch.get());
  return branch;
}

TorrentBranch::~TorrentBranch()
{
  stop();
  for (auto *element : {source_.get(), typefind_.get()})
    gst_bin_remove(bin_, element);
}

void TorrentBranch::start()
{
  // What pulls or is pushed to is ready first.
  gst_element_sync_state_with_parent(typefind_.get());
  gst_element_sync_state_with_parent(source_.get());
}

void TorrentBranch::stop()
{
  for (auto *element : {source_.get(), typefind_.get()}) {
    gst_element_set_locked_state(element, TRUE);
    gst_element_set_state(element, GST_STATE_NULL);
  }
}

void TorrentBranch::name_stream(GstPadProbeInfo *info) const
{
  auto *event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) != GST_EVENT_STREAM_START)
    return;
  guint group = 0;
  const bool has_group = gst_event_parse_group_id(event, &group);
  auto *named = gst_event_new_stream_start(gst_stream_get_stream_id(stream_.get()));
  gst_event_set_seqnum(named, gst_event_get_seqnum(event));
  if (has_group)
    gst_event_set_group_id(named, group);
  gst_event_set_stream(named, stream_.get());
  gst_event_unref(event);
  GST_PAD_PROBE_INFO_DATA(info) = named;
}

GstPad *TorrentBranch::make_pad(const char *name, GstPadTemplate *templ)
{
  const glue::Owned<GstPad, gst_object_unref> inner{
      gst_element_get_static_pad(typefind_.get(), "src")};
  gst_pad_add_probe(
      inner.get(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad *, GstPadProbeInfo *info, gpointer self) {
        static_cast<const TorrentBranch *>(self)->name_stream(info);
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
  auto *pad = gst_ghost_pad_new_from_template(name, inner.get(), templ);
  pad_ = glue::Ref<GstPad>::share(pad);
  return pad;
}

bool TorrentBranch::has(GstObject *object) const
{
  return object == GST_OBJECT(source_.get()) || object == GST_OBJECT(typefind_.get());
}

}  // namespace kam
