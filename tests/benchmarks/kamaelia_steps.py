# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Kamaelia's framing components do to each message, in Python.

Written anew from their documented behaviour, to have a figure beside ours in the same run:
generators that a scheduler runs in turn, an inbox and an outbox each, a yield per round of a
component's main loop, and the same string operations. Prints "name<TAB>seconds per message".
"""
import bisect
import random
import re
import time

SYNC = "X" * 24


class Component:
    def __init__(self):
        self.inbox = []
        self.control = []
        self.sink = None

    def data_ready(self, box):
        return len(box) > 0

    def send(self, message):
        if self.sink is not None:
            self.sink.append(message)

    def main(self):
        while True:
            if self.data_ready(self.control):
                return
            if self.data_ready(self.inbox):
                self.take(self.inbox.pop(0))
            yield 1


class Framer(Component):
    def take(self, message):
        number, data = message
        self.send("%s %s\n%s" % (number, len(data), data))


class DeFramer(Component):
    def take(self, message):
        end = message.find("\n")
        number, length = [int(field) for field in message[:end].split()]
        body = message[end + 1:]
        if length <= len(body):
            self.send((number, body[:length]))


class Chunker(Component):
    def take(self, message):
        message = re.sub("%", "%25", message)
        for byte in SYNC:
            message = re.sub(byte, "%" + hex(ord(byte))[2:], message)
        self.send(SYNC + message)


class DeChunker(Component):
    def __init__(self):
        super().__init__()
        self.buffer = ""
        self.found_first = False

    def take(self, message):
        self.buffer += message
        at = self.buffer.find(SYNC, len(SYNC))
        if at == -1:
            return
        if self.found_first:
            chunk = self.buffer[len(SYNC):at]
            for byte in SYNC:
                chunk = re.sub("%" + hex(ord(byte))[2:], byte, chunk)
            self.send(re.sub("%25", "%", chunk))
            self.buffer = self.buffer[at:]
        self.found_first = True


class RecoverOrder(Component):
    def __init__(self):
        super().__init__()
        self.held = []

    def take(self, message):
        at = bisect.bisect(self.held, message)
        if at == 0 or self.held[at - 1] != message:
            self.held.insert(at, message)
        if len(self.held) >= 30:
            self.send(self.held.pop(0))


def run(components, blocks, count):
    """Feeds `count` messages to a pipeline of components, one per round of the scheduler."""
    for one, following in zip(components, components[1:]):
        one.sink = following.inbox
    threads = [component.main() for component in components]
    for i in range(count):
        components[0].inbox.append((i + 1, blocks[i % len(blocks)]))
        for thread in threads:
            next(thread)
    while any(component.inbox for component in components):
        for thread in threads:
            next(thread)


def seconds_per_message(make, blocks):
    count = 100
    while True:
        components = make()
        start = time.perf_counter()
        run(components, blocks, count)
        spent = time.perf_counter() - start
        if spent > 0.3:
            return spent / count
        count *= 2


def main():
    source = random.Random(1)
    figures = {}
    for _ in range(3):
        for size, name in ((1400, "1400 B"), (65536, "64 KiB")):
            blocks = [source.randbytes(size).decode("latin-1") for _ in range(64)]
            pipelines = {"four, " + name: lambda: [Framer(), Chunker(), DeChunker(), DeFramer()]}
            if size == 1400:
                pipelines["recoverorder"] = lambda: [RecoverOrder()]
            for pipeline, make in pipelines.items():
                figures.setdefault(pipeline, []).append(seconds_per_message(make, blocks))
    for pipeline, seconds in figures.items():
        print("%s\t%.12f" % (pipeline, sorted(seconds)[1]))


main()
