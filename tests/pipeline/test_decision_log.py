"""What is kept of a session's frames: all of the last ones, and cheaply."""

from collections import deque

import numpy as np
import pytest

from traffic_ai.core import decision_log
from traffic_ai.core.decision_log import FRAME_LIMIT
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.ports import Observation
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState
from traffic_ai.core.track import Tracks


def observation(number):
    t_s = 0.04 * number
    ids = np.arange(number % 4) + number // 10
    classes = 2 + ids % 3
    shown = Tracks(
        ids,
        np.zeros((len(ids), 4)),
        classes,
        np.zeros((len(ids), 2)),
        np.ones(len(ids), bool),
        np.ones(len(ids), bool),
        (number,) if number % 10 == 0 else (),
    )
    red = SignalState("main", Aspect.RED, 5.0 * (t_s // 5.0), 0.04, SignalSource.LAMPS)
    info = FrameInfo("gate", number, t_s, None, 1280, 720)
    return Observation(info, shown, {}, {"main": SignalHistory("main", (red,), t_s)})


@pytest.mark.parametrize("count", [1, 127, 128, 200, FRAME_LIMIT, FRAME_LIMIT + 500])
def test_the_last_frames_are_kept_as_they_were(count):
    frames, as_they_were = decision_log._Frames(), deque(maxlen=FRAME_LIMIT)
    for number in range(count):
        as_they_were.append(one := observation(number))
        frames.add(one)
    for since_s in (0.0, 0.04 * (count - 150), 0.04 * (count - 3), 0.04 * count + 1.0):
        found = frames.since(since_s)
        wanted = [one for one in as_they_were if one.frame_info.t_s >= since_s]
        assert [frame.info for frame in found] == [one.frame_info for one in wanted]
        assert [frame.signals for frame in found] == [one.signals for one in wanted]
        assert [frame.ended for frame in found] == [one.tracks.ended for one in wanted]
        for frame, one in zip(found, wanted, strict=True):
            assert frame.track_id.tolist() == one.tracks.track_id.tolist()
            assert frame.class_id.tolist() == one.tracks.class_id.tolist()


def test_few_frames_are_left_to_the_collector_of_garbage():
    frames = decision_log._Frames()
    for number in range(FRAME_LIMIT + 500):
        frames.add(observation(number))
    assert len(frames._newest) < 2 * decision_log._PACKED_TOGETHER
    assert all(isinstance(packed, bytes) for _, packed in frames._packed)
