#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Real HTTP clients use httpserver: curl, wget and Python's get files whole, in parts and from
# where they stopped, send bodies in each way that they know, and ask for what is not to be had.
set -euo pipefail

say() { printf '%s\n' "$*"; }
skip() { say "SKIP: $*"; exit 77; }
fail() { say "FAIL: $*"; cat "$work/server.log"; exit 1; }

for tool in curl gst-launch-1.0 gst-inspect-1.0 cmp python3 wget; do
  command -v "$tool" >/dev/null || skip "$tool is not there"
done
gst-inspect-1.0 httpserver >/dev/null 2>&1 || skip "httpserver is not there"

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; wait; rm -rf "$work"' EXIT

mkdir -p "$work/site/sub"
head -c 5000000 /dev/urandom >"$work/site/large.bin"
head -c 70000 /dev/urandom >"$work/medium"
: >"$work/site/empty"
printf 'hello' >"$work/site/a b.txt"
printf '<title>index</title>' >"$work/site/sub/index.html"
printf 'secret' >"$work/secret"
ln -s ../secret "$work/site/link"

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for _ in 1 2 3 4 5; do
  port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
  is_free "$port" || continue
  gst-launch-1.0 httpserver address=127.0.0.1 port=$port max-body-size=1000000 \
    routes="/echo=queue;/upload=filesink location=$work/uploaded;/picture=videotestsrc \
num-buffers=1 ! video/x-raw,width=64,height=48 ! pngenc;/=dir:$work/site" \
    >"$work/server.log" 2>&1 &
  server=$!
  deadline=$((SECONDS + 20))
  until ! is_free "$port" || ! kill -0 "$server" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || fail "it does not listen"
    sleep 0.05
  done
  kill -0 "$server" 2>/dev/null && break
done
base=http://127.0.0.1:$port
curl=(curl --silent --show-error --noproxy '*' --max-time 60)
status() { "${curl[@]}" -o /dev/null -w '%{http_code}' "$@"; }
expect() { # STATUS CURL-ARGUMENT...
  local wanted=$1 got
  shift
  got=$(status "$@") || fail "curl $*: no answer"
  [ "$got" = "$wanted" ] || fail "curl $*: $got instead of $wanted"
}

say "files"
"${curl[@]}" "$base/large.bin" | cmp - "$work/site/large.bin" || fail "large.bin"
"${curl[@]}" --http1.0 "$base/large.bin" | cmp - "$work/site/large.bin" || fail "HTTP/1.0"
[ "$("${curl[@]}" "$base/a%20b.txt")" = hello ] || fail "a b.txt"
[ "$("${curl[@]}" -L "$base/sub")" = '<title>index</title>' ] || fail "index.html"
"${curl[@]}" "$base/" >"$work/page"
grep -q 'href="./large.bin"' "$work/page" || fail "the page of a folder"
expect 200 "$base/empty"
expect 404 "$base/nothing"
expect 405 -X DELETE "$base/large.bin"
[ "$("${curl[@]}" -w '%{num_connects}\n' -o /dev/null "$base/empty" -o /dev/null "$base/sub/" \
  -o /dev/null "$base/large.bin" | paste -sd ' ')" = "1 0 0" ] || fail "kept connections"

say "parts"
"${curl[@]}" -r 1000000-1999999 "$base/large.bin" |
  cmp - <(tail -c +1000001 "$work/site/large.bin" | head -c 1000000) || fail "a range"
head -c 1234567 "$work/site/large.bin" >"$work/resumed"
"${curl[@]}" -C - -o "$work/resumed" "$base/large.bin"
cmp "$work/resumed" "$work/site/large.bin" || fail "curl goes on"
head -c 2345678 "$work/site/large.bin" >"$work/large.bin"
(cd "$work" && wget --quiet --no-proxy --tries=1 --continue "$base/large.bin")
cmp "$work/large.bin" "$work/site/large.bin" || fail "wget goes on"
expect 416 -r 5000000- "$base/large.bin"
etag=$("${curl[@]}" -I "$base/large.bin" | tr -d '\r' | sed -n 's/^ETag: //p')
expect 304 -H "If-None-Match: $etag" "$base/large.bin"
expect 304 -z "$work/site/large.bin" "$base/large.bin"
(cd "$work" && wget --quiet --no-proxy --tries=1 --timestamping "$base/a%20b.txt" &&
  wget --no-proxy --tries=1 --timestamping "$base/a%20b.txt" 2>"$work/wget.log") ||
  fail "wget asks again"
grep -q ' 304 ' "$work/wget.log" || fail "wget takes an old file for new"

say "a mirror by wget"
wget --quiet --no-proxy --tries=1 --recursive --no-host-directories \
  --directory-prefix="$work/mirror" --reject 'index.html?*' "$base/"
cmp "$work/mirror/large.bin" "$work/site/large.bin" || fail "the mirror's file"
cmp "$work/mirror/a b.txt" "$work/site/a b.txt" || fail "the mirror's file with a blank"
cmp "$work/mirror/sub/index.html" "$work/site/sub/index.html" || fail "the mirror's folder"

say "bodies"
"${curl[@]}" --data-binary "@$work/medium" "$base/echo" | cmp - "$work/medium" || fail "POST"
"${curl[@]}" -T "$work/medium" "$base/echo" | cmp - "$work/medium" || fail "PUT"
"${curl[@]}" -T - "$base/echo" <"$work/medium" >"$work/echoed"
cmp "$work/echoed" "$work/medium" || fail "PUT in chunks"
"${curl[@]}" --http1.0 --data-binary "@$work/medium" "$base/echo" | cmp - "$work/medium" ||
  fail "POST by HTTP/1.0"
"${curl[@]}" -H 'Expect: 100-continue' --data-binary "@$work/medium" "$base/echo" |
  cmp - "$work/medium" || fail "100-continue"
wget --quiet --no-proxy --tries=1 -O - "--post-file=$work/medium" "$base/echo" |
  cmp - "$work/medium" || fail "wget posts"
expect 204 -T "$work/medium" "$base/upload"
cmp "$work/uploaded" "$work/medium" || fail "the upload"
expect 413 -T "$work/site/large.bin" "$base/echo"
expect 405 "$base/upload"

say "pipelines"
"${curl[@]}" -D "$work/head" -o "$work/picture" "$base/picture"
grep -qi '^content-type: image/png' "$work/head" || fail "the picture's type"
head -c 4 "$work/picture" | cmp - <(printf '\x89PNG') || fail "the picture"
python3 - "$port" "$work/medium" <<'PYTHON' || fail "Python's client"
import http.client, sys
data = open(sys.argv[2], 'rb').read()
client = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=60)
for size in (0, 1, 1000, len(data)):
    client.request('POST', '/echo', iter([data[:size]]), encode_chunked=True,
                   headers={'Transfer-Encoding': 'chunked'})
    assert client.getresponse().read() == data[:size], size
    client.request('GET', '/a%20b.txt')
    assert client.getresponse().read() == b'hello'
PYTHON

say "no way out"
for path in /../secret /%2e%2e/secret /..%2fsecret /sub/../../secret /link /..%5csecret \
  /%00 //etc/passwd /.%2e/secret; do
  code=$(status --path-as-is "$base$path")
  [ "$code" = 400 ] || [ "$code" = 404 ] || fail "$path: $code"
done
kill -0 "$server" || fail "the server is gone"
say "all of them got what they asked for"
