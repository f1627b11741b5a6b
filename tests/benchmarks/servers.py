#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Protocol servers beside others, in one run: servers.py FOLDER [SECTION...]

FOLDER has server-peers, server-load, pick-cost and rtsp-peer. The sections are echo, bulk,
burst, held, paced, cookies, rtsp and pick; all of them if none is named. Figures are medians of
three rounds in which each server has its turn, ratios are medians of the ratios in a round.
"""
import contextlib
import glob
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

FOLDER = pathlib.Path(sys.argv[1])
PEERS, LOAD = FOLDER / "server-peers", FOLDER / "server-load"
ROUNDS = 3
SECONDS = 1
MANY = 10_000
RTSP_CLIENTS = 200

ASYNCIO = """
import asyncio
class Echo(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(data)
async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Server:
    """A process that prints its port, or listens at one that it is told."""

    def __init__(self, *command, port=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, start_new_session=True)
        self.port = port or int(self.process.stdout.readline())
        while port and not self.answers():
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def file(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}")

    def usage(self):
        """KiB of memory, threads, descriptors, and processes that it has started."""
        rollup = self.file("smaps_rollup").read_text()
        memory = int(next(l for l in rollup.splitlines() if l.startswith("Pss:")).split()[1])
        children = 0
        for task in self.file("task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                children += len((task / "children").read_text().split())
        return (memory, len(list(self.file("task").iterdir())),
                len(list(self.file("fd").iterdir())), children)

    def processor_time(self):
        """In seconds, its own and the system's for it."""
        fields = self.file("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def element(launch):
    return lambda: Server(PEERS, "element", launch)


def peer(word):
    return lambda: Server(PEERS, word)


ECHOES = {
    "bare epoll": peer("epoll"),
    "echoserver": element("echoserver port=0"),
    "echoserver, no messages": element("echoserver port=0 post-messages=false"),
    "protocolserver launch=identity": element("protocolserver launch=identity"),
    "the same, recycle=0": element("protocolserver launch=identity recycle=0"),
    "a pipeline per client": peer("threads"),
    "Python asyncio": lambda: Server(sys.executable, "-c", ASYNCIO),
}


def load(*arguments):
    """The figures that the load program prints."""
    result = subprocess.run([LOAD, *map(str, arguments)], capture_output=True, text=True,
                            check=True, timeout=120)
    return [float(word) for word in result.stdout.split()]


def compare(title, unit, chosen, measure, base):
    """A table of one figure for each of `chosen`, and its ratio to that of `base`."""
    print(f"\n{title}\n{'':34}{unit:>12}{'ratio':>9}")
    rounds = {name: [] for name in chosen}
    for _ in range(ROUNDS):
        for name, make in chosen.items():
            with make() as server:
                rounds[name].append(measure(server))
    for name, values in rounds.items():
        ratios = [v / b for v, b in zip(values, rounds[base]) if b]
        print(f"{name:34}{statistics.median(values):12.0f}{statistics.median(ratios):9.2f}",
              flush=True)


def echo():
    compare("Connections, 8 bytes echoed each, 16 at a time", "a second", ECHOES,
            lambda s: load("connect", s.port, 16, SECONDS)[0], "bare epoll")


def bulk():
    compare("One connection, echoed", "MB/s", ECHOES,
            lambda s: load("bulk", s.port, 2000)[0], "bare epoll")


def burst():
    print("\n1000 clients at once: until 99 of 100 are connected, and have 8 bytes back"
          f"\n{'':34}{'unserved':>9}{'ms':>9}{'ms':>9}")
    rounds = {name: [] for name in ECHOES}
    for _ in range(ROUNDS):
        for name, make in ECHOES.items():
            with make() as server:
                load("connect", server.port, 16, 0.2)
                rounds[name].append(load("burst", server.port, 1000))
    for name, values in rounds.items():
        unserved, connected, served = zip(*values)
        print(f"{name:34}{max(unserved):9.0f}{statistics.median(connected):9.2f}"
              f"{statistics.median(served):9.2f}", flush=True)


class Holders:
    """Processes that hold so many connections: several, if one may not have as many descriptors."""

    def __init__(self, port, count):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 64
        number = -(-count // most)
        self.processes = []
        self.p99 = 0
        for i in range(number):
            share = count // number + (i < count % number)
            self.processes.append(subprocess.Popen([LOAD, "hold", str(port), str(share)],
                                                   text=True, stdin=subprocess.PIPE,
                                                   stdout=subprocess.PIPE))
            line = self.processes[-1].stdout.readline()
            if not line:
                self.leave()
                raise ConnectionError
            self.p99 = max(self.p99, float(line))

    def echoes(self):
        """A second; by the first of the processes."""
        first = self.processes[0]
        first.stdin.write("\n")
        first.stdin.flush()
        return float(first.stdout.readline() or 0)

    def leave(self):
        for process in self.processes:
            process.stdin.close()
            process.wait()


def seconds_until_as(server, before):
    """Until it has the threads, descriptors and processes that it had."""
    begin = time.monotonic()
    while any(now > then for now, then in zip(server.usage()[1:], before[1:])):
        if time.monotonic() > begin + 30:
            return float("inf")
        time.sleep(0.01)
    return time.monotonic() - begin


def held():
    print(f"\n{MANY} clients held: what each takes; 64 bytes echoed to one after the other; 99 of"
          f"\n100 are connected; seconds until all is given back\n{'':34}{'KiB':>9}{'threads':>9}"
          f"{'files':>9}{'echoes/s':>11}{'ratio':>8}{'ms':>7}{'s':>7}")
    base = None
    for name, make in ECHOES.items():
        with make() as server:
            load("connect", server.port, 16, 1)  # what is made once is made
            time.sleep(0.5)
            before = server.usage()
            try:
                holders = Holders(server.port, MANY)
            except ConnectionError:
                print(f"{name:34} does not hold {MANY}", flush=True)
                continue
            rate = holders.echoes()
            each = [(a - b) / MANY for a, b in zip(server.usage(), before)]
            holders.leave()
            base = base or rate
            print(f"{name:34}{each[0]:9.1f}{each[1]:9.2f}{each[2]:9.2f}{rate:11.0f}"
                  f"{rate / base:8.2f}{holders.p99:7.2f}{seconds_until_as(server, before):7.2f}",
                  flush=True)


def paced():
    chosen = {"bare epoll": peer("paced-epoll"),
              "fortuneserver": element("fortuneserver port=0 num-cookies=-1"),
              "the same, one thread": element("fortuneserver port=0 num-cookies=-1 max-threads=1"),
              "a pipeline per client": peer("paced-threads")}
    for clients in 1000, 5000:
        print(f"\n{clients} clients at 320 bit/s, a byte each 25 ms: processor time; what each takes;"
              "\n99 of 100 have their first byte; worst error of a rate over 10 s"
              f"\n{'':34}{'% of one':>9}{'ratio':>7}{'KiB':>8}{'threads':>9}{'files':>7}{'ms':>7}"
              f"{'error %':>9}")
        base = None
        for name, make in chosen.items():
            with make() as server:
                with socket.create_connection(("127.0.0.1", server.port)) as one:
                    one.recv(1)  # what is made once is made
                before = server.usage()
                process = subprocess.Popen([LOAD, "paced", str(server.port), str(clients), "10"],
                                           text=True, stdout=subprocess.PIPE)
                first = process.stdout.readline()
                if not first:
                    print(f"{name:34} does not serve {clients}", flush=True)
                    continue
                each = [(a - b) / clients for a, b in zip(server.usage(), before)]
                begin, used = time.monotonic(), server.processor_time()
                rates = [float(word) for word in process.stdout.readline().split()]
                share = (server.processor_time() - used) / (time.monotonic() - begin) * 100
                process.wait()
                base = base or share
                error = max(abs(rate / 320 - 1) for rate in rates) * 100
                print(f"{name:34}{share:9.1f}{share / base:7.2f}{each[0]:8.1f}{each[1]:9.2f}"
                      f"{each[2]:7.2f}{float(first):7.1f}{error:9.3f}", flush=True)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def nginx(folder):
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    if not program or not os.path.exists(module):
        return None

    def make():
        port = free_port()
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(f"""load_module {module};
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
stream {{ server {{ listen 127.0.0.1:{port} backlog=4096; return "{'x' * 200}"; }} }}
""")
        return Server(program, "-c", str(conf), port=port)
    return make


def inetd(folder):
    program = shutil.which("inetd", path=os.environ["PATH"] + ":/usr/sbin")
    fortune = shutil.which("fortune", path=os.environ["PATH"] + ":/usr/games")
    if not program or not fortune:
        return None

    def make():
        port = free_port()
        conf = pathlib.Path(folder) / "inetd.conf"
        conf.write_text(f"127.0.0.1:{port} stream tcp nowait.1000000 nobody {fortune} fortune -a\n")
        return Server(program, "-i", "-q", "4096", str(conf), port=port)
    return make


def cookies():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        text = pathlib.Path(folder) / "cookie.txt"
        text.write_text("x" * 200)
        chosen = {
            "nginx return": nginx(folder),
            "inetd and fortune": inetd(folder),
            "fortuneserver bitrate=0": element("fortuneserver port=0 bitrate=0"),
            "protocolserver launch=filesrc":
                element(f'protocolserver launch="filesrc location={text}"'),
        }
        chosen = {name: make for name, make in chosen.items() if make}
        compare("Cookies: connections that are sent something, and its end", "a second", chosen,
                lambda s: load("fetch", s.port, 16, SECONDS)[0], next(iter(chosen)))


def rtsp_session(port):
    """A connection on which a stream plays."""
    connection = socket.create_connection(("127.0.0.1", port), 20)
    stream = connection.makefile("rb")
    session = ""

    def ask(sequence, method, path, more=""):
        connection.sendall(f"{method} rtsp://127.0.0.1:{port}/{path} RTSP/1.0\r\n"
                           f"CSeq: {sequence}\r\n{more}{session}\r\n".encode())
        head = b"".join(iter(stream.readline, b"\r\n")).decode()
        assert head.startswith("RTSP/1.0 200"), head
        length = re.search(r"Content-Length: *(\d+)", head)
        stream.read(int(length.group(1)) if length else 0)
        return head
    ask(1, "DESCRIBE", "tone")
    answer = ask(2, "SETUP", "tone/stream=0",
                 "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
    session = "Session: " + re.search(r"Session: *([^;\s]+)", answer).group(1) + "\r\n"
    ask(3, "PLAY", "tone")
    return connection


def rtsp():
    print(f"\n{RTSP_CLIENTS} clients that are sent sound: what each takes"
          f"\n{'':34}{'KiB':>9}{'threads':>9}{'files':>9}{'ratio':>9}")
    launch = 'protocolserver launch="audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ' \
             '! mulawenc"'
    chosen = {"fortuneserver": (element("fortuneserver port=0 num-cookies=-1"), None),
              "protocolserver, the same sound": (element(launch), None),
              "gst-rtsp-server": (lambda: Server(FOLDER / "rtsp-peer"), rtsp_session)}
    if not (FOLDER / "rtsp-peer").exists():
        del chosen["gst-rtsp-server"]
    base = None
    for name, (make, connect) in chosen.items():
        connect = connect or (lambda port: socket.create_connection(("127.0.0.1", port)))
        with make() as server:
            first = [connect(server.port) for _ in range(5)]  # what is made once is made
            time.sleep(0.5)
            before = server.usage()
            clients = [connect(server.port) for _ in range(RTSP_CLIENTS)]
            time.sleep(0.5)
            each = [(a - b) / RTSP_CLIENTS for a, b in zip(server.usage(), before)]
            base = base or each[0]
            print(f"{name:34}{each[0]:9.1f}{each[1]:9.2f}{each[2]:9.2f}{each[0] / base:9.1f}",
                  flush=True)
            for connection in first + clients:
                connection.close()


def pick():
    fortune = shutil.which("fortune", path=os.environ["PATH"] + ":/usr/games")
    databases = [index[:-4] for index in glob.glob("/usr/share/games/fortunes/*.dat")]
    if not fortune or not databases:
        print("\nThere is no fortune-mod to compare with")
        return
    rounds = []
    for _ in range(ROUNDS):
        result = subprocess.run([FOLDER / "pick-cost", fortune, *databases], text=True,
                                capture_output=True, check=True)
        rounds.append([float(word) for word in result.stdout.split()])
    reading, picking, running, count, _ = map(statistics.median, zip(*rounds))
    print(f"\nOne of {count:.0f} cookies in {len(databases)} databases: {picking:.3f} us to pick, "
          f"{reading:.0f} us to read them all once;\n{running:.0f} us to have fortune print one, "
          f"{running / picking:.0f} times as long")


SECTIONS = {"echo": echo, "bulk": bulk, "burst": burst, "held": held, "paced": paced,
            "cookies": cookies, "rtsp": rtsp, "pick": pick}

for section in sys.argv[2:] or SECTIONS:
    SECTIONS[section]()
