#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A room full of torrentsrc and one torrentsink, each with an address of its own, and no
# tracker: they find each other by local service discovery, however late somebody comes, and
# again when he comes back. And so for each part of a lecture that goes on while they listen.
set -euo pipefail
# shellcheck source=tests/network/begin.sh
. "$1/begin.sh"
declare -A pids=()
say() { printf '%3d s: %s\n' $SECONDS "$*"; }

need_elements torrentsink torrentsrc

alone=(dht=false upnp=false natpmp=false)
# Discovery speaks where the default route leads.
route() { "$netlab" run "$1" ip route add default dev eth0; }

watch() { # NODE[-NAME] LOCATION [PROPERTY...]
  rm -f "$scratch/$1"
  timeout 30 "$netlab" run "${1%-*}" env XDG_CACHE_HOME="$scratch/cache-$1" \
    gst-launch-1.0 -q torrentsrc location="$2" "${alone[@]}" "${@:3}" \
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
pids[seeder]=$!
until grep -q torrent-created "$scratch/snd.log"; do
  [ $SECONDS -lt 60 ] || fail "the torrent is not made"
  kill -0 "${pids[seeder]}" 2>/dev/null || fail "the seeder has ended"
  sleep 0.05
done
hash=$(sed -n 's/.*info-hash=(string)\([0-9a-f]*\).*/\1/p' "$scratch/snd.log")

watch r1 "$scratch/shared/lecture.torrent"
watch r2 "magnet:?xt=urn:btih:$hash"
say "they come back"
watch r1 "magnet:?xt=urn:btih:$hash"
watch r2 "$scratch/shared/lecture.torrent"

say "a lecture goes on"
mkdir "$scratch/live"
"$netlab" run snd gst-launch-1.0 -q filesrc location="$scratch/lecture" blocksize=65536 \
  ! identity sleep-time=30000 \
  ! torrentsink location="$scratch/live/part" chunk-size=$((2 << 20)) linger=true "${alone[@]}" \
  >"$scratch/live.log" 2>&1 &
pids[live]=$!
until [ -e "$scratch/live/meta.txt" ]; do
  kill -0 "${pids[live]}" 2>/dev/null || fail "nothing is recorded"
  sleep 0.05
done
# Two of them are programs on one machine that put it in one folder.
listen() { watch "$1" "$scratch/live/meta.txt" first-number=1 "${@:2}"; }
mkdir "$scratch/room"
listeners=()
for who in r1 r1-again; do
  listen $who save-path="$scratch/room" &
  listeners+=($!)
done
listen r2
for listener in "${listeners[@]}"; do wait "$listener"; done
[ -z "$(ls -A "$scratch/room")" ] || fail "something was left: $(ls -A "$scratch/room")"
[ "$(cat "$scratch/live/meta.txt")" = $'4\nend' ] || fail "it has not ended with its fourth part"
