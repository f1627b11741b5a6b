// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentfetch.hpp"

#include "core/torrent/series.hpp"
#include "glue/guarded.hpp"
#include "glue/refs.hpp"

#include <gio/gio.h>
#include <gst/gst.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace kam {

namespace {

using torrent::Failure;

Failure too_large(const std::string &place)
{
  return {Failure::Kind::format, "The torrent's metadata is too large.", place};
}

Failure not_found(const std::string &uri, const std::string &why)
{
  return {Failure::Kind::not_found, "The .torrent file cannot be fetched.", uri + ": " + why};
}

// A pipeline that only collects bytes.
class Collector {
 public:
  // `session`: as an earlier one had it, or null.
  Collector(GstElement *source, std::size_t most, GstContext *session)
      : most_{most},
        pipeline_{gst_pipeline_new(nullptr)},
        bus_{gst_element_get_bus(pipeline_.get())}
  {
    if (session)
      gst_element_set_context(pipeline_.get(), session);
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
  std::shared_ptr<GstContext> session() const
  {
    return {gst_element_get_context(pipeline_.get(), "gst.soup.session"),
            [](GstContext *context) {
              if (context)
                gst_context_unref(context);
            }};
  }
  bool is_full() const { return is_full_; }
  // When the pipeline has ended.
  ByteVector take_bytes() { return std::move(*bytes_.lock()); }

 private:
  GstPadProbeReturn take(GstBuffer *buffer)
  {
    const glue::ReadMap map{buffer};
    // One byte too many is enough to be refused.
    auto bytes = bytes_.lock();
    const auto room = most_ + 1 - bytes->size();
    const auto part = map.bytes().first(std::min(room, map.bytes().size()));
    bytes->insert(bytes->end(), part.begin(), part.end());
    is_full_ = bytes->size() > most_;
    return GST_PAD_PROBE_OK;
  }

  std::size_t most_;
  glue::Owned<GstElement, gst_object_unref> pipeline_;
  glue::Owned<GstBus, gst_object_unref> bus_;
  glue::Guarded<ByteVector> bytes_;
  std::atomic<bool> is_full_ = false;
};

Fetched read_path(const std::string &path, std::size_t most)
{
  GError *error = nullptr;
  const auto file = glue::Ref<GFile>::adopt(g_file_new_for_path(path.c_str()));
  const auto stream =
      glue::Ref<GFileInputStream>::adopt(g_file_read(file.get(), nullptr, &error));
  ByteVector bytes(most + 1);
  gsize size = 0;
  if (!error)
    g_input_stream_read_all(G_INPUT_STREAM(stream.get()), bytes.data(), bytes.size(), &size,
                            nullptr, &error);
  if (error) {
    const glue::Owned<GError, g_error_free> owned{error};
    return Failure{Failure::Kind::not_found, "The .torrent file cannot be read.",
                   owned->message};
  }
  if (size > most)
    return too_large(path);
  bytes.resize(size);
  return bytes;
}

}  // namespace

TorrentPlace TorrentPlace::of_part(std::uint64_t number) const
{
  if (is_remote)
    return {torrent::series_torrent_uri(location, number), true};
  const auto folder = std::filesystem::path{location}.parent_path();
  return {(folder / torrent::series_torrent_name(number)).string(), false};
}

bool TorrentPlace::has_series() const
{
  if (is_remote)
    return location.substr(0, location.find_first_of("?#")).ends_with(".txt");
  const auto fetched = read_path(location, torrent::longest_series_index);
  const auto *bytes = std::get_if<ByteVector>(&fetched);
  return bytes && torrent::parse_series_index(as_text(*bytes));
}

Fetched TorrentFetcher::fetch_address(const std::string &uri, std::size_t most,
                                      const std::atomic<bool> &interrupted,
                                      std::chrono::steady_clock::time_point deadline)
{
  GError *error = nullptr;
  auto *source = gst_element_make_from_uri(GST_URI_SRC, uri.c_str(), nullptr, &error);
  if (!source) {
    const glue::Owned<GError, g_error_free> owned{error};
    return not_found(uri, owned ? owned->message : "nothing plays such addresses");
  }
  Collector collector{source, most, session_.get()};
  while (!interrupted && std::chrono::steady_clock::now() < deadline) {
    if (collector.is_full())
      return too_large(uri);
    const glue::Owned<GstMessage, gst_message_unref> message{
        gst_bus_timed_pop_filtered(collector.bus(), 20 * GST_MSECOND,
                                   GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR))};
    if (!message)
      continue;
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS) {
      session_ = collector.session();
      return collector.take_bytes();
    }
    gst_message_parse_error(message.get(), &error, nullptr);
    const glue::Owned<GError, g_error_free> owned{error};
    return not_found(uri, owned->message);
  }
  if (interrupted)
    return Interrupted{};
  return not_found(uri, "it took too long");
}

Fetched TorrentFetcher::fetch(const TorrentPlace &place, std::size_t most,
                              const std::atomic<bool> &interrupted,
                              std::chrono::steady_clock::time_point deadline)
{
  return place.is_remote ? fetch_address(place.location, most, interrupted, deadline)
                         : read_path(place.location, most);
}

}  // namespace kam
