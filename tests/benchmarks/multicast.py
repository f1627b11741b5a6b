#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""srmsink and srmsrc beside their peers, in one run, on the network of tests/network/netlab.

    multicast.py NETLAB PROGRAMS [OPTION...]

PROGRAMS is a folder of the build that has norm-send, norm-receive, udp-ceiling and stream-delay
somewhere below it. Needs root; what is missing of UFTP, udpcast, libnorm and GStreamer's RIST
is left out, and said.

  --full            N = 1, 4, 8 receivers, 0, 1, 5, 10 % loss, 256 MiB, 3 rounds (half an hour)
  --receivers N,..  --loss PER-CENT,..  --mib MIB  --rounds R   another choice
  --tools NAME,..   of: ceiling udp uftp udpcast norm srm; with --delay: norm-64 norm-8 rist srm
  --bulk, --delay   only one of the two parts
  --gro on|off      whether receivers get packets joined (on)

Bulk: random bytes from one file to a file at each receiver; a round runs every tool once, one
after the other. The figures are medians of the rounds that arrived byte for byte:
  MB/s       10^6 bytes of payload, from the first byte at any receiver to the last at the last
  ratio      of srm's MB/s to it
  sender, receiver   user and system seconds per GiB of payload; the sender's system time has in
             it what its packets cost on the bridge and up to the receivers' sockets
  wire       bytes on the sender's link / payload; back: what all receivers sent / payload
  whole      at how many receivers of how many, in all rounds, it arrived byte for byte
  other      processors that were busy with something else, in the worst round
