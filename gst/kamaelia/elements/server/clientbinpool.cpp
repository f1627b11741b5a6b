// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/clientbinpool.hpp"

#include <utility>

namespace kam {

namespace {

// A bus that nobody reads: what comes is handled where it comes from.
glue::Ref<GstBus> make_bus()
{
  return glue::Ref<GstBus>::adopt(
      GST_BUS(gst_object_ref_sink(g_object_new(GST_TYPE_BUS, "enable-async", FALSE, nullptr))));
}

bool is_for_the_application(GstMessage *message)
{
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_ELEMENT:
  case GST_MESSAGE_NEED_CONTEXT:
  case GST_MESSAGE_HAVE_CONTEXT: return true;
  default: return false;
  }
}

}  // namespace

ClientBinPool::ClientBinPool(net::Reactor &reactor, Workers &workers, GstElement *server,
                             GstClock *clock, const Options &options,
                             std::function<void()> handle_quiet)
    : reactor_{reactor},
      workers_{workers},
      bus_{make_bus()},
      around_{reactor, bus_.get(), clock, server, options.max_queued_bytes},
      options_{options},
      handle_quiet_{std::move(handle_quiet)}
{
  gst_bus_set_sync_handler(
      bus_.get(),
      [](GstBus *, GstMessage *message, gpointer of_server) {
        if (auto *bin = ClientBin::of_message(message))
          bin->handle_message(message);
        if (is_for_the_application(message))
          gst_element_post_message(GST_ELEMENT(of_server), message);
        else
          gst_message_unref(message);
        return GST_BUS_DROP;
      },
      server, nullptr);
}

ClientBinPool::~ClientBinPool()
{
  idle_.clear();
  gst_bus_set_sync_handler(bus_.get(), nullptr, nullptr, nullptr);
}

std::unique_ptr<ClientBin> ClientBinPool::take()
{
  if (idle_.empty())
    return nullptr;
  auto bin = std::move(idle_.back());
  idle_.pop_back();
  return bin;
}

void ClientBinPool::retire(std::unique_ptr<ClientBin> bin, bool is_reusable)
{
  is_reusable = is_reusable && !is_closing_ && idle_.size() < options_.recycle;
  if (!bin->has_threads()) {
    if (is_reusable && bin->stop())
      idle_.push_back(std::move(bin));
    return;
  }
  work([this, retired = bin.release(), is_reusable] {
    std::unique_ptr<ClientBin> stopped{retired};
    if (!stopped->stop() || !is_reusable)
      stopped.reset();
    finish_work([this, kept = stopped.release()] {
      std::unique_ptr<ClientBin> bin_again{kept};
      if (bin_again && !is_closing_)
        idle_.push_back(std::move(bin_again));
    });
  });
}

void ClientBinPool::close()
{
  is_closing_ = true;
  idle_.clear();
}

void ClientBinPool::work(std::function<void()> task)
{
  ++jobs_;
  workers_.post(std::move(task));
}

void ClientBinPool::finish_work(std::function<void()> after)
{
  reactor_.post([this, after = std::move(after)] {
    --jobs_;
    after();
    if (jobs_ == 0)
      handle_quiet_();
  });
}

}  // namespace kam
