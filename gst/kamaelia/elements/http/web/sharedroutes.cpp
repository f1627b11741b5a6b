// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/sharedroutes.hpp"

#include "glue/refs.hpp"

#include <utility>

namespace kam {

std::optional<std::string> SharedRoutes::add(const http::Route &route,
                                             const std::string &address, int port)
{
  if (route.kind != http::Route::Kind::shared)
    return std::nullopt;
  GError *error = nullptr;
  auto *source = gst_parse_bin_from_description_full(route.target.c_str(), TRUE, nullptr,
                                                     GST_PARSE_FLAG_NONE, &error);
  const glue::Owned<GError, g_error_free> owned{error};
  if (!source || error) {
    if (source)
      gst_object_unref(gst_object_ref_sink(source));
    return "\"" + route.target + "\" cannot run: " + (error ? error->message : "it is empty");
  }
  auto *sink = gst_element_factory_make("httpserversink", nullptr);
  // The server does not wait for it to have something.
  g_object_set(sink, "async", FALSE, "address", address.c_str(), "port", port, "mount",
               route.address().c_str(), "web-page", FALSE, nullptr);
  auto *child = gst_bin_new(nullptr);
  gst_bin_add_many(GST_BIN(child), source, sink, nullptr);
  if (!gst_element_link(source, sink)) {
    gst_object_unref(gst_object_ref_sink(child));
    return "\"" + route.target + "\" has nothing to be sent";
  }
  gst_bin_add(bin_, child);
  gst_element_sync_state_with_parent(child);
  const std::lock_guard lock{mutex_};
  children_[route.prefix] = child;
  return std::nullopt;
}

void SharedRoutes::drop(GstElement *child)
{
  gst_element_set_locked_state(child, TRUE);
  gst_element_set_state(child, GST_STATE_NULL);
  gst_bin_remove(bin_, child);
}

void SharedRoutes::remove(const http::Route &route)
{
  GstElement *child = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (const auto found = children_.extract(route.prefix))
      child = found.mapped();
  }
  if (child)
    drop(child);
}

void SharedRoutes::clear()
{
  std::map<Prefix, GstElement *> children;
  {
    const std::lock_guard lock{mutex_};
    children.swap(children_);
  }
  for (const auto &[prefix, child] : children)
    drop(child);
}

void SharedRoutes::begin_change()
{
  const std::lock_guard lock{mutex_};
  is_changing_ = true;
}

std::vector<glue::Ref<GstMessage>> SharedRoutes::end_change()
{
  const std::lock_guard lock{mutex_};
  is_changing_ = false;
  return std::exchange(held_, {});
}

bool SharedRoutes::take_error(GstMessage *message)
{
  if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR)
    return false;
  glue::Ref<GstElement> child;
  {
    const std::lock_guard lock{mutex_};
    for (const auto &[prefix, element] : children_)
      if (gst_object_has_as_ancestor(GST_MESSAGE_SRC(message), GST_OBJECT(element)))
        child = glue::Ref<GstElement>::share(element);
    if (child && is_changing_) {
      held_.push_back(glue::Ref<GstMessage>::adopt(message));
      return true;
    }
  }
  if (!child)
    return false;
  GError *error = nullptr;
  gchar *debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  const glue::Owned<GError, g_error_free> owned_error{error};
  const glue::StringPtr owned_debug{debug};
  gst_element_post_message(GST_ELEMENT(bin_),
                           gst_message_new_warning(GST_MESSAGE_SRC(message), error, debug));
  gst_message_unref(message);
  // Not in the thread that is to end, and not while the bin changes the states of all.
  gst_element_call_async(
      child.get(),
      [](GstElement *failed, gpointer bin) {
        GST_STATE_LOCK(bin);
        gst_element_set_locked_state(failed, TRUE);
        gst_element_set_state(failed, GST_STATE_NULL);
        GST_STATE_UNLOCK(bin);
      },
      gst_object_ref(bin_), gst_object_unref);
  return true;
}

}  // namespace kam
