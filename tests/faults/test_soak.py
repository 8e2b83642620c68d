"""A week of a stream's events in fast forward, and stamps of every bad kind.

The number in a test's docstring is that of the fault. The cameras play files; all else is a
watch's own: sockets, shared memory, threads, analysis, store and evidence.
"""

import gc
import os
import random
import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.blocks import Block, packages_of, rows_of, write_blocks, write_site
from tests.faults.made import Played, SetClock, watched_camera
from tests.sources.cameras import Site, connect_to
from tests.watching import end
from traffic_ai.core.errors import (
    SourceLostError,
    SourceNotFoundError,
    SourceUnauthorizedError,
)
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.sources.connection import SourceStalledError
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import EVIDENCE_NAME
from traffic_ai.watch.evidence import TRAIL_S, EvidenceWriter
from traffic_ai.wiring import open_site

CONNECTIONS = 504
"""One lost every twenty minutes of a week."""
LOOKS = 12
EVIDENCE_EVERY = 12
STEP_S = 0.08
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class WeekClock(SetClock):
    """Between two connections twenty minutes pass."""

    def wait(self, event, timeout_s):
        self.now_s += 1200.0


class Week:
    """Answers each call with a connection to which something happens."""

    def __init__(self, videos, clock, seed):
        self.videos, self.clock = videos, clock
        self.rng = random.Random(seed)
        self.calls = 0
        self.room = threading.Event()
        """Set whenever no frame waits: the pace at which the camera sends."""
        self.answers = ()

    @property
    def is_over(self):
        return self.calls >= CONNECTIONS

    def __call__(self, url, stall_timeout_s):
        self.calls += 1
        if self.is_over:
            raise SourceLostError("the week is over")
        if self.rng.random() < 0.15:
            raise self.rng.choice(REFUSALS)("no")
        return Eventful(self, self.rng.choice(self.videos), self.rng.choice(EVENTS))


class Eventful:
    """A connection that plays a file; `event(packets, rng)` is what happens on the way."""

    def __init__(self, week, path, event):
        self._real = connect_to(path)
        self._week, self._event = week, event
        self.stream, self.time_base = self._real.stream, self._real.time_base

    def packets(self):
        for packet in self._event(self._real.packets(), self._week.rng):
            self._week.room.wait(0.5)
            self._week.room.clear()
            self._week.clock.now_s += STEP_S
            yield packet

    def close(self):
        self._real.close()


def ends(packets, rng):
    yield from packets


def breaks(packets, rng):
    after = rng.randrange(1, 20)
    for number, packet in enumerate(packets):
        if number == after:
            raise rng.choice((SourceLostError, SourceStalledError))("gone")
        yield packet


def loses(packets, rng):
    yield from (packet for packet in packets if rng.random() > 0.05)


def corrupts(packets, rng):
    for packet in packets:
        data = bytearray(bytes(packet))
        for _ in range(len(data) // 200 + 1 if data else 0):
            data[rng.randrange(len(data))] = rng.randrange(256)
        spoiled = av.Packet(bytes(data))
        spoiled.pts, spoiled.dts, spoiled.time_base = packet.pts, packet.dts, packet.time_base
        yield spoiled


def jumps(packets, rng):
    shift = rng.choice((40, -40)) * 16_000
    for number, packet in enumerate(packets):
        if number >= 10 and packet.pts is not None:
            packet.pts += shift
            packet.dts += shift
        yield packet


def spoils_stamps(packets, rng):
    for number, packet in enumerate(packets):
        if number < 2 or rng.random() < 0.1:
            packet.pts = packet.dts = None
        yield packet


EVENTS = (ends, breaks, loses, corrupts, jumps, spoils_stamps)
REFUSALS = (SourceLostError, SourceStalledError, SourceNotFoundError, SourceUnauthorizedError)


def until_the_last_reader_is_gone():
    """A connection has two threads; those of the one before end by themselves, soon."""
    until_s = time.monotonic() + 20.0
    names = ("reader", "free slots")
    while sum(t.name in names for t in threading.enumerate()) > 2 and time.monotonic() < until_s:
        threading.Event().wait(0.005)


def resources():
    until_the_last_reader_is_gone()
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), pages * PAGE_BYTES


