#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scene: a film multicast to four receivers that lose 5 % of the packets, and it arrives whole
set -euo pipefail
netlab=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../tests/network" && pwd)/netlab
# Where ethtool, ip and nft are, which is not in everybody's path.
export PATH=$PATH:/usr/sbin:/sbin

# Who is not root may be root in a namespace of his own, and have networks there.
if [ "$(id -u)" != 0 ] && unshare --map-root-user --net --mount true 2>/dev/null; then
  # shellcheck disable=SC2016
  exec unshare --map-root-user --net --mount \
    bash -c 'mount -t tmpfs none /run && exec bash "$@"' - "${BASH_SOURCE[0]}" "$@"
fi
exec "$KAMAELIA_BUILD/tools/demos/demo-srm" --netlab "$netlab" --folder "$KAMAELIA_BUILD/demo" "$@"
