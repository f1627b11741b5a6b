#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# icecastsrc listens to a real Icecast while that is killed, stopped, restarted and deserted by
# its source, once with ffmpeg as the source and once with shout2send. It has to go on without
# an error and without EOS, and what comes out has to be what the source sent: pieces of it,
# one for each connection at most, with no byte between them that is not audio. No gap may be
# longer than what the server withheld and the delay of a retry. Then players play it by its
# address, as people do.
set -euo pipefail

skip() { echo "SKIP: $*"; exit 77; }
for tool in awk curl ffmpeg gst-inspect-1.0 gst-launch-1.0 gst-play-1.0 icecast2 python3 setpriv; do
  command -v "$tool" >/dev/null || skip "$tool is not there"
done
for element in icecastsrc lamemp3enc mpegaudioparse shout2send; do
  gst-inspect-1.0 "$element" >/dev/null 2>&1 || skip "the element $element is not there"
done

folder=$(mktemp -d)
chmod 755 "$folder"
icecast_folder=$folder/icecast
mkdir "$icecast_folder"
# shellcheck source=tests/interop/icecast.sh
. "$(dirname "${BASH_SOURCE[0]}")/icecast.sh"
source_pid=
listener=
watch=
stop() { # PID SIGNAL
  [ -z "$1" ] || kill "-$2" "$1" 2>/dev/null || true
  [ -z "$1" ] || wait "$1" 2>/dev/null || true
}
finish() {
  stop "$listener" KILL
  stop "$watch" KILL
  stop "$source_pid" KILL
  stop_icecast KILL
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAIL: $*"
  echo "--- what the listener said:"
  grep -v "^Progress" "$folder/listener.log" | cut -c -300 | tail -n 60
  echo "--- what Icecast said:"
  tail -n 20 "$icecast_folder/error.log"
  exit 1
}

# Noise, so that no two pieces of it are alike.
echo "making ten minutes of noise"
gst-launch-1.0 -q audiotestsrc wave=white-noise num-buffers=25840 samplesperbuffer=1024 \
  ! audio/x-raw,rate=44100,channels=1 \
  ! lamemp3enc target=bitrate bitrate=128 cbr=true ! filesink location="$folder/noise.mp3"

start_source() {
  case $1 in
    ffmpeg) ffmpeg -v error -nostdin -re -i "$folder/noise.mp3" -c copy -write_xing 0 -id3v2_version 0 \
      -f mp3 -content_type audio/mpeg "icecast://source:hackme@127.0.0.1:$icecast_port/noise" \
      >>"$folder/source.log" 2>&1 & ;;
    shout2send) gst-launch-1.0 -q filesrc location="$folder/noise.mp3" ! mpegaudioparse \
      ! shout2send ip=127.0.0.1 port="$icecast_port" password=hackme mount=/noise \
      >>"$folder/source.log" 2>&1 & ;;
  esac
  source_pid=$!
  await_for 20 icecast_has_mount noise || fail "the source did not reach Icecast: $(cat "$folder/source.log")"
}
restart_source() { # KIND
  stop "$source_pid" KILL
  start_source "$1"
}

received() { wc -c <"$folder/received"; }
has_received() { [ "$(received)" -ge "$1" ]; }
# Writes down when more has come.
watch_growth() {
  : >"$folder/growth"
  python3 -c '
import os, sys, time
size = 0
while True:
    now = os.stat(sys.argv[1]).st_size
    if now != size:
        print(time.time(), flush=True)
    size = now
    time.sleep(0.005)' "$folder/received" >>"$folder/growth" &
  watch=$!
}
# Waits until 16 kB more have come: a second.
await_sound() { # WHAT
  local goal=$(($(received) + 16000))
  await_for 30 has_received "$goal" || fail "no sound after $1"
  echo "  sound again after $1, at byte $(received)"
}
# The same after something went wrong at BEGIN, which the server could have gone on from at
# READY: says how long the silence was. A second more is for the
# pace of source and server, and for a busy machine.
await_sound_soon() { # WHAT BEGIN READY DELAY
  await_sound "$1"
  awk -v begin="$2" -v ready="$3" -v delay="$4" '
    $1 > begin && last && $1 - last > gap {gap = $1 - last}
    {last = $1}
    END {
      withheld = ready - begin
      printf "    a gap of %.2f s, of which the server withheld %.2f s\n", gap, withheld
      exit gap > withheld + delay + 1
    }' "$folder/growth" || fail "the gap is longer than the server and a delay of $4 s can make it"
}
disconnections() { grep -c icecast-disconnected "$folder/listener.log" || true; }
has_disconnected() { [ "$(disconnections)" -gt "$1" ]; }
connections() { grep -c icecast-connected "$folder/listener.log" || true; }

