// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmpads.hpp"

#include "glue/bytes.hpp"

#include <algorithm>

namespace kam {

namespace {

GstIterator *no_pads(GstPad *, GstObject *)
{
  return nullptr;
}

// The other one of the pair, which is kept as the pad's private data.
GstIterator *other_pad(GstPad *pad, GstObject *)
{
  GValue value = G_VALUE_INIT;
  g_value_init(&value, GST_TYPE_PAD);
  g_value_set_object(&value, gst_pad_get_element_private(pad));
  auto *iterator = gst_iterator_new_single(GST_TYPE_PAD, &value);
  g_value_unset(&value);
  return iterator;
}

}  // namespace

void link_inside(GstPad *sink, GstPad *src)
{
  gst_pad_set_element_private(sink, src);
  gst_pad_set_element_private(src, sink);
  gst_pad_set_iterate_internal_links_function(sink, other_pad);
  gst_pad_set_iterate_internal_links_function(src, other_pad);
}

void make_feedback_pad(GstPad *pad)
{
  gst_pad_set_iterate_internal_links_function(pad, no_pads);
  gst_pad_set_event_function(pad, [](GstPad *, GstObject *, GstEvent *event) -> gboolean {
    gst_event_unref(event);
    return TRUE;
  });
}

std::string srm_file_name(GstPad *sink)
{
  auto *query = gst_query_new_uri();
  gchar *uri = nullptr;
  if (gst_pad_peer_query(sink, query))
    gst_query_parse_uri(query, &uri);
  gst_query_unref(query);
  const glue::StringPtr owner{uri};
  const glue::StringPtr path{uri ? g_filename_from_uri(uri, nullptr, nullptr) : nullptr};
  const glue::StringPtr name{path ? g_path_get_basename(path.get()) : nullptr};
  return name ? name.get() : "file";
}

void start_stream(GstPad *src, const char *stream)
{
  const glue::StringPtr id{
      g_strdup_printf("%s/%08x", stream, static_cast<unsigned>(g_random_int()))};
  gst_pad_push_event(src, gst_event_new_stream_start(id.get()));
}

void start_packets(GstPad *src, const char *stream)
{
  start_stream(src, stream);
  const auto caps = glue::Ref<GstCaps>::adopt(gst_caps_from_string(srm_packet_caps));
  gst_pad_push_event(src, gst_event_new_caps(caps.get()));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_pad_push_event(src, gst_event_new_segment(&segment));
}

void PacketList::add(Bytes packets, std::size_t packet_size)
{
  if (!list_)
    list_.reset(gst_buffer_list_new());
  const auto whole = glue::copy(packets);
  for (std::size_t at = 0; at < packets.size(); at += packet_size) {
    const auto size = std::min(packet_size, packets.size() - at);
    gst_buffer_list_add(list_.get(),
                        gst_buffer_copy_region(whole.get(), GST_BUFFER_COPY_MEMORY, at, size));
  }
}

GstFlowReturn PacketList::push(GstPad *src)
{
  return gst_pad_push_list(src, list_.release());
}

}  // namespace kam
