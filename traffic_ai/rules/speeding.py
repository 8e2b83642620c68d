"""The speeding rule: the speed over the whole pass, less its uncertainty, against the limit.

Each vehicle is judged when it has left the calibrated area or its track has ended, so that the
measurement rests on all of its pass. Where the scene has no road plane, its speed sections are
used instead. A vehicle is reported when the speed less coverage_factor standard uncertainties is
above limit and tolerance, the second method agrees, and what the authority's deduction leaves is
above the limit; a reading above the limit that falls short of that, or was refused, is logged, and
so is who seems too fast but is never seen to touch the road, or rides and is taken for a person. A
vehicle that two tracks are on, together or one after the other, is reported once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.track import HISTORY_LIMIT, Track
from traffic_ai.core.violation import (
    Finding,
    NearMiss,
    Provenance,
    SpeedMethod,
    Violation,
    ViolationKind,
    is_so,
    more_than,
)
from traffic_ai.rules.findings import Reporter
from traffic_ai.rules.lanes import LaneAreas, is_judged, lane_of_points
from traffic_ai.rules.parameters import SpeedingParameters
from traffic_ai.rules.rider import is_carried
from traffic_ai.rules.same_vehicle import carries_on, on_one
from traffic_ai.rules.section import measure_section
from traffic_ai.rules.speed import PassPoints, estimate_speed
from traffic_ai.rules.speed_gates import gate_speed_kmh
from traffic_ai.rules.speed_result import (
    RefusalReason,
    SpeedEstimate,
    SpeedRefusal,
    count_condition,
)
from traffic_ai.rules.speeding_case import (
    speed_conditions,
    speed_measurement,
    speed_reason,
    too_fast_on_foot,
)
from traffic_ai.rules.track_rows import TrackRows, grown

RULE_VERSION = "speeding-9"

# A vehicle outside the area for this long does not come back by jitter at its border.
_LEFT_AFTER_S = 1.0
# Two tracks on one vehicle end at most so far apart; they are together for this share of the
# shorter track.
_REMEMBERED_S = 30.0
_TOGETHER_SHARE = 0.5
# A way in less time than this gives no rough speed.
_ROUGH_S = 1.0

# Why a rider whose two-wheeler was not found is not measured: what is seen of him does not touch
# the road.
_ON_FOOT = "taken_for_a_person"


@dataclass(slots=True)
class _Followed:
    """What is kept of each track: points before start_s have been judged; last_inside_s is NaN
    until it is seen in the area (again). All (rows,).
    """

    start_s: Array
    last_inside_s: Array
    reported: NDArray[np.bool_]
    logged: NDArray[np.bool_]

    @classmethod
    def none(cls) -> "_Followed":
        return cls(np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))

    def grow(self, rows: int) -> None:
        for f in fields(self):
            setattr(self, f.name, grown(getattr(self, f.name), rows))

    def begin(self, row: int) -> None:
        self.start_s[row], self.last_inside_s[row] = -np.inf, np.nan
        self.reported[row] = self.logged[row] = False


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a measurement gave, in which lane, by which method, and the second method's speed."""

    lane: Lane
    result: SpeedEstimate | SpeedRefusal
    method: SpeedMethod
    gate_speed_kmh: float | None = None