run() { # SOURCE
  local before begin
  echo "listening to Icecast fed by $1"
  : >"$folder/received"
  icecast_port=
  start_icecast
  start_source "$1"
  gst-launch-1.0 -m icecastsrc location="http://127.0.0.1:$icecast_port/noise" timeout=2 \
    retry-delay=100 retry-backoff-max=500 \
    ! filesink location="$folder/received" buffer-mode=unbuffered >"$folder/listener.log" 2>&1 &
  listener=$!
  watch_growth
  await_sound "the start"
  set_icecast_title noise "Räksmörgås - it's; on"
  await_sound "a title"

  begin=$EPOCHREALTIME
  kick_icecast_listeners noise
  await_sound_soon "being thrown out" "$begin" "$begin" 0.1

  begin=$EPOCHREALTIME
  stop "$source_pid" KILL
  before=$(disconnections)
  await_for 20 has_disconnected "$((before + 1))" || fail "nobody asked for a mount that is not there"
  start_source "$1"
  await_sound_soon "the source went and came back" "$begin" "$EPOCHREALTIME" 0.5

  before=$(disconnections)
  begin=$EPOCHREALTIME
  kill -STOP "$icecast_pid"
  await_for 20 has_disconnected "$before" || fail "Icecast stands still, and nobody noticed"
  kill -CONT "$icecast_pid"
  icecast_has_mount noise || restart_source "$1"
  await_sound_soon "Icecast stood still" "$begin" "$EPOCHREALTIME" 0.5

  begin=$EPOCHREALTIME
  stop_icecast TERM
  start_icecast
  restart_source "$1"
  await_sound_soon "Icecast was restarted" "$begin" "$EPOCHREALTIME" 0.5

  begin=$EPOCHREALTIME
  stop_icecast KILL
  before=$(disconnections)
  await_for 20 has_disconnected "$before" || fail "nobody asked a server that is not there"
  start_icecast
  restart_source "$1"
  await_sound_soon "Icecast was killed" "$begin" "$EPOCHREALTIME" 0.5
  set_icecast_title noise Finale
  await_sound "one more title"

  kill -0 "$listener" 2>/dev/null || fail "the listener has ended"
  # Without -e, this ends it without EOS.
  stop "$listener" KILL
  stop "$watch" KILL
  listener='' watch=''
  if grep -E '^ERROR|GST_MESSAGE_ERROR|\(error\)|\(eos\)' "$folder/listener.log"; then
    fail "there was an error, or EOS"
  fi
  # gst-launch-1.0 writes what is not ASCII as octal numbers.
  grep -qF 'R\303\244ksm\303\266rg\303\245s' "$folder/listener.log" ||
    fail "the first title did not come"
  grep -q "(string)Finale" "$folder/listener.log" || fail "the last title did not come"
  [ "$(connections)" -ge 6 ] || fail "only $(connections) connections"
  python3 - "$folder/noise.mp3" "$folder/received" "$(connections)" <<'PYTHON' || fail "other bytes came out"
import sys
sent = open(sys.argv[1], "rb").read()
received = open(sys.argv[2], "rb").read()
connections = int(sys.argv[3])

def alike(at, begin):
    """How many bytes of sent[at:] and received[begin:] are the same."""
    size = 0
    while True:
        ours, theirs = received[begin + size:begin + size + 4096], sent[at + size:at + size + 4096]
        if ours and ours == theirs:
            size += len(ours)
            continue
        for a, b in zip(ours, theirs):
            if a != b:
                break
            size += 1
        return size

position, pieces = 0, 0
while position < len(received):
    key = received[position:position + 64]
    at = sent.find(key)
    if at < 0:
        sys.exit(f"byte {position} of {len(received)}: {key[:32]!r} was never sent")
    position += alike(at, position)
    pieces += 1
if pieces > connections:
    sys.exit(f"{pieces} pieces from {connections} connections: something is missing")
print(f"  {len(received)} bytes in {pieces} pieces from {connections} connections, as they were sent")
PYTHON
  stop "$source_pid" KILL
  source_pid=
  stop_icecast TERM
}

plays() { grep -qaE "$1" "$folder/listener.log"; }
# A player gets an address and nothing else (and titles without blanks, as they escape them). It has to show a title and to play on when Icecast
# was away, also from behind the buffer that it makes itself.
try_player() { # NAME PLAYING COMMAND...
  local name=$1 playing=$2
  shift 2
  echo "listening with $name"
  "$@" >"$folder/listener.log" 2>&1 &
  listener=$!
  await_for 30 plays "$playing" || fail "$name does not play"
  set_icecast_title noise "Title-for-$name"
  await_for 30 plays "Title-for-$name" || fail "$name does not show the title"
  kick_icecast_listeners noise
  set_icecast_title noise "Again-for-$name"
  await_for 30 plays "Again-for-$name" || fail "$name did not come back"
  kill -0 "$listener" 2>/dev/null || fail "$name has ended"
  stop "$listener" KILL
  listener=
  ! plays '^ERROR|^Error|end of stream|EOS' || fail "$name saw an error, or the end"
}

players() {
  icecast_port=
  # As Icecast is installed: without, a player waits until its buffer is full at the sound's pace.
  icecast_burst=65535
  start_icecast
  start_source ffmpeg
  local uri=icy://127.0.0.1:$icecast_port/noise
  try_player gst-play-1.0 '0:00:0[1-9]\.' \
    gst-play-1.0 --verbose --no-interactive --audiosink="fakesink sync=true" "$uri"
  try_player playbin3 'Setting pipeline to PLAYING|New clock' \
    gst-launch-1.0 -t -m playbin3 audio-sink="fakesink sync=true" uri="$uri"
  plays 'GstMessageBuffering.*percent' || fail "playbin3 did not buffer"
  stop "$source_pid" KILL
  source_pid=
  stop_icecast TERM
}

run ffmpeg
run shout2send
players
echo "icecastsrc survived everything"
