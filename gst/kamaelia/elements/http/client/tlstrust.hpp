// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gio/gio.h>

namespace kam {

// Sees to it that the certificates the system trusts have been read before somebody needs them
// for a handshake. That is once in a process, takes from 30 milliseconds to seconds, and cannot
// be interrupted; so it is done in another thread, and this waits for it. False if it was
// cancelled first.
bool load_trusted_certificates(GCancellable *cancellable);

}  // namespace kam
