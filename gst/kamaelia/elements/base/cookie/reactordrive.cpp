// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/reactordrive.hpp"

#include "net/wait.hpp"

#include <utility>

namespace kam {

// What one source may push before others have their turn.
static constexpr int most_at_once = 16;

// A deadline that does not even wait for the reactor's tick.
static constexpr std::uint64_t at_once = 0;

ReactorDrive::ReactorDrive(GstBaseSrc *base, Source &source)
    : base_{base}, source_{source}, base_activate_{GST_PAD_ACTIVATEMODEFUNC(base->srcpad)}
{
}

bool ReactorDrive::take_seat()
{
  seat_ = reactor_seat_of(GST_ELEMENT(base_));
  if (seat_ && !seat_->reactor)
    seat_ = nullptr;
  return has_seat();
}

bool ReactorDrive::answer_scheduling(GstQuery *query, bool is_seekable)
{
  if (GST_QUERY_TYPE(query) != GST_QUERY_SCHEDULING)
    return false;
  gst_query_set_scheduling(
      query, is_seekable ? GST_SCHEDULING_FLAG_SEEKABLE : GST_SCHEDULING_FLAG_SEQUENTIAL, 1, -1,
      0);
  if (is_seekable)
    gst_query_add_scheduling_mode(query, GST_PAD_MODE_PULL);
  gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
  return true;
}

gboolean ReactorDrive::activate(GstPad *pad, GstObject *parent, GstPadMode mode,
                                gboolean active)
{
  if (!has_seat())
    return base_activate_(pad, parent, mode, active);
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  if (active)
    return start();
  stop();
  return TRUE;
}

bool ReactorDrive::start()
{
  if (!source_.begin())
    return false;
  has_begun_ = has_segment_ = was_closed_ = false;
  origin_.reset();
  net::Timer::Handler &handler = *this;
  timer_.emplace(*seat_->reactor, handler);
  timer_->set(at_once);
  return true;
}

void ReactorDrive::stop()
{
  if (!timer_)
    return;
  stop_waiting();
  timer_.reset();
  seat_->gate.leave(*this);
  next_.reset();
  source_.end();
}

void ReactorDrive::stop_waiting()
{
  if (awaited_fd_ >= 0)
    seat_->reactor->remove(std::exchange(awaited_fd_, -1), *this);
}

void ReactorDrive::handle_time(std::uint64_t now)
{
  run(now);
}

void ReactorDrive::handle_ready(net::Readiness /*ready*/)
{
  run(net::now_ns());
}

// Called by whoever opens the gate, who has something else to do.
void ReactorDrive::handle_open()
{
  timer_->set(at_once);
}

void ReactorDrive::run(std::uint64_t now)
{
  stop_waiting();
  for (int i = 0; i < most_at_once; ++i) {
    if (!next_ && !fetch())
      return;
    if (!seat_->gate.is_open()) {
      was_closed_ = true;
      return seat_->gate.wait(*this);
    }
    // Only now, as opening a file may take its time, which is not made up for by haste.
    if (!origin_)
      origin_ = now = net::now_ns();
    const auto time = GST_BUFFER_PTS(next_.get());
    const auto due = GST_CLOCK_TIME_IS_VALID(time) ? *origin_ + time : now;
    // What a slow client has missed of its time is not made up for by haste.
    if (std::exchange(was_closed_, false) && due < now)
      *origin_ += now - due;
    if (due > now)
      return timer_->set(due);
    if (!push())
      return;
  }
  timer_->set(at_once);
}

bool ReactorDrive::fetch()
{
  if (!std::exchange(has_begun_, true)) {
    const glue::StringPtr id{
        gst_pad_create_stream_id(base_->srcpad, GST_ELEMENT(base_), nullptr)};
    gst_pad_push_event(base_->srcpad, gst_event_new_stream_start(id.get()));
  }
  auto produced = source_.produce();
  if (auto *buffer = std::get_if<glue::BufferPtr>(&produced)) {
    next_ = std::move(*buffer);
    return true;
  }
  if (const auto *await = std::get_if<Await>(&produced)) {
    if (!seat_->reactor->add(await->fd, net::Interest::reading, *this))
      awaited_fd_ = await->fd;
    timer_->set(await->deadline);
    return false;
  }
  finish(std::get<GstFlowReturn>(produced));
  return false;
}

bool ReactorDrive::push()
{
  if (!std::exchange(has_segment_, true)) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(base_->srcpad, gst_event_new_segment(&segment));
  }
  const auto flow = gst_pad_push(base_->srcpad, next_.release());
  if (flow == GST_FLOW_OK)
    return timer_.has_value();
  if (flow != GST_FLOW_EOS && flow != GST_FLOW_FLUSHING) {
    GST_ELEMENT_FLOW_ERROR(GST_ELEMENT(base_), flow);
  }
  finish(flow);
  return false;
}

// As the base class does it.
void ReactorDrive::finish(GstFlowReturn flow)
{
  if (flow != GST_FLOW_FLUSHING)
    gst_pad_push_event(base_->srcpad, gst_event_new_eos());
}

}  // namespace kam
