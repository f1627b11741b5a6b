#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""torrentsrc beside libtorrent alone and beside other programs, in one run and one network of
its own (root makes it): each has the same tracker and the same seed.

    torrent.py TORRENT-RACE [download|clients|slow|seek|preroll|maker]...

download  1 GiB from one seed: torrentsrc to fakesink, and libtorrent alone with the same
          settings and disk I/O, and with the disk I/O that is its default, in turns; ratios are
          medians of those of the rounds
clients   256 MiB from one seed, from the start of the program until the file is complete
slow      96 MiB from four seeds of 16 Mbit/s each, in order
seek      the same four seeds, and a seek each second to a piece that is not there; and how long
          it takes until the first 16 KiB come of what is sought, behind what the seeds have in
          their buffers: with them and a piece at the rate of all four nothing can be quicker
preroll   playbin3 until it has a picture of a film of 60 s: from a magnet link of one seed,
          pulled and pushed, and from nginx; and how long libtorrent takes to begin
maker     torrentsink beside openssl sha1; torrent_maker.py has more"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import json

race = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
TRACKER = "10.78.0.1"
OURS = "10.78.0.2"
SEEDS = ["10.78.0.11", "10.78.0.12", "10.78.0.13", "10.78.0.14"]
tools = ["ip", "tc", "openssl", "opentracker", "gst-launch-1.0", "aria2c",
         "transmission-create", "transmission-daemon", "transmission-remote", "qbittorrent-nox", "nginx"]


def sh(*command, **options):
    return subprocess.run(command, check=True, **options)


def spawn(*command, **options):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            **options)


def make_network():
    sh("ip", "link", "set", "lo", "up")
    for address in [TRACKER, OURS, *SEEDS]:
        sh("ip", "address", "add", address + "/24", "dev", "lo")


def limit_seeds(mbit):
    """What each seed sends passes a bucket of its own."""
    sh("ip", "link", "set", "lo", "mtu", "1500")
    sh("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb", "default", "99")
    sh("tc", "class", "add", "dev", "lo", "parent", "1:", "classid", "1:99", "htb",
       "rate", "10gbit", "quantum", "200000")
    for i, seed in enumerate(SEEDS, 1):
        sh("tc", "class", "add", "dev", "lo", "parent", "1:", "classid", f"1:{i}", "htb",
           "rate", f"{mbit}mbit", "burst", "64k")
        sh("tc", "qdisc", "add", "dev", "lo", "parent", f"1:{i}", "pfifo", "limit", "200")
        sh("tc", "filter", "add", "dev", "lo", "parent", "1:", "protocol", "ip", "u32",
           "match", "ip", "src", seed + "/32", "match", "ip", "sport", "6881", "0xffff",
           "flowid", f"1:{i}")


