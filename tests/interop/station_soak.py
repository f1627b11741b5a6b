# SPDX-License-Identifier: LGPL-2.1-or-later
"""station_soak.py STATION-LOAD [SECONDS]: an Icecast in one line for so long (40), with sources
and listeners that come and go. It must not lose anybody who stays, nor grow, nor keep what they
had, and tell all of them a title at the same byte. Exits with 77 if a program is missing."""
import contextlib
import itertools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'support'))
from stations import FRAME_SECONDS, Kamaelia, Source  # noqa: E402

LOAD = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 40
# A source stays so long; listeners half as long, a crowd of so many.
SOURCE_SECONDS = 8
CROWD = 200
MOST_GROWTH = 4
# There is a place for a title behind so many bytes, another one for each listener.
METAINT = 8192
TITLE_SECONDS = 0.5
SEED = 20_261_127


class Crowd:
    """Listeners who come at once, stay for a while and go."""

    def __init__(self, station, chance):
        self.process = subprocess.Popen(
            [LOAD, str(station.port), station.path, str(chance.randrange(1, CROWD)),
             str(chance.uniform(0.1, SOURCE_SECONDS / 2))], stdout=subprocess.PIPE, text=True)

    def has_gone(self):
        return self.process.poll() is not None

    def report(self):
        lines = self.process.communicate()[0].splitlines()
        return json.loads(lines[-1])


class Sound:
    """Each source goes on where the one before it ended, so that nobody who stays may miss a
    byte."""

    def __init__(self, path):
        self.path = path
        self.begin = 0
        frames = int(3 * SECONDS / FRAME_SECONDS)
        subprocess.run([LOAD, '--sound', str(frames), path], check=True)

    @contextlib.contextmanager
    def on_air(self, station):
        with Source(station, self.path, begin=self.begin) as source:
            yield source
        self.begin = source.at


def figures(station, sound):
    """While it plays for nobody: that a listener has gone is noticed when it is sent something,
    because one that only says that it will ask for no more may still listen."""
    with sound.on_air(station):
        time.sleep(3)
        return counted(station)


def counted(station):
    return {'descriptors': station.descriptors(), 'MiB': round(station.memory(), 1),
            'threads': len(list(station.proc.joinpath('task').iterdir()))}


class Tally:
    """What became of those who came."""

    def __init__(self):
        self.sources = self.listeners = self.let_down = 0
        self.titles = {}

    def add(self, told):
        self.listeners += told['sound']
        self.let_down += told['closed'] + told['failed'] + told['wrong'] + told['cut']
        for title, between in told['titles'].items():
            places = [*self.titles.get(title, between), *between]
            self.titles[title] = (min(places), max(places))

    def misplaced(self):
        return [f'{title} from {first} to {last}' for title, (first, last) in self.titles.items()
                if last - first >= METAINT]


def play(station, sound, until, chance):
    """Listeners and sources in turn."""
    tally = Tally()
    crowds = []
    numbers = itertools.count(1)
    while time.monotonic() < until:
        with sound.on_air(station) as source:
            tally.sources += 1
            next_title = time.monotonic()
            over = next_title + chance.uniform(1, SOURCE_SECONDS)
            while time.monotonic() < over:
                if len(crowds) < 2:
                    crowds.append(Crowd(station, chance))
                for crowd in [one for one in crowds if one.has_gone()]:
                    crowds.remove(crowd)
                    tally.add(crowd.report())
                if time.monotonic() >= next_title:
                    source.set_title(f'Title {next(numbers)} of source {tally.sources}')
                    next_title += TITLE_SECONDS
                time.sleep(0.05)
    for crowd in crowds:
        tally.add(crowd.report())
    return tally


def main():
    if not shutil.which('gst-launch-1.0'):
        print('SKIP: gst-launch-1.0 is not there')
        sys.exit(77)
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        sound = Sound(Path(folder) / 'sound.mp3')
        with Kamaelia() as station:
            # What is made once, and kept, is made by then.
            begin = time.monotonic()
            play(station, sound, begin + SECONDS / 5, chance)
            before = figures(station, sound)
            tally = play(station, sound, begin + SECONDS, chance)
            after = figures(station, sound)
            cpu = station.cpu_seconds()
    print(f'{tally.sources} sources and {tally.listeners} listeners came and went, '
          f'{tally.let_down} were let down; of {len(tally.titles)} titles '
          f'{len(tally.misplaced())} were told at different places; {before} before, {after} '
          f'after; {cpu:.1f} processor seconds')
    wrong = []
    if tally.let_down or not tally.listeners:
        wrong.append('listeners were let down')
    if tally.misplaced() or not tally.titles:
        wrong.append('titles are not at their byte: ' + ', '.join(tally.misplaced()))
    if after['descriptors'] > before['descriptors'] or after['threads'] > before['threads']:
        wrong.append('something is left behind')
    if after['MiB'] > before['MiB'] + MOST_GROWTH:
        wrong.append('it grows')
    if wrong:
        sys.exit('FAIL: ' + '; '.join(wrong))


main()
