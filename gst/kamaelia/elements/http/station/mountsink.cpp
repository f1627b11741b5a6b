// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/mountsink.hpp"

#include <gst/base/gsttypefindhelper.h>

#include <optional>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(mountsink_debug);
#define GST_CAT_DEFAULT mountsink_debug

namespace kam {
namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

}  // namespace

void MountSink::class_init(Class *klass)
{
  // The user knows of no other element than httpserversink.
  GST_DEBUG_CATEGORY_INIT(mountsink_debug, "httpserversink", 0, "Radio station");
  glue::describe(klass, {"Stream of a radio station", "Sink/Network",
                         "Serves a live stream by HTTP, for httpserversink", nullptr});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &sink_template);
  GST_ELEMENT_CLASS(klass)->change_state = glue::vfunc<&MountSink::change_state>;
  klass->unlock = glue::vfunc<&MountSink::unlock>;
  klass->unlock_stop = glue::vfunc<&MountSink::unlock_stop>;
  klass->set_caps = glue::vfunc<&MountSink::set_caps>;
  klass->event = glue::vfunc<&MountSink::event>;
  klass->render = glue::vfunc<&MountSink::render>;
}

MountSink::MountSink(Base *sink) : sink_{sink}
{
  // What is due is put into a list, which takes no time.
  gst_base_sink_set_processing_deadline(sink, 0);
}

GstElement *MountSink::make(Owner &owner)
{
  auto *element = GST_ELEMENT(g_object_new(glue::type_of<MountSink>(), nullptr));
  glue::impl_of<MountSink>(element).owner_ = &owner;
  return element;
}

void MountSink::configure(const HttpServerSinkValues &values)
{
  settings_.write([&](HttpServerSinkValues &mine) { mine = values; });
  host_.change(values);
}

// --- states -------------------------------------------------------------------------------

// A base sink starts before READY, where the user may still set what counts at the start.
GstStateChangeReturn MountSink::change_state(GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start())
    return GST_STATE_CHANGE_FAILURE;
  const auto result = GST_ELEMENT_CLASS(glue::parent_class_of<MountSink>(sink_))
                          ->change_state(GST_ELEMENT(sink_), transition);
  const bool has_failed =
      transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY || has_failed)
    host_.close();
  return result;
}

bool MountSink::start()
{
  const auto values = settings_.snapshot();
  const auto mount = mount_path(values.mount);
  if (!host_.open(owner_->frontend(), values, *owner_)) {
    GST_ELEMENT_ERROR(sink_, RESOURCE, BUSY,
                      ("Another stream is at %s already.", mount.c_str()),
                      ("address %s, port %d", values.address.c_str(), values.port));
    return false;
  }
  GST_INFO_OBJECT(sink_, "a stream at %s", mount.c_str());
  has_caps_ = has_format_ = has_bitrate_ = false;
  station_ = {};
  measured_bytes_ = 0;
  measured_from_ = http::Nanoseconds{-1};
  return true;
}

// --- the stream ---------------------------------------------------------------------------

gboolean MountSink::unlock()
{
  host_.mount().interrupt(true);
  return TRUE;
}

gboolean MountSink::unlock_stop()
{
  host_.mount().interrupt(false);
  return TRUE;
}

gboolean MountSink::set_caps(GstCaps *caps)
{
  has_caps_ = true;
  return begin_format(caps);
}

bool MountSink::begin_format(GstCaps *caps)
{
  auto kind = stream_kind(caps);
  if (const auto *trouble = std::get_if<StreamTrouble>(&kind)) {
    GST_ELEMENT_ERROR(sink_, STREAM, FORMAT, ("%s", trouble->sentence), ("%s", trouble->hint));
    return false;
  }
  auto &known = *std::get_if<StreamKind>(&kind);
  GST_INFO_OBJECT(sink_, "%s, with %zu bytes of headers", known.content_type.c_str(),
                  known.headers.size());
  return host_.mount().begin_format(std::move(known.content_type), known.is_video, known.format,
                                    std::move(known.headers));
}

