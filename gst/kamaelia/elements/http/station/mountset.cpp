// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/mountset.hpp"

#include "elements/http/station/mountpad.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace kam {
namespace {

// Calls a method of the set.
template <auto Method>
void connect(GstPad *pad, const char *signal, MountSet *set)
{
  g_signal_connect_swapped(
      pad, signal,
      G_CALLBACK(+[](gpointer self) { (static_cast<MountSet *>(self)->*Method)(); }), set);
}

}  // namespace

MountSet::MountSet(GstBin *bin, MountSink::Owner &owner) : bin_{bin}, owner_{owner}
{
  auto *templ = gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(bin), "sink");
  auto *pad = gst_ghost_pad_new_no_target_from_template("sink", templ);
  main_ = {glue::Ref<GstPad>::share(pad), new_element()};
  gst_element_add_pad(GST_ELEMENT(bin), pad);
  connect<&MountSet::seat_main>(pad, "linked", this);
  seat(main_);
}

// Somebody may hold a pad for longer.
MountSet::~MountSet()
{
  for (const auto &stream : streams())
    g_signal_handlers_disconnect_by_data(stream.pad.get(), this);
}

glue::Ref<GstElement> MountSet::new_element()
{
  return glue::Ref<GstElement>::adopt(
      GST_ELEMENT(gst_object_ref_sink(MountSink::make(owner_))));
}

bool MountSet::is_seated(const Stream &stream) const
{
  return gst_object_has_as_parent(GST_OBJECT(stream.element.get()), GST_OBJECT(bin_)) == TRUE;
}

void MountSet::seat(const Stream &stream)
{
  auto *element = stream.element.get();
  // One that comes later does not make the others wait for its first buffer.
  if (owner_.frontend())
    g_object_set(element, "async", FALSE, nullptr);
  gst_bin_add(bin_, element);
  const auto target = glue::Ref<GstPad>::adopt(gst_element_get_static_pad(element, "sink"));
  gst_ghost_pad_set_target(GST_GHOST_PAD(stream.pad.get()), target.get());
  gst_element_sync_state_with_parent(element);
}

void MountSet::unseat(const Stream &stream)
{
  if (!is_seated(stream))
    return;
  auto *element = stream.element.get();
  gst_ghost_pad_set_target(GST_GHOST_PAD(stream.pad.get()), nullptr);
  gst_element_set_locked_state(element, TRUE);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_bin_remove(bin_, element);
  gst_element_set_locked_state(element, FALSE);
}

void MountSet::seat_main()
{
  const bool is_wanted =
      gst_pad_is_linked(main_.pad.get()) == TRUE || state_.lock()->requested.empty();
  if (!is_wanted)
    unseat(main_);
  else if (!is_seated(main_))
    seat(main_);
}

void MountSet::begin()
{
  seat_main();
  const bool is_async = state_.lock()->values.async;
  for (const auto &stream : streams())
    g_object_set(stream.element.get(), "async", gboolean{is_async}, nullptr);
}

std::vector<MountSet::Stream> MountSet::streams() const
{
  auto all = state_.lock()->requested;
  all.push_back(main_);
  return all;
}

void MountSet::for_each(const std::function<void(http::StationHost &)> &work) const
{
  for (const auto &stream : streams())
    work(glue::impl_of<MountSink>(stream.element.get()).host());
}

void MountSet::configure(const HttpServerSinkValues &values)
{
  state_.lock()->values = values;
  configure_again();
}

void MountSet::configure_again()
{
  const auto of_element = state_.lock()->values;
  for (const auto &stream : streams()) {
    const auto values = stream.pad == main_.pad
                            ? of_element
                            : glue::impl_of<MountPad>(stream.pad.get()).values(of_element);
    g_object_set(stream.element.get(), "sync", gboolean{values.sync}, "ts-offset",
                 values.ts_offset, nullptr);
    glue::impl_of<MountSink>(stream.element.get()).configure(values);
  }
}

GstPad *MountSet::request(GstPadTemplate *templ, const gchar *name)
{
  const Stream stream = [&] {
    auto state = state_.lock();
    guint64 number = state->next_number;
    if (name)
      g_ascii_string_to_unsigned(name + std::string{name}.find('_') + 1, 10, 0, G_MAXUINT32 - 1,
                                 &number, nullptr);
    state->next_number = std::max(state->next_number, static_cast<guint>(number) + 1);
    auto *pad = MountPad::make(templ, ("sink_" + std::to_string(number)).c_str());
    state->requested.push_back({glue::Ref<GstPad>::share(pad), new_element()});
    return state->requested.back();
  }();
  auto *pad = stream.pad.get();
  connect<&MountSet::configure_again>(pad, "notify", this);
  configure_again();
  seat(stream);
  gst_element_add_pad(GST_ELEMENT(bin_), pad);
  gst_child_proxy_child_added(GST_CHILD_PROXY(bin_), G_OBJECT(pad), GST_OBJECT_NAME(pad));
  return pad;
}

void MountSet::release(GstPad *pad)
{
  Stream released;
  {
    auto state = state_.lock();
    const auto found = std::ranges::find_if(
        state->requested, [&](const auto &one) { return one.pad.get() == pad; });
    if (found == state->requested.end())
      return;
    released = std::move(*found);
    state->requested.erase(found);
  }
  g_signal_handlers_disconnect_by_data(pad, this);
  unseat(released);
  gst_child_proxy_child_removed(GST_CHILD_PROXY(bin_), G_OBJECT(pad), GST_OBJECT_NAME(pad));
  gst_pad_set_active(pad, FALSE);
  gst_element_remove_pad(GST_ELEMENT(bin_), pad);
}

guint64 MountSet::count(std::atomic<std::uint64_t> http::MountStats::*member) const
{
  guint64 sum = 0;
  for_each([&](const http::StationHost &host) { sum += host.count(member); });
  return sum;
}

}  // namespace kam
