#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Protocol servers beside others, in one run: servers.py SERVER-PEERS [SECONDS]

Prints a table for echo and one for many clients held; the last column is the ratio to the bare
epoll server of the same round. Figures are medians of three rounds.
"""
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PEERS = sys.argv[1]
SECONDS = sys.argv[2] if len(sys.argv) > 2 else "2"
ROUNDS = 3
MANY = 5000

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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()

    def proportional_memory(self):
        """Of the process, in KiB."""
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(next(l for l in rollup.splitlines() if l.startswith("Pss:")).split()[1])

    def count(self, directory):
        return len(os.listdir(f"/proc/{self.process.pid}/{directory}"))


def client(*arguments):
    result = subprocess.run([PEERS, *map(str, arguments)], capture_output=True, text=True,
                            check=True, timeout=120)
    return float(result.stdout.split()[0])


def servers():
    """Name and maker of each."""
    return {
        "bare epoll": lambda: Server(PEERS, "epoll"),
        "echoserver": lambda: Server(PEERS, "element", "echoserver port=0"),
        "echoserver, no messages":
            lambda: Server(PEERS, "element", "echoserver port=0 post-messages=false"),
        "protocolserver launch=identity":
            lambda: Server(PEERS, "element", "protocolserver launch=identity"),
        "the same, recycle=0":
            lambda: Server(PEERS, "element", "protocolserver launch=identity recycle=0"),
        "a pipeline per client": lambda: Server(PEERS, "threads"),
        "Python asyncio": lambda: Server(sys.executable, "-c", ASYNCIO),
    }


def table(title, unit, measure, chosen):
    print(f"\n{title}\n{'':34}{unit:>12}{'x epoll':>9}")
    rounds = {name: [] for name in chosen}
    for _ in range(ROUNDS):
        for name, make in chosen.items():
            with make() as server:
                rounds[name].append(measure(server))
    for name, values in rounds.items():
        ratios = [v / e for v, e in zip(values, rounds["bare epoll"]) if e]
        print(f"{name:34}{statistics.median(values):12.0f}{statistics.median(ratios):9.2f}",
              flush=True)


def held(name, make):
    with make() as server:
        client("connect", server.port, 16, 1)  # what is made once is made
        before = server.proportional_memory(), server.count("task"), server.count("fd")
        holder = subprocess.Popen([PEERS, "hold", str(server.port), str(MANY)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p99 = holder.stdout.readline().strip()
        try:
            holder.stdin.write("\n")
            holder.stdin.flush()
            rate = holder.stdout.readline().strip() or "0"
            after = server.proportional_memory(), server.count("task"), server.count("fd")
        except (OSError, StopIteration):
            print(f"{name:34} did not hold {MANY}")
            holder.kill()
            return
        holder.stdin.close()
        holder.wait()
        memory, threads, files = ((a - b) / MANY for a, b in zip(after, before))
        print(f"{name:34}{memory:11.1f}{threads:9.2f}{files:9.2f}{float(rate):11.0f}"
              f"{float(p99 or 0):9.2f}", flush=True)


def cookie_servers(folder):
    """Name and maker of each that sends something and ends."""
    text = pathlib.Path(folder) / "cookie.txt"
    text.write_text("x" * 200)
    chosen = {"bare epoll": None}
    launch = f'protocolserver launch="filesrc location={text}"'
    chosen["protocolserver launch=filesrc"] = lambda: Server(PEERS, "element", launch)
    inspect = subprocess.run(["gst-inspect-1.0", "fortuneserver"], capture_output=True, check=False)
    if inspect.returncode == 0:
        chosen["fortuneserver bitrate=0"] = \
            lambda: Server(PEERS, "element", "fortuneserver port=0 bitrate=0")
    nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    if nginx and os.path.exists(module):
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(f"""load_module {module};
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
stream {{ server {{ listen 127.0.0.1:15999 backlog=4096; return "{'x' * 200}"; }} }}
""")
        chosen["nginx return"] = lambda: Server(nginx, "-c", str(conf), port=15999)
    inetd = shutil.which("inetd") or shutil.which("/usr/sbin/inetd")
    fortune = shutil.which("fortune") or shutil.which("/usr/games/fortune")
    if inetd and fortune:
        conf = pathlib.Path(folder) / "inetd.conf"
        conf.write_text(f"127.0.0.1:15998 stream tcp nowait.1000000 nobody {fortune} fortune\n")
        chosen["inetd and fortune"] = lambda: Server(inetd, "-i", str(conf), port=15998)
    del chosen["bare epoll"]
    return chosen


def main():
    everyone = servers()
    table("Connections, 8 bytes echoed each, 16 at a time", "a second",
          lambda s: client("connect", s.port, 16, SECONDS), everyone)
    table("One connection, echoed", "MB/s", lambda s: client("bulk", s.port, 2000), everyone)
    print(f"\n{MANY} clients held\n{'':34}{'KiB each':>11}{'threads':>9}{'files':>9}"
          f"{'echoes/s':>11}{'p99 ms':>9}")
    for name, make in everyone.items():
        held(name, make)
    print(f"\nCookies: connections that are sent something, a second\n")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name, make in cookie_servers(folder).items():
            rates = []
            for _ in range(ROUNDS):
                with make() as server:
                    time.sleep(0.5)
                    rates.append(client("fetch", server.port, 16, SECONDS))
            print(f"{name:34}{statistics.median(rates):12.0f}", flush=True)


main()
