#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The framing family over real UDP multicast, to three receivers that lose 0, 5 and 30 % of the
# packets: what arrives is what survived, each once, in order, byte for byte.
set -euo pipefail
# shellcheck source=tests/network/begin.sh
. "$1/begin.sh"
group=239.255.76.78 port=5000 records=2000
losses=(0 5 30)
pids=()

# A line of 1000 bytes is a record: its number, and text with plenty of what must be escaped.
make_records() {
  LC_ALL=C awk -v n="$records" 'BEGIN {
    srand(1)
    letters = "X%58abcdefghijklmnopqrstuvwxyzABCDEFGHI 0123456789"
    for (i = 1; i <= n; i++) {
      line = sprintf("%08d ", i)
      while (length(line) < 999) line = line substr(letters, 1 + int(rand() * 40), 10)
      print substr(line, 1, 999)
    }
  }' >"$scratch/sent"
}

# The awk programs hold no variables of the shell.
# Waits until a test of the receiver's sockets holds.
await() { # NODE AWK-PROGRAM FILE WHAT
  local tries=0
  until "$netlab" run "$1" awk "$2" "/proc/net/$3"; do
    tries=$((tries + 1))
    [ $tries -lt 400 ] || fail "$1: $4"
    kill -0 "${pids[${1#r} - 1]}" 2>/dev/null || fail "$1: the receiver has gone"
    sleep 0.05
  done
}

transfer() { # TITLE BROKENNETWORK-PROPERTIES...
  local title=$1 n=0 node line lost passed overrun got
  shift
  echo "$title"
  "$netlab" up "${losses[@]}"
  pids=()
  for n in "${!losses[@]}"; do
    node=r$((n + 1))
    # The namespace is entered by exec, so that the signal goes to gst-launch.
    "$netlab" run $node gst-launch-1.0 -e udpsrc address=$group port=$port multicast-iface=eth0 \
      ! dechunker ! deframer ! recoverorder window=128 ! filesink async=false location="$scratch/$node" \
      >"$scratch/$node.log" 2>&1 &
    pids+=($!)
  done
  for n in "${!losses[@]}"; do
    await r$((n + 1)) '/4E4CFFEF/ { found = 1 } END { exit !found }' igmp \
      "it did not join the group"
  done
  "$netlab" netem snd delay 2ms 1ms reorder 10% duplicate 1% ||
    echo "  (so nothing but brokennetwork reorders and doubles)"
  # The pause gives slow receivers time: their sockets hold about 150 packets.
  "$netlab" run snd gst-launch-1.0 -q filesrc location="$scratch/sent" blocksize=1000 \
    ! identity sleep-time=300 ! framer ! chunker ! packetiser max-size=1472 \
    ! brokennetwork drop-probability=0 "$@" \
    ! udpsink host=$group port=$port multicast-iface=eth0 sync=false
  for n in "${!losses[@]}"; do
    node=r$((n + 1))
    # shellcheck disable=SC2016
    await $node '/:1388 / && $5 !~ /:00000000$/ { busy = 1 } END { exit busy }' udp \
      "it does not read its socket"
    # shellcheck disable=SC2016
    overrun=$("$netlab" run $node awk '/:1388 / { print $NF }' /proc/net/udp)
    kill -INT "${pids[n]}"
    wait "${pids[n]}" || fail "$node: the receiver ended with an error"
    lost=$("$netlab" lost $node) passed=$("$netlab" passed $node)
    got=$(wc -l <"$scratch/$node")
    line="$node, ${losses[n]} %: $passed packets got through, $lost lost, $got records delivered"
    echo "  $line"
    [ "$overrun" = 0 ] || echo "  $node: its socket lost another $overrun: the machine is busy"
    check $node "$got" $((lost + overrun)) $((passed - overrun))
  done
  "$netlab" down
}

check() { # NODE GOT LOST PASSED
  LC_ALL=C sort -c -u "$scratch/$1" || fail "$1: not in order, or not each once"
  [ -z "$(LC_ALL=C comm -13 "$scratch/sent" "$scratch/$1")" ] || fail "$1: something was changed"
  # When some are doubled, packets and records are not the same number.
  if [ "$exact" = yes ] && [ $(($3 + $4)) != $records ]; then
    fail "$1: $records records did not make as many packets"
  fi
  if [ "$exact" = yes ] && [ "$2" != $((records - $3)) ]; then
    fail "$1: $2 records of $records, but $3 packets lost"
  fi
  if [ "$3" = 0 ] && [ "$2" != $records ]; then
    fail "$1: $2 records of $records, though nothing was lost"
  fi
}

make_records
exact=yes
transfer "in order, each once" duplicate-probability=0 reorder-window=1
exact=no
transfer "shuffled and doubled" duplicate-probability=0.05 reorder-window=8 seed=7
