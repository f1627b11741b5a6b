#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# icecastsrc listens to a real Icecast while that is killed, stopped, restarted and deserted by
# its source, once with ffmpeg as the source and once with shout2send. It has to go on without
# an error and without EOS, and what comes out has to be what the source sent: pieces of it,
# one for each connection at most, with no byte between them that is not audio.
set -euo pipefail

skip() { echo "SKIP: $*"; exit 77; }
for tool in awk curl ffmpeg gst-launch-1.0 gst-inspect-1.0 icecast2 python3 setpriv; do
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
stop() { # PID SIGNAL
  [ -z "$1" ] || kill "-$2" "$1" 2>/dev/null || true
  [ -z "$1" ] || wait "$1" 2>/dev/null || true
}
finish() {
  stop "$listener" KILL
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
# Waits until 16 kB more have come: a second.
await_sound() { # WHAT
  local goal=$(($(received) + 16000))
  await_for 30 has_received "$goal" || fail "no sound after $1"
  echo "  sound again after $1, at byte $(received)"
}
disconnections() { grep -c icecast-disconnected "$folder/listener.log" || true; }
has_disconnected() { [ "$(disconnections)" -gt "$1" ]; }
connections() { grep -c icecast-connected "$folder/listener.log" || true; }

run() { # SOURCE
  local before
  echo "listening to Icecast fed by $1"
  : >"$folder/received"
  icecast_port=
  start_icecast
  start_source "$1"
  gst-launch-1.0 -m icecastsrc location="http://127.0.0.1:$icecast_port/noise" timeout=2 \
    retry-delay=100 retry-backoff-max=500 \
    ! filesink location="$folder/received" buffer-mode=unbuffered >"$folder/listener.log" 2>&1 &
  listener=$!
  await_sound "the start"
  set_icecast_title noise "Räksmörgås - it's; on"
  await_sound "a title"

  kick_icecast_listeners noise
  await_sound "being thrown out"

  stop "$source_pid" KILL
  before=$(disconnections)
  await_for 20 has_disconnected "$((before + 1))" || fail "nobody asked for a mount that is not there"
  start_source "$1"
  await_sound "the source went and came back"

  before=$(disconnections)
  kill -STOP "$icecast_pid"
  await_for 20 has_disconnected "$before" || fail "Icecast stands still, and nobody noticed"
  kill -CONT "$icecast_pid"
  icecast_has_mount noise || restart_source "$1"
  await_sound "Icecast stood still"

  stop_icecast TERM
  start_icecast
  restart_source "$1"
  await_sound "Icecast was restarted"

  stop_icecast KILL
  before=$(disconnections)
  await_for 20 has_disconnected "$before" || fail "nobody asked a server that is not there"
  start_icecast
  restart_source "$1"
  await_sound "Icecast was killed"
  set_icecast_title noise Finale
  await_sound "one more title"

  kill -0 "$listener" 2>/dev/null || fail "the listener has ended"
  # Without -e, this ends it without EOS.
  stop "$listener" KILL
  listener=
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

run ffmpeg
run shout2send
echo "icecastsrc survived everything"
