# SPDX-License-Identifier: LGPL-2.1-or-later
"""station_docs.py: does what docs/station.md says, as it is written there, in a network of its
own: each station is listened to, each page opened in Chromium, and nginx stands before one with
TLS. Exits with 77 if a program is missing."""
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / 'tests/support'))
from browser import NO_PROXY, Browser  # noqa: E402

TOOLS = ['chromedriver', 'curl', 'ffmpeg', 'gst-launch-1.0', 'ip', 'mpv', 'nginx', 'openssl',
         'unshare']
# No sound card is here.
LEFT_OUT = ['autoaudiosrc']
OWN_NETWORK = 'KAM_STATION_DOCS_NETWORK'


def skip(reason):
    print('SKIP:', reason)
    sys.exit(77)


def blocks(language=''):
    text = (ROOT / 'docs/station.md').read_text()
    return re.findall(rf'^```{language}\n(.*?)^```$', text, re.M | re.S)


class Listened:
    """A station at a port, for as long as a process runs; `line` is what is to blame."""

    def __init__(self, line, port, process, log):
        self.line, self.port, self.process, self.log = line, port, process, log

    def wait(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                print(self.log.read_text()[-2000:])
                sys.exit(f'FAIL: {self.line}')
            time.sleep(0.1)

    def streams(self):
        scheme = 'https' if 'tls-certificate' in self.line else 'http'
        answer = subprocess.run(
            ['curl', '-sk', '--noproxy', '*', '-m', '5',
             f'{scheme}://127.0.0.1:{self.port}/status-json.xsl'], capture_output=True,
            check=False).stdout
        if not answer:
            return None
        streams = json.loads(answer)['icestats'].get('source', [])
        return [one['listenurl'].replace('localhost', '127.0.0.1')
                for one in (streams if isinstance(streams, list) else [streams])]

    def listen(self):
        """Half a second of each stream is decoded."""
        self.wait(lambda: all(self.plays(one) for one in self.streams()))
        return self.streams()

    def plays(self, address):
        insecure = ['-tls_verify', '0'] if address.startswith('https') else []
        return subprocess.run(['ffmpeg', '-v', 'error', '-nostdin', *insecure, '-i', address, '-t', '0.5', '-f', 'null', '-'],
                              check=False, capture_output=True, timeout=60).returncode == 0


@contextlib.contextmanager
def playing(line, folder):
    """A line of the page that runs, and is a station after a while."""
    log = folder / 'line.log'
    with open(log, 'w') as out, subprocess.Popen(shlex.split(line), cwd=folder, stdout=out,
                                                 stderr=subprocess.STDOUT) as process:
        try:
            port = int((re.findall(r'httpserversink.* port=(\d+)', line) or [8000])[0])
            station = Listened(line, port, process, log)
            station.wait(lambda: station.streams() is not None)
            yield station
        finally:
            process.terminate()


def stations(folder):
    for line in (one.strip() for block in blocks() for one in block.splitlines()):
        if not line.startswith('gst-launch-1.0') or 'httpserversink' not in line or \
                any(word in line for word in LEFT_OUT):
            continue
        if line.startswith('gst-launch-1.0 icecastsrc'):
            with playing(blocks()[0].strip(), folder) as other:
                other.listen()
                with playing(line, folder) as station:
                    print(' ', ', '.join(station.listen()), 'of', line[:70])
        elif 'httpserversrc' in line:
            with playing(line, folder):
                encoders(folder, line)
        else:
            with playing(line, folder) as station:
                print(' ', ', '.join(station.listen()), 'of', line[:70])
                if 'webm' in line or 'mp4mux' in line:
                    open_page('http://127.0.0.1:8000/', 'a picture')


def encoders(folder, line):
    """Those who send to it, each in its turn; and those who listen."""
    ours = [one for block in blocks() for one in block.splitlines()
            if re.match(r'ffmpeg |curl -T|gst-launch-1.0 filesrc.*shout2send', one)]
    if 'live.ogg' in line:
        ours = ['ffmpeg -v error -re -f lavfi -i sine -c:a libopus -f ogg -content_type '
                'application/ogg icecast://source:x@localhost:8000/live.ogg']
    elif 'auth-password' in line:
        ours = [ours[0].replace('source:x@', 'source:hackme@')]
    for encoder in ours:
        log = folder / 'encoder.log'
        with open(log, 'w') as out, subprocess.Popen(
                shlex.split(encoder), cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT) as sender:
            try:
                streams = Listened(encoder, 8000, sender, log).listen()
                player = subprocess.run(['mpv', '--no-config', '--ao=null', '--length=1',
                                         '--no-video', streams[0]], check=False,
                                        capture_output=True, timeout=60)
                if player.returncode:
                    sys.exit(f'FAIL: mpv does not play {encoder}')
                print(' ', ', '.join(streams), 'of', encoder[:70])
            finally:
                sender.terminate()


def open_page(address, expected=''):
    told = subprocess.run([sys.executable, ROOT / 'tests/interop/station_page.py', address],
                          text=True, capture_output=True, check=False)
    if told.returncode or expected not in told.stdout:
        sys.exit(f'FAIL: Chromium at {address}: {told.stdout}{told.stderr}')
    print('  Chromium:', told.stdout.strip().replace('\n', '; '))


def page_of_ones_own(folder):
    """With the script of the page in it, which fills news in."""
    root = folder / 'site'
    root.mkdir()
    script = blocks('js')[0].replace('// news.titles', 'window.news = news; // news.titles')
    (root / 'index.html').write_text(
        '<title>{{name}}</title><button id="play">play</button><script src="mine.js"></script>')
    (root / 'mine.js').write_text('const audio = new Audio();\n' + script +
                                  '\ndocument.getElementById("play").onclick = () => '
                                  'audio.play();\nwindow.audio = audio;')
    line = blocks()[0].strip() + f' web-root={root}'
    with playing(line, folder) as station, Browser() as browser:
        station.listen()
        browser.go('http://127.0.0.1:8000/')
        browser.click('#play')
        look = None
        end = time.monotonic() + 20
        while time.monotonic() < end:
            look = browser.run('return {at: window.audio.currentTime, news: window.news ?? null, '
                               'name: document.title};')
            if look['at'] > 1 and look['news'] and look['news']['titles']:
                break
            time.sleep(0.1)
        if look['at'] <= 1 or look['name'] != 'Radio Kamaelia' or \
                look['news']['titles'][0]['title'] != 'Clockwork - Ticks':
            sys.exit(f'FAIL: a page of one\'s own: {look}')
        print('  Chromium: a page of one\'s own plays, and knows the title')


def behind_nginx(folder):
    """As it is written, but for the files of the certificate."""
    keys = folder / 'keys'
    keys.mkdir()
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=radio.example.org', '-addext',
                    'subjectAltName=DNS:radio.example.org', '-keyout', keys / 'privkey.pem',
                    '-out', keys / 'fullchain.pem'], check=True, capture_output=True)
    server = blocks('nginx')[0].replace('/etc/letsencrypt/live/radio.example.org', str(keys))
    conf = folder / 'nginx.conf'
    conf.write_text(f'daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;'
                    f'events {{}} http {{ access_log off; {server} }}')
    line = blocks()[0].strip() + ' address=127.0.0.1'
    with playing(line, folder) as station:
        station.listen()
        nginx = subprocess.Popen(['nginx', '-c', conf])
        try:
            time.sleep(0.5)
            curl = ['curl', '-s', '--noproxy', '*', '--cacert', keys / 'fullchain.pem',
                    '--resolve', 'radio.example.org:443:127.0.0.1', '-m', '4']
            site = 'https://radio.example.org'
            heads = folder / 'heads'
            sound = subprocess.run([*curl, '-D', heads, '-H', 'Icy-MetaData: 1',
                                    f'{site}/stream'], capture_output=True, check=False).stdout
            news = subprocess.run([*curl, f'{site}/events'], capture_output=True, text=True,
                                  check=False).stdout
            page = subprocess.run([*curl, f'{site}/'], capture_output=True, text=True,
                                  check=True).stdout
            playlist = subprocess.run([*curl, f'{site}/stream.m3u'], capture_output=True,
                                      text=True, check=True).stdout
        finally:
            nginx.terminate()
            nginx.wait()
    if 'icy-metaint' not in heads.read_text() or b"StreamTitle='Clockwork - Ticks'" not in sound:
        sys.exit(f'FAIL: behind nginx: {heads.read_text()}, {len(sound)} bytes')
    # What is there at once, and what comes in four seconds.
    if len(sound) < 5 * 16000:
        sys.exit(f'FAIL: behind nginx only {len(sound)} bytes came')
    if 'event: station' not in news or 'Radio Kamaelia' not in page or \
            'radio.example.org/stream' not in playlist:
        sys.exit(f'FAIL: behind nginx: {news}, {page}, {playlist}')
    print(f'  behind nginx: {len(sound)} bytes by TLS, titles, news, the page, a playlist')


