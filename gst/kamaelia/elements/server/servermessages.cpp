// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/servermessages.hpp"

namespace kam {

void ServerMessages::post(glue::StructurePtr structure)
{
  if (waiting_->messages.load(std::memory_order_relaxed) >= max_waiting) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  ++waiting_->messages;
  ++waiting_->shares;
  auto *message = gst_message_new_element(GST_OBJECT(element_), structure.release());
  // The message may outlive the element.
  gst_mini_object_weak_ref(
      GST_MINI_OBJECT_CAST(message),
      [](gpointer shared, GstMiniObject *) {
        auto *waiting = static_cast<Waiting *>(shared);
        --waiting->messages;
        waiting->leave();
      },
      waiting_);
  gst_element_post_message(element_, message);
}

}  // namespace kam