The ceiling and udp repeat nothing: theirs is what arrived, and they are never whole with loss.
Delay: buffers of 1316 bytes at 5 Mbit/s, milliseconds from sink to source at the worst receiver.
"""
import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

GROUP, PORT = "239.1.2.3", 5000
ROOM = "/dev/shm"  # no disk is in the figures


class Lab:
    def __init__(self, script, gro):
        self.script = script
        os.environ["NETLAB"] = f"kamb{os.getpid()}"
        os.environ["NETLAB_GRO"] = gro

    def __call__(self, *words):
        done = subprocess.run([self.script, *map(str, words)], capture_output=True, text=True)
        if done.returncode == 77:
            print(f"skipped: {done.stderr.strip()}")
            sys.exit(77)
        if done.returncode != 0:
            raise RuntimeError(f"netlab {words}: {done.stderr}")
        return done.stdout

    def sent(self, node):
        return int(self("sent", node))


class Process:
    """A command at a node, with what it used of the processors."""

    def __init__(self, lab, node, command, log):
        self.log = open(log, "w+")
        # netlab and ip are replaced by the command, so that the usage is its own.
        self.child = subprocess.Popen(
            [lab.script, "run", node, *command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True)
        self.usage = None
        self.status = None

    def ended(self):
        if self.usage is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.usage, self.status = usage, os.waitstatus_to_exitcode(status)
                self.child.returncode = self.status
        return self.usage is not None

    def stop(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if not self.ended():
                os.killpg(self.child.pid, number)
            deadline = time.monotonic() + 2
            while not self.ended() and time.monotonic() < deadline:
                time.sleep(0.01)

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def seconds(self):
        return self.usage.ru_utime + self.usage.ru_stime


def size_of(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def same(first, second):
    return subprocess.run(["cmp", "-s", first, second]).returncode == 0


def busy_seconds():
    with open("/proc/stat") as stat:
        times = [int(word) for word in stat.readline().split()[1:9]]
    return (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")


# ---- what is measured ----

class Tool:
    """How to send a file and to receive it. `through` says when a receiver has it all: when its
    file is of that size, when it has ended, or when the sender has."""
    through = "size"
    reliable = True
    settings = (None,)

    def missing(self):
        """Why it cannot be measured, or nothing."""

    def output(self, folder):
        return f"{folder}/out"


def lacks(*programs):
    absent = [program for program in programs if not shutil.which(program)]
    return f"{' and '.join(absent)} is not installed" if absent else None


def lacks_element(*names):
    for name in names:
        # --exists would also ask for a version of GStreamer's own.
        if subprocess.run(["gst-inspect-1.0", name], capture_output=True).returncode != 0:
            return f"there is no element {name}"
    return None


class Ceiling(Tool):
    reliable = False

    def __init__(self, programs):
        self.program = programs.get("udp-ceiling")

    def send(self, run):
        return [self.program, "send", GROUP, str(PORT), "eth0", str(run.mib)]

    def receive(self, run, index):
        return [self.program, "receive", GROUP, str(PORT), "eth0"]

    def rate(self, run, receivers):
        """It measures itself: nothing is written."""
        rates = []
        for receiver in receivers:
            received, _, _, seconds = receiver.output().split()
            rates.append(int(received) / float(seconds) / 1e6)
        return min(rates)


class Udp(Tool):
    reliable = False

    def missing(self):
        return lacks("gst-launch-1.0") or lacks_element("udpsink")

    def send(self, run):
        return ["gst-launch-1.0", "-q", "filesrc", f"location={run.source}", "blocksize=1400", "!",
                "udpsink", f"host={GROUP}", f"port={PORT}", "multicast-iface=eth0", "sync=false",
                "async=false", "buffer-size=4000000"]

    def receive(self, run, index):
        return ["gst-launch-1.0", "-q", "udpsrc", f"address={GROUP}", f"port={PORT}",
                "multicast-iface=eth0", "buffer-size=4000000", "!", *run.file_sink(index)]


class Srm(Tool):
    def missing(self):
        return lacks("gst-launch-1.0") or lacks_element("srmsink", "srmsrc")

    def send(self, run):
        return ["gst-launch-1.0", "-q", "filesrc", f"location={run.source}", "blocksize=65536",
                "!", "srmsink", f"host={GROUP}", f"port={PORT}", "multicast-iface=eth0",
                "mode=bulk", f"min-receivers={run.receivers}"]

    def receive(self, run, index):
        return ["gst-launch-1.0", "-q", "srmsrc", f"address={GROUP}", f"port={PORT}",
                "multicast-iface=eth0", "!", *run.file_sink(index)]


class Uftp(Tool):
    through = "sender"

    def missing(self):
        return lacks("uftp", "uftpd")

    def send(self, run):
        # Receivers are named by their addresses. As fast as it goes; -s, -r: the round trip
        # time is short; -b: packets as long as those of the others.
        everybody = ",".join(f"0x0A4C{10 + i:04X}" for i in range(1, run.receivers + 1))
        return ["uftp", "-I", "eth0", "-R", "-1", "-B", "4000000", "-b", "1400", "-r",
                "0.01:0.01:1", "-s", "20", "-H", everybody, run.source]

    def receive(self, run, index):
        return ["uftpd", "-d", "-D", run.folder(index), "-I", "eth0", "-B", "4000000"]

    def output(self, folder):
        return f"{folder}/in"


class Udpcast(Tool):
    through = "exit"

    def missing(self):
        return lacks("udp-sender", "udp-receiver")

    def send(self, run):
        return ["udp-sender", "--interface", "eth0", "--min-receivers", str(run.receivers),
                "--nokbd", "--no-progress", "--nopointopoint", "--retries-until-drop", "1000",
                "--full-duplex", "-f", run.source]

    def receive(self, run, index):
        return ["udp-receiver", "--interface", "eth0", "--nokbd", "--nosync", "--no-progress",
                "--rcvbuf", "4m", "-f", f"{run.folder(index)}/out"]


class Norm(Tool):
    """libnorm, as fast as it goes here: it computes parity that nobody asked for, so that with
    little of it it is faster, if that is enough; and its rate has to be told. Of some settings,
    the one that was the fastest in the first round of a cell is used in the others."""
    settings = ((2, 2.4e9), (4, 1.2e9), (8, 0.8e9))  # parity per block of 64; bit/s

    def __init__(self, programs):
        self.sender, self.receiver = programs.get("norm-send"), programs.get("norm-receive")

    def missing(self):
        return None if self.sender and self.receiver else "libnorm is not there to build with"

    def send(self, run):
        nodes = ",".join(str(10 + i) for i in range(1, run.receivers + 1))
        parity, rate = run.setting
        return [self.sender, "--group", GROUP, "--port", str(PORT), "--iface", "eth0", "--kind",
                "file", "--acking", nodes, "--rate", str(rate / run.receivers), "--parity",
                str(parity), "--grtt", "0.001", "--backoff", "0", "--buffer", "67108864",
                run.source]

    def receive(self, run, index):
        return [self.receiver, "--group", GROUP, "--port", str(PORT), "--iface", "eth0",
                "--node", str(10 + index), "--objects", "1", "--buffer", "67108864",
                f"{run.folder(index)}/out"]

    def output(self, folder):
        return f"{folder}/out.in"


class Run:
    """One transfer by one tool."""

    def __init__(self, lab, source, mib, receivers, loss, room, setting):
        self.lab, self.source, self.mib = lab, source, mib
        self.receivers, self.loss, self.room = receivers, loss, room
        self.setting = setting

    def folder(self, index):
        return f"{self.room}/r{index}"

    def file_sink(self, index):
        return ["filesink", "buffer-mode=unbuffered", "async=false", "sync=false",
                f"location={self.folder(index)}/out"]

    def __call__(self, tool, limit):
        indices = range(1, self.receivers + 1)
        for index in indices:
            os.makedirs(self.folder(index))
        self.lab("up", *[self.loss] * self.receivers)
        processes = []
        try:
            receivers = [Process(self.lab, f"r{i}", tool.receive(self, i), f"{self.room}/r{i}.log")
                         for i in indices]
            processes += receivers
            time.sleep(0.8)
            feedback = [self.lab.sent(f"r{i}") for i in indices]
            sent, busy, begin = self.lab.sent("snd"), busy_seconds(), time.monotonic()
            sender = Process(self.lab, "snd", tool.send(self), f"{self.room}/snd.log")
            processes.append(sender)
            first, through = self.watch(tool, sender, receivers, begin + limit)
            wall, busy = time.monotonic() - begin, busy_seconds() - busy
            sent = self.lab.sent("snd") - sent
            feedback = sum(self.lab.sent(f"r{i}") for i in indices) - sum(feedback)
            for process in processes:
                process.stop()
            return self.result(tool, sender, receivers, first, through, wall, busy, sent, feedback)
        finally:
            for process in processes:
                process.stop()
            self.lab("down")
            for index in indices:
                shutil.rmtree(self.folder(index), ignore_errors=True)

    def watch(self, tool, sender, receivers, deadline):
        """When the first byte was at any receiver, and when each was through."""
        outputs = [tool.output(self.folder(i)) for i in range(1, self.receivers + 1)]
        folders = [self.folder(i) for i in range(1, self.receivers + 1)]
        sizes, first, through = [0] * len(outputs), None, [None] * len(outputs)
        grown = time.monotonic()
        while time.monotonic() < deadline:
            now = time.monotonic()
            if first is None and any(entry.stat().st_size > 0 for folder in folders
                                     for entry in os.scandir(folder)):
                first = now
            for i, output in enumerate(outputs):
                size = size_of(output)
                if size != sizes[i]:
                    sizes[i], grown = size, now
                    if not tool.reliable:
                        through[i] = now
                if tool.reliable and through[i] is None and (
                        size >= self.mib << 20 if tool.through == "size" else
                        receivers[i].ended() if tool.through == "exit" else sender.ended()):
                    through[i] = now
            if sender.ended() and (all(receiver.ended() for receiver in receivers) or
                                   tool.reliable and None not in through or
                                   now - grown > 2.5):
                break
            time.sleep(0.004)
        return first, through

    def result(self, tool, sender, receivers, first, through, wall, busy, sent, feedback):
        payload = self.mib << 20
        outputs = [tool.output(self.folder(i)) for i in range(1, self.receivers + 1)]
        whole = sum(same(self.source, output) for output in outputs)
        if isinstance(tool, Ceiling):
            rate = tool.rate(self, receivers)
        elif first is None or None in through or tool.reliable and whole < self.receivers:
            rate = None
        else:
            arrived = min(size_of(output) for output in outputs)
            rate = arrived / (max(through) - first) / 1e6
        used = [receiver.seconds() for receiver in receivers]
        gib = payload / 2**30
        return dict(rate=rate, whole=whole, sender=sender.seconds() / gib,
                    receiver=statistics.mean(used) / gib, wire=sent / payload,
                    back=feedback / payload,
                    other=max(0.0, (busy - sender.seconds() - sum(used)) / wall))


# ---- bulk ----

def median_of(results, key):
    values = [result[key] for result in results if result["rate"] is not None]
    return statistics.median(values) if values else None


def number(value, form):
    return format(value, form) if value is not None else "-"


def print_cell(receivers, loss, results, rounds):
    print(f"\n{receivers} receiver{'s' if receivers > 1 else ''}, {loss:g} % lost")
    print(f"  {'':8} {'MB/s':>7} {'ratio':>7} {'sender':>7} {'receiver':>8} {'wire':>6} "
          f"{'back':>7} {'whole':>6} {'other':>6}")
    ours = median_of(results.get("srm", []), "rate")
    for name, runs in results.items():
        rate = median_of(runs, "rate")
        ratio = f"{ours / rate:.2f}x" if ours and rate and name != "srm" else ""
        whole = f"{sum(run['whole'] for run in runs)}/{receivers * rounds}"
        print(f"  {name:8} {number(rate, '7.0f'):>7} {ratio:>7} "
              f"{number(median_of(runs, 'sender'), '7.2f'):>7} "
              f"{number(median_of(runs, 'receiver'), '8.2f'):>8} "
              f"{number(median_of(runs, 'wire'), '6.3f'):>6} "
              f"{number(median_of(runs, 'back'), '7.4f'):>7} {whole:>6} "
              f"{max(run['other'] for run in runs):6.2f}", flush=True)


def print_ratios(cells):
    """The ratios of all cells in one table, beside the best of the reliable peers."""
    rows = []
    for (receivers, loss), results in cells.items():
        ours = median_of(results.get("srm", []), "rate")
        peers = {name: median_of(runs, "rate") for name, runs in results.items()}
        best = max((name for name in ("uftp", "udpcast", "norm") if peers.get(name)),
                   key=lambda name: peers[name], default=None)
        if ours and best:
            ceiling = peers.get("ceiling")
            rows.append(f"  {receivers:3} {loss:5g} % {ours:7.0f} MB/s {ours / peers[best]:7.2f} x "
                        f"{best:8} {number(ceiling and ours / ceiling, '5.2f'):>6} x ceiling")
    if rows:
        print("\n    N  loss        srm      best reliable peer   GSO and GRO alone")
        print("\n".join(rows))


def bulk(lab, options, tools, room):
    source = f"{room}/in"
    with open(source, "wb") as file:
        for _ in range(options.mib):
            file.write(os.urandom(1 << 20))
    cells = {}
    for receivers in options.receivers:
        for loss in options.loss:
            results = {name: [] for name in tools}
            settings = {name: tool.settings for name, tool in tools.items()}
            for _ in range(options.rounds):
                for name, tool in tools.items():
                    tries = []
                    for setting in settings[name]:
                        run = Run(lab, source, options.mib, receivers, loss, room, setting)
                        tries.append((run(tool, options.limit), setting))
                    best = max(tries, key=lambda result: result[0]["rate"] or 0)
                    results[name].append(best[0])
                    settings[name] = (best[1],)
            cells[receivers, loss] = results
            print_cell(receivers, loss, results, options.rounds)
    print_ratios(cells)


# ---- delay ----

def delay_peers(programs):
    """Name: why not, the sender's words, the receiver's by its number."""
    delay = programs["stream-delay"]
    count, size, bitrate = "4000", "1316", "5e6"
    udp = f"port={PORT} multicast-iface=eth0"

    def gst(sink, source, *rtp):
        return ([delay, "send", count, size, bitrate, *rtp, sink],
                lambda index: [delay, "receive", count, *rtp, source])

    def norm(block, parity):
        # A message fills a segment. libnorm has no elements: it is at the other end of a pipe.
        common = f"--group {GROUP} --port {PORT} --iface eth0"
        return (["sh", "-c", f"{delay} send {count} {size} {bitrate} fdsink | "
                 f"{programs.get('norm-send')} {common} --node 1 --message {size} --segment {size} "
                 f"--block {block} --parity {parity} --grtt 0.001 --backoff 0 --rate 50e6 "
                 "--push 1 -"],
                lambda index: ["sh", "-c", f"{programs.get('norm-receive')} {common} --node "
                               f"{10 + index} --message {size} - 2>/dev/null | {delay} receive "
                               f"{count} 'fdsrc blocksize={size}'"])

    no_norm = None if programs.get("norm-send") else "libnorm is not there to build with"
    return {
        "norm-64": (no_norm, *norm(64, 16)),
        "norm-8": (no_norm, *norm(8, 4)),
        "rist": (lacks_element("ristsink", "ristsrc"),
                 *gst(f"ristsink address={GROUP} {udp}", f"ristsrc address={GROUP} {udp}",
                      "--rtp")),
        "srm": (lacks_element("srmsink", "srmsrc"),
                *gst(f"srmsink host={GROUP} {udp} mode=latency",
                     f"srmsrc address={GROUP} {udp}")),
    }


def measure_delay(lab, receivers, loss, send, receive, room):
    lab("up", *[loss] * receivers)
    processes = []
    try:
        for i in range(1, receivers + 1):
            processes.append(Process(lab, f"r{i}", receive(i), f"{room}/r{i}.log"))
        time.sleep(1)
        sent = lab.sent("snd")
        processes.append(Process(lab, "snd", send, f"{room}/snd.log"))
        deadline = time.monotonic() + 40
        # A receiver at the end of a pipe has spoken before the pipe has ended.
        while time.monotonic() < deadline and not all(
                process.ended() or len(process.output().split()) >= 6
                for process in processes[:-1]):
            time.sleep(0.05)
        sent = lab.sent("snd") - sent
        rows = []
        for process in processes[:-1]:
            process.stop()
            words = process.output().split()
            rows.append([float(word) for word in words[-6:]] if len(words) >= 6 else [0.0] * 6)
        return rows, sent / (4000 * 1316)
    finally:
        for process in processes:
            process.stop()
        lab("down")


def delay(lab, options, programs, room):
    for receivers in options.receivers:
        for loss in options.delay_loss:
            print(f"\nDelay, {receivers} receiver{'s' if receivers > 1 else ''}, {loss:g} % lost, ms")
            print(f"  {'':8} {'p50':>8} {'p90':>8} {'p99':>8} {'max':>8} {'wire':>6} "
                  f"{'missing':>8} {'disorder':>8}")
            for name, (reason, send, receive) in delay_peers(programs).items():
                if reason or (options.tools and name not in options.tools):
                    continue
                rows, wire = measure_delay(lab, receivers, loss, send, receive, room)
                worst = [max(row[column] for row in rows) for column in range(6)]
                missing = 100 - min(row[0] for row in rows) / 40
                print(f"  {name:8} " + " ".join(f"{value:8.2f}" for value in worst[2:]) +
                      f" {wire:6.3f} {missing:6.2f} % {worst[1]:8.0f}", flush=True)


# ---- all of it ----

def numbers(text):
    return [float(word) if "." in word else int(word) for word in text.split(",")]


def options_from(words):
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("netlab")
    parser.add_argument("programs")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--receivers", type=numbers)
    parser.add_argument("--loss", type=numbers)
    parser.add_argument("--mib", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--limit", type=float, default=30)
    parser.add_argument("--tools", type=lambda text: text.split(","))
    parser.add_argument("--bulk", action="store_true")
    parser.add_argument("--delay", action="store_true")
    parser.add_argument("--gro", choices=("on", "off"), default="on")
    options = parser.parse_args(words)
    options.delay_loss = options.loss or [5]
    options.receivers = options.receivers or ([1, 4, 8] if options.full else [1, 4])
    options.loss = options.loss or ([0, 1, 5, 10] if options.full else [0, 5])
    options.mib = options.mib or (256 if options.full else 64)
    options.rounds = options.rounds or (3 if options.full else 1)
    return options


def find_programs(folder):
    wanted = ("norm-send", "norm-receive", "udp-ceiling", "stream-delay")
    return {name: os.path.abspath(os.path.join(path, name))
            for path, _, files in os.walk(folder) for name in wanted if name in files}


def main():
    options = options_from(sys.argv[1:])
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(77)
    programs = find_programs(options.programs)
    tools = {"ceiling": Ceiling(programs), "udp": Udp(), "uftp": Uftp(), "udpcast": Udpcast(),
             "norm": Norm(programs), "srm": Srm()}
    if options.tools:
        tools = {name: tool for name, tool in tools.items() if name in options.tools}
    for name, tool in list(tools.items()):
        reason = tool.missing()
        if reason:
            print(f"left out: {name}, for {reason}")
            del tools[name]
    lab = Lab(os.path.abspath(options.netlab), options.gro)
    with tempfile.TemporaryDirectory(dir=ROOM if os.path.isdir(ROOM) else None) as room:
        if not options.delay:
            bulk(lab, options, tools, room)
        if not options.bulk:
            delay(lab, options, programs, room)


main()