def test_a_week_of_losses_leaves_descriptors_threads_and_memory_flat(tmp_path):
    """22."""
    blocks = (Block(0.0),)
    videos = [
        write_blocks(tmp_path / "a.mp4", blocks, 1.8),
        write_blocks(tmp_path / "b.mp4", blocks, 1.8, size=(384, 216)),
        write_blocks(tmp_path / "c.mp4", blocks, 1.8, codec="libx265"),
    ]
    site = open_site(write_site(tmp_path / "site.yaml", {"id": "gate"})).cameras[0]
    clock = WeekClock()
    week = Week(videos, clock, seed=22)
    seen = []
    with ViolationStore.open(tmp_path / "violations.sqlite") as store:
        writer = EvidenceWriter(store, clock.monotonic_s)
        recorder = EvidenceRecorder(tmp_path / EVIDENCE_NAME, trail_s=TRAIL_S)
        watched, live = watched_camera(site, store, week, clock, None, recorder)
        watched.start()
        try:
            while not week.is_over:
                with live._latest._changed:
                    live._latest._changed.wait_for(lambda: watched.waits, 0.004)
                watched._evidence = writer if week.calls % EVIDENCE_EVERY == 0 else None
                watched.work(clock.monotonic_s)
                week.room.set()
                watched.tend()
                watched.ledger.settle()
                if len(seen) < week.calls * LOOKS // CONNECTIONS:
                    seen.append(resources())
        finally:
            end(watched)
            writer.close()
        view = watched.view(clock.now_s)
    assert view.error_count == 0
    assert view.status.reconnects > CONNECTIONS / 2
    rows = rows_of(tmp_path)["violations"]
    assert len(rows) == view.violation_count > CONNECTIONS / 10
    assert len(packages_of(tmp_path)) >= 5
    assert clock.now_s > 6.5 * 86_400.0
    # The first ones still open what stays open: the store, the decoders' tables, a network's pool.
    early, late = seen[3:6], seen[-3:]
    for index, name in enumerate(("descriptors", "threads")):
        counts = [each[index] for each in seen[3:]]
        assert max(counts[-4:]) <= max(counts[:4]) + 1, f"{name}: {counts}"
    before, after = (sum(each[2] for each in some) / len(some) for some in (early, late))
    assert after < 1.05 * before, f"from {before / 1e6:.0f} to {after / 1e6:.0f} MB"


def test_stamps_that_are_missing_repeated_or_backward_cost_their_frames_and_nothing_else(tmp_path):
    """11. The first ones missing, others repeated, single ones backward."""
    spoiled = {0: None, 1: None, 2: None, 20: "repeat", 21: "repeat", 35: "back", 36: None}
    previous = []

    def alter(number, packet):
        what = spoiled.get(number, packet.pts)
        if what == "repeat":
            packet.pts = packet.dts = previous[-1]
        elif what == "back":
            packet.pts = packet.dts = previous[-10]
        elif what is None:
            packet.pts = packet.dts = None
        else:
            previous.append(packet.pts)
        return packet

    def play(folder, change):
        folder.mkdir()
        site = open_site(write_site(folder / "site.yaml", {"id": "gate"})).cameras[0]
        clock = SetClock()
        played = Played(video, change)
        with ViolationStore.open(folder / "violations.sqlite") as store:
            watched, live = watched_camera(site, store, Site(played, SourceLostError("no")), clock)
            watched.start()
            for number in range(55):
                clock.now_s += STEP_S
                assert played.let()
                if change is not alter or number not in spoiled:
                    with live._latest._changed:
                        assert live._latest._changed.wait_for(lambda: watched.waits, 20.0)
                watched.work(clock.monotonic_s)
                watched.tend()
                watched.ledger.settle()
            status = watched.view(clock.now_s).status
            played.end()
            end(watched)
            states = [event.state for event in store.camera_events("gate")]
            assert len(list(store.sources())) == 1
        return rows_of(folder)["violations"], status, states

    video = write_blocks(tmp_path / "cam.mp4")
    sound, _, _ = play(tmp_path / "sound", lambda number, packet: packet)
    rows, status, states = play(tmp_path / "spoiled", alter)
    assert status.frames_dropped == len(spoiled)
    assert status.frames_received == 55 - len(spoiled)
    assert (status.reconnects, status.detail) == (0, "")
    assert states == ["connecting", "live", "offline"]
    assert len(rows) == len(sound) == 2
    gaps = [b["t_s"] - a["t_s"] for a, b in pairwise(sorted(rows, key=lambda row: row["t_s"]))]
    assert gaps == pytest.approx([2.2], abs=0.3)
