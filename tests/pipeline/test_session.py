"""One camera session: what reaches the rules, in which order, and how it ends."""

import numpy as np
import pytest

from tests.records import near_miss, violation
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.pipeline import Session
from traffic_ai.tracking import RoadPlaneTracker

PICTURE = np.zeros((1, 1, 3), np.uint8)


class Signals:
    """A reader that tells of one group with each frame."""

    def read(self, frame):
        return {"main": SignalHistory("main", (), frame.info.t_s)}


class Rule:
    """Keeps what it observes; finds what it is given, with each frame and at the end."""

    def __init__(self, with_each=(), at_end=()):
        self.seen = []
        self.closed = 0
        self._with_each, self._at_end = with_each, at_end

    def update(self, observation):
        assert not self.closed, "nothing comes after close"
        self.seen.append(observation)
        return self._with_each

    def close(self):
        self.closed += 1
        return self._at_end


def session_of(*rules):
    return Session(RoadPlaneTracker(Scene("gate", 640, 360)), Signals(), rules)


def frame(t_s):
    return Frame(FrameInfo("gate", round(t_s / 0.1), t_s, None, 640, 360), PICTURE)


def car(x_px):
    """One car."""
    box = np.array([[x_px, 100, x_px + 60, 150]], np.float32)
    return Detections(box, np.array([0.9], np.float32), np.array([RoadUser.CAR], np.int64))


def drive(session, count=10):
    return [session.process(frame(0.1 * i), car(100 + 5 * i)) for i in range(count)]


def test_rules_see_the_tracks_and_signals_of_each_frame():
    rule = Rule()
    steps = drive(session_of(rule))
    assert [o.frame_info.t_s for o in rule.seen] == pytest.approx(list(np.arange(10) * 0.1))
    assert rule.seen == [step.observation for step in steps]
    assert rule.seen[-1].tracks.track_id.tolist() == [1]
    assert rule.seen[-1].signals["main"].settled_until_s == pytest.approx(0.9)


def test_closing_ends_every_track_in_one_last_observation():
    rule = Rule()
    session = session_of(rule)
    drive(session)
    assert not any(observation.tracks.ended for observation in rule.seen)
    last = session.close()
    assert list(last.observation.tracks.ended) == [1]
    assert rule.seen[-1] is last.observation
    assert 1 in last.observation.histories, "the history of a track that ends is still there"
    assert last.observation.frame_info.t_s == pytest.approx(0.9)
    assert rule.closed == 1


def test_findings_come_in_the_order_of_the_rules_what_only_the_end_tells_last():
    early, late = near_miss(1.0), violation(t_s=2.0)
    other, end = near_miss(3.0), violation(t_s=4.0)
    first, second = Rule([early, late], [end]), Rule([other])
    session = session_of(first, second)
    assert session.process(frame(0.0), car(100)).findings == (early, late, other)
    assert session.close().findings == (early, late, other, end)


def test_a_session_ends_by_what_was_known_when_it_was_last_looked_at():
    """What is decided at its end must come out again from the frames that were looked at."""
    rule = Rule()
    session = session_of(rule)
    drive(session)
    for t_s in (0.95, 1.0):
        session.wants(frame(t_s))
    last = session.close().observation
    assert last.frame_info.t_s == pytest.approx(0.9)
    assert last.signals["main"].settled_until_s == pytest.approx(0.9)


def test_a_session_without_a_frame_has_nothing_to_close():
    rule = Rule(at_end=[violation()])
    assert session_of(rule).close() is None
    assert rule.seen == []


@pytest.mark.parametrize("t_s", [0.9, 0.5])
def test_a_frame_that_is_not_later_than_the_last_is_refused(t_s):
    session = session_of(Rule())
    drive(session)
    with pytest.raises(ValueError, match="time order"):
        session.process(frame(t_s), Detections.empty())


def test_sessions_share_nothing():
    one, other = session_of(Rule()), session_of(Rule())
    drive(one)
    steps = drive(other)
    assert steps[-1].observation.tracks.track_id.tolist() == [1], "ids start at 1 in each"
