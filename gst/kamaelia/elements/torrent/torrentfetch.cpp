// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/torrentfetch.hpp"

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <utility>

namespace kam {

namespace {

using torrent::Failure;

Failure not_found(const std::string &uri, const std::string &why)
{
  return {Failure::Kind::not_found, "The .torrent file cannot be fetched.", uri + ": " + why};
}

// A pipeline that only collects bytes.
class Collector {
 public:
  explicit Collector(GstElement *source)
      : pipeline_{gst_pipeline_new(nullptr)}, bus_{gst_element_get_bus(pipeline_.get())}
  {
    auto *sink = gst_element_factory_make("fakesink", nullptr);
    g_object_set(sink, "sync", FALSE, nullptr);
    gst_bin_add_many(GST_BIN(pipeline_.get()), source, sink, nullptr);
    gst_element_link(source, sink);
    const glue::Owned<GstPad, gst_object_unref> pad{gst_element_get_static_pad(sink, "sink")};
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer self) {
          return static_cast<Collector *>(self)->take(GST_PAD_PROBE_INFO_BUFFER(info));
        },
        this, nullptr);
    gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
  }
  ~Collector() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }
  Collector(const Collector &) = delete;
  Collector &operator=(const Collector &) = delete;

  GstBus *bus() const { return bus_.get(); }
  bool is_full() const { return is_full_; }
  // When the pipeline has ended.
  ByteVector take_bytes() { return std::move(bytes_); }

 private:
  GstPadProbeReturn take(GstBuffer *buffer)
  {
    const glue::ReadMap map{buffer};
    // One byte too many is enough to be refused.
    const auto room = torrent::TorrentSpec::largest_metainfo + 1 - bytes_.size();
    const auto part = map.bytes().first(std::min(room, map.bytes().size()));
    bytes_.insert(bytes_.end(), part.begin(), part.end());
    is_full_ = bytes_.size() > torrent::TorrentSpec::largest_metainfo;
    return GST_PAD_PROBE_OK;
  }

  glue::Owned<GstElement, gst_object_unref> pipeline_;
  glue::Owned<GstBus, gst_object_unref> bus_;
  ByteVector bytes_;
  std::atomic<bool> is_full_ = false;
};

}  // namespace

std::variant<ByteVector, Failure, Interrupted> fetch_metainfo(
    const std::string &uri, const std::atomic<bool> &interrupted,
    std::chrono::steady_clock::time_point deadline)
{
  GError *error = nullptr;
  auto *source = gst_element_make_from_uri(GST_URI_SRC, uri.c_str(), nullptr, &error);
  if (!source) {
    const glue::Owned<GError, g_error_free> owned{error};
    return not_found(uri, owned ? owned->message : "nothing plays such addresses");
  }
  Collector collector{source};
  while (!interrupted && std::chrono::steady_clock::now() < deadline) {
    if (collector.is_full())
      return Failure{Failure::Kind::format, "The torrent's metadata is too large.", uri};
    const glue::Owned<GstMessage, gst_message_unref> message{
        gst_bus_timed_pop_filtered(collector.bus(), 50 * GST_MSECOND,
                                   GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR))};
    if (!message)
      continue;
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS)
      return collector.take_bytes();
    gst_message_parse_error(message.get(), &error, nullptr);
    const glue::Owned<GError, g_error_free> owned{error};
    return not_found(uri, owned->message);
  }
  if (interrupted)
    return Interrupted{};
  return not_found(uri, "it took too long");
}

}  // namespace kam
