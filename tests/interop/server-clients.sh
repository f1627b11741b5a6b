#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The clients that people have, at the four servers: what they send comes back, what they are
# given is what was to be given, byte for byte, and they end by themselves.
set -euo pipefail
# shellcheck source=tests/interop/serve.sh
. "$(dirname "${BASH_SOURCE[0]}")/serve.sh"
need curl gst-launch-1.0 nc.openbsd ncat openssl python3 socat telnet

fail() {
  echo "$*" >&2
  exit 1
}

# Nobody waits for ever.
within() { timeout 30 "$@"; }

# As a user would: it connects, sends its input, ends, and prints what comes.
with_nc() { within nc.openbsd -N 127.0.0.1 "$port"; }
with_ncat() { within ncat 127.0.0.1 "$port"; }
with_socat() { within socat -t 30 - "TCP:127.0.0.1:$port"; }

# ---- echo --------------------------------------------------------------------------------

serve echoserver
head -c $((64 << 20)) /dev/urandom >"$folder/noise"
: >"$folder/nothing"
printf x >"$folder/byte"
for client in with_nc with_ncat with_socat; do
  for file in nothing byte noise; do
    $client <"$folder/$file" >"$folder/echo" || fail "echoserver: $client ends with $?"
    cmp "$folder/$file" "$folder/echo" || fail "echoserver: $client gets other bytes"
  done
  echo "echoserver: ${client#with_} got back nothing, a byte, and 64 MiB"
done
# What a person types, and how it is ended: the escape character, and "quit".
telnet_says=$({
  printf 'hello\r\n'
  sleep 2
  printf '\035quit\r\n'
} | within telnet 127.0.0.1 "$port" | tr -d '\r')
grep -qx hello <<<"$telnet_says" || fail "echoserver: telnet shows: $telnet_says"
echo 'echoserver: telnet shows what was typed'

# ---- TLS ---------------------------------------------------------------------------------

for who in server client; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$who" \
    -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' -keyout "$folder/$who.key" \
    -out "$folder/$who.crt" 2>/dev/null
  cat "$folder/$who.crt" "$folder/$who.key" >"$folder/$who.pem"
done
# Lines that begin with a blank: others may be commands to openssl.
head -c 500000 "$folder/noise" | od -An -tx1 >"$folder/lines"

# It does not end with its input, so that nothing of what comes is lost.
with_openssl() { # S_CLIENT-OPTION...
  { cat; sleep 2; } | within openssl s_client -quiet -no_ign_eof -verify_return_error \
    -CAfile "$folder/server.crt" -connect "127.0.0.1:$port" "$@" 2>"$folder/openssl.log"
}
serve echoserver tls-certificate-file="$folder/server.pem"
for version in -tls1_2 -tls1_3; do
  with_openssl $version <"$folder/lines" >"$folder/echo" || true
  cmp "$folder/lines" "$folder/echo" || fail "TLS: $(cat "$folder/openssl.log")"
done
within socat -t 30 - "OPENSSL:127.0.0.1:$port,cafile=$folder/server.crt" \
  <"$folder/lines" >"$folder/echo"
cmp "$folder/lines" "$folder/echo" || fail 'TLS: socat gets other bytes'
within ncat -4 --ssl-verify --ssl-trustfile "$folder/server.crt" localhost "$port" \
  <"$folder/lines" >"$folder/echo"
cmp "$folder/lines" "$folder/echo" || fail 'TLS: ncat gets other bytes'
echo 'TLS: openssl (1.2 and 1.3), socat and ncat trust the server and get back what they send'

serve echoserver tls-certificate-file="$folder/server.pem" tls-client-auth=required \
  tls-ca-file="$folder/client.crt"
with_openssl -cert "$folder/client.crt" -key "$folder/client.key" <"$folder/lines" \
  >"$folder/echo" || true
cmp "$folder/lines" "$folder/echo" || fail "TLS: $(cat "$folder/openssl.log")"
for stranger in "-cert $folder/server.crt -key $folder/server.key" ''; do
  # The options are words.
  # shellcheck disable=SC2086
  with_openssl $stranger <"$folder/byte" >"$folder/echo" || true
  cmp "$folder/nothing" "$folder/echo" || fail 'TLS: a stranger is served'
