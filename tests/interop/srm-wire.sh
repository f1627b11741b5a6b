#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Wireshark reads what srmsink and srmsrc say to each other on a network that loses packets: it
# is NORM, nothing in it is malformed, and what was sent can be put together from what tshark
# makes of the packets. libnorm goes first, so that a failure says whose it is.
#
#   srm-wire.sh FOLDER-OF-NETLAB FOLDER-OF-READABLE.PY [NORM-SEND NORM-RECEIVE]
set -euo pipefail
netlab=$1/netlab readable=$2/readable.py
shift 2
export NETLAB=kamts$$

skip() { echo "skipped: $*"; exit 77; }
for tool in dumpcap gst-launch-1.0 gst-inspect-1.0 python3 timeout tshark; do
  command -v $tool >/dev/null || skip "$tool is not installed"
done
[ "$(id -u)" = 0 ] || skip "network namespaces need root"

work=$(mktemp -d)
group=239.255.76.82 port=5000 size=2000003 losses=(0 10 20)
pids=()
clean_up() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  "$netlab" down
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*"
  tail -n 20 "$work"/*.log
  exit 1
}
await() { # WHAT COMMAND...
  local what=$1 deadline=$((SECONDS + 40))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "$what"
    sleep 0.05
  done
}

# The awk program holds no variables of the shell.
# shellcheck disable=SC2016
has_joined() {
  "$netlab" run "$1" awk '/524CFFEF/ { found = 1 } END { exit !found }' /proc/net/igmp
}
has_all() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" = $size ]; }

# Everything on the sender's link, where bursts have been cut into packets.
start_capture() {
  rm -f "$work/dumpcap.log"
  "$netlab" run sw dumpcap -q -P -i snd -f "udp port $port" -w "$work/capture" \
    >"$work/dumpcap.log" 2>&1 &
  capture=$!
  pids=("$capture")
  await "dumpcap does not start" grep -qs File: "$work/dumpcap.log"
}

# Ends the capture when it is quiet on the link: what dumpcap has not fetched, it would leave.
end_capture() {
  local size=-1
  until [ "$size" = "$(stat -c %s "$work/capture")" ]; do
    size=$(stat -c %s "$work/capture")
    sleep 0.5
  done
  kill -INT "$capture"
  wait "$capture" || fail "dumpcap"
  pids=()
  grep -q '/0 (pcap:0/dumpcap:0' "$work/dumpcap.log" || fail "dumpcap has lost packets"
}

read_capture() { # FILE TSHARK-OPTION...
  local file=$1
  shift
  tshark -r "$work/$file" -d "udp.port==$port,norm" "$@" 2>"$work/tshark.log" || fail "tshark"
}

fields=(-T fields -e norm.type -e rmt-fec.esi -e norm.reserved -e norm.payload.offset
  -e norm.payload)
check() { # STREAM|OBJECT TYPE...: these types of messages have to be there
  local what=$1
  shift
  local block bad found kind
  block=$(python3 "$readable" rewrite "$work/capture" "$work/rewritten") ||
    fail "the capture cannot be read"
  # Warnings are looked at too, but for the one about the object information of NORM_INFO:
  # that of encoding 5 has its segment size where the dissector wants a zero.
  bad=$(read_capture rewritten -Y '!norm || _ws.malformed || (_ws.expert && norm.type != 1)')
  [ -z "$bad" ] || fail "tshark finds bad packets: $bad"
  # Other encodings hide nothing in what is no data.
  bad=$(read_capture capture -Y '_ws.malformed && norm.type != 2')
  [ -z "$bad" ] || fail "tshark finds malformed packets: $bad"
  found=$(read_capture rewritten -T fields -e norm.type | sort | uniq -c |
    awk '{ printf " %s:%d", $2, $1 }')
  echo "  packets of each type (1 info, 2 data, 3 command, 4 NACK, 5 ACK):$found"
  for kind; do
    [[ "$found" == *" $kind:"* ]] || fail "there is no message of type $kind"
  done
  [ "$what" = stream ] || return 0
  read_capture rewritten "${fields[@]}" >"$work/fields"
  python3 "$readable" join "$work/fields" "$block" >"$work/joined" || fail "it cannot be joined"
}

head -c $size /dev/urandom >"$work/sent"
"$netlab" up "${losses[@]}"

if [ $# = 2 ]; then
  echo "libnorm: a stream"
  start_capture
  for n in 1 2 3; do
    "$netlab" run r$n "$2" --group $group --port $port --iface eth0 --node 1$n --bytes $size \
      "$work/r$n" >"$work/r$n.log" 2>&1 &
    pids+=($!)
    await "r$n does not join" has_joined r$n
  done
  "$netlab" run snd timeout 60 "$1" --group $group --port $port --iface eth0 \
    --acking 11,12,13 --rate 80e6 --name stream "$work/sent" >"$work/snd.log" 2>&1 ||
    fail "norm-send"
  for n in 1 2 3; do await "r$n has not got all" has_all "$work/r$n"; done
  kill "${pids[@]:1}"
  wait "${pids[@]:1}" || fail "norm-receive"
  end_capture
  check stream 2 3 4 5
  cmp "$work/sent" "$work/joined" || fail "the packets are not what was sent"
fi

for element in srmsink srmsrc; do
  gst-inspect-1.0 $element >/dev/null 2>&1 || skip "there is no element $element"
done
transfer() { # PROPERTY...
  start_capture
  for n in 1 2 3; do
    "$netlab" run r$n timeout 60 gst-launch-1.0 -q srmsrc address=$group port=$port \
      multicast-iface=eth0 ! filesink location="$work/r$n" buffer-mode=unbuffered async=false \
      sync=false >"$work/r$n.log" 2>&1 &
    pids+=($!)
    await "r$n does not join" has_joined r$n
  done
  "$netlab" run snd timeout 60 gst-launch-1.0 -q filesrc location="$work/sent" blocksize=8000 \
    ! srmsink host=$group port=$port multicast-iface=eth0 max-rate=80000000 min-receivers=3 \
    "$@" >"$work/snd.log" 2>&1 || fail "srmsink"
  for n in 1 2 3; do
    wait "${pids[n]}" || fail "srmsrc at r$n"
    cmp "$work/sent" "$work/r$n" || fail "r$n has not got what was sent"
  done
  end_capture
}
for mode in bulk latency; do
  kinds=(1 2 3 4)
  [ $mode = latency ] || kinds+=(5)
  echo "ours: a stream of plain bytes, mode $mode"
  transfer framing=raw mode=$mode
  check stream "${kinds[@]}"
  cmp "$work/sent" "$work/joined" || fail "the packets are not what was sent"
  echo "ours: a stream of buffers, mode $mode"
  transfer mode=$mode
  check records "${kinds[@]}"
done
echo "ours: an object"
transfer mode=bulk object-type=data
check object 1 2 3 4 5
