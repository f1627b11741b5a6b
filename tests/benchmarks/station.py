#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""httpserversink beside Icecast, tcpserversink and a loop that only sends, in one run:
station.py STATION-LOAD SERVER-PEERS [SECTION...] [--rounds N] [--seconds N]

Sections: load-500, load-1000, load-2000 (processor time per listener), storm (a thousand at
once), first (the first byte), page (sound in Chromium), held (ten thousand). Without any, all but
the last two. Figures are medians of the rounds, in each of which every station has its turn; a
ratio is that of each round. httpserversink and Icecast have the same source, which sends to
them over a connection.
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / 'support'))
from stations import Icecast, Kamaelia, Source, Station, TcpServer  # noqa: E402

# As many descriptors as there may be, for thousands of listeners.
DESCRIPTORS = 20_000
# Icecast writes 1400 bytes at a time: so much sound takes as many milliseconds.
ICECAST_FLUSH = 88


class SendAlone(Station):
    """Nothing but send() to each listener at an interval: no station can take less."""

    def __init__(self, peers, sound, interval):
        self.process = subprocess.Popen([peers, 'station', sound, str(interval)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.proc = pathlib.Path(f'/proc/{self.process.pid}')
        self.port = int(self.process.stdout.readline())


class Bench:
    def __init__(self, load, peers, folder, rounds, seconds):
        self.load = load
        self.peers = peers
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.rounds = rounds
        self.seconds = seconds
        self.sound = self.folder / 'sound.mp3'
        subprocess.run([load, '--sound', '40000', self.sound], check=True)

    # --- stations that play

    @contextlib.contextmanager
    def fed(self, station):
        """From the same source as all others, over a connection."""
        with station, Source(station, self.sound):
            # A whole burst, or nearly.
            time.sleep(2)
            yield station

    def kamaelia(self, flush=None):
        """With that for its flush interval, in which what a source sends is gathered too."""
        properties = f'sync=false flush-interval={flush}' if flush else 'sync=false'
        return self.fed(Kamaelia(properties=properties, descriptors=DESCRIPTORS,
                                 source=f'read-interval={flush}' if flush else ''))

    def icecast(self):
        home = self.folder / 'icecast'
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        return self.fed(Icecast(home, descriptors=DESCRIPTORS))

    @contextlib.contextmanager
    def tcpserver(self):
        with TcpServer(self.sound) as station:
            yield station

    # --- those who listen

    def listen(self, station, listeners, seconds, at_once, patience=90):
        """What they heard, and the processor seconds of the station while they did."""
        with subprocess.Popen([self.load, str(station.port), station.path, str(listeners),
                               str(seconds), str(at_once), str(patience)],
                              stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            # Not what it costs to begin.
            time.sleep(min(1, seconds / 4))
            before, begin = station.cpu_seconds(), time.monotonic()
            time.sleep(max(seconds - 1.5, 0))
            used, took = station.cpu_seconds() - before, time.monotonic() - begin
            memory = station.memory()
            heard = json.loads(process.stdout.read())
        heard['cpu_ms'] = used * 1000 / max(took / 60 * max(heard['sound'], 1), 1e-9)
        heard['core'] = used / max(took, 1e-9)
        heard['memory'] = memory
        return heard

    def loaded(self, listeners):
        """Processor time per listener and minute."""
        stations = {
            'icecast2': self.icecast,
            'httpserversink flush-interval=250': lambda: self.kamaelia(250),
            f'httpserversink flush-interval={ICECAST_FLUSH}':
                lambda: self.kamaelia(ICECAST_FLUSH),
            'httpserversink': self.kamaelia,
            'send() alone, each 250 ms': lambda: SendAlone(self.peers, self.sound, 250),
            f'send() alone, each {ICECAST_FLUSH} ms':
                lambda: SendAlone(self.peers, self.sound, ICECAST_FLUSH),
        }
        if listeners == 500:
            stations['tcpserversink'] = self.tcpserver
        rounds = {name: [] for name in stations}
        for _ in range(self.rounds):
            for name, make in stations.items():
                with make() as station:
                    rounds[name].append(self.listen(station, listeners, self.seconds, 20,
                                                    20 if name == 'tcpserversink' else 90))
        base = rounds['icecast2']
        print(f'\n{listeners} listeners, 128 kbit/s\n{"":38}{"CPU ms a minute":>16}{"x icecast2":>12}'
              f'{"MiB":>8}{"with sound":>12}')
        for name, values in rounds.items():
            ratio = statistics.median(v['cpu_ms'] / b['cpu_ms'] for v, b in zip(values, base))
            print(f'{name:38}{median(values, "cpu_ms"):16.2f}{ratio:12.2f}'
                  f'{median(values, "memory"):8.1f}{median(values, "sound"):12.0f}', flush=True)
            self.check(name, values)
        if 'tcpserversink' in rounds:
            for name in list(stations)[1:4]:
                ratio = statistics.median(v['cpu_ms'] / b['cpu_ms'] for v, b in
                                          zip(rounds[name], rounds['tcpserversink']))
                print(f'{name + ", x tcpserversink":50}{ratio:16.3f}')

    def check(self, name, values):
        if name.startswith('httpserversink'):
            for value in values:
                if value['wrong'] or value['cut'] or value['closed'] or value['failed']:
                    sys.exit(f'FAIL: {name}: {value}')

    def storm(self, listeners=1000):
        """All at once: until all have sound, or for ten seconds."""
        print(f'\n{listeners} listeners at once\n{"":38}{"with sound":>12}{"half ms":>10}'
              f'{"99 % ms":>10}{"last ms":>10}')
        for name, make in (('httpserversink', self.kamaelia), ('icecast2', self.icecast)):
            values = []
            for _ in range(self.rounds):
                with make() as station:
                    values.append(self.listen(station, listeners, 1, listeners, 10))
            print(f'{name:38}{median(values, "sound"):12.0f}{median(values, "p50_ms"):10.1f}'
                  f'{median(values, "p99_ms"):10.1f}{median(values, "most_ms"):10.1f}', flush=True)
            self.check(name, values)

    def first(self, times=30):
        """One listener after the other."""
        print(f'\nThe first byte of sound, {times} listeners one after the other\n'
              f'{"":38}{"half ms":>10}{"99 % ms":>10}')
        for name, make in (('httpserversink', self.kamaelia), ('icecast2', self.icecast)):
            values = []
            for _ in range(self.rounds):
                with make() as station:
                    values.append(self.listen(station, times, 0, 1, 30))
            print(f'{name:38}{median(values, "p50_ms"):10.2f}{median(values, "p99_ms"):10.2f}',
                  flush=True)

    def page(self):
        """From the click to sound in Chromium."""
        from browser import Browser
        print(f'\nSound in Chromium after a click\n{"":38}{"ms":>10}{"x as late":>10}')
        music = self.folder / 'music.mp3'
        subprocess.run('gst-launch-1.0 -q audiotestsrc wave=ticks num-buffers=5000 '
                       'samplesperbuffer=1024 ! audio/x-raw,rate=44100,channels=2 ! lamemp3enc '
                       f'target=bitrate bitrate=128 cbr=true ! filesink location={music}'.split(),
                       check=True)
        self.sound = music
        waits = {'httpserversink': [], 'icecast2': []}
        for _ in range(self.rounds):
            for name, make in (('httpserversink', self.kamaelia), ('icecast2', self.icecast)):
                with make() as station:
                    # A whole burst, of both.
                    time.sleep(4)
                    with Browser() as browser:
                        browser.go(f'http://127.0.0.1:{station.port}/status-json.xsl')
                        browser.run(WATCH % json.dumps(station.path))
                        browser.click('#play')
                        end = time.monotonic() + 20
                        while (wait := browser.run('return window.delay ?? -1')) < 0:
                            if time.monotonic() > end:
                                sys.exit(f'FAIL: {name} has no sound in Chromium')
                            time.sleep(0.05)
                        waits[name].append(wait)
        ours = waits['httpserversink']
        for name, values in waits.items():
            ratio = statistics.median(v / o for v, o in zip(values, ours))
            print(f'{name:38}{statistics.median(values):10.0f}{ratio:10.1f}', flush=True)

    def held(self, listeners=10_000, processes=2):
        """Ten thousand, held by two processes."""
        with self.kamaelia(250) as station:
            each = listeners // processes
            loads = [subprocess.Popen([self.load, str(station.port), station.path, str(each),
                                       str(self.seconds + 3), '500', '60'],
                                      stdout=subprocess.PIPE, text=True)
                     for _ in range(processes)]
            for load in loads:
                load.stdout.readline()
            before, begin = station.cpu_seconds(), time.monotonic()
            time.sleep(self.seconds)
            core = (station.cpu_seconds() - before) / (time.monotonic() - begin)
            memory = station.memory()
            heard = [json.loads(load.stdout.read()) for load in loads]
            for load in loads:
                load.wait()
        print(f'\n{sum(h["sound"] for h in heard)} listeners held: {core * 100:.1f} % of a core, '
              f'{memory:.1f} MiB, least heard {min(h["least"] for h in heard)} bytes')
        for one in heard:
            self.check('httpserversink', [one])


WATCH = '''
document.body.innerHTML = '<button id="play">play</button>';
document.getElementById('play').onclick = () => {
  const begin = performance.now();
  const audio = new Audio(%s);
  audio.onplaying = () => { window.delay ??= performance.now() - begin; };
  audio.play();
  window.audio = audio;
};
'''


def median(values, key):
    return statistics.median(value[key] for value in values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('load')
    parser.add_argument('peers')
    parser.add_argument('sections', nargs='*')
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=10)
    options = parser.parse_args()
    for tool in ('gst-launch-1.0', 'icecast2', 'setpriv'):
        if not shutil.which(tool):
            print(f'SKIP: {tool} is not there')
            sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.load, options.peers, folder, options.rounds, options.seconds)
        for section in options.sections or ['first', 'storm', 'load-500', 'load-1000', 'load-2000']:
            kind, _, count = section.partition('-')
            if kind == 'load':
                bench.loaded(int(count))
            else:
                getattr(bench, kind)()


if __name__ == '__main__':
    main()
