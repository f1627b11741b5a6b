# SPDX-License-Identifier: LGPL-2.1-or-later
"""torrent_playbin.py: playbin3 plays a magnet link whose two seeds give 2 MiB/s each, is stopped
and started, and seeks: while there is no metadata, while files are compared, while it is
downloaded, and when all is there. Nothing may fail or wait for ever, and each seek has to end
where it was to. Prints how long all that took. Exits with 77 if something is missing."""
import os
import random
import subprocess
import sys
import tempfile
import time

try:
    import gi
    gi.require_version('Gst', '1.0')
    from gi.repository import Gst
except (ImportError, ValueError):
    print('SKIP: there is no GStreamer for Python')
    sys.exit(77)

Gst.init(None)
NETWORK = {'dht': False, 'lsd': False, 'upnp': False, 'natpmp': False,
           'listen-interfaces': '127.0.0.1:0'}
SECONDS = 60
PATIENCE = 30  # seconds for what has to happen some time
STOP = 5       # seconds that it may take to stop, on a machine that is busy


def seed(clip, folder):
    """In a process of its own, as each has one session."""
    text = ' '.join(f'{name}={value}' for name, value in NETWORK.items())
    pipeline = Gst.parse_launch(
        f'filesrc location={clip} blocksize=1048576 ! torrentsink name=sink {text} linger=true '
        f'piece-size=65536 creation-date=false location={folder}/film.mkv '
        'upload-limit=2097152')
    pipeline.set_state(Gst.State.PLAYING)
    bus = pipeline.get_bus()
    while True:
        message = bus.timed_pop_filtered(Gst.CLOCK_TIME_NONE,
                                         Gst.MessageType.ELEMENT | Gst.MessageType.ERROR)
        if message.type == Gst.MessageType.ERROR:
            sys.exit(message.parse_error()[1])
        if message.get_structure().get_name() == 'torrent-created':
            break
    port = 0
    while port == 0:
        port = pipeline.get_by_name('sink').get_property('stats').get_value('port')
        time.sleep(0.05)
    print(message.get_structure().get_value('magnet'), port, flush=True)
    sys.stdin.read()
    pipeline.set_state(Gst.State.NULL)


class Player:
    def __init__(self, uri, folder):
        self.frames = 0
        self.stalls = 0
        self.source = None
        self.first_byte = None
        self.playbin = Gst.ElementFactory.make('playbin3')
        sink = Gst.ElementFactory.make('fakesink')
        sink.set_property('sync', True)
        self.playbin.set_property('video-sink', sink)
        self.playbin.set_property('uri', uri)
        self.playbin.connect('source-setup', self.setup, folder)
        sink.get_static_pad('sink').add_probe(Gst.PadProbeType.BUFFER, self.count)
        self.bus = self.playbin.get_bus()

    def setup(self, _, source, folder):
        for name, value in {**NETWORK, 'save-path': folder, 'keep-files': True}.items():
            source.set_property(name, value)
        self.source = source
        source.get_static_pad('src').add_probe(Gst.PadProbeType.BUFFER, self.first)

    def first(self, *_):
        self.first_byte = time.monotonic()
        return Gst.PadProbeReturn.REMOVE

    def count(self, *_):
        self.frames += 1
        return Gst.PadProbeReturn.OK

    def look(self, timeout=10 * Gst.MSECOND):
        """The kind of the next message, if there is one soon."""
        message = self.bus.timed_pop(timeout)
        if not message:
            return None
        if message.type == Gst.MessageType.ERROR:
            raise AssertionError(message.parse_error())
        if message.type == Gst.MessageType.BUFFERING and self.frames and \
                message.parse_buffering() == 0:
            self.stalls += 1
        return message.type

    def wait(self, what, condition):
        """How many seconds it took."""
        begin = time.monotonic()
        while not condition(self.look()):
            if time.monotonic() - begin > PATIENCE:
                raise AssertionError('waited in vain for ' + what)
        return time.monotonic() - begin

    def go(self, state, what=None):
        self.playbin.set_state(state)
        return self.wait(what or state.value_nick, lambda _: self.playbin.get_state(0)[1] == state)

    def stop(self):
        begin = time.monotonic()
        self.playbin.set_state(Gst.State.NULL)
        took = time.monotonic() - begin
        if took > STOP:
            raise AssertionError(f'it took {took:.1f} s to stop')
        return took

    def seek(self, second):
        self.wait('its state', lambda kind: not kind and self.playbin.get_state(0)[0] ==
                  Gst.StateChangeReturn.SUCCESS)
        begin = time.monotonic()
        if not self.playbin.seek_simple(Gst.Format.TIME,
                                        Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE,
                                        int(second * Gst.SECOND)):
            raise AssertionError('a seek was refused')
        self.wait('the end of a seek', lambda kind: kind == Gst.MessageType.ASYNC_DONE)
        took = time.monotonic() - begin
        there = self.playbin.query_position(Gst.Format.TIME)[1] / Gst.SECOND
        if not second - 0.5 <= there <= second + 2 + took:
            raise AssertionError(f'a seek to {second:.1f} s ended at {there:.1f} s')
        return took

    def seeks(self, count, chance):
        return sorted(self.seek(chance.uniform(1, SECONDS - 5)) for _ in range(count))


