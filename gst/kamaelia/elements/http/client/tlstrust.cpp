// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/tlstrust.hpp"

#include "glue/refs.hpp"

#include <atomic>

namespace kam {

bool load_trusted_certificates(GCancellable *cancellable)
{
  static std::atomic<bool> is_loaded = false;
  if (is_loaded)
    return true;
  const auto task = glue::Ref<GTask>::adopt(g_task_new(nullptr, cancellable, nullptr, nullptr));
  g_task_set_return_on_cancel(task.get(), TRUE);
  g_task_run_in_thread_sync(task.get(), [](GTask *loading, gpointer, gpointer, GCancellable *) {
    // It keeps what it has read, for all who ask.
    const auto database = glue::Ref<GTlsDatabase>::adopt(
        g_tls_backend_get_default_database(g_tls_backend_get_default()));
    is_loaded = true;
    g_task_return_boolean(loading, TRUE);
  });
  return g_task_propagate_boolean(task.get(), nullptr) == TRUE;
}

}  // namespace kam
