#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""httpserver beside nginx and Python's server, in one run: web.py WEB-LOAD NGINX [SECONDS]

Each has one process and one thread for its connections. Figures are medians of three rounds in
which all take their turns; the ratio is that of each round to nginx.
"""
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

LOAD, NGINX = sys.argv[1:3]
SECONDS = sys.argv[3] if len(sys.argv) > 3 else "2"
ROUNDS = 3
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, command):
        self.port = free_port()
        self.process = subprocess.Popen([str(part).replace("PORT", str(self.port))
                                         for part in command],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1]
        return sum(map(int, fields.split()[11:13])) / TICKS

    def memory(self):
        """Peak resident, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(l for l in status.splitlines() if l.startswith("VmHWM")).split()[1]) / 1024

    def load(self, path, connections, *more):
        before = self.cpu_seconds()
        out = subprocess.run([LOAD, str(self.port), path, str(connections), SECONDS, *more],
                             capture_output=True, text=True, check=True, timeout=60).stdout
        rate, megabytes, failures = map(float, out.split())
        if failures:
            raise SystemExit(f"{self.process.args}: {path}: {failures:.0f} answers were none")
        cpu = self.cpu_seconds() - before
        return rate, megabytes, cpu / max(rate * float(SECONDS), 1) * 1e6


def table(title, servers, path, connections, in_megabytes, *more):
    print(f"\n{title}\n{'':38}{'MB/s' if in_megabytes else 'a second':>10}{'x nginx':>9}"
          f"{'CPU us each':>13}{'x nginx':>9}{'peak MiB':>10}")
    rounds = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, command in servers.items():
            with Server(command) as server:
                rate, megabytes, cpu = server.load(path, connections, *more)
                rounds[name].append((megabytes if in_megabytes else rate, cpu, server.memory()))
    base = rounds.get("nginx") or next(iter(rounds.values()))
    for name, values in rounds.items():
        speed, cpu, memory = (statistics.median(v[i] for v in values) for i in range(3))
        times = statistics.median(v[0] / b[0] for v, b in zip(values, base))
        cost = statistics.median(v[1] / max(b[1], 1e-9) for v, b in zip(values, base))
        print(f"{name:38}{speed:10.0f}{times:9.2f}{cpu:13.1f}{cost:9.2f}{memory:10.1f}",
              flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        site = pathlib.Path(folder) / "site"
        site.mkdir()
        for name, size in (("small.jpg", 1024), ("medium.jpg", 65536), ("large.mp4", 200 << 20)):
            (site / name).write_bytes(os.urandom(size))
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(f"""daemon off; worker_processes 1; master_process off;
pid {folder}/nginx.pid; error_log /dev/null crit; events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
server {{ listen LISTEN; root {site}; }} }}""")
        launch = ["gst-launch-1.0", "httpserver", "address=127.0.0.1", "port=PORT",
                  "max-requests=0"]
        files = {
            "nginx": ["/bin/sh", "-c",
                      f"sed s/LISTEN/PORT/ {conf} >{folder}/c; exec {NGINX} -c {folder}/c"],
            "httpserver post-messages=false": [*launch, "post-messages=false",
                                               f"routes=/=dir:{site}"],
            "httpserver": [*launch, f"routes=/=dir:{site}"],
            "Python's http.server": [sys.executable, "-m", "http.server", "--protocol", "HTTP/1.1",
                                     "--bind", "127.0.0.1", "--directory", site, "PORT"],
        }
        if sys.version_info < (3, 11):
            del files["Python's http.server"]
        table("Files of 1 KiB, 16 connections", files, "/small.jpg", 16, False)
        table("Files of 64 KiB, 16 connections", files, "/medium.jpg", 16, False)
        table("A file of 200 MiB, 4 connections", files, "/large.mp4", 4, True)
        echo = {
            "request-threads=false": [*launch, "request-threads=false", "post-messages=false",
                                      "routes=/echo=identity"],
            "request-threads=true": [*launch, "post-messages=false", "routes=/echo=identity"],
            "the same, recycle=0": [*launch, "recycle=0", "post-messages=false",
                                    "routes=/echo=identity"],
        }
        table("A pipeline per request (identity, 1 KiB), 16 connections; x the first", echo,
              "/echo", 16, False, "1024")


main()
