// SPDX-License-Identifier: LGPL-2.1-or-later
// How long each buffer takes from one GStreamer element to another, in two processes of one
// machine (they share its monotonic clock):
//
//   stream-delay send COUNT SIZE BITRATE [--rtp] 'SINK ...'
//   stream-delay receive COUNT [--rtp] 'SOURCE ...'
//
// What is sent are numbered buffers with the time at which they were handed over; --rtp: each
// an RTP packet around that, for elements that take nothing else. The receiver ends when it has
// all, or three seconds after the last, and prints: received, out of order, and the delay in
// milliseconds that 50, 90, 99 and 100 per cent of them kept. The first 200 do not count.
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using kam::glue::Ref;
using Message = kam::glue::Owned<GstMessage, gst_message_unref>;

constexpr gsize rtp_header = 12;
constexpr std::uint64_t not_counted = 200;
constexpr std::int64_t patience_us = std::int64_t{3} * G_USEC_PER_SEC;

struct Stamp {
  std::uint64_t number;
  std::int64_t time_us;
};

// A running pipeline with one element of ours in it.
class Pipeline {
 public:
  explicit Pipeline(const std::string &description)
  {
    GError *error = nullptr;
    pipeline_ = Ref<GstElement>::adopt(
        GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(description.c_str(), &error))));
    if (error)
      throw std::runtime_error{error->message};
  }
  ~Pipeline() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }
  Pipeline(const Pipeline &) = delete;
  Pipeline &operator=(const Pipeline &) = delete;

  Ref<GstElement> operator[](const char *name) const
  {
    return Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name));
  }
  void play() const { gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING); }

  // Whether the stream has ended; an error is an exception.
  bool has_ended(GstClockTime wait) const
  {
    const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
    const Message message{gst_bus_timed_pop_filtered(
        bus.get(), wait, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR))};
    if (!message || GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS)
      return static_cast<bool>(message);
    GError *error = nullptr;
    gst_message_parse_error(message.get(), &error, nullptr);
    throw std::runtime_error{error->message};
  }

 private:
  Ref<GstElement> pipeline_;
};

// An RTP header (RFC 3550 §5.1) for MPEG-TS, of which only the number and the time change.
void write_rtp(guint8 *to, const Stamp &stamp)
{
  const auto ticks = static_cast<guint32>(stamp.time_us * 9 / 100);
  to[0] = 0x80;
  to[1] = 33;
  GST_WRITE_UINT16_BE(to + 2, static_cast<guint16>(stamp.number));
  GST_WRITE_UINT32_BE(to + 4, ticks);
  GST_WRITE_UINT32_BE(to + 8, 0x12345678U);
}

void send(std::uint64_t count, gsize size, double bitrate, bool rtp, const std::string &sink)
{
  const std::string caps = rtp ? "application/x-rtp,media=video,clock-rate=90000,"
                                 "encoding-name=MP2T,payload=33,ssrc=(uint)305419896"
                               : "video/mpegts,systemstream=true,packetsize=188";
  const Pipeline pipeline{"appsrc name=in is-live=true format=time do-timestamp=true caps=\"" +
                          caps + "\" ! " + sink};
  const auto in = pipeline["in"];
  pipeline.play();
  const gsize header = rtp ? rtp_header : 0;
  const auto begin = g_get_monotonic_time();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto due = begin + static_cast<std::int64_t>(static_cast<double>(i * size) * 8 *
                                                       G_USEC_PER_SEC / bitrate);
    if (const auto now = g_get_monotonic_time(); now < due)
      g_usleep(static_cast<gulong>(due - now));
    auto *buffer = gst_buffer_new_allocate(nullptr, header + size, nullptr);
    gst_buffer_memset(buffer, 0, 0, header + size);
    const Stamp stamp{i, g_get_monotonic_time()};
    if (rtp) {
      std::array<guint8, rtp_header> bytes{};
      write_rtp(bytes.data(), stamp);
      gst_buffer_fill(buffer, 0, bytes.data(), rtp_header);
    }
    gst_buffer_fill(buffer, header, &stamp, sizeof stamp);
    GstFlowReturn flow = GST_FLOW_OK;
    g_signal_emit_by_name(in.get(), "push-buffer", buffer, &flow);
    gst_buffer_unref(buffer);
    if (flow != GST_FLOW_OK || pipeline.has_ended(0))
      throw std::runtime_error{"it takes no more"};
  }
  // Long enough for the last to be asked for again, where that is done by the sender's timers.
  (void)pipeline.has_ended(static_cast<GstClockTime>(patience_us) * GST_USECOND);
  GstFlowReturn flow = GST_FLOW_OK;
  g_signal_emit_by_name(in.get(), "end-of-stream", &flow);
  (void)pipeline.has_ended(5 * GST_SECOND);
}