def noise(folder, mebibytes):
    """A file that is none, in a folder of its own."""
    os.mkdir(f"{folder}/seed")
    with open(f"{folder}/seed/film.mkv", "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    return f"{folder}/seed/film.mkv"


class Swarm:
    """The torrent of a file, a tracker and seeds."""

    def __init__(self, folder, media, piece_size, seeds):
        self.folder = folder
        self.torrent = f"{folder}/film.torrent"
        sh("gst-launch-1.0", "-q", "filesrc", f"location={media}",
           "blocksize=1048576", "!", "torrentenc", f"piece-size={piece_size}",
           f"title={os.path.basename(media)}",
           f"trackers=http://{TRACKER}:6969/announce", "creation-date=false", "!", "filesink",
           f"location={self.torrent}")
        shown = sh("aria2c", "-S", self.torrent, capture_output=True, text=True).stdout
        self.hash = shown.split("Info Hash: ")[1].split()[0]
        with open(f"{folder}/known", "w", encoding="ascii") as file:
            file.write(self.hash + "\n")
        os.chmod(folder, 0o755)
        self.processes = [spawn("opentracker", "-i", TRACKER, "-p", "6969", "-P", "6969", "-w",
                                "/known", "-d", folder, "-u", "nobody")]
        time.sleep(0.5)
        for address in seeds:
            seed = subprocess.Popen([race, "seed", self.torrent, os.path.dirname(media),
                                     f"{address}:6881"], stdout=subprocess.PIPE)
            seed.stdout.readline()
            self.processes.append(seed)
        time.sleep(1.5)  # they tell the tracker

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def run(self, *words):
        """What torrent-race prints, into an empty folder."""
        place = f"{self.folder}/place"
        shutil.rmtree(place, ignore_errors=True)
        # The metadata of a magnet would be known the second time.
        shutil.rmtree(f"{self.folder}/gst-kamaelia", ignore_errors=True)
        os.mkdir(place)
        out = sh(race, *(word.format(torrent=self.torrent, place=place) for word in words),
                 capture_output=True, text=True).stdout.split()
        return out


def named(words):
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def download(folder, rounds=9):
    swarm = Swarm(folder, noise(folder, 1024), 1 << 20, SEEDS[:1])
    rows = {"raw": [], "mmap": [], "ours": []}
    for i in range(rounds + 1):
        # Each has its turn to be the first, for who comes next finds memory as it was left.
        for who in [*rows, *rows][i % len(rows):][:len(rows)]:
            got = named(swarm.run("download", who, "{torrent}", "{place}"))
            if i > 0:
                rows[who].append(got)
    swarm.close()
    print(f"1 GiB from one seed, {rounds} rounds; medians")
    for who, measured in rows.items():
        print(f"  {who:5}{1024 * 1.048576 / median(measured, 'seconds'):8.0f} MB/s"
              f"{median(measured, 'processor'):7.2f} cpu s{median(measured, 'peak'):6.0f} MiB")
    pairs = list(zip(rows["raw"], rows["ours"]))
    print(f"  ours: {statistics.median(r['seconds'] / o['seconds'] for r, o in pairs):.2f} x the"
          f" speed, {statistics.median(o['processor'] / r['processor'] for r, o in pairs):.2f} x"
          " the processor time of raw, and"
          f" {median(rows['ours'], 'peak') / median(rows['mmap'], 'peak'):.3f} x the memory of"
          " mmap")


def median(rows, name):
    return statistics.median(row[name] for row in rows)


def aria2(swarm, place):
    return spawn("aria2c", f"--dir={place}", "--seed-time=0", f"--interface={OURS}",
                 "--enable-dht=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
                 "--file-allocation=none", swarm.torrent), lambda process: process.poll() is not None


def transmission(swarm, place):
    with open(f"{place}/settings.json", "w", encoding="ascii") as file:
        json.dump({"bind-address-ipv4": OURS, "bind-address-ipv6": "::1", "peer-port": 51413,
                   "rpc-port": 9091, "rpc-whitelist-enabled": False, "dht-enabled": False,
                   "lpd-enabled": False, "utp-enabled": False, "pex-enabled": False,
                   "port-forwarding-enabled": False, "download-dir": place,
                   "preallocation": 0, "rename-partial-files": True}, file)
    process = spawn("transmission-daemon", "--foreground", "--config-dir", place)
    while subprocess.run(["transmission-remote", "127.0.0.1:9091", "--add", swarm.torrent],
                         capture_output=True, check=False).returncode:
        time.sleep(0.02)
    return process, lambda _: os.path.exists(f"{place}/film.mkv")


def qbittorrent(swarm, place):
    os.makedirs(f"{place}/qBittorrent/config")
    with open(f"{place}/qBittorrent/config/qBittorrent.conf", "w", encoding="ascii") as file:
        file.write("[LegalNotice]\nAccepted=true\n[BitTorrent]\nSession\\Interface=lo\n"
                   f"Session\\InterfaceAddress={OURS}\nSession\\Port=51415\n"
                   "Session\\DHTEnabled=false\nSession\\LSDEnabled=false\n"
                   "Session\\PeXEnabled=false\nSession\\BTProtocol=TCP\n"
                   "Session\\MultiConnectionsPerIp=true\n[Preferences]\n"
                   "WebUI\\Address=127.0.0.1\nWebUI\\Port=9092\nWebUI\\LocalHostAuth=false\n")

    def is_done(_):
        try:
            with urllib.request.urlopen("http://127.0.0.1:9092/api/v2/torrents/info") as answer:
                torrents = json.load(answer)
        except OSError:
            return False
        return bool(torrents) and torrents[0]["progress"] == 1

    return spawn("qbittorrent-nox", f"--profile={place}", f"--save-path={place}",
                 "--skip-dialog=true", "--add-paused=false", swarm.torrent,
                 stdin=subprocess.DEVNULL), is_done


def torrentsrc(swarm, place):
    return spawn("gst-launch-1.0", "-q", "torrentsrc", f"location={swarm.torrent}",
                 f"save-path={place}", "keep-files=true", "dht=false", "lsd=false", "upnp=false",
                 "natpmp=false", f"listen-interfaces={OURS}:0", "!", "fakesink"), \
        lambda process: process.poll() is not None


def clients(folder, rounds=3):
    swarm = Swarm(folder, noise(folder, 256), 256 << 10, SEEDS[:1])
    programs = {"torrentsrc ! fakesink": torrentsrc, "aria2c": aria2,
                "qbittorrent-nox": qbittorrent, "transmission-daemon": transmission}
    rows = {name: [] for name in programs}
    for _ in range(rounds):
        for name, start in programs.items():
            place = f"{folder}/place"
            shutil.rmtree(place, ignore_errors=True)
            os.mkdir(place)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            begin = time.monotonic()
            process, is_done = start(swarm, place)
            while not is_done(process) and time.monotonic() - begin < 60:
                time.sleep(0.01)
            seconds = time.monotonic() - begin
            process.terminate()
            process.wait()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            rows[name].append({"seconds": seconds, "processor":
                               after.ru_utime + after.ru_stime - before.ru_utime
                               - before.ru_stime})
    swarm.close()
    print(f"256 MiB from one seed, the whole program, {rounds} rounds; medians")
    ours = rows["torrentsrc ! fakesink"]
    for name, measured in rows.items():
        ratio = statistics.median(m["seconds"] / o["seconds"] for o, m in zip(ours, measured))
        print(f"  {name:22}{median(measured, 'seconds'):7.2f} s{ratio:7.1f} x ours"
              f"{4 * median(measured, 'processor'):7.2f} cpu s/GiB")


# Four times 16 Mbit/s, but for the headers of Ethernet, IP and TCP.
LINK = 4 * 16e6 / 8 * 1448 / 1514
STYLES = {"ours": "torrentsrc", "deadlines": "libtorrent, deadlines, its defaults",
          "sequential": "libtorrent, sequential, tuned",
          "untuned": "libtorrent, sequential, its defaults",
          "priorities": "libtorrent, priorities only, its defaults",
          "floor": "as quick as choosing pieces can make it"}


def slow(folder, rounds=5):
    limit_seeds(16)
    swarm = Swarm(folder, noise(folder, 96), 256 << 10, SEEDS)
    print("96 MiB in order from four seeds of 16 Mbit/s, the first 12 s; medians of", rounds)
    rows = {style: [] for style in ("ours", "deadlines", "sequential", "untuned")}
    for _ in range(rounds):
        for style, got in rows.items():
            got.append(named(swarm.run("play", style, "{torrent}", "{place}", "12")))
    for style, got in rows.items():
        print(f"  {STYLES[style]:42} first byte {median(got, 'first'):.2f} s,"
              f" {median(got, 'bytes') / 12e6:.1f} MB/s ({median(got, 'bytes') / 12 / LINK:.2f} of"
              f" the link), longest stall {median(got, 'longest'):.2f} s")
    ratios = [theirs["first"] / ours["first"]
              for ours, theirs in zip(rows["ours"], rows["deadlines"])]
    print(f"  {STYLES['ours']}: first byte {statistics.median(ratios):.1f} x sooner than with"
          " deadlines in the same round")
    for style in ("sequential", "untuned"):
        ratios = [theirs["longest"] / ours["longest"]
                  for ours, theirs in zip(rows["ours"], rows[style])]
        print(f"  {STYLES[style]}: the longest stall is {statistics.median(ratios):.1f} x ours")
    swarm.close()


def seek(folder):
    limit_seeds(16)
    piece = 256 << 10
    swarm = Swarm(folder, noise(folder, 384), piece, SEEDS)
    print("a seek each second among four seeds of 16 Mbit/s, to the first byte there")
    medians = {}
    for style, count in (("ours", 20), ("deadlines", 12), ("priorities", 8), ("floor", 20)):
        times = sorted(float(word) for word in
                       swarm.run("seek", style, "{torrent}", "{place}", str(count))[1:])
        if style == "floor":
            times = [wait + piece / (4 * 16e6 / 8) for wait in times]
        medians[style] = statistics.median(times)
        print(f"  {STYLES[style]:42} median {medians[style]:.2f} s, most"
              f" {times[-1]:.2f} s, of {count}")
    swarm.close()
    for style in ("ours", "floor"):
        print(f"  {STYLES[style]}: {medians['priorities'] / medians[style]:.1f} x sooner than by"
              " priorities only")


FILMS = {"film.mkv": ["matroskamux"], "film.mp4": ["mp4mux"],
         "first.mp4": ["mp4mux", "faststart=true"]}
FILMED = ["videotestsrc", "pattern=snow", "num-buffers=1500", "!",
          "video/x-raw,width=320,height=240,framerate=25/1", "!", "x264enc", "bitrate=8000",
          "speed-preset=ultrafast", "key-int-max=25", "!"]


def preroll(folder, rounds=5):
    with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
        paths = " ".join(f"{what}_temp_path {folder}/nginx-{what};" for what in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        file.write(f"pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off; user root;"
                   f" events {{}} http {{ access_log off; {paths}"
                   f" server {{ listen {TRACKER}:8088; root {folder}/films; }} }}")
    os.mkdir(f"{folder}/films")
    server = spawn("nginx", "-c", f"{folder}/nginx.conf")
    print(f"playbin3 until it has a picture, 60 MB, {rounds} rounds; medians")
    for film, muxer in FILMS.items():
        media = f"{folder}/films/{film}"
        sh("gst-launch-1.0", "-q", *FILMED, *muxer, "!", "filesink", f"location={media}")
        swarm = Swarm(folder, media, 64 << 10, SEEDS[:1])
        magnet = f"magnet:?xt=urn:btih:{swarm.hash}&x.pe={SEEDS[0]}:6881"
        rows = {"http": ("pull", f"http://{TRACKER}:8088/{film}"),
                "pulled": ("pull", magnet), "pushed": ("push", magnet),
                ".torrent, pulled": ("pull", f"torrent://{swarm.torrent}")}
        times = {name: [] for name in rows}
        for _ in range(rounds):
            for name, (mode, uri) in rows.items():
                got = named(swarm.run("preroll", mode, uri, "{place}", media))
                times[name].append(got["seconds"])
        swarm.close()
        for name, measured in times.items():
            ratio = statistics.median(m / h for m, h in zip(measured, times["http"]))
            print(f"  {film:10}{name:18}{statistics.median(measured):7.3f} s{ratio:7.1f} x http")
    server.terminate()
    server.wait()
    begin = [named(sh(race, "session", capture_output=True, text=True).stdout.split())["seconds"]
             for _ in range(rounds)]
    print(f"  {statistics.median(begin):.3f} s of it is libtorrent's, until a session of it is there")


def maker(_):
    sh(sys.executable, os.path.join(os.path.dirname(__file__), "torrent_maker.py"), "512", "5")


def main():
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing or not race:
        print("skipped: there is no", ", ".join(missing) or "torrent-race")
        return 77
    parts = {"download": download, "clients": clients, "slow": slow, "seek": seek,
             "preroll": preroll, "maker": maker}
    if os.environ.get("KAM_TORRENT_NETWORK") is None:
        for part in sys.argv[2:] or parts:
            inside = subprocess.run(["unshare", "--net", sys.executable, sys.argv[0], race, part],
                                    env={**os.environ, "KAM_TORRENT_NETWORK": "1"}, check=False)
            if inside.returncode:
                print("skipped: no right to make a network, or a part of it failed")
                return inside.returncode
        return 0
    make_network()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.environ["HOME"] = os.environ["XDG_CACHE_HOME"] = folder
        parts[sys.argv[2]](folder)
    return 0


sys.exit(main())
