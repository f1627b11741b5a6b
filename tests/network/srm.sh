#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# srmsink to four srmsrc over real UDP multicast that goes wrong in every way it can: what
# arrives is what was sent, byte for byte, and each pipeline ends by itself.
set -euo pipefail
# shellcheck source=tests/network/begin.sh
. "$1/begin.sh"
port=5000
size=$((8 << 20))
receivers=(r1 r2 r3 r4)
declare -A pids=()

need_elements srmsink srmsrc

# Waits, for a minute at most, until a command succeeds or the node's pipeline has ended.
await() { # NODE WHAT COMMAND...
  local node=$1 what=$2 deadline=$((SECONDS + 60))
  shift 2
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "$node: $what"
    kill -0 "${pids[$node]}" 2>/dev/null || fail "$node: it has ended: $what"
    sleep 0.02
  done
}

# A group's address, as the kernel writes it in its lists of what has been joined, and what
# else receivers have to know.
choose_group() { # ADDRESS JOINED PROPERTY...
  group=$1 joined=$2
  shift 2
  to_join=("$@")
}
has_joined() {
  "$netlab" run "$1" grep -q "$joined" /proc/net/igmp /proc/net/igmp6
}
has_bytes() { [ "$(stat -c %s "$scratch/$1" 2>/dev/null || echo 0)" -ge "$2" ]; }

listen() { # NODE PROPERTY...
  local node=$1
  shift
  rm -f "$scratch/$node"
  "$netlab" run "$node" gst-launch-1.0 -q srmsrc address="$group" port=$port \
    multicast-iface=eth0 "${to_join[@]}" "$@" \
    ! filesink location="$scratch/$node" buffer-mode=unbuffered async=false sync=false \
    >"$scratch/$node.log" 2>&1 &
  pids[$node]=$!
  await "$node" "it does not join the group" has_joined "$node"
}

# What is sent takes as long as max-rate says: bits per second.
start_sender() { # RATE PROPERTY...
  local rate=$1
  shift
  "$netlab" run snd gst-launch-1.0 -q filesrc location="$scratch/sent" blocksize=8000 \
    ! srmsink host="$group" port=$port multicast-iface=eth0 max-rate="$rate" "$@" \
    >"$scratch/snd.log" 2>&1 &
  pids[snd]=$!
}

# Each pipeline ends by itself, the sender's when everybody has everything.
finish() { # NODE...
  local node deadline=$((SECONDS + 60))
  for node; do
    while kill -0 "${pids[$node]}" 2>/dev/null; do
      [ $SECONDS -lt $deadline ] || fail "$node does not end"
      sleep 0.02
    done
    wait "${pids[$node]}" || fail "$node ended with an error"
    unset "pids[$node]"
  done
}

is_whole() { # NODE...
  local node
  for node; do
    cmp "$scratch/sent" "$scratch/$node" || fail "$node: what arrived is not what was sent"
  done
}

# A buffer a line, so that diff can tell which are there.
buffers() { od -A n -v -t x1 -w8000; }

set_losses() { # LOSS-AT-EACH-RECEIVER...
  local node
  for node in "${receivers[@]}"; do
    "$netlab" loss "$node" "$1"
    shift
  done
}

# Four receivers from beginning to end.
transfer() { # RATE PROPERTY...
  local node
  for node in "${receivers[@]}"; do listen "$node"; done
  start_sender "$@"
  finish snd "${receivers[@]}"
  is_whole "${receivers[@]}"
}

say() { printf '%3d s: %s\n' $SECONDS "$*"; }

