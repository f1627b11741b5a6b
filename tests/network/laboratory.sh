#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The laboratory does what the other tests rely on: each receiver loses what it was told to, on
# its own and packet by packet, nobody else loses anything, feedback can be lost, and a node can
# be cut off. Tried with GStreamer's udpsink and udpsrc.
set -euo pipefail
# shellcheck source=tests/network/begin.sh
. "$1/begin.sh"
group=239.255.76.80 port=5000 size=1316
losses=(0 5 10 0 20)
pids=()

await() { # WHAT COMMAND...
  local what=$1 tries=0
  shift
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 400 ] || fail "$what"
    kill -0 "${pids[-1]}" 2>/dev/null || fail "$what"
    sleep 0.05
  done
}

# The socket's line in /proc/net/udp; the awk programs hold no variables of the shell.
# shellcheck disable=SC2016
is_listening() { "$netlab" run "$1" awk '/:1388 / { found = 1 } END { exit !found }' /proc/net/udp; }
# shellcheck disable=SC2016
has_read_all() {
  "$netlab" run "$1" awk '/:1388 / && $5 !~ /:00000000$/ { busy = 1 } END { exit busy }' /proc/net/udp
}
# shellcheck disable=SC2016
overrun() { "$netlab" run "$1" awk '/:1388 / { print $NF }' /proc/net/udp; }

listen() { # NODE
  "$netlab" run "$1" gst-launch-1.0 -e -q udpsrc address=$group port=$port multicast-iface=eth0 \
    buffer-size=4000000 ! filesink buffer-mode=unbuffered async=false sync=false \
    location="$scratch/$1" >"$scratch/$1.log" 2>&1 &
  pids+=($!)
  await "$1 does not listen" is_listening "$1"
}

# The pauses are for the receivers: what a full socket loses, the network has not lost.
send() { # NODE PACKETS
  "$netlab" run "$1" gst-launch-1.0 -q filesrc location=/dev/zero blocksize=$size \
    num-buffers="$2" ! identity sleep-time=20 \
    ! udpsink host=$group port=$port multicast-iface=eth0 sync=false >"$scratch/send.log" 2>&1
}

stop() { # NODE INDEX
  await "$1 does not read its socket" has_read_all "$1"
  socket_lost=$(overrun "$1")
  kill -INT "${pids[$2]}"
  wait "${pids[$2]}" || fail "$1 ended with an error"
}

# Within five standard deviations, so that chance alone fails it once in a million times.
check() { # NODE LOSS PACKETS LOST PASSED
  local got=$(($(stat -c %s "$scratch/$1") / size))
  echo "  $1, $2 %: $4 of $3 lost, $got arrived"
  [ $(($4 + $5)) = "$3" ] || fail "$1: $4 lost and $5 passed are not $3"
  [ $((got + socket_lost)) = "$5" ] || fail "$1: $5 passed, but $got arrived"
  awk -v p="$2" -v n="$3" -v lost="$4" 'BEGIN {
    p /= 100
    exit (lost - n * p) ^ 2 > 25 * n * p * (1 - p)
  }' || fail "$1: that is not $2 %"
}

packets=8000
echo "$packets packets to ${#losses[@]} receivers"
"$netlab" up "${losses[@]}"
for n in "${!losses[@]}"; do listen r$((n + 1)); done
before=$("$netlab" sent snd)
send snd $packets
sent=$(($("$netlab" sent snd) - before))
for n in "${!losses[@]}"; do
  node=r$((n + 1))
  stop $node "$n"
  check $node "${losses[n]}" $packets "$("$netlab" lost $node)" "$("$netlab" passed $node)"
done
# 14 bytes of Ethernet, 20 of IP, 8 of UDP; and the odd packet of another kind.
[ $((sent / packets)) = $((size + 42)) ] || fail "the sender's link has seen $sent bytes"

packets=1000
echo "$packets packets of feedback, 30 % to be lost, and a node cut off"
"$netlab" loss snd 30
"$netlab" cut r1
pids=()
listen snd
listen r1
send r2 $packets
stop snd 0
check snd 30 $packets "$("$netlab" lost snd)" "$("$netlab" passed snd)"
[ "$(stat -c %s "$scratch/r1")" = 0 ] || fail "r1 hears though it is cut off"
"$netlab" heal r1
send r2 $packets
stop r1 1
[ "$(stat -c %s "$scratch/r1")" = $((packets * size)) ] || fail "r1 does not hear any more"

[ $# -gt 1 ] || exit 0
echo "bursts in one piece are lost packet by packet, and joined for those who lost none"
lost=$("$netlab" lost r5) passed=$("$netlab" passed r5)
pids=()
for node in r1 r5; do
  "$netlab" run $node "$2" receive $group $port eth0 >"$scratch/$node.log" &
  pids+=($!)
  await "$node does not listen" is_listening $node
done
"$netlab" run snd "$2" send $group $port eth0 32
wait "${pids[@]}" || fail "udp-ceiling"
pids=()
for node in r1 r5; do
  read -r _ datagrams pieces _ <"$scratch/$node.log"
  echo "  $node: $datagrams datagrams in $pieces pieces"
  [ "$pieces" -lt $((datagrams / 2)) ] || fail "$node: they were not joined"
done
lost=$(($("$netlab" lost r5) - lost)) passed=$(($("$netlab" passed r5) - passed))
echo "  r5: $lost of $((lost + passed)) lost"
[ $((lost + passed)) -gt 20000 ] || fail "r5: whole bursts were counted"
[ $((lost * 100 / (lost + passed))) -gt 17 ] || fail "r5 has not lost a fifth"
