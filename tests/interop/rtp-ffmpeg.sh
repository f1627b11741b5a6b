#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# ffmpeg plays our RTP/MPEG-TS pipeline from an SDP description, and tshark reads rtpnullpay's
# packets as RTP.
set -eu

for tool in ffmpeg ffprobe gst-launch-1.0 python3 tshark text2pcap; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: $tool is not installed"
    exit 77
  fi
done
for element in x264enc rtpmp2tpay tsparse; do
  if ! gst-inspect-1.0 --exists "$element"; then
    echo "skipped: there is no element $element"
    exit 77
  fi
done

folder=$(mktemp -d)
receiver=
finish() {
  if [ -n "$receiver" ]; then
    kill "$receiver" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM

# An even port, free together with the next one (RTCP).
free_port() {
  python3 - <<'PYTHON'
import socket
while True:
    first, second = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    first.bind(("127.0.0.1", 0))
    port = first.getsockname()[1]
    if port % 2:
        continue
    try:
        second.bind(("127.0.0.1", port + 1))
    except OSError:
        continue
    print(port)
    break
PYTHON
}

# Whether somebody listens on a UDP port, by the kernel's table.
is_bound() {
  grep -qi ":$(printf %04X "$1") " /proc/net/udp
}

frames=250
echo "making a film of $frames frames"
gst-launch-1.0 -q videotestsrc num-buffers=$frames \
  ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc key-int-max=12 bframes=0 tune=zerolatency \
  ! mpegtsmux ! filesink location="$folder/film.ts"

port=$(free_port)
cat >"$folder/film.sdp" <<SDP
v=0
o=- 1 1 IN IP4 127.0.0.1
s=film
c=IN IP4 127.0.0.1
t=0 0
m=video $port RTP/AVP 33
SDP
echo "ffmpeg listens on port $port"
timeout 60 ffmpeg -v error -nostdin -protocol_whitelist file,udp,rtp \
  -fflags nobuffer -analyzeduration 500000 -i "$folder/film.sdp" \
  -map 0:v -f framecrc -flush_packets 1 "$folder/frames" \
  2>"$folder/ffmpeg.log" &
receiver=$!
tries=0
until is_bound "$port"; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ]; then
    echo "ffmpeg does not listen:"
    cat "$folder/ffmpeg.log"
    exit 1
  fi
  sleep 0.1
done

echo "sending the film in its own time"
timeout 60 gst-launch-1.0 -q filesrc location="$folder/film.ts" \
  ! tsparse set-timestamps=true alignment=7 \
  ! rtpmp2tpay seqnum-offset=100 timestamp-offset=1000 ssrc=305419896 \
  ! udpsink host=127.0.0.1 port="$port"
# RTP without RTCP has no end: ffmpeg is told to end when it has nearly all, or is given up.
# It looks at the stream for a second before it writes its first frame.
decoded_so_far() {
  if [ -f "$folder/frames" ]; then grep -vc '^#' "$folder/frames" || true; else echo 0; fi
}
tries=0
while [ "$(decoded_so_far)" -lt $((frames * 8 / 10)) ] && [ $tries -lt 300 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
kill -INT "$receiver"
wait "$receiver" || true
receiver=
decoded=$(decoded_so_far)
echo "ffmpeg decoded $decoded of $frames frames"
if [ "$decoded" -lt $((frames * 8 / 10)) ]; then
  cat "$folder/ffmpeg.log"
  exit 1
fi

echo "giving rtpnullpay's packets to tshark"
packets=40
head -c $((packets * 1400)) /dev/urandom >"$folder/bytes"
timeout 60 gst-launch-1.0 -q filesrc location="$folder/bytes" blocksize=1000 \
  ! rtpnullpay bitrate=1000000 seqnum-offset=65530 timestamp-offset=4294960000 ssrc=7 \
  ! multifilesink location="$folder/packet%03d"
for packet in "$folder"/packet*; do
  od -Ax -tx1 -v "$packet"
done | text2pcap -q -u 5004,5004 - "$folder/packets.pcap"
tshark -r "$folder/packets.pcap" -d udp.port==5004,rtp -T fields -E separator=, \
  -e rtp.version -e rtp.p_type -e rtp.ssrc -e rtp.seq -e rtp.timestamp -e rtp.payload \
  2>/dev/null >"$folder/rtp"
python3 - "$folder/rtp" "$folder/bytes" $packets <<'PYTHON'
import sys
lines = open(sys.argv[1]).read().split()
data = open(sys.argv[2], "rb").read()
assert len(lines) == int(sys.argv[3]), f"{len(lines)} packets"
received = b""
for number, line in enumerate(lines):
    version, kind, ssrc, seq, timestamp, payload = line.split(",")
    ticks = len(received) * 8 * 90000 // 1000000
    assert (version, kind, int(ssrc, 16)) == ("2", "96", 7), line[:80]
    assert int(seq) == (65530 + number) % 65536, line[:80]
    assert int(timestamp) == (4294960000 + ticks) % 2**32, line[:80]
    payload = bytes.fromhex(payload.replace(":", ""))
    assert int.from_bytes(payload[:4], "big") == len(payload) - 4
    received += payload[4:]
assert received == data
print(f"tshark read {len(lines)} packets with the right numbers, times and data")
PYTHON