// What has come so far; written in the streaming thread.
class Arrivals {
 public:
  Arrivals(std::uint64_t count, gsize header) : seen_(count, false), header_{header} {}

  void take(GstBuffer *buffer)
  {
    const auto now = g_get_monotonic_time();
    Stamp stamp{};
    if (gst_buffer_extract(buffer, header_, &stamp, sizeof stamp) != sizeof stamp)
      return;
    const std::lock_guard lock{mutex_};
    if (stamp.number >= seen_.size() || seen_[stamp.number])
      return;
    seen_[stamp.number] = true;
    out_of_order_ += received_ > 0 && stamp.number < newest_ ? 1 : 0;
    newest_ = std::max(newest_, stamp.number);
    ++received_;
    last_ = now;
    if (stamp.number >= not_counted)
      delays_ms_.push_back(static_cast<double>(now - stamp.time_us) / 1000);
  }

  bool done()
  {
    const std::lock_guard lock{mutex_};
    return received_ == seen_.size() ||
           (received_ > 0 && g_get_monotonic_time() - last_ > patience_us);
  }

  void print()
  {
    const std::lock_guard lock{mutex_};
    std::sort(delays_ms_.begin(), delays_ms_.end());
    std::printf("%llu %llu", static_cast<unsigned long long>(received_),
                static_cast<unsigned long long>(out_of_order_));
    for (const double part : {0.5, 0.9, 0.99, 1.0}) {
      const auto last = static_cast<double>(delays_ms_.size()) - 1;
      std::printf(" %.3f", delays_ms_.empty()
                               ? -1.0
                               : delays_ms_[static_cast<std::size_t>(part * last)]);
    }
    std::printf("\n");
  }

 private:
  std::mutex mutex_;
  std::vector<bool> seen_;
  gsize header_;
  std::uint64_t received_ = 0;
  std::uint64_t out_of_order_ = 0;
  std::uint64_t newest_ = 0;
  std::int64_t last_ = 0;
  std::vector<double> delays_ms_;
};

void receive(std::uint64_t count, bool rtp, const std::string &source)
{
  Arrivals arrivals{count, rtp ? rtp_header : 0};
  const Pipeline pipeline{source + " ! fakesink name=out sync=false async=false"};
  const auto pad =
      Ref<GstPad>::adopt(gst_element_get_static_pad(pipeline["out"].get(), "sink"));
  gst_pad_add_probe(
      pad.get(), GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      [](GstPad *, GstPadProbeInfo *info, gpointer data) noexcept {
        auto *all = static_cast<Arrivals *>(data);
        if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
          all->take(GST_PAD_PROBE_INFO_BUFFER(info));
        else
          for (guint i = 0; i < gst_buffer_list_length(GST_PAD_PROBE_INFO_BUFFER_LIST(info));
               ++i)
            all->take(gst_buffer_list_get(GST_PAD_PROBE_INFO_BUFFER_LIST(info), i));
        return GST_PAD_PROBE_OK;
      },
      &arrivals, nullptr);
  pipeline.play();
  while (!arrivals.done() && !pipeline.has_ended(100 * GST_MSECOND)) {
  }
  arrivals.print();
}

}  // namespace

int main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  std::vector<std::string> words{argv + 1, argv + argc};
  const auto rtp_word = std::find(words.begin(), words.end(), "--rtp");
  const bool rtp = rtp_word != words.end();
  if (rtp)
    words.erase(rtp_word);
  try {
    if (words.size() == 5 && words[0] == "send")
      send(std::stoull(words[1]), std::stoull(words[2]), std::stod(words[3]), rtp, words[4]);
    else if (words.size() == 3 && words[0] == "receive")
      receive(std::stoull(words[1]), rtp, words[2]);
    else
      throw std::runtime_error{
          "send COUNT SIZE BITRATE [--rtp] SINK | "
          "receive COUNT [--rtp] SOURCE"};
    return EXIT_SUCCESS;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "stream-delay: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
