#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# icecastsrc listens to a real Icecast that is fed with chained Ogg: a new Opus stream for each
# title, as liquidsoap and others make them. A pipeline with one decoder has to play through
# all of them, and through a restart of Icecast, with their titles; so has playbin3.
set -euo pipefail

skip() { echo "SKIP: $*"; exit 77; }
for tool in awk curl ffmpeg gst-inspect-1.0 gst-launch-1.0 icecast2 python3 setpriv; do
  command -v "$tool" >/dev/null || skip "$tool is not there"
done
for element in icecastsrc oggdemux opusdec; do
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
  tail -n 60 "$folder/listener.log" | cut -c -300
  exit 1
}

echo "making three titles"
titles=(Alpha Beta Gamma)
for i in 0 1 2; do
  ffmpeg -v error -nostdin -f lavfi -i "sine=frequency=$((440 * (i + 1))):duration=2:sample_rate=48000" \
    -c:a libopus -b:a 64k -metadata title="${titles[i]}" "$folder/$i.ogg"
done

# Sends the three over and over, each in the two seconds that it plays.
start_source() {
  python3 - "$icecast_port" "$folder"/[0-2].ogg >>"$folder/source.log" 2>&1 <<'PYTHON' &
import base64, itertools, socket, sys, time
station = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
station.sendall(b"SOURCE /chain.ogg HTTP/1.0\r\nContent-Type: application/ogg\r\nAuthorization: Basic "
                + base64.b64encode(b"source:hackme") + b"\r\n\r\n")
due = time.monotonic()
for name in itertools.cycle(sys.argv[2:]):
    link = open(name, "rb").read()
    for at in range(0, len(link), 1400):
        station.sendall(link[at:at + 1400])
        due += 2 * 1400 / len(link)
        time.sleep(max(0, due - time.monotonic()))
PYTHON
  source_pid=$!
  await_for 20 icecast_has_mount chain.ogg || fail "the source did not reach Icecast: $(cat "$folder/source.log")"
}

titles_seen() { # HOW MANY TIMES EACH
  local title
  for title in "${titles[@]}"; do
    [ "$(grep -ac "title.*$title" "$folder/listener.log")" -ge "$1" ] || return 1
  done
}

listen_with() { # NAME COMMAND...
  local name=$1 seen
  shift
  echo "listening with $name"
  "$@" >"$folder/listener.log" 2>&1 &
  listener=$!
  await_for 30 titles_seen 1 || fail "$name does not get through three titles"
  stop "$source_pid" KILL
  stop_icecast TERM
  start_icecast
  start_source
  seen=$(grep -ac "title.*Alpha" "$folder/listener.log")
  await_for 30 titles_seen $((seen + 1)) || fail "$name does not go on after a restart"
  kill -0 "$listener" 2>/dev/null || fail "$name has ended"
  stop "$listener" KILL
  listener=
  if grep -aE '^ERROR|GstMessageError|\(eos\)' "$folder/listener.log"; then
    fail "$name saw an error, or the end"
  fi
}

start_icecast
start_source
uri=127.0.0.1:$icecast_port/chain.ogg
listen_with "one decoder" gst-launch-1.0 -t -m icecastsrc location="http://$uri" retry-delay=100 \
  retry-backoff-max=500 ! oggdemux ! opusdec ! audioconvert ! fakesink sync=true
listen_with playbin3 gst-launch-1.0 -t -m playbin3 uri="icy://$uri" audio-sink="fakesink sync=true"
echo "chained Ogg plays on"
