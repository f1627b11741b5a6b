# SPDX-License-Identifier: LGPL-2.1-or-later
"""Chromium without a window, driven by its own driver over HTTP; nothing else is needed."""
import base64
import json
import re
import subprocess
import urllib.request

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    def __init__(self, width=1000, height=860):
        self.driver = subprocess.Popen(
            ['chromedriver', '--port=0'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True)
        port = None
        for line in self.driver.stdout:
            found = re.search(r'started successfully on port (\d+)', line)
            if found:
                port = found.group(1)
                break
        if port is None:
            raise RuntimeError('chromedriver does not start')
        self.base = f'http://127.0.0.1:{port}/session'
        # Its sandbox does not work for root, nor in most containers; what it shows here is ours.
        options = {'args': ['--headless=new', '--no-sandbox', '--disable-gpu', '--mute-audio',
                            '--disable-dev-shm-usage', '--no-proxy-server',
                            f'--window-size={width},{height}']}
        answer = self.call('POST', '', {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome', 'goog:chromeOptions': options}}})
        self.base += '/' + answer['sessionId']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call('DELETE', '')
        finally:
            self.driver.terminate()
            self.driver.wait()

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, method=method, headers={'Content-Type': 'application/json'},
            data=None if body is None else json.dumps(body).encode())
        with NO_PROXY.open(request, timeout=60) as answer:
            return json.load(answer)['value']

    def go(self, address):
        self.call('POST', '/url', {'url': address})

    def run(self, script, *arguments):
        return self.call('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def click(self, selector):
        element = self.call('POST', '/element', {'using': 'css selector', 'value': selector})
        self.call('POST', f'/element/{next(iter(element.values()))}/click', {})

    def command(self, name, **parameters):
        return self.call('POST', '/goog/cdp/execute', {'cmd': name, 'params': parameters})

    def picture(self, path):
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.call('GET', '/screenshot')))
