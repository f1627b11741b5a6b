#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the NORM in a capture readable for Wireshark, and puts a stream together again.

    readable.py rewrite CAPTURE OUT
    readable.py join FIELDS BLOCK-LENGTH

The dissector of Wireshark 4.0 knows the name of FEC encoding 5 (Reed-Solomon, 8 bits) but not
the form of its payload id, so that it takes the next four bytes for a header extension and
calls every NORM_DATA malformed, those of libnorm too. `rewrite` says encoding 130 instead,
whose payload id is as long, and prints the block length that the object information names. It
goes through each message by the lengths in it, and what does not fit together is an error. It
lets NORM_INFO be, which has no payload id.

`join` reads what tshark printed of the rewritten capture (type, symbol, what it calls the
reserved field of the stream header and is the length, stream offset, payload) and writes the
bytes of the stream in their order.
"""
import struct
import sys

OLD, NEW = 5, 130
INFO, DATA, CMD, NACK, ACK = 1, 2, 3, 4, 5
FLUSH, SQUELCH, REPAIR_ADV = 1, 3, 5
ACK_OF_FLUSH = 2
EXT_FTI = 64


def change(message, at):
    if message[at] != OLD:
        raise SystemExit(f"encoding {message[at]} in {bytes(message[:64]).hex()}")
    message[at] = NEW


def extensions(message, at, end):
    while at < end:
        # Types from 128 on have a fixed length of one word (RFC 5740, section 4.1).
        length = 4 if message[at] >= 128 else 4 * message[at + 1]
        if length == 0 or at + length > end:
            raise SystemExit(f"bad extension in {bytes(message[:64]).hex()}")
        yield at, message[at]
        at += length


def change_requests(message, at):
    while at < len(message):
        length = struct.unpack_from(">H", message, at + 2)[0]
        end = at + 4 + length
        if length == 0 or length % 8 or end > len(message):
            raise SystemExit(f"bad repair request in {bytes(message).hex()}")
        for item in range(at + 4, end, 8):
            change(message, item)
        at = end


def rewrite_message(message):
    """Returns the block length, if there is object information."""
    version, kind = message[0] >> 4, message[0] & 15
    header = 4 * message[1]
    fixed = {INFO: 16, DATA: 20, NACK: 24, ACK: 24}.get(kind)
    if kind == CMD:
        fixed = {FLUSH: 20, SQUELCH: 20}.get(message[12], 16)
    if version != 1 or fixed is None or not fixed <= header <= len(message):
        raise SystemExit(f"no message of NORM: {bytes(message[:64]).hex()}")
    known = list(extensions(message, fixed, header)) if kind != CMD else []
    if kind == DATA or kind == CMD and message[12] in (FLUSH, SQUELCH):
        change(message, 13)
    if kind == NACK or kind == CMD and message[12] == REPAIR_ADV:
        change_requests(message, header)
    if kind == ACK and message[14] == ACK_OF_FLUSH:
        change(message, header)
    return next((message[at + 10] for at, type_ in known if type_ == EXT_FTI), None)


def rewrite(source, target):
    data = bytearray(open(source, "rb").read())
    if struct.unpack_from("<I", data)[0] not in (0xA1B2C3D4, 0xA1B23C4D):
        raise SystemExit("no capture of the old format")
    at, block = 24, None
    while at < len(data):
        captured, size = struct.unpack_from("<II", data, at + 8)
        start = at + 16 + 14
        udp = start + 4 * (data[start] & 15)
        end = udp + struct.unpack_from(">H", data, udp + 4)[0]
        if captured != size or end > at + 16 + captured:
            raise SystemExit("a packet was captured in part")
        message = data[udp + 8 : end]
        block = rewrite_message(message) or block
        data[udp + 8 : end] = message
        at += 16 + captured
    open(target, "wb").write(data)
    print(block)


def join(fields, block):
    pieces = {}
    for line in open(fields):
        kind, symbol, size, offset, payload = line.rstrip("\n").split("\t")
        if int(kind) != DATA or int(symbol, 0) & 255 >= block:
            continue  # parity has no stream header of its own
        size = int(size, 0)
        piece = bytes.fromhex(payload.replace(":", ""))[:size]
        if len(piece) != size:
            raise SystemExit(f"{len(piece)} bytes at {offset}, not {size}")
        if pieces.setdefault(int(offset), piece) != piece:
            raise SystemExit(f"two kinds of bytes at {offset}")
    for offset in sorted(pieces):
        sys.stdout.buffer.write(pieces[offset])


if sys.argv[1:2] == ["rewrite"] and len(sys.argv) == 4:
    rewrite(sys.argv[2], sys.argv[3])
elif sys.argv[1:2] == ["join"] and len(sys.argv) == 4:
    join(sys.argv[2], int(sys.argv[3]))
else:
    raise SystemExit(__doc__)