// A stream without caps, as it comes from a file or an encoder elsewhere.
bool MountSink::find_format(GstBuffer *buffer)
{
  const auto caps = glue::Ref<GstCaps>::adopt(
      gst_type_find_helper_for_buffer(GST_OBJECT(sink_), buffer, nullptr));
  if (caps)
    return begin_format(caps.get());
  return host_.mount().begin_format("application/octet-stream", false, media::Format::unknown,
                                    {});
}

GstFlowReturn MountSink::render(GstBuffer *buffer)
{
  const bool is_other = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  if (!has_caps_ && (!std::exchange(has_format_, true) || is_other) && !find_format(buffer))
    return host_.mount().is_interrupted() ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
  const auto *segment = &sink_->segment;
  auto time = GST_CLOCK_TIME_NONE;
  if (segment->format == GST_FORMAT_TIME &&
      GST_BUFFER_DTS_OR_PTS(buffer) != GST_CLOCK_TIME_NONE)
    time = gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_DTS_OR_PTS(buffer));
  if (time == GST_CLOCK_TIME_NONE)
    time = gst_element_get_current_running_time(GST_ELEMENT(sink_));
  const http::Nanoseconds stream_time{time == GST_CLOCK_TIME_NONE ? 0
                                                                  : static_cast<gint64>(time)};
  measure(gst_buffer_get_size(buffer), stream_time);
  const bool may_join = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT) &&
                        !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_HEADER);
  return host_.mount().push(glue::Ref<GstBuffer>::share(buffer), stream_time, may_join)
             ? GST_FLOW_OK
             : GST_FLOW_FLUSHING;
}

// The bitrate, where no tag says it: over some seconds of the stream.
void MountSink::measure(std::size_t bytes, http::Nanoseconds time)
{
  constexpr http::Nanoseconds interval = std::chrono::seconds{5};
  if (has_bitrate_)
    return;
  if (measured_from_.count() < 0 || time < measured_from_)
    measured_from_ = time;
  const auto duration = time - measured_from_;
  if (duration >= interval) {
    host_.mount().set_bitrate(gst_util_uint64_scale(measured_bytes_, 8 * GST_SECOND,
                                                    static_cast<guint64>(duration.count())));
    measured_from_ = time;
    measured_bytes_ = 0;
  }
  measured_bytes_ += bytes;
}

gboolean MountSink::event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event, &tags);
    handle_tags(tags);
  } else if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
    host_.mount().end();
  }
  return GST_BASE_SINK_CLASS(glue::parent_class_of<MountSink>(sink_))->event(sink_, event);
}

void MountSink::handle_tags(const GstTagList *tags)
{
  const auto text = [tags](const char *name) -> std::optional<std::string> {
    gchar *value = nullptr;
    if (!gst_tag_list_get_string(tags, name, &value))
      return std::nullopt;
    const glue::StringPtr owned{value};
    return std::string{value};
  };
  for (const auto *name : {GST_TAG_BITRATE, GST_TAG_NOMINAL_BITRATE}) {
    guint bits_per_second = 0;
    if (gst_tag_list_get_uint(tags, name, &bits_per_second) && bits_per_second > 0) {
      has_bitrate_ = true;
      host_.mount().set_bitrate(bits_per_second);
      break;
    }
  }
  http::StationNote station{
      text(GST_TAG_ORGANIZATION).value_or(""), text(GST_TAG_DESCRIPTION).value_or(""),
      text(GST_TAG_GENRE).value_or(""), text(GST_TAG_LOCATION).value_or("")};
  if (!station.name.empty() && station != station_) {
    station_ = station;
    host_.mount().set_station(std::move(station));
  }
  const auto title = text(GST_TAG_TITLE);
  if (!title)
    return;
  const auto artist = text(GST_TAG_ARTIST);
  host_.mount().set_title(artist ? *artist + " - " + *title : *title, {});
}

}  // namespace kam
