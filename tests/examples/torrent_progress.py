#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plays a torrent while it is downloaded, and shows how much of it there is.

usage: torrent_progress.py ADDRESS [HOST:PORT]

ADDRESS is a magnet link or file:///.../film.torrent; HOST:PORT is a peer to begin with.
"""

import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

WIDTH = 50
PERCENT_MAX = 1000000


class Player:
    def __init__(self, address, peers):
        self.peers = peers
        self.source = None
        self.started = time.monotonic()
        self.has_picture = False
        self.failed = False
        self.loop = GLib.MainLoop()
        self.playbin = Gst.ElementFactory.make("playbin3")
        self.playbin.props.uri = address
        self.playbin.connect("element-setup", self.set_up)
        bus = self.playbin.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.take_message)
        GLib.timeout_add(500, self.show)

    def run(self):
        self.playbin.set_state(Gst.State.PAUSED)
        self.loop.run()
        self.playbin.set_state(Gst.State.NULL)
        return 1 if self.failed else 0

    def set_up(self, _, element):
        """playbin makes its source itself; a torrentdemux has one inside."""
        factory = element.get_factory()
        if factory and factory.get_name() == "torrentsrc":
            self.source = element
            if self.peers:
                element.props.peers = self.peers

    def bar(self):
        """Which parts of the file have come: the answer to a buffering query."""
        bar = ["."] * WIDTH
        query = Gst.Query.new_buffering(Gst.Format.PERCENT)
        if self.source.query(query):
            for i in range(query.get_n_buffering_ranges()):
                _, start, stop = query.parse_nth_buffering_range(i)
                for at in range(start * WIDTH // PERCENT_MAX, stop * WIDTH // PERCENT_MAX):
                    bar[at] = "#"
        return "".join(bar)

    def show(self):
        if self.source:
            _, position = self.playbin.query_position(Gst.Format.TIME)
            done = self.source.props.fraction_done
            print(f"[{self.bar()}] {done:4.0%}, playing at {position / Gst.SECOND:.1f} s", flush=True)
        return True

    def take_message(self, _, message):
        if message.type == Gst.MessageType.ASYNC_DONE and not self.has_picture:
            self.has_picture = True
            print(f"first picture after {time.monotonic() - self.started:.3f} s", flush=True)
            self.playbin.set_state(Gst.State.PLAYING)
        elif message.type == Gst.MessageType.EOS:
            self.loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            print(message.parse_error()[0].message, file=sys.stderr)
            self.failed = True
            self.loop.quit()


if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
Gst.init(None)
sys.exit(Player(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None).run())
