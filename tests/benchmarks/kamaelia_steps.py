# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Kamaelia's framing components do to each message, in Python and without its scheduler.

Written anew from their documented behaviour, to have a figure beside ours in the same run;
the components themselves, run by Axon, are slower than this. Prints "name<TAB>seconds per
message".
"""
import bisect
import random
import re
import time

SYNC = "X" * 24


def frame(number, data):
    return "%s %s\n%s" % (number, len(data), data)


def deframe(message):
    end = message.find("\n")
    number, length = [int(field) for field in message[:end].split()]
    body = message[end + 1:]
    return number, body[:length]


def escape(message):
    message = re.sub("%", "%25", message)
    for byte in SYNC:
        message = re.sub(byte, "%%%02x" % ord(byte), message)
    return message


def unescape(message):
    for byte in SYNC:
        message = re.sub("%%%02x" % ord(byte), byte, message)
    return re.sub("%25", "%", message)


class Dechunker:
    def __init__(self):
        self.buffer = ""
        self.found_first = False

    def feed(self, data):
        self.buffer += data
        at = self.buffer.find(SYNC, len(SYNC))
        if at == -1:
            return None
        chunk = None
        if self.found_first:
            chunk = unescape(self.buffer[len(SYNC):at])
            self.buffer = self.buffer[at:]
        self.found_first = True
        return chunk


def four(blocks, count):
    dechunker = Dechunker()
    for i in range(count):
        chunk = dechunker.feed(SYNC + escape(frame(i + 1, blocks[i % len(blocks)])))
        if chunk is not None:
            deframe(chunk)


def recoverorder(blocks, count):
    held = []
    for i in range(count):
        item = (i + 1, blocks[i % len(blocks)])
        at = bisect.bisect(held, item)
        if at == 0 or held[at - 1] != item:
            held.insert(at, item)
        if len(held) >= 30:
            held.pop(0)


def timed(work, blocks):
    count = 100
    while True:
        start = time.perf_counter()
        work(blocks, count)
        spent = time.perf_counter() - start
        if spent > 0.3:
            return spent / count
        count *= 2


def main():
    source = random.Random(1)
    for size, name in ((1400, "1400 B"), (65536, "64 KiB")):
        blocks = [source.randbytes(size).decode("latin-1") for _ in range(64)]
        print("python four, %s\t%.12f" % (name, min(timed(four, blocks) for _ in range(3))))
        if size == 1400:
            print("python recoverorder\t%.12f" % min(timed(recoverorder, blocks) for _ in range(3)))


main()
