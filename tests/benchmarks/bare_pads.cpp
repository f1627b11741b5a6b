// SPDX-License-Identifier: LGPL-2.1-or-later
#include "benchmarks/bare_pads.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <vector>

namespace kam::bench {
namespace {

[[noreturn]] void give_up(const std::string &what)
{
  std::cerr << "benchmark: " << what << '\n';
  std::exit(1);
}

std::vector<std::string> split(const std::string &launch)
{
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < launch.size();) {
    const auto bang = std::min(launch.find(" ! ", at), launch.size());
    parts.push_back(launch.substr(at, bang - at));
    at = bang + 3;
  }
  return parts;
}

// A pipeline of the chain's elements with a pad before it and one behind.
class Rig {
 public:
  Rig(const Chain &chain, std::string *output) : launch_{chain.launch}, output_{output}
  {
    pipeline_ = gst_pipeline_new(nullptr);
    std::vector<GstElement *> elements;
    for (const auto &part : split(chain.launch)) {
      GError *error = nullptr;
      auto *element = gst_parse_launch(part.c_str(), &error);
      if (!element || error)
        give_up(part + ": " + (error ? error->message : "not made"));
      gst_bin_add(GST_BIN(pipeline_), element);
      if (!elements.empty() && !gst_element_link(elements.back(), element))
        give_up("cannot link " + part);
      elements.push_back(element);
    }
    source_ = gst_pad_new("bench-src", GST_PAD_SRC);
    sink_ = gst_pad_new("bench-sink", GST_PAD_SINK);
    gst_pad_set_element_private(sink_, this);
    set_functions();
    gst_pad_set_active(source_, TRUE);
    gst_pad_set_active(sink_, TRUE);
    link_front(elements.front());
    link_back(elements.back());
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    begin(chain);
  }

  ~Rig()
  {
    gst_pad_set_active(source_, FALSE);
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_pad_set_active(sink_, FALSE);
    gst_object_unref(pipeline_);
    gst_object_unref(source_);
    gst_object_unref(sink_);
  }
  Rig(const Rig &) = delete;
  Rig &operator=(const Rig &) = delete;

  double run(const MakeBuffer &input, guint64 count)
  {
    const auto start = std::chrono::steady_clock::now();
    for (guint64 i = 0; i < count; ++i)
      if (const auto flow = gst_pad_push(source_, input(i)); flow != GST_FLOW_OK)
        give_up(launch_ + ": " + gst_flow_get_name(flow));
    gst_pad_push_event(source_, gst_event_new_eos());
    std::unique_lock lock{mutex_};
    if (!ended_.wait_for(lock, std::chrono::seconds{60}, [this] { return done_; }))
      give_up(launch_ + ": no EOS after a minute");
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return spent.count() / static_cast<double>(count);
  }

 private:
  void set_functions()
  {
    gst_pad_set_chain_function(sink_, [](GstPad *pad, GstObject *, GstBuffer *buffer) {
      static_cast<Rig *>(gst_pad_get_element_private(pad))->take(buffer);
      gst_buffer_unref(buffer);
      return GST_FLOW_OK;
    });
    gst_pad_set_chain_list_function(sink_, [](GstPad *pad, GstObject *, GstBufferList *list) {
      auto *rig = static_cast<Rig *>(gst_pad_get_element_private(pad));
      if (rig->output_)
        for (guint i = 0; i < gst_buffer_list_length(list); ++i)
          rig->take(gst_buffer_list_get(list, i));
      gst_buffer_list_unref(list);
      return GST_FLOW_OK;
    });
    gst_pad_set_event_function(sink_,
                               [](GstPad *pad, GstObject *, GstEvent *event) -> gboolean {
                                 if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
                                   static_cast<Rig *>(gst_pad_get_element_private(pad))->end();
                                 gst_event_unref(event);
                                 return TRUE;
                               });
  }

  void link_front(GstElement *first)
  {
    auto *pad = gst_element_get_static_pad(first, "sink");
    if (!pad)
      pad = gst_element_request_pad_simple(first, "sink_%u");
    if (gst_pad_link_full(source_, pad, GST_PAD_LINK_CHECK_NOTHING) != GST_PAD_LINK_OK)
      give_up("cannot link the front");
    gst_object_unref(pad);
  }

  void link_back(GstElement *last)
  {
    if (GST_OBJECT_FLAG_IS_SET(last, GST_ELEMENT_FLAG_SINK)) {
      auto *pad = gst_element_get_static_pad(last, "sink");
      const auto see_eos = [](GstPad *, GstPadProbeInfo *info, gpointer rig) {
        if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS)
          static_cast<Rig *>(rig)->end();
        return GST_PAD_PROBE_OK;
      };
      gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, see_eos, this, nullptr);
      gst_object_unref(pad);
      return;
    }
    if (auto *pad = gst_element_get_static_pad(last, "src")) {
      gst_pad_link_full(pad, sink_, GST_PAD_LINK_CHECK_NOTHING);
      gst_object_unref(pad);
      return;
    }
    const auto link = +[](GstElement *, GstPad *pad, gpointer sink) {
      gst_pad_link_full(pad, static_cast<GstPad *>(sink), GST_PAD_LINK_CHECK_NOTHING);
    };
    g_signal_connect(last, "pad-added", G_CALLBACK(link), sink_);
  }

  void begin(const Chain &chain)
  {
    gst_pad_push_event(source_, gst_event_new_stream_start("benchmark"));
    auto *caps = gst_caps_from_string(chain.caps.c_str());
    gst_pad_push_event(source_, gst_event_new_caps(caps));
    gst_caps_unref(caps);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(source_, gst_event_new_segment(&segment));
  }

  void take(GstBuffer *buffer)
  {
    if (!output_)
      return;
    const auto size = gst_buffer_get_size(buffer);
    const auto at = output_->size();
    output_->resize(at + size);
    gst_buffer_extract(buffer, 0, output_->data() + at, size);
  }

  void end()
  {
    const std::lock_guard lock{mutex_};
    done_ = true;
    ended_.notify_all();
  }

  std::string launch_;
  std::string *output_;
  GstElement *pipeline_ = nullptr;
  GstPad *source_ = nullptr;
  GstPad *sink_ = nullptr;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
};

}  // namespace

double seconds_per_buffer(const Chain &chain, guint64 count)
{
  Rig rig{chain, nullptr};
  return rig.run(chain.input, count);
}

guint64 count_for(const Chain &chain, double seconds)
{
  guint64 count = 1000;
  for (;;) {
    const auto each = seconds_per_buffer(chain, std::min(count, chain.inputs));
    if (count >= chain.inputs)
      return chain.inputs;
    if (each * static_cast<double>(count) >= seconds)
      return count;
    count = 1 + static_cast<guint64>(1.2 * seconds / each);
  }
}

double seconds_per_call(const std::function<void()> &work)
{
  guint64 calls = 0;
  std::chrono::duration<double> spent{};
  const auto start = std::chrono::steady_clock::now();
  do {
    work();
    ++calls;
    spent = std::chrono::steady_clock::now() - start;
  } while (spent.count() < 0.01);
  return spent.count() / static_cast<double>(calls);
}

std::string output_of(const Chain &chain, guint64 count)
{
  std::string output;
  Rig rig{chain, &output};
  rig.run(chain.input, count);
  return output;
}

}  // namespace kam::bench
