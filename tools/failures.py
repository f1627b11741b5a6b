#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names the tests of a stage that did not pass, and what each of them said last.

The last lines of a long log are what is left when somebody shortens it.
"""
import json
import os
import sys

LAST_LINES = 12
PASSED = ('OK', 'EXPECTEDFAIL', 'SKIP')


def main():
    stage, listing = sys.argv[1:]
    named = False
    for path in open(listing).read().split() if os.path.exists(listing) else []:
        for line in open(path) if os.path.exists(path) else []:
            test = json.loads(line)
            if test['result'] in PASSED:
                continue
            named = True
            print(f"{stage}: {test['name']}: {test['result']}")
            said = test.get('stdout', '') + test.get('stderr', '')
            for last in said.splitlines()[-LAST_LINES:]:
                print(f'    | {last[:200]}')
    if not named:
        print(f'{stage}: failed, and not by one of its tests')


main()