choose_group 239.255.76.81 514CFFEF
head -c $size /dev/urandom >"$scratch/sent"
"$netlab" up 0 0 0 0
all=(mode=bulk min-receivers=${#receivers[@]})
for loss in 0 5 20 30; do
  say "$loss % lost at each receiver"
  set_losses $loss $loss $loss $loss
  transfer 100000000 "${all[@]}"
done

say "one of them loses 20 %"
set_losses 0 0 0 20
transfer 100000000 "${all[@]}"

say "5 % lost, and 30 % of the feedback"
set_losses 5 5 5 5
"$netlab" loss snd 30
transfer 100000000 "${all[@]}"
"$netlab" loss snd 0

say "5 % lost, low latency"
transfer 40000000 mode=latency min-receivers=${#receivers[@]}

say "5 % lost, and a group of this one source"
choose_group 232.76.0.81 51004CE8 source-filter=10.76.0.1
transfer 100000000 "${all[@]}"
say "5 % lost, IPv6"
choose_group ff15::7681 ff150000000000000000000000007681
transfer 100000000 "${all[@]}"
say "5 % lost, IPv6, and a group of this one source"
choose_group ff35::7681 ff350000000000000000000000007681 source-filter=fd76::1
transfer 100000000 "${all[@]}"
choose_group 239.255.76.81 514CFFEF

say "one of them cut off for ten seconds"
for node in "${receivers[@]}"; do listen "$node"; done
start_sender 20000000 "${all[@]}"
await r2 "nothing comes" has_bytes r2 $((size / 4))
"$netlab" cut r2
sleep 10
"$netlab" heal r2
finish snd "${receivers[@]}"
is_whole "${receivers[@]}"

say "one of them joins in the middle"
for node in r1 r2 r3; do listen "$node"; done
start_sender 20000000 mode=bulk min-receivers=3
await r1 "nothing comes" has_bytes r1 $((size / 4))
listen r4
finish snd "${receivers[@]}"
is_whole r1 r2 r3
got=$(stat -c %s "$scratch/r4")
say "  it got the last $got bytes of $size"
[ "$got" -ge $((size / 4)) ] || fail "r4: that is too little"
tail -c "$got" "$scratch/sent" | cmp - "$scratch/r4" || fail "r4: these were not the last"

buffers <"$scratch/sent" >"$scratch/buffers"
for identity in "another" "the same"; do
  say "the sender is killed and comes back as $identity node"
  node_id=()
  [ "$identity" = another ] || node_id=(node-id=77)
  for node in "${receivers[@]}"; do listen "$node"; done
  start_sender 20000000 "${all[@]}" "${node_id[@]}"
  await r1 "nothing comes" has_bytes r1 $((size / 4))
  kill -KILL "${pids[snd]}"
  wait "${pids[snd]}" || true
  start_sender 100000000 "${all[@]}" "${node_id[@]}"
  finish snd "${receivers[@]}"
  for node in "${receivers[@]}"; do
    before=$(($(stat -c %s "$scratch/$node") - size))
    say "  $node: $before bytes before, everything after"
    [ $before -ge 0 ] || fail "$node: the second time it did not get everything"
    # What was missing when the sender died stays so; the whole buffers after it count.
    head -c $before "$scratch/$node" | buffers >"$scratch/first"
    [ -z "$(diff "$scratch/buffers" "$scratch/first" | grep '^>' | head -c 80)" ] ||
      fail "$node: what came first was not what was sent"
    tail -c $size "$scratch/$node" | cmp - "$scratch/sent" ||
      fail "$node: what came the second time was not what was sent"
  done
done
say "a line of 20 Mbit/s to one of them, and nobody says how fast to send"
"$netlab" line r3 20mbit
set_losses 0 0 0 0
declare -A needed
for control in true false; do
  before=$("$netlab" sent snd) begin=$(date +%s%3N)
  transfer 0 "${all[@]}" congestion-control=$control
  needed[$control]=$((($("$netlab" sent snd) - before) * 100 / size))
  say "  congestion-control=$control: ${needed[$control]} % of the file was sent, headers and" \
    "repairs included, in $(($(date +%s%3N) - begin)) ms"
done
[ "${needed[true]}" -lt 150 ] || fail "congestion is not controlled"
[ "${needed[true]}" -lt "${needed[false]}" ] || fail "it was not needed"
say "all of it arrived as it was sent"
