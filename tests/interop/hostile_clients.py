# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile_clients.py STATION-LOAD [--full]: clients that mean no good, at httpserversink and at
Icecast in turn, which both send the same sound of the same source. Meanwhile five listeners
look at each byte, and a good client asks again and again how things are. Without --full there
are fewer of each. Exits with 77 if a program is missing."""
import contextlib
import json
import multiprocessing
import random
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'support'))
from stations import Icecast, Kamaelia, Source  # noqa: E402

LOAD = sys.argv[1]
FULL = '--full' in sys.argv
MALFORMED = 10_000 if FULL else 2_000
SLOW = 200 if FULL else 50
CONNECTS = 2_000 if FULL else 500
# A machine that does other things too must not fail a good server.
MOST_MS = 50 if FULL else 1000
MOST_MEMORY = 16
# Of a header, and of what is not taken; with two seconds on top.
HEADER_SECONDS = 5
LAG_SECONDS = 10
SEED = 20_261_127
PROPERTIES = ('sync=false request-timeout=5 burst-time=1000 queue-time=5000 '
              'max-connections=100000')
TOOLS = ['gst-launch-1.0', 'icecast2', 'prlimit', 'setpriv']

GET = b'GET /status-json.xsl HTTP/1.1\r\n'
HOST = b'Host: localhost\r\n'
HIDDEN = GET + HOST + b'\r\n'


def noise(chance, size):
    return bytes(chance.randrange(256) for _ in range(size))


# None of them is a request, or one that can be trusted.
KINDS = {
    'noise': lambda c: noise(c, c.randrange(1, 400)),
    'noise in lines': lambda c: b'\r\n'.join(noise(c, 30) for _ in range(20)) + b'\r\n\r\n',
    'a hello of TLS': lambda c: b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + noise(c, 500),
    'no version': lambda c: b'GET /status-json.xsl FTP/1.1\r\n' + HOST + b'\r\n',
    'a version to come': lambda c: b'GET /status-json.xsl HTTP/%d.%d\r\n' % (
        c.randrange(4, 99), c.randrange(99)) + HOST + b'\r\n',
    'half a version': lambda c: b'GET /status-json.xsl HTTP/\r\n' + HOST + b'\r\n',
    'a strange method': lambda c: b'G\x01T /status-json.xsl HTTP/1.1\r\n' + HOST + b'\r\n',
    'a long method': lambda c: b'G' * 20_000 + b' / HTTP/1.1\r\n' + HOST + b'\r\n',
    'NUL in the path': lambda c: b'GET /status\0-json.xsl HTTP/1.1\r\n' + HOST + b'\r\n',
    'NUL in a field': lambda c: GET + HOST + b'X: a\0b\r\n\r\n',
    'CR in a field': lambda c: GET + HOST + b'X: a\rb\r\n\r\n',
    'a blank in the path': lambda c: b'GET /status json.xsl HTTP/1.1\r\n' + HOST + b'\r\n',
    'a field with a blank': lambda c: GET + HOST + b'X : y\r\n\r\n',
    'a folded field': lambda c: GET + HOST + b'X: y\r\n z\r\n\r\n',
    'a field without a colon': lambda c: GET + HOST + b'X y\r\n\r\n',
    'a field without a name': lambda c: GET + HOST + b': y\r\n\r\n',
    'no host': lambda c: GET + b'\r\n',
    'two hosts': lambda c: GET + HOST + b'Host: elsewhere\r\n\r\n',
    'a host that is none': lambda c: GET + b'Host: a b/@\r\n\r\n',
    'a long path': lambda c: b'GET /' + b'a' * c.randrange(20_000, 100_000) +
                             b' HTTP/1.1\r\n' + HOST + b'\r\n',
    'a long field': lambda c: GET + HOST + b'X: ' + b'y' * 200_000 + b'\r\n\r\n',
    'many fields': lambda c: GET + HOST + b'X: y\r\n' * c.randrange(2_000, 10_000) + b'\r\n',
    'a negative length': lambda c: GET + HOST + b'Content-Length: -1\r\n\r\n',
    'a length that is none': lambda c: GET + HOST + b'Content-Length: 0x10\r\n\r\n',
    'a length beyond all': lambda c: GET + HOST + b'Content-Length: 18446744073709551617\r\n\r\n',
    'two lengths': lambda c: GET + HOST + b'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'a length and chunks': lambda c: GET + HOST + b'Content-Length: 5\r\n'
                                     b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a coding unheard of': lambda c: GET + HOST + b'Transfer-Encoding: x\r\n\r\n',
    'broken escapes': lambda c: b'GET /%zz%u0041%1 HTTP/1.1\r\n' + HOST + b'\r\n',
    'out of the folder': lambda c: b'GET /' + c.choice([b'../', b'..%2f', b'%2e%2e/', b'..\\']) * 8
                                   + b'etc/passwd HTTP/1.1\r\n' + HOST + b'\r\n',
    'half of a request': lambda c: HIDDEN[:c.randrange(1, len(HIDDEN) - 2)],
    'formats for printf': lambda c: b'GET /%n%n%s%p HTTP/1.1\r\nHost: %s%n\r\n' * 2 + b'\r\n',
    'a source without a password': lambda c: b'SOURCE /else HTTP/1.0\r\nContent-Type: '
                                             b'audio/mpeg\r\n\r\n' + noise(c, 2_000),
}

# What two servers could understand differently. Whoever answers what is hidden behind it, or
# this itself, would be such a one.
PROBES = {
    'two hosts': GET + HOST + b'Host: elsewhere\r\n\r\n',
    'a length and chunks': b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 5\r\n'
                           b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + HIDDEN,
    'two lengths': b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 0\r\nContent-Length: %d\r\n'
                   b'\r\n' % len(HIDDEN) + HIDDEN,
    'lines that end in LF': GET[:-2] + b'\nHost: localhost\n\n' + HIDDEN,
    'chunks that end in LF': b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: chunked\r\n\r\n'
                             b'2\nab\n0\n\n' + HIDDEN,
    'a blank before the colon': b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length : %d\r\n\r\n'
                                % len(HIDDEN) + HIDDEN,
    'LF in a field': GET + HOST + b'X: y\nZ: a\r\n\r\n' + HIDDEN,
}


def exchange(port, request, seconds=10):
    """What comes back until the server closes; how often it says that all is well."""
    got = b''
    try:
        with socket.create_connection(('127.0.0.1', port), seconds) as client:
            with contextlib.suppress(OSError):
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
            while len(got) < 1 << 20:
                more = client.recv(65536)
                if not more:
                    break
                got += more
    except OSError:
        pass
    return got.count(b'HTTP/1.1 2') + got.count(b'HTTP/1.0 2')


def ask_again_and_again(port, is_over, waits):
    """The good client: how long each of its requests takes, in milliseconds."""
    while not is_over.is_set():
        begin = time.monotonic()
        answered = exchange(port, b'GET /status-json.xsl HTTP/1.0\r\nHost: localhost\r\n\r\n')
        waits.append((time.monotonic() - begin) * 1000 if answered else 1e9)
        time.sleep(0.02)


def connect(port, receive=None):
    client = socket.socket()
    if receive:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.settimeout(20)
    client.connect(('127.0.0.1', port))
    return client


class Trial:
    """What becomes of one station."""

    def __init__(self, station):
        self.station = station
        self.port = station.port
        self.descriptors = station.descriptors()
        self.memory = station.memory()
        self.found = {}

    def note(self, what, value):
        self.found[what] = value
        print(f'  {what}: {value}', flush=True)

    def seconds_until_quiet(self, patience=40):
        """Until the server has no more descriptors than at the beginning."""
        begin = time.monotonic()
        while self.station.descriptors() > self.descriptors + 2:
            if time.monotonic() - begin > patience:
                return float('inf')
            time.sleep(0.05)
        return round(time.monotonic() - begin, 1)

    def run(self):
        chance = random.Random(SEED)
        kinds = list(KINDS)
        with ThreadPoolExecutor(20) as pool:
            requests = [KINDS[kinds[i % len(kinds)]](chance) for i in range(MALFORMED)]
            accepted = list(pool.map(lambda one: exchange(self.port, one), requests))
        taken = {kinds[i % len(kinds)] for i, count in enumerate(accepted) if count}
        self.note('malformed requests', MALFORMED)
        self.note('kinds taken for good', sorted(taken))
        self.note('probes taken for good',
                  sorted(name for name, probe in PROBES.items() if exchange(self.port, probe)))
        self.slow()
        ranges = b'Range: bytes=' + b','.join([b'0-'] * 20_000) + b'\r\n'
        before = self.station.memory()
        exchange(self.port, GET + HOST + ranges + b'\r\n')
        exchange(self.port, b'GET / HTTP/1.1\r\n' + HOST + ranges + b'\r\n')
        self.note('MiB for 20,000 ranges', round(self.station.memory() - before, 1))
        self.large_body()
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda _: exchange(self.port, b'CONNECT x:1 HTTP/1.1\r\n\r\n'),
                          range(CONNECTS)))
        self.seconds_until_quiet()
        self.note('descriptors more', self.station.descriptors() - self.descriptors)
        self.note('MiB more', round(self.station.memory() - self.memory, 1))
        self.note('alive', self.station.is_alive())

    def slow(self):
        """Those who dawdle, all at once, until the server has had enough of each."""
        silent = [connect(self.port) for _ in range(SLOW)]
        dawdling = [connect(self.port) for _ in range(SLOW)]
        begin = time.monotonic()
        left = {client.fileno(): client for client in silent + dawdling}
        sent = 0
        while left and time.monotonic() - begin < 40:
            # A byte a second of a request that never ends.
            if time.monotonic() - begin > sent:
                for client in dawdling:
                    with contextlib.suppress(OSError):
                        client.send((GET + HOST + b'X: ' + b'y' * 1000)[sent:sent + 1])
                sent += 1
            for fd in select.select(list(left), [], [], 0.1)[0]:
                try:
                    is_closed = not left[fd].recv(4096)
                except OSError:
                    is_closed = True
                if is_closed:
                    left.pop(fd).close()
        self.note('slow and silent ones left', len(left))
        self.note('seconds until they were gone', round(time.monotonic() - begin, 1))
        for client in left.values():
            client.close()
        self.seconds_until_quiet()
        deaf = [connect(self.port, 4096) for _ in range(SLOW)]
        for client in deaf:
            client.sendall(b'GET %s HTTP/1.1\r\n' % self.station.path.encode() + HOST + b'\r\n')
        self.note('seconds until those who read nothing were gone', self.seconds_until_quiet())
        for client in deaf:
            client.close()

    def large_body(self):
        before = self.station.memory()
        begin = time.monotonic()
        with connect(self.port) as client, contextlib.suppress(OSError):
            client.sendall(b'POST / HTTP/1.1\r\n' + HOST + b'Content-Length: 1099511627776\r\n\r\n')
            while time.monotonic() - begin < 30:
                client.send(b'x' * 65536)
                time.sleep(0.001)
        self.note('seconds that a body of a terabyte was sent', round(time.monotonic() - begin, 1))
        self.note('MiB more for it', round(self.station.memory() - before, 1))


def try_out(make, sound):
    with make() as station, Source(station, sound, 8):
        print(f'{type(station).__name__}:', flush=True)
        listeners = subprocess.Popen([LOAD, str(station.port), station.path, '5', '100000'],
                                     stdout=subprocess.PIPE, text=True)
        listeners.stdout.readline()
        context = multiprocessing.get_context('spawn')
        with context.Manager() as manager:
            is_over, waits = context.Event(), manager.list()
            client = context.Process(target=ask_again_and_again,
                                     args=(station.port, is_over, waits))
            client.start()
            time.sleep(1)
            trial = Trial(station)
            trial.run()
            is_over.set()
            client.join()
            took = sorted(waits)
        trial.note('requests of a good client', len(took))
        trial.note('99 of 100 within ms', round(took[int(len(took) * 0.99)], 1))
        listeners.terminate()
        heard = json.loads(listeners.stdout.read())
        listeners.wait()
        trial.note('listeners who lost a byte', heard['wrong'] + heard['closed'])
        trial.note('listeners who began within a frame', heard['cut'])
    return trial.found


def exhaust(make, sound):
    """Descriptors run out, and come back."""
    with make(256) as station, Source(station, sound, 8):
        print(f'{type(station).__name__}, with 256 descriptors:', flush=True)
        trial = Trial(station)
        clients = []
        for _ in range(600):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(('127.0.0.1', station.port))
            clients.append(client)
        time.sleep(1)
        before = station.cpu_seconds()
        time.sleep(2)
        trial.note('CPU while there are none, of a core',
                   round((station.cpu_seconds() - before) / 2, 3))
        for client in clients:
            client.close()
        begin = time.monotonic()
        while not exchange(station.port, b'GET /status-json.xsl HTTP/1.0\r\n\r\n', 2):
            if time.monotonic() - begin > 30:
                break
        trial.note('seconds until it answers', round(time.monotonic() - begin, 2))
        trial.seconds_until_quiet()
        trial.note('descriptors left', station.descriptors() - trial.descriptors)
        return trial.found


def judge(ours, theirs):
    """What is wrong with ours."""
    wrong = []

    def expect(is_good, what):
        if not is_good:
            wrong.append(what)

    expect(ours['alive'], 'it is dead')
    expect(not ours['kinds taken for good'], 'it takes for good what is not')
    expect(not ours['probes taken for good'], 'it takes for good what can be misunderstood')
    expect(ours['slow and silent ones left'] == 0 and
           ours['seconds until they were gone'] < HEADER_SECONDS + 2, 'slow clients stay')
    expect(ours['seconds until those who read nothing were gone'] < LAG_SECONDS + 2,
           'those who read nothing stay')
    expect(abs(ours['descriptors more']) <= 2, 'descriptors are lost')
    expect(ours['MiB more'] <= MOST_MEMORY, 'it grows')
    expect(ours['99 of 100 within ms'] <= MOST_MS, 'a good client waits')
    expect(ours['listeners who lost a byte'] == 0, 'others pay for them')
    expect(ours['seconds that a body of a terabyte was sent'] < HEADER_SECONDS,
           'it reads for ever')
    expect(ours['seconds until it answers'] < 2, 'it does not recover')
    expect(ours['CPU while there are none, of a core'] < 0.1, 'it spins')
    # Seconds are those of the machine too.
    for what in ('kinds taken for good', 'probes taken for good'):
        expect(len(ours[what]) <= len(theirs[what]), f'{what}: worse than Icecast')
    return wrong


def main():
    for tool in TOOLS:
        if not shutil.which(tool):
            print(f'SKIP: {tool} is not there')
            sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        sound = folder / 'sound.mp3'
        subprocess.run([LOAD, '--sound', '200000', sound], check=True)
        home = folder / 'icecast'
        home.mkdir()

        def kamaelia(descriptors=8192):
            return Kamaelia(properties=PROPERTIES, descriptors=descriptors)

        def icecast(descriptors=8192):
            return Icecast(home, descriptors=descriptors)

        ours = try_out(kamaelia, sound) | exhaust(kamaelia, sound)
        theirs = try_out(icecast, sound) | exhaust(icecast, sound)
    print(f'\n{"":52}{"httpserversink":>16}{"icecast2":>16}')
    for what, value in ours.items():
        shown = [len(one) if isinstance(one, list) else one for one in (value, theirs[what])]
        print(f'{what:52}{shown[0]!s:>16}{shown[1]!s:>16}')
    wrong = judge(ours, theirs)
    if wrong:
        sys.exit('FAIL: ' + '; '.join(wrong))
    print('Nothing came of it.')


if __name__ == '__main__':
    main()
