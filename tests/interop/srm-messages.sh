#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tshark's NORM dissector reads our messages, and reads from each what we wrote.
#
#   srm-messages.sh PROGRAM     what writes the messages: srm-messages
#
# Up to 4.0 it knows neither the payload id nor the object information of FEC encoding 5, and
# takes the stream header from the wrong place: it calls stream data of that encoding malformed,
# libnorm's just as ours. Those may be malformed, nothing else.
set -eu

for tool in python3 tshark text2pcap; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: $tool is not installed"
    exit 77
  fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

mkdir "$folder/messages"
"$1" "$folder/messages"
for message in "$folder/messages"/*; do
  basename "$message" >>"$folder/names"
  od -Ax -tx1 -v "$message"
done | text2pcap -q -u 6003,6003 - "$folder/packets.pcap"

fields="type hlen sequence source_id instance_id backoff gsize flags fec_encoding_id
  object_transport_id flavor ccsequence cc_sts cc_stus cc_node_id ack.source ack.type ack.id
  ack.grtt_sec ack.grtt_usec nack.server nack.grtt_sec nack.grtt_usec nack.form nack.flags
  nack.length payload"
arguments="-e _ws.malformed"
for field in $fields; do
  arguments="$arguments -e norm.$field"
done
# The arguments are words.
# shellcheck disable=SC2086
tshark -r "$folder/packets.pcap" -d udp.port==6003,norm -T fields -E separator=';' \
  $arguments >"$folder/read" 2>/dev/null

python3 - "$folder/names" "$folder/read" "$fields" <<'PYTHON'
import sys

names = open(sys.argv[1]).read().split()
lines = open(sys.argv[2]).read().splitlines()
fields = ["malformed"] + sys.argv[3].split()
assert len(names) == len(lines) == 18, (len(names), len(lines))
read = {}
for name, line in zip(names, lines):
    values = line.split(";")
    read[name] = {field: value for field, value in zip(fields, values) if value}
    if name not in ("data", "data-fti", "data-parity"):
        assert "malformed" not in read[name], f"{name} is malformed"


def expect(name, **want):
    for field, value in want.items():
        field = field.replace("__", ".")
        got = read[name].get(field)
        assert got == value, f"{name}: {field} is {got}, not {value}"


sender = dict(sequence="100", source_id="10.0.0.1", instance_id="7", backoff="4", gsize="100")
for name, kind, words in (("data", 2, 5), ("data-fti", 2, 8), ("data-object", 2, 8), ("info", 1, 7)):
    expect(name, type=str(kind), hlen=str(words), object_transport_id="0x0005", **sender)
    assert int(read[name]["flags"], 0) == (0x04 if name in ("info", "data-object") else 0x24)
flavours = {"flush": 1, "eot": 2, "squelch": 3, "cc": 4, "cc-rate": 4, "repair-adv": 5, "repair-adv-limit": 5,
            "ack-req": 6}
for name, flavour in flavours.items():
    expect(name, type="3", flavor=str(flavour), **sender)
for name in ("flush", "squelch"):
    expect(name, object_transport_id="0x0005", fec_encoding_id="5")
for name, words in (("cc", "6"), ("cc-rate", "7")):
    expect(name, hlen=words, ccsequence="9", cc_sts="12", cc_stus="345678")
requests = dict(nack__form="1,2,2,1,3", nack__length="16,16,16,8,8")
for name, seconds, micros in (("nack", "12", "345678"), ("nack-window", "0", "0")):
    expect(name, type="4", sequence="100", source_id="10.0.0.1", nack__server="10.0.0.1",
           instance_id="7", nack__grtt_sec=seconds, nack__grtt_usec=micros, **requests)
for name, kind in (("ack-flush", 2), ("ack-cc", 1), ("ack-cc-rate", 1)):
    expect(name, type="5", ack__source="10.0.0.1", instance_id="7", ack__type=str(kind),
           ack__grtt_sec="12", ack__grtt_usec="345678")
print(f"tshark read {len(lines)} messages as they were written")
PYTHON
