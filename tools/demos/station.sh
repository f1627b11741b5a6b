#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scene: a station of your own in one pipeline, with a page to listen at; Chromium tries it
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
usage() {
  echo "usage: tools/demo station [--port PORT] [--seconds SECONDS] [FILE]"
  echo "  FILE       a music file (tones with changing titles, for eight minutes)"
  echo "  --port     where to listen, at all addresses of this host (8000)"
  echo "  --seconds  for how long to stay on the air (until Ctrl-C, or the music's end)"
}
port=8000
seconds=0
file=
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit ;;
    --port) port=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    *) file=$(realpath "$1"); shift ;;
  esac
done

sound=(concat name=sound)
if [ -n "$file" ]; then
  sound=(filesrc "location=$file" ! decodebin)
fi
sound+=(! audioconvert ! audioresample ! lamemp3enc target=bitrate bitrate=128 cbr=true
  ! mpegaudioparse
  ! httpserversink "port=$port" stream-name="Radio Kamaelia" genre=demonstration
  description="From one line of gst-launch-1.0")
if [ -z "$file" ]; then
  # Twenty seconds each: 861 buffers of 1024 samples.
  for round in 1 2 3; do
    for tone in 262:C:sine 294:D:triangle 330:E:sine 349:F:triangle 392:G:sine 440:A:triangle \
      494:B:sine 523:C:triangle; do
      IFS=: read -r frequency name wave <<<"$tone"
      sound+=(audiotestsrc num-buffers=861 volume=0.2 "freq=$frequency" "wave=$wave"
        ! "audio/x-raw,rate=44100,channels=2"
        ! taginject "tags=\"title=\\\"$name, take $round\\\",artist=\\\"The Oscillators\\\"\"" ! sound.)
    done
  done
fi

station=
trap '[ -z "$station" ] || kill "$station" 2>/dev/null || true' EXIT
trap 'exit 0' INT TERM
log=$(mktemp)
gst-launch-1.0 -q "${sound[@]}" >"$log" 2>&1 &
station=$!
for _ in $(seq 100); do
  curl --silent --noproxy '*' --fail "http://127.0.0.1:$port/status-json.xsl" 2>/dev/null |
    grep -q audio/mpeg && break
  kill -0 "$station" 2>/dev/null || { cat "$log" >&2; rm -f "$log"; exit 1; }
  sleep 0.1
done
rm -f "$log"
echo "On the air. The page:   http://127.0.0.1:$port/"
for address in $(hostname -I 2>/dev/null || true); do
  case $address in
    *:*) ;; # the element listens at all addresses of IPv4
    *) echo "                        http://$address:$port/" ;;
  esac
done
echo "In a player:            http://127.0.0.1:$port/stream"
if command -v chromedriver >/dev/null && command -v python3 >/dev/null; then
  echo "Chromium opens the page and clicks on play:"
  python3 "$root/tests/interop/station_page.py" "http://127.0.0.1:$port/" | sed 's/^/  /'
else
  echo "(With Chromium and its driver, this would show that a browser plays it.)"
fi
if [ "$seconds" -gt 0 ]; then
  sleep "$seconds"
else
  echo "Ctrl-C ends it."
  wait "$station"
fi
