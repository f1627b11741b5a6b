// SPDX-License-Identifier: LGPL-2.1-or-later
// A cookie source and what comes out of it, with a thread of its own or at a reactor's seat.
#pragma once

#include "elements/server/reactorcontext.hpp"
#include "net/reactor.hpp"
#include "net/wait.hpp"

#include "support/harness.hpp"

#include <gst/check/gsttestclock.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kam::test {

// A source between a bus and a pad that the test holds.
class Cookies {
 public:
  struct Arrival {
    std::string bytes;
    GstClockTime pts;
    GstClockTime duration;
    std::uint64_t at;  // of the monotonic clock, in nanoseconds
  };

  explicit Cookies(const std::string &launch)
  {
    GError *error = nullptr;
    element_ = gst_parse_launch(launch.c_str(), &error);
    ck_assert_msg(element_ && !error, "%s: %s", launch.c_str(), error ? error->message : "");
    gst_object_ref_sink(element_);
    bus_ = gst_bus_new();
    gst_element_set_bus(element_, bus_);
    auto *clock = gst_system_clock_obtain();
    gst_element_set_clock(element_, clock);
    gst_object_unref(clock);
    pad_ = GST_PAD(gst_object_ref_sink(gst_pad_new("sink", GST_PAD_SINK)));
    gst_pad_set_element_private(pad_, this);
    gst_pad_set_chain_function(pad_, [](GstPad *pad, GstObject *, GstBuffer *buffer) noexcept {
      return self(pad).chain(buffer);
    });
    gst_pad_set_event_function(
        pad_, [](GstPad *pad, GstObject *, GstEvent *event) noexcept -> gboolean {
          self(pad).note(event);
          return TRUE;
        });
    gst_pad_set_active(pad_, TRUE);
    auto *source = gst_element_get_static_pad(element_, "src");
    ck_assert_int_eq(gst_pad_link(source, pad_), GST_PAD_LINK_OK);
    gst_object_unref(source);
  }
  ~Cookies()
  {
    set_state(GST_STATE_NULL);
    gst_pad_set_active(pad_, FALSE);
    gst_element_set_bus(element_, nullptr);
    gst_object_unref(element_);
    gst_object_unref(pad_);
    gst_object_unref(bus_);
  }
  Cookies(const Cookies &) = delete;
  Cookies &operator=(const Cookies &) = delete;

  GstElement *element() const { return element_; }

  GstStateChangeReturn set_state(GstState state) const
  {
    if (state == GST_STATE_PLAYING) {
      auto *clock = gst_element_get_clock(element_);
      gst_element_set_base_time(element_, gst_clock_get_time(clock));
      gst_object_unref(clock);
    }
    return gst_element_set_state(element_, state);
  }

  // Plays until the stream ends, and stops. All that came.
  std::string run()
  {
    set_state(GST_STATE_PLAYING);
    wait_for_end();
    set_state(GST_STATE_NULL);
    return text();
  }

  void wait_for_end()
  {
    wait([this] { return has_ended_; });
  }
  void wait_for_bytes(std::size_t count)
  {
    wait([this, count] { return size_ >= count; });
  }
  bool has_ended()
  {
    const std::lock_guard lock{mutex_};
    return has_ended_;
  }
  std::vector<Arrival> arrivals()
  {
    const std::lock_guard lock{mutex_};
    return arrivals_;
  }
  std::string text()
  {
    std::string all;
    for (const auto &arrival : arrivals())
      all += arrival.bytes;
    return all;
  }
  std::string caps()
  {
    const std::lock_guard lock{mutex_};
    return caps_;
  }
  std::optional<GstFormat> segment_format()
  {
    const std::lock_guard lock{mutex_};
    return segment_format_;
  }
  // Called with each buffer, after it was noted.
  std::function<void()> on_buffer;

  std::string last_pick() const
  {
    gchar *text = nullptr;
    g_object_get(element_, "last-pick", &text, nullptr);
    std::string result = text ? text : "";
    g_free(text);
    return result;
  }