def main():
    for tool in TOOLS:
        if not shutil.which(tool) and not Path('/usr/sbin', tool).exists():
            skip(f'{tool} is not there')
    os.environ['PATH'] += ':/usr/sbin'
    if OWN_NETWORK not in os.environ:
        if os.getuid() != 0 or subprocess.run(['unshare', '--net', 'true'],
                                              check=False).returncode:
            skip('it needs root, for a network of its own')
        os.environ[OWN_NETWORK] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, __file__])
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    urllib.request.install_opener(NO_PROXY)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            'gst-launch-1.0 -q audiotestsrc wave=ticks num-buffers=2000 samplesperbuffer=1024 ! '
            'audio/x-raw,rate=44100,channels=2 ! lamemp3enc target=bitrate bitrate=128 cbr=true ! '
            f'filesink location={folder}/music.mp3'.split(), check=True)
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
                        '/CN=localhost', '-keyout', folder / 'privkey.pem', '-out',
                        folder / 'fullchain.pem'], check=True, capture_output=True)
        (folder / 'station.pem').write_text((folder / 'fullchain.pem').read_text() +
                                            (folder / 'privkey.pem').read_text())
        stations(folder)
        page_of_ones_own(folder)
        behind_nginx(folder)
    print('All of it runs as it is written.')


main()
