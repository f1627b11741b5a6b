# SPDX-License-Identifier: LGPL-2.1-or-later
"""station_soak.py STATION-LOAD [SECONDS]: an Icecast in one line for so long (40), with sources
and listeners that come and go. It must not lose anybody who stays, nor grow, nor keep what they
had. Exits with 77 if a program is missing."""
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'support'))
from stations import Kamaelia, Source  # noqa: E402

LOAD = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 40
# A source stays so long; listeners half as long, a crowd of so many.
SOURCE_SECONDS = 8
CROWD = 200
MOST_GROWTH = 4
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


def figures(station, sound):
    """While it plays for nobody: that a listener has gone is noticed when it is sent something,
    because one that only says that it will ask for no more may still listen."""
    with Source(station, sound):
        time.sleep(3)
        return counted(station)


def counted(station):
    return {'descriptors': station.descriptors(), 'MiB': round(station.memory(), 1),
            'threads': len(list(station.proc.joinpath('task').iterdir()))}


def play(station, sound, until, chance):
    """Listeners and sources in turn; how many there were, and were let down."""
    heard = let_down = sources = 0
    crowds = []
    while time.monotonic() < until:
        with Source(station, sound):
            sources += 1
            over = time.monotonic() + chance.uniform(1, SOURCE_SECONDS)
            while time.monotonic() < over:
                if len(crowds) < 2:
                    crowds.append(Crowd(station, chance))
                for crowd in [one for one in crowds if one.has_gone()]:
                    crowds.remove(crowd)
                    told = crowd.report()
                    heard += told['sound']
                    let_down += told['closed'] + told['failed']
                time.sleep(0.05)
    for crowd in crowds:
        told = crowd.report()
        heard += told['sound']
        let_down += told['closed'] + told['failed']
    return heard, let_down, sources


def main():
    if not shutil.which('gst-launch-1.0'):
        print('SKIP: gst-launch-1.0 is not there')
        sys.exit(77)
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / 'sound.mp3'
        subprocess.run([LOAD, '--sound', '2000', sound], check=True)
        with Kamaelia() as station:
            # What is made once, and kept, is made by then.
            begin = time.monotonic()
            play(station, sound, begin + SECONDS / 5, chance)
            before = figures(station, sound)
            heard, let_down, sources = play(station, sound, begin + SECONDS, chance)
            after = figures(station, sound)
            cpu = station.cpu_seconds()
    print(f'{sources} sources and {heard} listeners came and went, {let_down} were let down; '
          f'{before} before, {after} after; {cpu:.1f} processor seconds')
    wrong = []
    if let_down or not heard:
        wrong.append('listeners were let down')
    if after['descriptors'] > before['descriptors'] or after['threads'] > before['threads']:
        wrong.append('something is left behind')
    if after['MiB'] > before['MiB'] + MOST_GROWTH:
        wrong.append('it grows')
    if wrong:
        sys.exit('FAIL: ' + '; '.join(wrong))


main()
