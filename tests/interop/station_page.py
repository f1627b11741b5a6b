# SPDX-License-Identifier: LGPL-2.1-or-later
"""station_page.py ADDRESS [--picture FILE] [--within MS] [--titles N]: opens a station's page,
clicks on play and tells what comes of it. It fails if there is no sound, or not within MS, as
the median of three visits; or if one of the next N titles on the page changes at another time
than the sound does."""
import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'support'))
from browser import Browser  # noqa: E402

WATCH = '''
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function() {
  window.clicked = performance.now();
  this.addEventListener('playing', () => { window.sounded ??= performance.now(); });
  return play.call(this);
};
window.seen = [];
new MutationObserver(() => {
  if (!state.player || !state.news.heard) return;
  window.seen.push([document.getElementById('title').textContent, state.player.currentTime]);
}).observe(document.getElementById('title'), {childList: true});
'''
LOOK = '''
const {player} = state;
return {
  delay: window.sounded - window.clicked,
  position: player ? player.currentTime : -1,
  error: player?.error?.message ?? null,
  state: document.querySelector('.station').dataset.state,
  title: document.getElementById('title').textContent,
  page: document.title,
  seen: window.seen,
  titles: state.news.titles,
  width: player?.videoWidth ?? 0,
};
'''


def wait_for(browser, condition, seconds):
    end = time.monotonic() + seconds
    while True:
        look = browser.run(LOOK)
        if condition(look) or time.monotonic() > end:
            return look
        time.sleep(0.1)


def title_mistakes(look):
    """Titles that the page showed, against those that the server has: too early or late by how
    many seconds."""
    due = {one['title'].split(' - ', 1)[-1]: one['at'] for one in look['titles']}
    return [position - due[title] for title, position in look['seen']
            if title in due and due[title] > 0.5]


def visit(browser, address):
    """Until it plays: how that looks."""
    browser.go(address)
    browser.run(WATCH)
    time.sleep(0.5)
    browser.click('#play')
    look = wait_for(browser, lambda now: now['position'] > 1.5, 20)
    if look['position'] <= 1.5 or look['state'] != 'on':
        sys.exit(f'Chromium does not play it: {look}')
    return look


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('address')
    parser.add_argument('--picture')
    parser.add_argument('--titles', type=int, default=0)
    parser.add_argument('--within', type=float)
    options = parser.parse_args()
    with Browser() as browser:
        looks = [visit(browser, options.address) for _ in range(3 if options.within else 1)]
        delays = [look['delay'] for look in looks]
        print('sound', ', '.join(f'{delay:.0f}' for delay in delays),
              'ms after the click, on the page:', looks[-1]['page'], flush=True)
        if options.within and statistics.median(delays) > options.within:
            sys.exit(f'that is more than {options.within:.0f} ms')
        if looks[-1]['width']:
            print(f'a picture {looks[-1]["width"]} wide')
        if options.titles:
            look = wait_for(browser, lambda now: len(title_mistakes(now)) >= options.titles, 60)
            mistakes = title_mistakes(look)
            if len(mistakes) < options.titles or not all(-0.05 < one < 0.6 for one in mistakes):
                sys.exit(f'titles change at the wrong time: {mistakes}, {look}')
            print('titles changed with the sound, late by',
                  ', '.join(f'{one * 1000:.0f} ms' for one in mistakes))
        if options.picture:
            browser.picture(options.picture)


main()
