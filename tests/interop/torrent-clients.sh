#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Clients that other people wrote read the torrents of torrentsink, and aria2c downloads from it
# what has version 1 alone.
set -euo pipefail

for tool in aria2c gst-launch-1.0 python3 transmission-show; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done

work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# A tracker that knows one peer: who asked it first, which is the seeder.
cat >"$work/tracker.py" <<'PYTHON'
import http.server
import socket
import struct
import urllib.parse

first = []


class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = dict(part.split("=", 1) for part in urllib.parse.urlsplit(self.path).query.split("&"))
        peer = socket.inet_aton("127.0.0.1") + struct.pack("!H", int(query["port"]))
        if not first:
            first.append(peer)
            print("known", flush=True)
        body = b"d8:intervali60e5:peers6:" + first[0] + b"e"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Tracker)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON

wait_for() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

head -c 5000000 /dev/urandom >"$work/in.bin"
for format in v1 hybrid; do
  rm -f "$work/port"
  python3 "$work/tracker.py" >"$work/port" &
  pids+=($!)
  wait_for 10 test -s "$work/port" || fail "the tracker does not begin"
  announce=http://127.0.0.1:$(head -n 1 "$work/port")/announce
  gst-launch-1.0 -q filesrc location="$work/in.bin" ! torrentsink location="$work/$format.bin" \
    format=$format trackers="$announce" comment="A comment" linger=true \
    listen-interfaces=127.0.0.1:0 dht=false lsd=false upnp=false natpmp=false \
    >"$work/sink.log" 2>&1 &
  pids+=($!)
  torrent=$work/$format.bin.torrent
  wait_for 20 test -s "$torrent" || fail "$format: no torrent: $(cat "$work/sink.log")"

  # Transmission 3.00 cannot read any torrent that has version 2 too.
  if [ $format = v1 ]; then
    transmission-show "$torrent" >"$work/shown" || fail "$format: transmission-show"
    for line in "Name: $format.bin" "Comment: A comment" "gst-kamaelia/" "$announce" \
      "Piece Count: 77"; do
      grep -qF "$line" "$work/shown" || fail "$format: transmission does not see \"$line\""
    done
  fi
  aria2c -S "$torrent" >"$work/shown"
  grep -qF "$format.bin" "$work/shown" || fail "$format: aria2c does not see the file"

  if [ $format = v1 ]; then
    wait_for 30 grep -q known "$work/port" || fail "$format: the seed does not tell its tracker"
    mkdir "$work/got"
    timeout 60 aria2c --dir="$work/got" --seed-time=0 --enable-dht=false --bt-enable-lpd=false \
      --enable-peer-exchange=false --check-integrity=true "$torrent" >"$work/aria2.log" 2>&1 ||
      { tail -n 20 "$work/aria2.log" >&2; fail "$format: aria2c gets nothing from the seed"; }
    cmp "$work/in.bin" "$work/got/$format.bin" || fail "$format: aria2c got other bytes"
    rm -r "$work/got"
  fi
  for pid in "${pids[@]}"; do kill "$pid"; done
  wait
  pids=()
  echo "$format: done"
done