done
echo 'TLS: who has the certificate is served, who has another or none is not'

# ---- cookies -----------------------------------------------------------------------------

printf 'One.\n%%\nTwo\nlines.\n%%\nThree.\n' >"$folder/sayings"
mkdir "$folder/cookies" "$folder/sounds" "$folder/films"
printf 'One.\n' >"$folder/cookies/1"
printf 'Two\nlines.\n' >"$folder/cookies/2"
printf 'Three.\n' >"$folder/cookies/3"
for i in 1 2 3; do
  head -c $((436224 + i)) /dev/urandom >"$folder/sounds/$i.wav"
  head -c $((300000 + i)) /dev/urandom >"$folder/films/$i.mpg"
done

is_one_of() { # FILE FOLDER
  local original
  for original in "$2"/*; do
    ! cmp -s "$1" "$original" || return 0
  done
  return 1
}

# Kamaelia's TCPClient and its ConnectedSocketAdapter as they use a socket: it connects without
# waiting, by asking again and again, and is told by select() when there is something to read.
# When there is nothing more it shuts both ways and closes. It says nothing.
with_kamaelia() {
  within python3 - "$port" <<'PYTHON'
import errno, os, select, socket, sys
peer = socket.socket()
peer.setblocking(False)
while (code := peer.connect_ex(('127.0.0.1', int(sys.argv[1])))) not in (0, errno.EISCONN):
    assert code in (errno.EINPROGRESS, errno.EALREADY), os.strerror(code)
while True:
    select.select([peer], [], [], 5)
    try:
        data = peer.recv(32768)
    except BlockingIOError:
        continue
    if not data:
        break
    sys.stdout.buffer.write(data)
peer.shutdown(socket.SHUT_RDWR)
peer.close()
PYTHON
}
# Who writes what nobody reads, and is slow to read what it gets.
with_chatter() {
  within python3 - "$port" <<'PYTHON'
import socket, sys, time
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
peer.sendall(b'0123456789')
while data := peer.recv(10000):
    sys.stdout.buffer.write(data)
    time.sleep(0.002)
PYTHON
}
with_silent_nc() { within nc.openbsd -d 127.0.0.1 "$port"; }
with_silent_ncat() { within ncat --recv-only 127.0.0.1 "$port"; }
with_silent_socat() { within socat -u "TCP:127.0.0.1:$port" -; }
with_pipeline() { within gst-launch-1.0 -q tcpclientsrc host=127.0.0.1 port="$port" ! fdsink; }
# What a browser makes of it: a request, and an answer without a head.
with_curl() { within curl -s --http0.9 "http://127.0.0.1:$port/"; }
cookie_clients=(with_silent_nc with_silent_ncat with_silent_socat with_pipeline with_curl
  with_kamaelia with_chatter)

give() { # FOLDER ELEMENT PROPERTY...
  local originals=$1 client
  shift
  serve "$@"
  for client in "${cookie_clients[@]}"; do
    $client </dev/null >"$folder/got" || fail "$1: $client ends with $?"
    is_one_of "$folder/got" "$originals" || fail "$1: $client gets other bytes"
  done
  echo "$1: ${cookie_clients[*]#with_} got cookies, whole"
}
give "$folder/cookies" fortuneserver location="$folder/sayings"
# A person who asks for one by telnet sees it, and is told that this was all.
telnet_says=$(sleep 20 | within telnet 127.0.0.1 "$port" 2>&1 | tr -d '\r') || true
grep -qE '^(One\.|lines\.|Three\.)$' <<<"$telnet_says" ||
  fail "fortuneserver: telnet shows: $telnet_says"
grep -q 'Connection closed' <<<"$telnet_says" || fail "fortuneserver: telnet: $telnet_says"
echo 'fortuneserver: telnet shows a cookie, and that it was all'
# Their own pace is for cookie-pace.sh to measure.
give "$folder/sounds" audiocookieserver location="$folder/sounds" bitrate=20000000
give "$folder/films" videocookieserver location="$folder/films" bitrate=20000000
