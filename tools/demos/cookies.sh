#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scene: four servers from one line each, echo, fortune, sound and film, and a client at each
set -euo pipefail
# Where ss is, which is not in everybody's path.
export PATH=$PATH:/usr/sbin:/sbin

case ${1-} in
  --help | -h)
    echo "usage: tools/demo cookies [--seed N]"
    echo "  --seed N  the fortune that the first client gets is the same each time"
    exit ;;
esac
seed=0
if [ "${1-}" = --seed ]; then seed=${2?"--seed wants a number"}; fi

folder=$(mktemp -d)
servers=()
# Called by a trap.
# shellcheck disable=SC2317
finish() {
  [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

listens() { [ -n "$(ss -ltnH "sport = :$1")" ]; }

# Starts a server at a port that nobody has; the port is in $port then.
serve() { # FACTORY PROPERTY...
  local log=$folder/$1.log i
  port=$((20000 + RANDOM % 12000))
  while listens "$port"; do port=$((port + 1)); done
  echo
  echo "  gst-launch-1.0 $* port=$port"
  gst-launch-1.0 "$@" "port=$port" >"$log" 2>&1 &
  servers+=($!)
  for ((i = 0; i < 100; ++i)); do
    if listens "$port"; then return; fi
    kill -0 "${servers[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "demo: $1 does not listen" >&2
  cat "$log" >&2
  return 1
}

# What netcat gets, into a file, and how long it took in milliseconds ($took).
fetch() { # FILE
  local start
  start=$(date +%s%3N)
  timeout 60 nc -d 127.0.0.1 "$port" >"$1"
  took=$(($(date +%s%3N) - start))
}

tell() { # FILE
  local size
  size=$(stat -c %s "$1")
  echo "    $size bytes in $((took / 1000)).$(printf %03d $((took % 1000))) s:" \
    "$((size * 8000 / took)) bit/s"
}

expect_one_of() { # FILE ORIGINAL...
  local got=$1 original
  shift
  for original; do
    if cmp -s "$got" "$original"; then
      echo "    it is $(basename "$original"), to the last byte"
      return
    fi
  done
  echo "demo: what came is not what was served" >&2
  return 1
}

echo "Making two sounds and a film to serve ..."
mkdir "$folder/sounds" "$folder/films"
for pitch in 440 660; do
  gst-launch-1.0 -q audiotestsrc num-buffers=120 freq=$pitch ! vorbisenc bitrate=95000 \
    ! oggmux ! filesink location="$folder/sounds/$pitch.ogg"
done
gst-launch-1.0 -q videotestsrc num-buffers=45 pattern=ball \
  ! video/x-raw,width=160,height=120,framerate=15/1 ! jpegenc ! avimux \
  ! filesink location="$folder/films/ball.avi"

serve echoserver
printf 'What you send you get.\n' | timeout 20 nc -N 127.0.0.1 "$port" >"$folder/echo"
echo "    $(cat "$folder/echo")"
head -c 10000000 /dev/urandom >"$folder/noise"
timeout 60 nc -N 127.0.0.1 "$port" <"$folder/noise" >"$folder/echoed"
cmp "$folder/noise" "$folder/echoed"
echo "    and ten million bytes of noise came back as they were sent"

serve fortuneserver "seed=$seed" min-length=60 max-length=160
echo "    letter by letter, at 320 bit/s:"
fetch "$folder/fortune" &
client=$!
# As it comes.
timeout 60 nc -d 127.0.0.1 "$port" | sed 's/^/    | /'
wait "$client"
echo "    and a second client got $(stat -c %s "$folder/fortune") bytes of its own meanwhile"
fetch "$folder/fortune"
tell "$folder/fortune"

serve audiocookieserver "location=$folder/sounds"
fetch "$folder/sound"
tell "$folder/sound"
expect_one_of "$folder/sound" "$folder"/sounds/*

serve videocookieserver "location=$folder/films" pattern='*.avi'
fetch "$folder/film"
tell "$folder/film"
expect_one_of "$folder/film" "$folder"/films/*

echo
echo "All four served what they should, at the pace they should."
