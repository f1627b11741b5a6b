// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/elements.hpp"
#include "elements/base/protocolserver/protocolserver.hpp"

using namespace kam;

GST_ELEMENT_REGISTER_DEFINE(protocolserver, "protocolserver", GST_RANK_NONE,
                            glue::type_of<ProtocolServer>())
