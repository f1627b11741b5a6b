#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long making a torrent takes, beside what hashes without a torrent (openssl sha1) and what
makes torrents (transmission-create), in the same run.

    torrent_maker.py [MEBIBYTES [ROUNDS]]

Each maker reads the same file in memory (/dev/shm). torrentsink also writes it, which the others
do not. Rounds go round, so that what else the machine does hits all alike; the figures are
medians, and the ratios are to openssl in the same round. What hashes in two threads suffers from
others on two processors, openssl does not: how much they took is said at the end."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7


def makers(folder):
    source = f"{folder}/in.bin"
    read = ["gst-launch-1.0", "-q", "filesrc", f"location={source}", "blocksize=1048576", "!"]

    def enc(*properties):
        return read + ["torrentenc", "piece-size=1048576", *properties, "!", "filesink",
                       f"location={folder}/enc.torrent"]

    def sink(*properties):
        return read + ["torrentsink", "seed=false", "piece-size=1048576", *properties,
                       f"location={folder}/out.bin"]

    return {
        "openssl sha1": ["openssl", "sha1", source],
        "cp": ["cp", source, f"{folder}/out.bin"],
        "transmission-create": ["transmission-create", "-s", "1024", "-o",
                                f"{folder}/transmission.torrent", source],
        "torrentenc v1": enc(),
        "torrentenc hybrid": enc("format=hybrid"),
        "torrentsink v1": sink(),
        "torrentsink v2": sink("format=v2"),
        "torrentsink hybrid": sink("format=hybrid"),
    }


def busy_seconds():
    """Of all processors since the start, with what a host kept from a virtual machine."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, interrupt, soft_interrupt, steal = stat.readline().split()[1:9]
    ticks = sum(map(int, (user, nice, system, interrupt, soft_interrupt, steal)))
    return ticks / os.sysconf("SC_CLK_TCK")


def own_seconds():
    return sum(usage.ru_utime + usage.ru_stime
               for usage in map(resource.getrusage,
                                (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def run(command):
    """Seconds of the clock, and of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    missing = [tool for tool in ("openssl", "transmission-create", "gst-launch-1.0")
               if not shutil.which(tool)]
    if missing:
        print("skipped: there is no", ", ".join(missing))
        return 77
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        with open(f"{folder}/in.bin", "wb") as file:
            for _ in range(mebibytes):
                file.write(os.urandom(1 << 20))
        commands = makers(folder)
        times = {name: [] for name in commands}
        for command in commands.values():
            run(command)
        begin, busy, own = time.monotonic(), busy_seconds(), own_seconds()
        for _ in range(rounds):
            for name, command in commands.items():
                # A virtual machine gives memory that nobody uses back, and getting it again takes
                # longer than hashing: each finds what was written and removed just before.
                run(commands["cp"])
                for out in ("out.bin", "out.bin.torrent", "transmission.torrent"):
                    if os.path.exists(f"{folder}/{out}"):
                        os.remove(f"{folder}/{out}")
                times[name].append(run(command))
        others = busy_seconds() - busy - (own_seconds() - own)
        share = others / (time.monotonic() - begin) / os.cpu_count()
    print(f"{mebibytes} MiB, {rounds} rounds, pieces of 1 MiB; medians")
    print(f"{'':22}{'seconds':>9}{'cpu s':>8}{'x openssl':>11}{'x transmission':>16}")
    for name, measured in times.items():
        to_openssl = statistics.median(a[0] / b[0]
                                       for a, b in zip(times["openssl sha1"], measured))
        to_transmission = statistics.median(
            a[0] / b[0] for a, b in zip(times["transmission-create"], measured))
        print(f"{name:22}{statistics.median(m[0] for m in measured):9.3f}"
              f"{statistics.median(m[1] for m in measured):8.2f}"
              f"{to_openssl:11.2f}{to_transmission:16.2f}")
    print(f"others took {share:.1%} of the processors")
    return 0


sys.exit(main())
