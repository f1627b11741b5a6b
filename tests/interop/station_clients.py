# SPDX-License-Identifier: LGPL-2.1-or-later
"""station_clients.py: real players and browsers listen to httpserversink, and real encoders
send to httpserversrc. What each of them hears, and what is heard of each of them, is compared
frame by frame with what was sent: it has to be one piece of that, without a byte missing, and
begin with a frame. Exits with 77 if a program is missing."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

PASSWORD = 'hackme'
# After so many seconds a new listener hears nothing of the source before.
BURST = 6
# Neither VLC nor liquidsoap runs as root.
NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
TOOLS = ['chromedriver', 'curl', 'cvlc', 'ffmpeg', 'gst-inspect-1.0', 'gst-launch-1.0',
         'liquidsoap', 'mpv', 'setpriv']
ELEMENTS = ['httpserversrc', 'icecastsrc', 'icydemux', 'lamemp3enc', 'mpegaudioparse',
            'parsebin', 'shout2send', 'souphttpsrc']
urllib.request.install_opener(
    urllib.request.build_opener(urllib.request.ProxyHandler({})))


def skip(reason):
    print('SKIP:', reason)
    sys.exit(77)


def frame_size(data, at):
    """Of the MPEG 1 layer III frame there; 0 if there is none."""
    head = data[at:at + 4]
    if len(head) < 4 or head[0] != 0xff or head[1] & 0xfe != 0xfa:
        return 0
    kbits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)[head[2] >> 4]
    rate = (44100, 48000, 32000, 0)[head[2] >> 2 & 3]
    return 144000 * kbits // rate + (head[2] >> 1 & 1) if kbits and rate else 0


def frame_offsets(data):
    """Where each frame begins, to the end of the data, of which the last may be cut."""
    offsets = []
    at = 0
    while at + 4 <= len(data):
        size = frame_size(data, at)
        if not size:
            raise ValueError(f'no frame at byte {at} of {len(data)}, behind {len(offsets)}')
        offsets.append(at)
        at += size
    return offsets


def without_titles(body, interval):
    """The sound, and the titles with the byte of it before which they stand."""
    sound, titles, at = b'', [], 0
    while at < len(body):
        sound += body[at:at + interval]
        at += interval
        if at < len(body):
            size = body[at] * 16
            block = body[at + 1:at + 1 + size].rstrip(b'\0')
            found = re.match(rb"StreamTitle='(.*?)';", block)
            if found:
                titles.append((len(sound), found[1].decode()))
            at += 1 + size
    return sound, titles


class Station:
    def __init__(self, folder):
        self.folder = folder
        self.noise = (folder / 'noise.mp3').read_bytes()
        self.offsets = set(frame_offsets(self.noise))
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.address = f'http://127.0.0.1:{self.port}/stream'
        place = f'address=127.0.0.1 port={self.port}'
        line = (f'httpserversrc {place} auth-password={PASSWORD} takeover=true ! parsebin ! '
                f'httpserversink {place}')
        self.log = open(folder / 'station.log', 'w')
        self.process = subprocess.Popen(['gst-launch-1.0', '-m', *line.split()],
                                        stdout=self.log, stderr=self.log)
        self.wait(lambda: self.status() is not None, 'a station')

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def wait(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                print((self.folder / 'station.log').read_text()[-3000:])
                sys.exit(f'FAIL: {what} did not come')
            time.sleep(0.05)

    def status(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/status-json.xsl',
                                        timeout=5) as answer:
                return json.load(answer)['icestats'].get('source', {})
        except OSError:
            return None

    def events(self, kind):
        return len(re.findall(f'element.*{kind},', (self.folder / 'station.log').read_text()))

    def set_title(self, title):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}/admin/metadata?mode=updinfo&mount=/stream&song=' +
            urllib.parse.quote(title),
            headers={'Authorization': 'Basic c291cmNlOmhhY2ttZQ=='})
        urllib.request.urlopen(request, timeout=5).close()

    @contextmanager
    def source(self, command, warm_up=2, seconds=30):
        """Sends until the block is over. What was sent faster than it is heard is still there
        then, until another source takes over."""
        before = self.events('source-connected')
        log = open(self.folder / 'source.log', 'w')
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   cwd=self.folder / 'home', env={**os.environ, 'HOME': '.'})
        try:
            self.wait(lambda: self.events('source-connected') > before or
                      process.poll() is not None, 'a source', seconds)
            if process.poll() is not None:
                print((self.folder / 'source.log').read_text()[-2000:])
                sys.exit(f'FAIL: {command[0]} gave up')
            time.sleep(warm_up)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

    def check_piece(self, name, heard, least):
        """That it is a piece of the noise that begins with a frame."""
        at = self.noise.find(heard[:1000])
        if len(heard) < least or at < 0:
            sys.exit(f'FAIL: {name} got {len(heard)} bytes that are none of what was sent')
        if at not in self.offsets:
            sys.exit(f'FAIL: {name} began in the middle of a frame, at {at}')
        if heard != self.noise[at:at + len(heard)]:
            same = next(i for i, byte in enumerate(heard) if byte != self.noise[at + i])
            sys.exit(f'FAIL: {name} lost something after {same} of {len(heard)} bytes')
        frames = len([offset for offset in self.offsets if at <= offset < at + len(heard)])
        print(f'  {name}: {frames} frames, {len(heard)} bytes, all of them right')


def listen(station):
    """All players at once, with a title that changes."""
    folder, url = station.folder / 'home', station.address
    gst = ['gst-launch-1.0', '-t']
    players = {
        'curl': ['curl', '-s', '--noproxy', '*', '-m', '7', '-o', 'curl', url],
        'curl, with titles': ['curl', '-s', '--noproxy', '*', '-m', '7', '-H', 'Icy-MetaData: 1',
                              '-D', 'head', '-o', 'curl, with titles', url],
        'ffmpeg': ['ffmpeg', '-v', 'error', '-nostdin', '-i', url, '-t', '6', '-c', 'copy', '-f',
                   'mp3', '-write_xing', '0', '-id3v2_version', '0', 'ffmpeg'],
        'mpv': ['mpv', '--no-config', '--stream-dump=mpv', url],
        'mpv, playing': ['mpv', '--no-config', '--ao=null', '--no-terminal', '--length=5',
                         '--log-file=mpv.log', url],
        'VLC': [*NOBODY, 'cvlc', '--demux=dump', '--demuxdump-file=VLC', '--run-time=6', url,
                'vlc://quit'],
        'souphttpsrc ! icydemux': [*gst, 'souphttpsrc', f'location={url}', 'iradio-mode=true',
                                   '!', 'icydemux', '!', 'filesink', 'buffer-mode=unbuffered',
                                   'location=souphttpsrc ! icydemux'],
        'icecastsrc': [*gst, 'icecastsrc', f'location={url}', '!', 'filesink',
                       'buffer-mode=unbuffered', 'location=icecastsrc'],
    }
    running = {}
    for name, command in players.items():
        log = open(folder / f'{name}.log', 'w')
        running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder,
                                         stdin=subprocess.DEVNULL,
                                         env={**os.environ, 'HOME': '.'})
    time.sleep(4)
    station.set_title('Björk - Jóga')
    time.sleep(4)
    for process in running.values():
        process.terminate()
    for process in running.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for name in players:
        if name == 'mpv, playing':
            text = (folder / 'mpv.log').read_text(errors='replace')
            if 'audio ready' not in text and 'AO: [null]' not in text:
                sys.exit(f'FAIL: mpv plays nothing: {text[-2000:]}')
            print('  mpv, playing: sound to its output')
            continue
        heard = (folder / name).read_bytes()
        if name == 'curl, with titles':
            interval = int(re.search(r'icy-metaint: (\d+)', (folder / 'head').read_text())[1])
            heard, titles = without_titles(heard, interval)
            if 'Björk - Jóga' not in [title for _, title in titles]:
                sys.exit(f'FAIL: no title between the sound: {titles}')
            print('  curl, with titles: one at byte', titles[-1][0])
        station.check_piece(name, heard, 60000)
    for name in ('souphttpsrc ! icydemux', 'icecastsrc'):
        if 'Jóga' not in (folder / f'{name}.log').read_text(errors='replace'):
            sys.exit(f'FAIL: {name} saw no title')
        print(f'  {name}: the title is there')


def watch_page(station):
    """Chromium: sound at once, and titles on the page when they are heard."""
    page = Path(__file__).with_name('station_page.py')
    with subprocess.Popen(
            [sys.executable, page, f'http://127.0.0.1:{station.port}/', '--within', '500',
             '--titles', '2'], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as browser:
        told = [browser.stdout.readline()]
        number = 0
        while browser.poll() is None:
            number += 1
            station.set_title(f'On the page - Number {number}')
            try:
                browser.wait(3)
            except subprocess.TimeoutExpired:
                pass
        told += browser.stdout.readlines()
    for line in told:
        print('  Chromium:', line.strip())
    if browser.returncode:
        sys.exit('FAIL: Chromium')


def hear(station, name, seconds=4):
    out = station.folder / 'heard'
    subprocess.run(['curl', '-s', '--noproxy', '*', '-m', str(seconds), '-o', out,
                    station.address], check=False)
    return out.read_bytes()


def main():
    for tool in TOOLS:
        if not shutil.which(tool):
            skip(f'{tool} is not there')
    for element in ELEMENTS:
        if subprocess.run(['gst-inspect-1.0', element], check=False,
                          capture_output=True).returncode:
            skip(f'the element {element} is not there')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        home = folder / 'home'
        home.mkdir()
        home.chmod(0o777)
        # Noise, so that no two pieces of it are alike.
        subprocess.run(
            'gst-launch-1.0 -q audiotestsrc wave=white-noise num-buffers=5168 '
            'samplesperbuffer=1024 ! audio/x-raw,rate=44100,channels=1 ! lamemp3enc '
            f'target=bitrate bitrate=128 cbr=true ! filesink location={folder}/noise.mp3'.split(),
            check=True)
        station = Station(folder)
        try:
            run(station)
        finally:
            station.close()


def run(station):
    noise = station.folder / 'noise.mp3'
    to = f'127.0.0.1:{station.port}/stream'
    copy = ['ffmpeg', '-v', 'error', '-nostdin', '-re', '-i', noise, '-c', 'copy', '-f', 'mp3',
            '-write_xing', '0', '-id3v2_version', '0', '-content_type', 'audio/mpeg']
    put = [*copy, '-ice_name', 'Noise', f'icecast://source:{PASSWORD}@{to}']
    print('Listeners:')
    with station.source(put):
        listen(station)
        watch_page(station)
    print('Sources:')
    sources = {
        'ffmpeg, PUT': put,
        'ffmpeg, SOURCE': [*copy, '-legacy_icecast', '1', f'icecast://source:{PASSWORD}@{to}'],
        'curl': ['curl', '-s', '--noproxy', '*', '-u', f'source:{PASSWORD}', '-H',
                 'Content-Type: audio/mpeg', '-T', noise, f'http://{to}'],
        'shout2send': ['gst-launch-1.0', '-q', 'filesrc', f'location={noise}', '!',
                       'mpegaudioparse', '!', 'shout2send', 'ip=127.0.0.1',
                       f'port={station.port}', 'mount=/stream', f'password={PASSWORD}'],
    }
    for name, command in sources.items():
        with station.source(command, BURST):
            station.check_piece(name, hear(station, name), 40000)
    # This one encodes by itself.
    script = ('output.icecast(%mp3(bitrate=128, samplerate=44100), host="127.0.0.1", '
              f'port={station.port}, password="{PASSWORD}", mount="/stream", fallible=true, '
              'noise())')
    with station.source([*NOBODY, 'liquidsoap', script], BURST, 60):
        heard = hear(station, 'liquidsoap')
        print(f'  liquidsoap: {len(frame_offsets(heard))} frames, one behind the other')
        if len(heard) < 40000:
            sys.exit('FAIL: that is not enough')
    print('All was heard as it was sent.')


main()