def told(times):
    return f'p50 {times[len(times) // 2]:.2f} s, p95 {times[int(len(times) * 0.95)]:.2f} s'


def no_metadata(uri, folder, chance):
    took = []
    for state in (Gst.State.PAUSED, Gst.State.PLAYING) * 4:
        player = Player(uri, folder)
        player.playbin.set_state(state)
        player.look(chance.randrange(200) * Gst.MSECOND)
        player.playbin.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH, 5 * Gst.SECOND)
        took.append(player.stop())
    print(f'metadata: stopped 8 times, at most {max(took):.2f} s')


def download(uri, folder, chance):
    player = Player(uri, folder)
    begin = time.monotonic()
    player.playbin.set_state(Gst.State.PLAYING)
    player.wait('a picture', lambda _: player.frames > 0)
    print(f'download: first byte after {player.first_byte - begin:.2f} s, first picture after'
          f' {time.monotonic() - begin:.2f} s')
    first = player.seeks(12, chance)
    for state in (Gst.State.PAUSED, Gst.State.PLAYING) * 4:
        player.go(state)
    until = time.monotonic() + 5
    player.stalls = 0
    before = player.frames
    while time.monotonic() < until:
        player.look()
    fraction = player.source.get_property('fraction-done')
    print(f'download: 12 seeks, {told(first)}; {player.stalls} stalls and'
          f' {player.frames - before} pictures in 5 s; {fraction:.0%} are there')
    if player.frames == before:
        raise AssertionError('there was no picture for 5 s')
    player.wait('all of it', lambda _: player.source.get_property('fraction-done') == 1)
    later = player.seeks(12, chance)
    for state in (Gst.State.PAUSED, Gst.State.PLAYING) * 4:
        player.go(state)
    print(f'seeding: 12 seeks, {told(later)}; stopped in {player.stop():.2f} s')


def checking(uri, folder, cache, chance):
    """What was noted of the files is gone."""
    took = []
    for _ in range(8):
        subprocess.run(['rm', '-rf', cache], check=True)
        player = Player(uri, folder)
        player.playbin.set_state(Gst.State.PLAYING)
        player.look(chance.randrange(150) * Gst.MSECOND)
        player.playbin.set_state(Gst.State.PAUSED)
        player.playbin.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH, 5 * Gst.SECOND)
        took.append(player.stop())
    player = Player(uri, folder)
    player.go(Gst.State.PAUSED)
    player.seek(30)
    player.stop()
    print(f'checking: stopped 8 times, at most {max(took):.2f} s, and then played')


def main():
    elements = ('playbin3', 'torrentsrc', 'x264enc', 'matroskamux', 'matroskademux', 'avdec_h264')
    missing = [name for name in elements if not Gst.ElementFactory.find(name)]
    if missing:
        print('SKIP: there is no', ', '.join(missing))
        return 77
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as work:
        os.environ['XDG_CACHE_HOME'] = f'{work}/cache'
        clip = f'{work}/clip.mkv'
        subprocess.run(
            ['gst-launch-1.0', '-q', 'videotestsrc', 'pattern=snow', f'num-buffers={SECONDS * 25}',
             '!', 'video/x-raw,width=320,height=240,framerate=25/1', '!', 'x264enc',
             'bitrate=8000', 'speed-preset=ultrafast', 'key-int-max=25', '!', 'matroskamux', '!',
             'filesink', f'location={clip}'], check=True)
        seeds = []
        for name in ('a', 'b'):
            os.mkdir(f'{work}/{name}')
            seeds.append(subprocess.Popen(
                [sys.executable, __file__, 'seed', clip, f'{work}/{name}'], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**os.environ, 'XDG_CACHE_HOME': f'{work}/cache-{name}'}))
        try:
            said = [process.stdout.readline().split() for process in seeds]
            magnet = said[0][0]
            uri = magnet + ''.join(f'&x.pe=127.0.0.1:{port}' for _, port in said)
            print(f'{os.path.getsize(clip) / 1e6:.0f} MB, two seeds of 2 MiB/s')
            no_metadata(magnet, f'{work}/none', chance)
            download(uri, f'{work}/got', chance)
            checking(uri, f'{work}/got', f'{work}/cache', chance)
        finally:
            for process in seeds:
                process.kill()
                process.wait()
    return 0


if sys.argv[1:2] == ['seed']:
    seed(*sys.argv[2:])
else:
    sys.exit(main())
