#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scene: a film over UDP multicast that loses, doubles and shuffles packets, put together again
set -euo pipefail
exec "$KAMAELIA_BUILD/tools/demos/demo-multicast" --folder "$KAMAELIA_BUILD/demo" "$@"