class Speeding:
    """Speeding rule of one camera session."""

    def __init__(
        self, scene: Scene, provenance: Provenance, parameters: SpeedingParameters
    ) -> None:
        self._scene = scene
        self._lanes = LaneAreas(scene.lanes)
        self._parameters = parameters
        self._report = Reporter(scene.camera_id, ViolationKind.SPEEDING, RULE_VERSION, provenance)
        self._followed = _Followed.none()
        self._rows = TrackRows(self._followed.grow)
        self._reported: list[Track] = []

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings of the vehicles whose pass ended with this frame."""
        info, tracks = observation.frame_info, observation.tracks
        findings = self._follow(observation) if len(tracks) else []
        for track_id in tracks.ended:
            row = self._rows.drop(track_id)
            if row is None:
                continue
            track = observation.histories[track_id]
            if not np.isnan(self._followed.last_inside_s[row]):
                findings += self._judge(track, row, info)
            elif np.isneginf(self._followed.start_s[row]):
                findings += self._never_whole(track, info)
            if track.road_user is RoadUser.PERSON:
                findings += self._rider(track, observation)
        return findings

    def _follow(self, observation: Observation) -> list[Finding]:
        """Findings of the vehicles that left the area, or whose history is full."""
        info, tracks = observation.frame_info, observation.tracks
        findings: list[Finding] = []
        inside = tracks.grounded.copy()
        if self._scene.homography is not None:
            inside &= ~np.isnan(tracks.ground_m[:, 0])
        rows, new = self._rows.of(tracks.track_id)
        for i in new:
            self._followed.begin(int(rows[i]))
        away_s = info.t_s - self._followed.last_inside_s[rows]
        gone = self._are_outside(tracks.anchor_px, ~inside & (away_s > _LEFT_AFTER_S))
        self._followed.last_inside_s[rows[inside]] = info.t_s
        histories = [observation.histories[track_id] for track_id in tracks.track_id.tolist()]
        # The older half of a full history is dropped with the next point.
        full = np.array([len(track) >= HISTORY_LIMIT for track in histories], bool)
        for i in (full | gone).nonzero()[0].tolist():
            findings += self._judge(histories[i], int(rows[i]), info)
        self._followed.start_s[rows[gone]] = info.t_s
        self._followed.last_inside_s[rows[gone]] = np.nan
        return findings

    def close(self) -> Sequence[Finding]:
        """Nothing is left: the tracker ends every track before the rules close."""
        return ()

    def _are_outside(self, anchor_px: Array, those: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of those vehicles (N,) are out of the area, not merely covered or cut off in it."""
        outside = np.zeros(len(those), bool)
        if self._scene.homography is not None and those.any():
            outside[those] = ~self._scene.homography.in_area(anchor_px[those])
        return outside

    # -- judging ------------------------------------------------------------------------------

    def _judge(self, track: Track, row: int, info: FrameInfo) -> list[Finding]:
        followed = self._followed
        if followed.reported[row] or track.road_user is RoadUser.PERSON:
            return []
        reading = self._measure(track, float(followed.start_s[row]))
        if reading is None:
            return []
        limit_kmh = reading.lane.limit_kmh(track.road_user)
        if limit_kmh is None or not is_judged(reading.lane, track.road_user):
            return []
        if isinstance(reading.result, SpeedRefusal):
            finding = self._refused(track, reading.lane, reading.result, limit_kmh, info)
        else:
            finding = self._compared(track, reading, reading.result, limit_kmh, info)
        if finding is None or (isinstance(finding, NearMiss) and followed.logged[row]):
            return []
        followed.reported[row] = isinstance(finding, Violation)
        followed.logged[row] = True
        return [finding]

    def _never_whole(self, track: Track, info: FrameInfo) -> list[Finding]:
        """A near miss of who was never seen to touch the road, if it seems too fast."""
        seen = track.anchor_px[track.observed]
        lane = lane_of_points(self._scene.lanes, seen) if len(seen) else None
        limit_kmh = None if lane is None else lane.limit_kmh(track.road_user)
        if lane is None or limit_kmh is None or not is_judged(lane, track.road_user):
            return []
        least = self._parameters.min_points
        refusal = SpeedRefusal(RefusalReason.MOSTLY_HIDDEN, count_condition(0, least), None)
        finding = self._refused(track, lane, refusal, limit_kmh, info)
        return [] if finding is None else [finding]

    def _rider(self, track: Track, observation: Observation) -> list[Finding]:
        """A near miss of who is taken for one on foot, rides too fast and has no other track."""
        known = np.flatnonzero(track.grounded & ~np.isnan(track.ground_m[:, 0]))
        lane = lane_of_points(self._scene.lanes, track.anchor_px[known]) if len(known) > 1 else None
        limit_kmh = None if lane is None else lane.limit_kmh(RoadUser.MOTORCYCLE)
        if lane is None or limit_kmh is None or not is_judged(lane, RoadUser.MOTORCYCLE):
            return []
        threshold_kmh = limit_kmh + self._parameters.tolerance_of_kmh(RoadUser.MOTORCYCLE)
        conditions = too_fast_on_foot(track, known, threshold_kmh)
        middle_s = float(track.t_s[known[0]] + track.t_s[known[-1]]) / 2.0
        others = observation.histories.values()
        if not all(c.met for c in conditions) or is_carried(track, others, middle_s):
            return []
        info = observation.frame_info
        return [self._report.near_miss(track, lane.id, info, middle_s, _ON_FOOT, conditions)]

    def _measure(self, track: Track, start_s: float) -> _Reading | None:
        homography = self._scene.homography
        if homography is None:
            return self._measure_sections(track)
        points = PassPoints.of_track(track, homography, start_s)
        result = estimate_speed(
            points,
            homography,
            track.road_user,
            self._parameters.min_baseline_m,
            self._parameters.min_points,
            self._parameters.max_uncertainty,
            self._least_limit_kmh(track.road_user),
        )
        if isinstance(result, SpeedRefusal) and result.reason is RefusalReason.SLOW:
            return None
        anchors, gates_kmh = points.anchor_px, None
        if isinstance(result, SpeedEstimate):
            anchors = anchors[(points.t_s >= result.start_s) & (points.t_s <= result.end_s)]
            gates_kmh = gate_speed_kmh(points, result, homography, track.road_user)
        else:  # the few places where it touched the road to be seen may lie beside every lane
            anchors = track.anchor_px[track.observed & (track.t_s >= start_s)]
        lane = self._lanes.of_points(anchors)
        return None if lane is None else _Reading(lane, result, SpeedMethod.PLANE_FIT, gates_kmh)

    def _least_limit_kmh(self, road_user: RoadUser) -> float:
        """The least limit of any lane for this class, infinite where there is none."""
        limits_kmh = [lane.limit_kmh(road_user) for lane in self._scene.lanes]
        return min((limit for limit in limits_kmh if limit is not None), default=np.inf)

    def _measure_sections(self, track: Track) -> _Reading | None:
        """The fastest of the sections the vehicle passed whole, each in one of its lanes; one that
        gave no speed only if none did.
        """
        readings: list[tuple[float, _Reading]] = []
        for section in self._scene.speed_sections:
            result = measure_section(track, section, track.road_user)
            lanes = [self._scene.lane(lane_id) for lane_id in section.lane_ids]
            lane = lane_of_points(lanes, track.anchor_px[track.grounded])
            if result is None or lane is None:
                continue
            speed_kmh = result.speed_kmh if isinstance(result, SpeedEstimate) else -np.inf
            readings.append((speed_kmh, _Reading(lane, result, SpeedMethod.SECTION)))
        return max(readings, key=lambda one: one[0], default=(0.0, None))[1]

    def _refused(
        self, track: Track, lane: Lane, refusal: SpeedRefusal, limit_kmh: float, info: FrameInfo
    ) -> Finding | None:
        """A near miss where the rough speed would have been too high."""
        threshold_kmh = limit_kmh + self._parameters.tolerance_of_kmh(track.road_user)
        rough_kmh = _rough_kmh(track) if refusal.rough_kmh is None else refusal.rough_kmh
        if rough_kmh is None or rough_kmh <= threshold_kmh:
            return None
        rough = more_than("rough speed, not measured", rough_kmh, threshold_kmh, "km/h")
        return self._report.near_miss(
            track,
            lane.id,
            info,
            float(track.t_s[-1]),
            refusal.reason.value,
            (refusal.condition, rough),
        )

    def _compared(
        self,
        track: Track,
        reading: _Reading,
        estimate: SpeedEstimate,
        limit_kmh: float,
        info: FrameInfo,
    ) -> Finding | None:
        """A violation, a near miss, or nothing for a speed within the limit."""
        speed_kmh = estimate.speed_kmh
        if speed_kmh <= limit_kmh:
            return None
        how = (reading.method, reading.gate_speed_kmh)
        road_user = track.road_user
        measurement = speed_measurement(estimate, how, limit_kmh, self._parameters, road_user)
        explanation = speed_conditions(measurement, self._parameters)
        middle_s = (estimate.start_s + estimate.end_s) / 2.0
        if all(condition.met for condition in explanation):
            if self._is_reported(track, estimate, info.t_s):
                twice = is_so("reported under another track", "yes", "no", met=False)
                return self._report.near_miss(
                    track,
                    reading.lane.id,
                    info,
                    middle_s,
                    "same_vehicle",
                    (*explanation, twice),
                    measurement,
                )
            self._reported.append(track)
            stills_s = (estimate.start_s, middle_s, estimate.end_s)
            return self._report.violation(
                track, reading.lane.id, info, middle_s, stills_s, measurement, explanation
            )
        reason = speed_reason(explanation)
        return self._report.near_miss(
            track, reading.lane.id, info, middle_s, reason, explanation, measurement
        )

    def _is_reported(self, track: Track, estimate: SpeedEstimate, now_s: float) -> bool:
        """Whether the vehicle was reported: under a track beside this one, or before it."""
        self._reported = [
            other for other in self._reported if now_s - float(other.t_s[-1]) <= _REMEMBERED_S
        ]
        return any(
            _together(other, track) or carries_on(other, track, estimate.start_s, estimate.end_s)
            for other in self._reported
        )


def _together(one: Track, other: Track) -> bool:
    """Whether two tracks were on one vehicle for much of the shorter one's time."""
    start_s = max(float(one.t_s[0]), float(other.t_s[0]))
    end_s = min(float(one.t_s[-1]), float(other.t_s[-1]))
    shorter_s = min(float(track.t_s[-1] - track.t_s[0]) for track in (one, other))
    much = end_s - start_s >= _TOGETHER_SHARE * shorter_s
    return much and on_one(one, other, start_s, end_s)


def _rough_kmh(track: Track) -> float | None:
    """Net way by time of all that was seen on the plane, also where the lower edge was hidden."""
    known = np.flatnonzero(track.observed & ~np.isnan(track.ground_m[:, 0]))
    if len(known) < 2 or track.t_s[known[-1]] - track.t_s[known[0]] < _ROUGH_S:
        return None
    way_m = float(np.linalg.norm(track.ground_m[known[-1]] - track.ground_m[known[0]]))
    return 3.6 * way_m / float(track.t_s[known[-1]] - track.t_s[known[0]])
