#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How fast cookies arrive, by the clock of who receives them: within one percent of what the
# server was told. Not among the unit tests, as it is about real time.
set -euo pipefail
# shellcheck source=tests/interop/serve.sh
. "$(dirname "${BASH_SOURCE[0]}")/serve.sh"
need gst-launch-1.0 python3
head -c 300 /dev/zero | tr '\0' 'x' >"$folder/saying"
head -c 72000 /dev/urandom >"$folder/sound.wav"
head -c 280000 /dev/urandom >"$folder/film.mpg"

# Several clients at once, as they hold each other up if anything does.
measure() { # FACTORY BITRATE FILE CLIENTS
  serve "$1" "location=$3"
  python3 - "$port" "$2" "$3" "$4" <<'PYTHON'
import selectors, socket, sys, time
port, rate, clients = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[4])
expected = open(sys.argv[3], 'rb').read()
select = selectors.DefaultSelector()
for _ in range(clients):
    connection = socket.create_connection(('127.0.0.1', port), 30)
    select.register(connection, selectors.EVENT_READ, [])
rates = []
while select.get_map():
    for key, _ in select.select(30):
        piece = key.fileobj.recv(65536)
        if piece:
            key.data.append((time.monotonic(), piece))
            continue
        select.unregister(key.fileobj)
        assert b''.join(p for _, p in key.data) == expected, 'other bytes'
        # What came last took no time yet.
        size = sum(len(p) for _, p in key.data[:-1])
        rates.append(size * 8 / (key.data[-1][0] - key.data[0][0]))
rates.sort()
print(f'{rate} bit/s for {clients} clients: {rates[0]:.1f} to {rates[-1]:.1f}')
assert rates[0] > rate * 0.99 and rates[-1] < rate * 1.01, 'more than one percent off'
PYTHON
}

measure fortuneserver 320 "$folder/saying" 50
measure audiocookieserver 95200 "$folder/sound.wav" 20
measure videocookieserver 375000 "$folder/film.mpg" 20
