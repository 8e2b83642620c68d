"""What is done of a frame ahead of the detector: the view, the signals."""

from dataclasses import replace

import numpy as np

from traffic_ai.batch.prepared import PreparedFrames, SignalsAsRead
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.signal import SignalHistory

IMAGE = np.zeros((4, 6, 3), np.uint8)


class Frames:
    """A source of so many frames, one a second."""

    def __init__(self, count):
        self._count = count

    def frames(self):
        for n in range(self._count):
            yield Frame(FrameInfo("c", n, float(n), None, 6, 4), IMAGE)

    def close(self):
        pass


class View:
    """Looks elsewhere at some moments, shakes at others."""

    def __init__(self, away=(), shaken=()):
        self._away, self._shaken = away, shaken

    def seen(self, frame):
        if frame.info.t_s in self._away:
            return None
        if frame.info.t_s in self._shaken:
            return Frame(replace(frame.info, degraded=True), IMAGE)
        return frame


class Lamps:
    """A reader whose signals tell how many frames it has read, of which how many were sound."""

    def __init__(self):
        self.read_count = self.sound_count = 0

    def read(self, frame):
        self.read_count += 1
        self.sound_count += not frame.info.degraded
        return {"s": SignalHistory("s", (), self.read_count + self.sound_count / 10)}


def prepared(count, **view):
    return list(PreparedFrames(Frames(count), View(**view), Lamps).frames())


def told(frames):
    return [round(f.signals["s"].settled_until_s, 1) if f.signals else None for f in frames]


def test_each_frame_comes_with_its_own_signals():
    assert told(prepared(3)) == [1.1, 2.2, 3.3]


def test_signals_are_read_in_the_frame_as_it_may_be_judged():
    frames = prepared(3, shaken=[1.0])
    assert [f.frame.info.degraded for f in frames] == [False, True, False]
    assert told(frames) == [1.1, 2.1, 3.2]


def test_signals_begin_anew_when_the_view_comes_back():
    frames = prepared(6, away=[2.0, 3.0])
    assert [f.t_s for f in frames] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert [f.frame is None for f in frames] == [False, False, True, True, False, False]
    assert told(frames) == [1.1, 2.2, None, None, 1.1, 2.2]


def test_a_session_is_told_the_signals_of_the_frame_in_work():
    signals = SignalsAsRead()
    for frame in prepared(3):
        signals.now = frame.signals
        assert signals.read(frame.frame) == frame.signals
