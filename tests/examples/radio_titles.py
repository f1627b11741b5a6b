#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A radio that shows what is playing.

usage: radio_titles.py ADDRESS [REST]
  REST is what follows icecastsrc in the pipeline; by default the sound is played.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    Gst.init(None)
    rest = sys.argv[2] if len(sys.argv) > 2 else "decodebin ! audioconvert ! autoaudiosink"
    pipeline = Gst.parse_launch(f"icecastsrc name=radio ! {rest}")
    pipeline.get_by_name("radio").props.location = sys.argv[1]
    loop = GLib.MainLoop()
    failed = False

    def handle(_bus, message):
        nonlocal failed
        if message.type == Gst.MessageType.ERROR:
            error, _details = message.parse_error()
            print(error.message, file=sys.stderr)
            failed = True
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            loop.quit()
        elif message.type == Gst.MessageType.ELEMENT:
            what = message.get_structure()
            if what.get_name() == "icecast-connected":
                print(f"connected to {what.get_value('uri')}", flush=True)
            elif what.get_name() == "icecast-disconnected":
                print(f"lost: {what.get_value('detail')}", flush=True)
            elif what.get_name() == "icecast-metadata":
                print(f"playing: {what.get_value('title')}", flush=True)

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", handle)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        loop.run()
    except KeyboardInterrupt:
        pass
    pipeline.set_state(Gst.State.NULL)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
