"""Builders of findings, and footage made of numbers, for the tests of stores, evidence, sinks."""

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np

from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.frame import CapturedAt, ClockSource, Frame, FrameInfo
from traffic_ai.core.geometry import DirectedLine
from traffic_ai.core.ports import Clip
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import HeadLayout, Lane, Scene, SignalGroup, SignalHead, StopLine
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState
from traffic_ai.core.track import TrackPoint
from traffic_ai.core.violation import (
    NearMiss,
    Provenance,
    RedLightMeasurement,
    SpeedMeasurement,
    SpeedMethod,
    StopOverLineMeasurement,
    VehicleEnd,
    Violation,
    ViolationKind,
    WrongWayMeasurement,
    at_least,
    at_most,
    is_so,
    violation_id,
)
from traffic_ai.stores.records import SourceKey

START = datetime(2026, 5, 1, 3, 0, tzinfo=UTC)
PROVENANCE = Provenance("5" * 64, "c" * 64, "d" * 64, "0.1.0")
KEY = SourceKey("gate", PROVENANCE.source_hash, PROVENANCE.config_hash, PROVENANCE.model_hash, "1")

MEASUREMENTS = {
    ViolationKind.RED_LIGHT: RedLightMeasurement(
        VehicleEnd.REAR, 12.4, 0.02, 11.9, 12.3, 11.0, 0.04, 0.9, 1.3, 0.3, 3.2
    ),
    ViolationKind.STOP_OVER_LINE: StopOverLineMeasurement(14.0, 0.8, 0.1, 6.2, 8.0),
    ViolationKind.WRONG_WAY: WrongWayMeasurement(10.0, 11.0, 14.2, 0.7, 0.4, 2.4),
    ViolationKind.SPEEDING: SpeedMeasurement(
        83.456, 0.9, 1.8, 2.0, (("box noise", 0.9),), SpeedMethod.PLANE_FIT, 11, 13, 40, 50, 50, 3
    ),
}


def wall(t_s):
    """The wall-clock time of a moment of the recording."""
    return CapturedAt(START + timedelta(seconds=t_s), ClockSource.GIVEN, 1.0)


def trajectory(t_s, count=11, half_s=2.0):
    """A vehicle going up the picture: its box's bottom at 200 px at t_s, 20 px a second."""
    points = []
    for moment in np.linspace(t_s - half_s, t_s + half_s, count):
        bottom = 200.0 - 20.0 * (moment - t_s)
        box = (140.0, bottom - 40.0, 200.0, bottom)
        points.append(
            TrackPoint(
                float(moment), box, (170.0, bottom), (1.0, 2.0), ((0.1, 0), (0, 0.1)), True, True
            )
        )
    return tuple(points)


def violation(kind=ViolationKind.SPEEDING, t_s=12.0, **changes):
    """A violation at t_s; its id follows from its time, kind and lane, as a rule's does."""
    lane = changes.pop("lane_id", "lane-1")
    made = Violation(
        id=violation_id(PROVENANCE, "1", kind, lane, t_s, (170.0, 200.0)),
        kind=kind,
        camera_id="gate",
        lane_id=lane,
        track_id=7,
        road_user=RoadUser.CAR,
        t_s=t_s,
        occurred_at=wall(t_s),
        measurement=MEASUREMENTS[kind],
        explanation=(at_least("points", 12, 5, ""), is_so("aspect", "red", "red", True)),
        rule_version="1",
        provenance=PROVENANCE,
        stills_s=(t_s - 0.8, t_s, t_s + 1.0),
        trajectory=trajectory(t_s),
    )
    return dataclasses.replace(made, **changes)


def near_miss(t_s=4.0, reason="grace_period", **changes):
    """A near miss at t_s."""
    made = NearMiss(
        kind=ViolationKind.RED_LIGHT,
        camera_id="gate",
        lane_id="lane-1",
        track_id=3,
        road_user=RoadUser.MOTORCYCLE,
        t_s=t_s,
        occurred_at=wall(t_s),
        reason=reason,
        explanation=(at_most("time into red", 0.2, 0.3, "s"),),
        rule_version="1",
    )
    return dataclasses.replace(made, **changes)


def scene(width_px=352, height_px=288):
    """One lane up the picture, a stop line with a lamp."""
    sx, sy = width_px / 352, height_px / 288
    scale = np.array([sx, sy])
    lane = Lane(
        "lane-1",
        np.array([[100, 288], [140, 60], [220, 60], [250, 288]]) * scale,
        np.array([[175, 288], [180, 60]]) * scale,
        50.0,
    )
    ends = np.array([[110, 200], [240, 196]]) * scale
    line = DirectedLine.towards(ends[0], ends[1], np.array([0.0, -1.0]))
    head = SignalHead(np.array([300, 20, 312, 54]) * np.array([sx, sy, sx, sy]))
    assert head.layout is HeadLayout.VERTICAL
    return Scene(
        "gate",
        width_px,
        height_px,
        lanes=(lane,),
        stop_lines=(StopLine("stop-1", line, ("lane-1",), "main"),),
        signal_groups=(SignalGroup("main", (head,)),),
    )


def signals():
    """Yellow from 7.8 s, red from 11 s."""
    states = (
        SignalState("main", Aspect.YELLOW, 7.8, 0.04, SignalSource.LAMPS),
        SignalState("main", Aspect.RED, 11.0, 0.04, SignalSource.LAMPS),
    )
    return {"main": SignalHistory("main", states, 60.0)}


class MadeFootage:
    """Footage of grey pictures, 25 a second, between two moments.

    The picture's grey is its whole second. Outside [first_s, last_s] stills fail. A clip holds
    its bounds as text. `clip_error` is raised in the place of a clip, after some of it is written.
    """

    def __init__(self, width_px=352, height_px=288, first_s=0.0, last_s=60.0, clip_error=None):
        self.size_px = (width_px, height_px)
        self.first_s, self.last_s = first_s, last_s
        self.clip_error = clip_error
        self.asked_clips = []

    def stills(self, times_s):
        return [self._still(t_s) for t_s in times_s]

    def _still(self, t_s):
        if not self.first_s <= t_s <= self.last_s:
            raise EvidenceError(f"the footage reaches {self.first_s}..{self.last_s} s")
        index = int(t_s * 25 + 1e-6)
        width_px, height_px = self.size_px
        info = FrameInfo("gate", index, index / 25, wall(index / 25), width_px, height_px)
        image = np.full((height_px, width_px, 3), int(t_s) % 200, np.uint8)
        return Frame(info, image)

    def clip(self, start_s, end_s, stem):
        self.asked_clips.append((start_s, end_s))
        path = stem.with_suffix(".mp4")
        start_s, end_s = max(start_s - 0.5, self.first_s), min(end_s, self.last_s)
        path.write_text(f"{start_s}..{end_s}")
        if self.clip_error is not None:
            raise self.clip_error
        return Clip(path, start_s, end_s, reencoded=False)
