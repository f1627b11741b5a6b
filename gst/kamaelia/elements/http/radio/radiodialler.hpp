// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/radio/radiofailure.hpp"
#include "elements/http/radio/radiooptions.hpp"
#include "glue/refs.hpp"

#include <gio/gio.h>

#include <variant>

namespace kam::http {

struct Dialled {
  glue::Ref<GSocketConnection> connection;
  bool through_proxy = false;  // that wants the whole address in the request
};

// Connects to the host of an address, by TLS and through a proxy where they are wanted. Blocks;
// the cancellable ends that at once, whatever it is that takes so long.
std::variant<Dialled, RadioFailure> dial(GUri *uri, const RadioOptions &options,
                                         GCancellable *cancellable);

}  // namespace kam::http
