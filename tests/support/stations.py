# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stations to listen to, ours and others, and what they cost. Passwords are "hackme"."""
import base64
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SOURCE = base64.b64encode(b'source:hackme').decode()
# What station-load --sound writes: 128 kbit/s.
FRAME_SIZE = 417
FRAME_SECONDS = 1152 / 44100


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Station:
    """A server of its own process, at a port of its own."""
    path = '/stream'

    def __init__(self, command, descriptors=None, log=subprocess.DEVNULL):
        if descriptors:
            command = ['prlimit', f'--nofile={descriptors}:{descriptors}', *command]
        self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
        self.proc = pathlib.Path(f'/proc/{self.process.pid}')
        self.wait(self.listens, 'does not listen')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_alive(self):
        return self.process.poll() is None

    def wait(self, condition, complaint, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or not self.is_alive():
                sys.exit(f'{type(self).__name__} {complaint}')
            time.sleep(0.05)

    def listens(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def cpu_seconds(self):
        """Of all threads, those that have ended too."""
        times = self.proc.joinpath('stat').read_text().rsplit(') ', 1)[1].split()[11:13]
        ticks = sum(map(int, times)) / os.sysconf('SC_CLK_TCK')
        exact = 0
        for task in self.proc.joinpath('task').iterdir():
            try:
                exact += int(task.joinpath('schedstat').read_text().split()[0]) / 1e9
            except OSError:
                pass
        return max(ticks - 0.01, exact)

    def memory(self):
        """Resident, in MiB."""
        lines = self.proc.joinpath('status').read_text().splitlines()
        return int(next(line for line in lines if line.startswith('VmRSS')).split()[1]) / 1024

    def descriptors(self):
        return len(os.listdir(self.proc / 'fd'))

    def status(self):
        try:
            with NO_PROXY.open(f'http://127.0.0.1:{self.port}/status-json.xsl',
                               timeout=5) as answer:
                return json.load(answer)['icestats'].get('source', {})
        except OSError:
            return None

    def is_on_air(self):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{self.path}')
        try:
            with NO_PROXY.open(request, timeout=5) as answer:
                return len(answer.read(1)) == 1
        except OSError:
            return False


class Kamaelia(Station):
    """httpserversink; without a sound it waits for a source."""

    def __init__(self, sound=None, properties='', source='', **more):
        self.port = free_port()
        place = f'address=127.0.0.1 port={self.port}'
        begin = (f'filesrc location={sound} ! mpegaudioparse' if sound else
                 f'httpserversrc {place} auth-password=hackme request-timeout=5 {source}')
        super().__init__(['gst-launch-1.0', *begin.split(), '!', 'httpserversink',
                          *place.split(), *properties.split()], **more)


class TcpServer(Station):
    """tcpserversink, which knows no HTTP: who connects is sent what comes."""
    path = '-'

    def __init__(self, sound):
        self.port = free_port()
        super().__init__(['gst-launch-1.0', 'filesrc', f'location={sound}', '!',
                          'mpegaudioparse', '!', 'tcpserversink', 'host=127.0.0.1',
                          f'port={self.port}', 'sync=true'])


class Icecast(Station):
    """Icecast 2; it waits for a source."""

    def __init__(self, folder, clients=100000, burst=65536, **more):
        folder = pathlib.Path(folder)
        folder.chmod(0o777)
        self.port = free_port()
        config = folder / 'icecast.xml'
        config.write_text(f'''<icecast>
  <limits>
    <clients>{clients}</clients><sources>5</sources><queue-size>524288</queue-size>
    <client-timeout>10</client-timeout><header-timeout>5</header-timeout>
    <source-timeout>10</source-timeout><burst-size>{burst}</burst-size>
  </limits>
  <authentication>
    <source-password>hackme</source-password><relay-password>hackme</relay-password>
    <admin-user>admin</admin-user><admin-password>hackme</admin-password>
  </authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>{self.port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths>
    <basedir>{folder}</basedir><logdir>{folder}</logdir>
    <webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot>
  </paths>
  <logging><errorlog>error.log</errorlog><accesslog>access.log</accesslog>
    <loglevel>1</loglevel></logging>
  <security><chroot>0</chroot></security>
</icecast>
''')
        # It refuses to be root.
        nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
        super().__init__([*(nobody if os.getuid() == 0 else []), 'icecast2', '-c', config], **more)


class Source:
    """Sends a file from some byte on to a station at its pace, or some times as fast, until it
    is closed."""

    def __init__(self, station, sound, speed=1, begin=0):
        self.station = station
        self.sound = pathlib.Path(sound).read_bytes()
        self.speed = speed
        self.begin = self.at = begin
        self.is_over = threading.Event()
        self.socket = socket.create_connection(('127.0.0.1', station.port))
        self.socket.sendall(f'PUT {station.path} HTTP/1.1\r\nHost: localhost\r\n'
                            f'Authorization: Basic {SOURCE}\r\nContent-Type: audio/mpeg\r\n'
                            'ice-name: Numbers\r\nExpect: 100-continue\r\n\r\n'.encode())
        answer = self.socket.recv(1000).decode()
        if ' 100 ' not in answer:
            sys.exit(f'{type(station).__name__} takes no source: {answer}')
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        station.wait(station.is_on_air, 'has no sound')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.socket.close()

    def run(self):
        begin = time.monotonic()
        while not self.is_over.is_set():
            frames = int((time.monotonic() - begin + 1) * self.speed / FRAME_SECONDS)
            due = self.begin + frames * FRAME_SIZE
            try:
                self.socket.sendall(self.sound[self.at:due])
            except OSError:
                return
            self.at = due
            time.sleep(0.05)

    def set_title(self, title):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.station.port}/admin/metadata?mode=updinfo&'
            f'mount={self.station.path}&charset=UTF-8&song={urllib.parse.quote(title)}',
            headers={'Authorization': f'Basic {SOURCE}'})
        NO_PROXY.open(request, timeout=5).close()
