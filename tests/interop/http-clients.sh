#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Real HTTP clients talk to `tcpserversrc ! mimerequestparse`; what they send as a body has to
# come out of it byte for byte. The server is mute: a client is stopped when its request is
# out, as no answer is ever going to come.
set -euo pipefail

say() { printf '%s\n' "$*"; }
skip() { say "SKIP: $*"; exit 77; }

for tool in curl gst-launch-1.0 gst-inspect-1.0 cmp awk; do
  command -v "$tool" >/dev/null || skip "$tool is not there"
done
for element in tcpserversrc multifilesink filesink filesrc mimerequestparse; do
  gst-inspect-1.0 "$element" >/dev/null 2>&1 || skip "the element $element is not there"
done

work=$(mktemp -d)
server=
client=
stop() {
  [ -z "$1" ] || kill "$1" 2>/dev/null || true
  [ -z "$1" ] || wait "$1" 2>/dev/null || true
}
trap 'stop "$client"; stop "$server"; rm -rf "$work"' EXIT

# Waits, for 30 seconds at most, until a command succeeds.
await() {
  local deadline=$((SECONDS + 30))
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.02
  done
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
is_listening() { awk -v p="$(printf ':%04X' "$1")" '$2 ~ p"$" && $4 == "0A" {f = 1} END {exit !f}' /proc/net/tcp; }
is_there() { [ "$(cat "$1"* 2>/dev/null | wc -c)" -ge "$2" ] && [ -e "$3" ]; }

# Starts a pipeline behind a port that nobody else has.
start_server() {
  for _ in 1 2 3 4 5; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
    is_free "$port" || continue
    gst-launch-1.0 -v tcpserversrc host=127.0.0.1 "port=$port" ! "$@" \
      >"$work/server.log" 2>&1 &
    server=$!
    await server_is_up && kill -0 "$server" 2>/dev/null && return
    stop "$server"
    server=
  done
  say "FAIL: no server came up"
  cat "$work/server.log"
  exit 1
}
server_is_up() { is_listening "$port" || ! kill -0 "$server" 2>/dev/null; }

fail() {
  say "FAIL: $*"
  cat "$work/server.log"
  exit 1
}

# check NAME METHOD BODY-FILE CLIENT...: the client's request becomes that body.
check() {
  local name=$1 method=$2 body=$3 size
  shift 3
  size=$(wc -c <"$body")
  rm -f "$work"/out-*
  start_server mimerequestparse name=parse ! multifilesink "location=$work/out-%02d"
  say "$name: $*"
  "$@" "http://127.0.0.1:$port/$name?a=b" >/dev/null 2>"$work/client.log" &
  client=$!
  await is_there "$work/out-" "$size" "$work/out-00" ||
    fail "$name: the body did not come out ($(cat "$work/client.log"))"
  stop "$client"
  client=
  wait "$server" || fail "$name: the pipeline failed"
  server=
  [ ! -e "$work/out-01" ] || fail "$name: more than one request came out"
  cmp "$body" "$work/out-00" || fail "$name: another body came out"
  grep -q "GstPad:src: caps = application/x-mime-request, method=(string)$method, uri=(string)\"\?/$name" \
    "$work/server.log" || fail "$name: the caps do not say $method /$name"
  say "  $size bytes, as sent"
}

: >"$work/empty"
printf 'name=value&text=a%%20b' >"$work/form"
head -c 1048576 /dev/urandom >"$work/large"
head -c 70000 /dev/urandom >"$work/medium"
printf 'line\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n' >"$work/tricky"

curl=(curl --silent --show-error --noproxy '*' --max-time 60)
check get GET "$work/empty" "${curl[@]}"
check head HEAD "$work/empty" "${curl[@]}" --head
check post POST "$work/form" "${curl[@]}" --data "$(cat "$work/form")"
check put PUT "$work/medium" "${curl[@]}" --upload-file "$work/medium"
check tricky POST "$work/tricky" "${curl[@]}" --data-binary "@$work/tricky"
check large POST "$work/large" "${curl[@]}" -H 'Expect:' --data-binary "@$work/large"
check expect POST "$work/large" "${curl[@]}" -H 'Expect: 100-continue' --expect100-timeout 0.1 \
  --data-binary "@$work/large"
check chunked-post POST "$work/medium" "${curl[@]}" -H 'Transfer-Encoding: chunked' \
  --data-binary "@$work/medium"
upload() { exec "$@" <"$work/large"; }
check chunked-put PUT "$work/large" upload "${curl[@]}" --expect100-timeout 0.1 --upload-file -
command -v wget >/dev/null &&
  check wget POST "$work/medium" wget --quiet --tries=1 --no-proxy --output-document=- \
    "--post-file=$work/medium"

# Several requests on one connection: a client waits for an answer before the next one, so
# what it sent each time is recorded and sent again in one go.
: >"$work/session"
record() {
  local size=$1
  shift
  rm -f "$work/raw"
  start_server filesink "location=$work/raw" buffer-mode=unbuffered
  say "record: $*"
  "$@" "http://127.0.0.1:$port/session" >/dev/null 2>"$work/client.log" &
  client=$!
  await has_request "$size" || fail "nothing was recorded ($(cat "$work/client.log"))"
  stop "$client"
  client=
  wait "$server" || fail "the recording failed"
  server=
  cat "$work/raw" >>"$work/session"
}
# The empty line, and so many bytes after it.
has_request() {
  local head
  head=$(grep -abom1 $'^\r$' "$work/raw" 2>/dev/null | head -n 1 | cut -d : -f 1)
  [ -n "$head" ] && [ "$(wc -c <"$work/raw")" -ge $((head + 2 + $1)) ]
}
record 0 "${curl[@]}"
record "$(wc -c <"$work/form")" "${curl[@]}" --data "$(cat "$work/form")"
record 70000 "${curl[@]}" --upload-file "$work/medium"
record 0 "${curl[@]}"
record "$(wc -c <"$work/tricky")" "${curl[@]}" --data-binary "@$work/tricky"
for size in 1 7 1460 1048576; do
  rm -f "$work"/out-*
  say "replay: five requests on one connection, in pieces of $size"
  gst-launch-1.0 filesrc "location=$work/session" "blocksize=$size" ! mimerequestparse \
    ! multifilesink "location=$work/out-%02d" >"$work/server.log" 2>&1 || fail "replay"
  index=0
  for body in empty form medium empty tricky; do
    cmp "$work/$body" "$work/out-0$index" || fail "request $index has another body"
    index=$((index + 1))
  done
  [ ! -e "$work/out-05" ] || fail "more than five requests came out"
done
say "all bodies came out as they went in"
