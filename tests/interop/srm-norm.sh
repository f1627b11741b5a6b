#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# srmsink and srmsrc beside libnorm, the reference of RFC 5740: streams and objects go both
# ways over multicast on this machine, without loss and with, and arrive byte for byte. libnorm
# itself throws away what is lost: packets of the data, and half as many of the feedback.
#
#   srm-norm.sh NORM-SEND NORM-RECEIVE
set -euo pipefail

skip() { echo "skipped: $*"; exit 77; }

[ $# = 2 ] || skip "libnorm is not there to build with (Debian package libnorm-dev)"
norm_send=$1 norm_receive=$2
for tool in gst-launch-1.0 gst-inspect-1.0 sha256sum timeout; do
  command -v "$tool" >/dev/null || skip "$tool is not installed"
done

work=$(mktemp -d)
group=239.255.76.79
receiver=
stop() {
  [ -z "$receiver" ] || kill "$receiver" 2>/dev/null || true
  [ -z "$receiver" ] || wait "$receiver" 2>/dev/null || true
  receiver=
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*"
  tail -n 20 "$work"/*.log
  exit 1
}

# Whether somebody has a UDP port, by the kernel's table.
is_bound() { grep -qi ":$(printf %04X "$1") " /proc/net/udp; }

# Waits, for 40 seconds at most, until a command succeeds or the receiver has gone.
await() {
  local deadline=$((SECONDS + 40))
  until "$@"; do
    [ $SECONDS -lt $deadline ] && kill -0 "$receiver" 2>/dev/null || return 1
    sleep 0.05
  done
}

# Starts a receiver on a port that nobody has, which its command has as PORT.
listen() { # COMMAND...
  rm -f "$work"/out*
  port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
  ! is_bound $port || { listen "$@"; return; }
  "${@//PORT/$port}" >"$work/receiver.log" 2>&1 &
  receiver=$!
  await is_bound $port || fail "the receiver does not listen"
}

# What each side is asked to do; the first word of each array is a program. Node 1 sends, node
# 2 receives. Both ends know from each other's packets what is sent; nothing else is agreed on.
norm_sends() { # KIND LOSS-FOR-THE-DATA [SIZE-OF-MESSAGES [OPTION...]]
  local message=${3:-}
  timeout 60 "$norm_send" --group $group --port "$port" --node 1 --acking 2 --kind "$1" \
    --tx-loss "$2" --rx-loss $(($2 / 2)) --rate 200e6 --buffer 2097152 --name "a $1" \
    ${message:+--message "$message"} "${@:4}" "$work/in" >"$work/sender.log" 2>&1 ||
    fail "norm-send ended with $?"
}
norm_listens() { # LOSS OPTION...
  local loss=$1
  shift
  listen "$norm_receive" --group $group --port PORT --node 2 --rx-loss "$loss" \
    --tx-loss $((loss / 2)) "$@" "$work/out"
}
# libnorm says nothing that it is not asked for by its number.
we_send() { # PROPERTY...
  timeout 60 gst-launch-1.0 -q filesrc location="$work/in" blocksize=8000 ! srmsink \
    host=$group port="$port" multicast-iface=lo mode=bulk node-id=1 max-rate=200000000 \
    ack-receivers=2 "$@" >"$work/sender.log" 2>&1 || fail "srmsink ended with $?"
}
we_listen() {
  listen gst-launch-1.0 -e -q srmsrc address=$group port=PORT multicast-iface=lo node-id=2 \
    ! filesink location="$work/out" buffer-mode=unbuffered async=false sync=false
}

has_all() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge $size ]; }
is_complete() { grep -q '^complete ' "$work/receiver.log"; }
pieces() { split -b "$2" --filter sha256sum "$1" | sort; }

# What came is compared; objects, whatever order they were completed in.
compare() { # FILE [SIZE-OF-OBJECTS]
  [ "$(stat -c %s "$1")" = $size ] || fail "$(stat -c %s "$1") bytes of $size have come"
  if [ $# = 2 ]; then
    [ "$(pieces "$work/in" "$2")" = "$(pieces "$1" "$2")" ] || fail "objects were changed"
  else
    cmp "$work/in" "$1" || fail "it was changed"
  fi
}
norm_is_through() { # FILE [SIZE-OF-OBJECTS]
  await is_complete || fail "norm-receive is not complete"
  stop
  ! grep -E '^(broken|aborted)' "$work/receiver.log" || fail "something is missing for good"
  compare "$@"
}
we_are_through() { # FILE [SIZE-OF-OBJECTS]
  await has_all "$1" || has_all "$1" || fail "srmsrc is not complete"
  kill -INT "$receiver" 2>/dev/null || true
  wait "$receiver" || fail "srmsrc ended with an error"
  receiver=
  compare "$@"
}

object=65537 objects=46
size=$((object * objects))
head -c $size /dev/urandom >"$work/in"

for loss in 0 5 20; do
  echo "libnorm to libnorm, $loss % lost: a stream, $objects objects, a file"
  norm_listens $loss --bytes $size && norm_sends stream 0
  norm_is_through "$work/out"
  norm_listens 0 --objects $objects && norm_sends data $loss $object
  norm_is_through "$work/out" $object
  norm_listens $loss --objects 1 && norm_sends file 0
  norm_is_through "$work/out.a file"
done

for element in srmsink srmsrc; do
  gst-inspect-1.0 $element >/dev/null 2>&1 || skip "there is no element $element"
done
for loss in 0 5 20; do
  echo "srmsink to libnorm, $loss % lost: a stream, an object, a file"
  norm_listens $loss --bytes $size && we_send framing=raw
  norm_is_through "$work/out"
  norm_listens $loss --objects 1 && we_send object-type=data
  norm_is_through "$work/out"
  norm_listens $loss --objects 1 && we_send object-type=file
  norm_is_through "$work"/out.*
  echo "libnorm to srmsrc, $loss % lost: a stream, $objects objects, a file"
  we_listen && norm_sends stream $loss
  we_are_through "$work/out"
  we_listen && norm_sends data $loss $object
  we_are_through "$work/out" $object
  we_listen && norm_sends file $loss
  we_are_through "$work/out"
done

# Both begin slowly, and slow down for good when nobody answers their probes: what ends in time
# has been answered.
for loss in 0 2; do
  echo "under congestion control, $loss % lost: srmsink to libnorm, libnorm to srmsrc"
  norm_listens $loss --bytes $size && we_send framing=raw congestion-control=true
  norm_is_through "$work/out"
  we_listen && norm_sends stream $loss '' --congestion-control 1
  we_are_through "$work/out"
done
