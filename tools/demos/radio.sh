#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scene: an Icecast station on this machine that breaks down in the middle, and a listener who stays
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
listener=$KAMAELIA_BUILD/tools/demos/demo-radio
case ${1-} in
  --help | -h)
    echo "usage: tools/demo radio [FILE]"
    echo "  FILE  a film or sound that the station plays (a melody of its own)"
    exec "$listener" --help ;;
esac
[ -x "$listener" ] || { echo "demo: built without libsoup 3, so without radio" >&2; exit 1; }
file=
if [ $# -gt 0 ] && [ -f "$1" ]; then
  file=$(realpath "$1")
  shift
fi

icecast_folder=$(mktemp -d)
# shellcheck source=tests/interop/icecast.sh
. "$root/tests/interop/icecast.sh"
source_pid=
misfortune=
stop_source() {
  [ -z "$source_pid" ] || kill "$source_pid" 2>/dev/null || true
  [ -z "$source_pid" ] || wait "$source_pid" 2>/dev/null || true
  source_pid=
}
# Called by a trap.
# shellcheck disable=SC2317
finish() {
  # What runs in the background has children of its own, and ends them.
  [ -z "$misfortune" ] || kill "$misfortune" 2>/dev/null || true
  [ -z "$misfortune" ] || wait "$misfortune" 2>/dev/null || true
  stop_source
  stop_icecast TERM
  rm -rf "$icecast_folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

start_source() {
  local sound=(audiotestsrc is-live=true wave=ticks freq=660)
  [ -z "$file" ] || sound=(filesrc "location=$file" ! decodebin ! audioresample)
  gst-launch-1.0 -q "${sound[@]}" ! audioconvert ! lamemp3enc target=bitrate bitrate=128 cbr=true \
    ! shout2send ip=127.0.0.1 "port=$icecast_port" password=hackme mount=/station \
    streamname="Radio Kamaelia" >>"$icecast_folder/source.log" 2>&1 &
  source_pid=$!
  await_for 20 icecast_has_mount station ||
    { echo "demo: the source did not reach Icecast" >&2; cat "$icecast_folder/source.log" >&2; return 1; }
}

# New titles, a server that dies, and one that comes back two seconds later.
have_bad_luck() {
  trap 'stop_source; stop_icecast KILL; exit' TERM
  trap - EXIT
  sleep 2
  set_icecast_title station "The Dead Poets - Über den Wolken"
  sleep 2
  stop_icecast KILL
  stop_source
  sleep 2
  start_icecast
  start_source
  sleep 1
  set_icecast_title station "The Dead Poets - It's alive; isn't it?"
  wait "$source_pid"
}

start_icecast
start_source
have_bad_luck &
misfortune=$!
# The shell would tell of the server's end in the middle of the scene.
exec 3>&2 2>"$icecast_folder/shell.log"
"$listener" "$@" "http://127.0.0.1:$icecast_port/station" 2>&3