  // The oldest message of that kind, as text; nothing if there is none.
  std::string take_message(GstMessageType type) const
  {
    auto *message = gst_bus_pop_filtered(bus_, type);
    if (!message)
      return {};
    std::string result;
    if (type == GST_MESSAGE_ERROR) {
      GError *error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      result = std::string{g_quark_to_string(error->domain)} + " " +
               std::to_string(error->code) + ": " + error->message;
      g_error_free(error);
    } else {
      auto *text = gst_structure_to_string(gst_message_get_structure(message));
      result = text;
      g_free(text);
    }
    gst_message_unref(message);
    return result;
  }
  std::string take_error() const { return take_message(GST_MESSAGE_ERROR); }

 private:
  static Cookies &self(GstPad *pad)
  {
    return *static_cast<Cookies *>(gst_pad_get_element_private(pad));
  }

  GstFlowReturn chain(GstBuffer *buffer)
  {
    {
      const std::lock_guard lock{mutex_};
      const auto bytes = bytes_of(buffer);
      size_ += bytes.size();
      arrivals_.push_back({std::string{as_text(bytes)}, GST_BUFFER_PTS(buffer),
                           GST_BUFFER_DURATION(buffer), net::now_ns()});
      changed_.notify_all();
    }
    gst_buffer_unref(buffer);
    if (on_buffer)
      on_buffer();
    return GST_FLOW_OK;
  }

  void note(GstEvent *event)
  {
    const std::lock_guard lock{mutex_};
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
      has_ended_ = true;
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
      GstCaps *caps = nullptr;
      gst_event_parse_caps(event, &caps);
      auto *text = gst_caps_to_string(caps);
      caps_ += caps_.empty() ? text : std::string{"; "} + text;
      g_free(text);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
      const GstSegment *segment = nullptr;
      gst_event_parse_segment(event, &segment);
      segment_format_ = segment->format;
    }
    changed_.notify_all();
    gst_event_unref(event);
  }

  template <class Done>
  void wait(Done done)
  {
    std::unique_lock lock{mutex_};
    ck_assert_msg(changed_.wait_for(lock, std::chrono::seconds{30}, done),
                  "waited for half a minute: %s", take_error().c_str());
  }

  GstElement *element_ = nullptr;
  GstBus *bus_ = nullptr;
  GstPad *pad_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrival> arrivals_;
  std::size_t size_ = 0;
  std::string caps_;
  std::optional<GstFormat> segment_format_;
  bool has_ended_ = false;
};

// A client's place at a reactor that runs in a thread of its own.
class Seat {
 public:
  explicit Seat(guint64 seed = 0)
  {
    seat_.reactor = &reactor_;
    seat_.seed = seed;
    thread_ = std::thread{[this] { reactor_.run(); }};
  }
  ~Seat()
  {
    reactor_.stop();
    thread_.join();
  }
  Seat(const Seat &) = delete;
  Seat &operator=(const Seat &) = delete;

  // Runs `work` in the reactor's thread, and waits for it.
  template <class Work>
  void run(Work work)
  {
    std::promise<void> done;
    ck_assert(reactor_.post([&] {
      work();
      done.set_value();
    }));
    done.get_future().wait();
  }

  void give(Cookies &cookies)
  {
    const auto context = make_reactor_context(&seat_);
    gst_element_set_context(cookies.element(), context.get());
  }
  GstStateChangeReturn set_state(Cookies &cookies, GstState state)
  {
    auto result = GST_STATE_CHANGE_FAILURE;
    run([&] { result = cookies.set_state(state); });
    return result;
  }
  net::Gate &gate() { return seat_.gate; }
  std::thread::id thread() const { return thread_.get_id(); }

 private:
  net::Reactor reactor_{5'000'000};
  ReactorSeat seat_;
  std::thread thread_;
};

}  // namespace kam::test
