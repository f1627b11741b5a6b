#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scene: a clip made into a torrent and seeded, played from its magnet link before it is complete
set -euo pipefail

player=$KAMAELIA_BUILD/tests/examples/torrent-progress
case ${1-} in
  --help | -h)
    echo "usage: tools/demo torrent [--headless] [FILE]"
    echo "  FILE        a film that is shared (one of a minute that it makes itself)"
    echo "  --headless  show and sound nothing; also if there is no display"
    exit ;;
esac
[ -x "$player" ] || { echo "demo: built without libtorrent, so without torrents" >&2; exit 1; }
shown=()
[ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] || shown=(--headless)
if [ "${1-}" = --headless ]; then
  shown=(--headless)
  shift
fi

work=$(mktemp -d)
seed=
# Called by a trap.
# shellcheck disable=SC2317
finish() {
  [ -z "$seed" ] || kill "$seed" 2>/dev/null || true
  [ -z "$seed" ] || wait "$seed" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM
# Nothing of the player's stays, and nothing of an earlier scene is found.
export XDG_CACHE_HOME=$work/cache

clip=$work/clip.mkv
if [ $# -gt 0 ]; then
  clip=$(realpath "$1")
else
  echo "Making a clip of a minute ..."
  gst-launch-1.0 -q matroskamux name=mux ! filesink location="$clip" \
    videotestsrc num-buffers=1500 pattern=zone-plate kx2=20 ky2=20 kt=3 \
    ! video/x-raw,width=640,height=360,framerate=25/1 ! timeoverlay ! x264enc bitrate=3000 key-int-max=25 speed-preset=ultrafast ! h264parse ! mux. \
    audiotestsrc num-buffers=2585 wave=ticks ! audio/x-raw,rate=44100 ! vorbisenc ! mux.
fi
size=$(stat -c %s "$clip")

# It gives a tenth of the clip in a second, so that there is something to see.
port=$((20000 + RANDOM % 10000))
gst-launch-1.0 -m filesrc location="$clip" ! torrentsink location="$work/shared.mkv" linger=true \
  upload-limit=$((size / 10)) listen-interfaces=127.0.0.1:$port \
  dht=false lsd=false upnp=false natpmp=false >"$work/seed.log" 2>&1 &
seed=$!
for ((i = 0; i < 600; ++i)); do
  magnet=$(grep -o 'magnet=(string)"[^"]*' "$work/seed.log" | head -n 1 | cut -d '"' -f 2) || true
  [ -z "$magnet" ] || break
  sleep 0.1
done
[ -n "$magnet" ] || { echo "demo: torrentsink has made no torrent" >&2; cat "$work/seed.log" >&2; exit 1; }
magnet=$(printf '%b' "${magnet//\\/}")
echo "$((size / 1000)) kB are seeded as $magnet"
echo
"$player" --peers "127.0.0.1:$port" --seek 45 --limit 15 "${shown[@]}" "$magnet" |
  tee "$work/played"

# What was printed in between, and how much there is in the end.
tell() { # WHAT PATTERN
  printf '    %-24s %s\n' "$1" "$(sed -n "s/$2/\1/p" "$work/played" | tail -n 1)"
}
echo
echo "  what a player of the magnet link saw, of a seed that gives a tenth of the film in a second"
tell 'first picture after' 'first picture after \(.*\)'
tell 'seek to 45 s took' 'seek to .* took \(.*\)'
tell 'downloaded after 15 s' '.*\] *\([0-9]* %\), .*'
