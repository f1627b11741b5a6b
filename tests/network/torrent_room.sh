#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A room full of torrentsrc and one torrentsink, each with an address of its own, and no
# tracker: they find each other by local service discovery, however late somebody comes, and
# again when he comes back.
set -euo pipefail
netlab=$1/netlab
export NETLAB=kamt$$
scratch=$(mktemp -d)
seeder=

clean_up() {
  [ -z "$seeder" ] || kill "$seeder" 2>/dev/null || true
  wait
  "$netlab" down
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$scratch"/*.log | cut -c 1-300 >&2
  exit 1
}
say() { printf '%3d s: %s\n' $SECONDS "$*"; }

for element in torrentsink torrentsrc; do
  gst-inspect-1.0 $element >/dev/null 2>&1 || { echo "there is no element $element"; exit 77; }
done

alone=(dht=false upnp=false natpmp=false)
# Discovery speaks where the default route leads.
route() { "$netlab" run "$1" ip route add default dev eth0; }

watch() { # NODE LOCATION
  rm -f "$scratch/$1"
  timeout 30 "$netlab" run "$1" gst-launch-1.0 -q torrentsrc location="$2" "${alone[@]}" \
    ! filesink location="$scratch/$1" async=false sync=false >"$scratch/$1.log" 2>&1 ||
    fail "$1: it does not get what is at $2"
  cmp "$scratch/lecture" "$scratch/$1" || fail "$1: what arrived is not what was shared"
  say "$1 has it"
}

"$netlab" up 0 0
for node in snd r1 r2; do route $node; done
head -c $((8 << 20)) /dev/urandom >"$scratch/lecture"
mkdir "$scratch/shared"
"$netlab" run snd gst-launch-1.0 -m filesrc location="$scratch/lecture" \
  ! torrentsink location="$scratch/shared/lecture" linger=true "${alone[@]}" \
  >"$scratch/snd.log" 2>&1 &
seeder=$!
until grep -q torrent-created "$scratch/snd.log"; do
  [ $SECONDS -lt 60 ] || fail "the torrent is not made"
  kill -0 "$seeder" 2>/dev/null || fail "the seeder has ended"
  sleep 0.05
done
hash=$(sed -n 's/.*info-hash=(string)\([0-9a-f]*\).*/\1/p' "$scratch/snd.log")

watch r1 "$scratch/shared/lecture.torrent"
watch r2 "magnet:?xt=urn:btih:$hash"
say "they come back"
watch r1 "magnet:?xt=urn:btih:$hash"
watch r2 "$scratch/shared/lecture.torrent"
