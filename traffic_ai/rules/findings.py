"""How a rule words what it found: violations and near misses with everything they must carry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.track import Track, TrackPoint
from traffic_ai.core.violation import (
    Condition,
    Measurement,
    NearMiss,
    Provenance,
    Violation,
    ViolationKind,
    captured_at,
    violation_id,
)

TRAJECTORY_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Reporter:
    """Words the findings of one rule on one camera."""

    camera_id: str
    kind: ViolationKind
    rule_version: str
    provenance: Provenance

    def violation(
        self,
        track: Track,
        lane_id: str,
        info: FrameInfo,
        t_s: float,
        stills_s: tuple[float, float, float],
        measurement: Measurement,
        explanation: Sequence[Condition],
    ) -> Violation:
        """A violation at t_s, with the track's points in the stills' span.

        `info`: any frame of the session, for the wall-clock time.
        """
        return Violation(
            id=violation_id(
                self.provenance,
                self.rule_version,
                self.kind,
                lane_id,
                t_s,
                anchor_at(track, t_s),
            ),
            kind=self.kind,
            camera_id=self.camera_id,
            lane_id=lane_id,
            track_id=track.track_id,
            road_user=track.road_user,
            t_s=t_s,
            occurred_at=captured_at(info, t_s),
            measurement=measurement,
            explanation=tuple(explanation),
            rule_version=self.rule_version,
            provenance=self.provenance,
            stills_s=stills_s,
            trajectory=thinned(list(track.points(stills_s[0] - 0.5, stills_s[2] + 0.5))),
        )

    def near_miss(
        self,
        track: Track,
        lane_id: str,
        info: FrameInfo,
        t_s: float,
        reason: str,
        explanation: Sequence[Condition] = (),
        measurement: Measurement | None = None,
    ) -> NearMiss:
        """Something that was not reported, and why."""
        return NearMiss(
            kind=self.kind,
            camera_id=self.camera_id,
            lane_id=lane_id,
            track_id=track.track_id,
            road_user=track.road_user,
            t_s=t_s,
            occurred_at=captured_at(info, t_s),
            reason=reason,
            explanation=tuple(explanation),
            rule_version=self.rule_version,
            measurement=measurement,
        )


def anchor_at(track: Track, t_s: float) -> tuple[float, float]:
    """The anchor at a moment, interpolated between the track's points, pixels."""
    anchors = track.anchor_px
    return (
        float(np.interp(t_s, track.t_s, anchors[:, 0])),
        float(np.interp(t_s, track.t_s, anchors[:, 1])),
    )


def thinned(points: list[TrackPoint]) -> tuple[TrackPoint, ...]:
    """At most TRAJECTORY_LIMIT of the points, evenly taken, first and last among them."""
    if len(points) <= TRAJECTORY_LIMIT:
        return tuple(points)
    chosen = np.linspace(0, len(points) - 1, TRAJECTORY_LIMIT).round().astype(int)
    return tuple(points[i] for i in chosen)
