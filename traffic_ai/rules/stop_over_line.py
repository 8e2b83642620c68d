"""The stop-over-line rule: stands with its front over the stop line while its signal is red.

Reported when, by the shortest vehicle of its class and the box noise in the driver's favour, the
front stands at least the minimum distance beyond the line for the minimum time of one red phase,
and it cannot have come over the line on green.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene, StopLine
from traffic_ai.core.signal import Aspect, SignalHistory, SignalState
from traffic_ai.core.track import Track
from traffic_ai.core.violation import (
    Condition,
    Finding,
    NearMiss,
    Provenance,
    StopOverLineMeasurement,
    VehicleEnd,
    ViolationKind,
    at_least,
    at_most,
    is_so,
)
from traffic_ai.rules.findings import Reporter
from traffic_ai.rules.front_over import Over, front_over
from traffic_ai.rules.lanes import is_judged
from traffic_ai.rules.own_room import room
from traffic_ai.rules.parameters import StopOverLineParameters
from traffic_ai.rules.passage import came_over
from traffic_ai.rules.standing import (
    STANDING_SHARE,
    movement_share,
    rolls,
    standing_points,
)
from traffic_ai.rules.stop_line_geometry import StopLineGeometry

RULE_VERSION = "stop-over-line-9"
_ROOM = "room_to_the_next"
_STOP = (Aspect.YELLOW, Aspect.RED)
CHECK_EVERY_S = 0.5
_LEAST_POINTS = 3


@dataclass(frozen=True, slots=True)
class _Stands:
    """That a vehicle stands: for how long it was observed to, how far it moved, in heights of its
    box, and which points of its track (n,) show where.
    """

    observed_s: float
    moved: float
    placed: NDArray[np.bool_]


@dataclass(slots=True)
class _Watched:
    line: StopLine
    group_id: str
    geometry: StopLineGeometry
    checked_s: dict[int, float] = field(default_factory=dict)
    decided: dict[int, SignalState] = field(default_factory=dict)
    nearly: dict[int, NearMiss] = field(default_factory=dict)
    came_as: dict[int, Counter[RoadUser]] = field(default_factory=dict)

    def standing(self, track: Track, start_s: float) -> _Stands | None:
        """How a vehicle stands since a moment; None where it does not, or was seen too little.

        What one is called that still moves is noted.
        """
        geometry, forward = self.geometry, self.line.line.forward
        window = track.observed & (track.t_s >= start_s)
        if window.sum() < _LEAST_POINTS:
            return None
        moved = movement_share(track, window, forward)
        if moved > STANDING_SHARE:
            self.came_as.setdefault(track.track_id, Counter())[track.road_user] += 1
            return None
        if rolls(track, window, geometry.ground_line):
            return None
        ahead_seen = geometry.end is VehicleEnd.FRONT
        placed = standing_points(
            track, window, forward, geometry.scene.homography, ahead_seen=ahead_seen
        )
        if placed.sum() < _LEAST_POINTS:
            return None
        return _Stands(float(np.ptp(track.t_s[window])), moved, placed)

    def class_of(self, track: Track) -> RoadUser:
        """What it is judged as: of a rider who stands every look is the same one, and may show one
        on foot; what he was called mostly on his way counts.
        """
        came_as = self.came_as.get(track.track_id)
        if track.road_user is not RoadUser.PERSON or not came_as:
            return track.road_user
        return came_as.most_common(1)[0][0]


class StopOverLine:
    """Stop-over-line rule of one camera session."""

    def __init__(
        self, scene: Scene, provenance: Provenance, parameters: StopOverLineParameters
    ) -> None:
        self._parameters = parameters
        self._report = Reporter(
            scene.camera_id, ViolationKind.STOP_OVER_LINE, RULE_VERSION, provenance
        )
        self._watched = [
            _Watched(line, line.signal_group_id, StopLineGeometry(line, scene))
            for line in scene.stop_lines
            if line.signal_group_id is not None
        ]

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings that became certain with this frame."""
        findings: list[Finding] = []
        for watched in self._watched:
            signal = observation.signals.get(watched.group_id)
            state = signal.at(observation.frame_info.t_s) if signal is not None else None
            if signal is not None and state is not None and state.aspect is Aspect.RED:
                findings += self._check_standing(watched, observation, signal, state)
            elif watched.nearly:
                findings += watched.nearly.values()
                watched.nearly.clear()
            for track_id in observation.tracks.ended:
                watched.checked_s.pop(track_id, None)
                watched.decided.pop(track_id, None)
                watched.came_as.pop(track_id, None)
                if track_id in watched.nearly:
                    findings.append(watched.nearly.pop(track_id))
        return findings

    def close(self) -> Sequence[Finding]:
        """Nothing is left: the tracker ends every track before the rules close."""
        return ()

    def _check_standing(
        self,
        watched: _Watched,
        observation: Observation,
        signal: SignalHistory,
        red: SignalState,
    ) -> list[Finding]:
        tracks = observation.tracks
        t_s = observation.frame_info.t_s
        red_until_s = min(t_s, signal.settled_until_s)
        lasted_s = red_until_s - red.since_s if signal.surely(red, red_until_s) else 0.0
        if len(tracks) == 0 or lasted_s < self._parameters.min_standing_s:
            return []
        start_s = red_until_s - self._parameters.min_standing_s
        findings: list[Finding] = []
        at_line = tracks.observed & watched.geometry.within_ends(tracks.anchor_px)
        for i in np.flatnonzero(at_line):
            track_id = int(tracks.track_id[i])
            if watched.decided.get(track_id) == red:
                continue
            if t_s - watched.checked_s.get(track_id, -np.inf) < CHECK_EVERY_S:
                continue
            watched.checked_s[track_id] = t_s
            track = observation.histories[track_id]
            finding = self._judge(watched, track, observation, (signal, red), start_s)
            if isinstance(finding, NearMiss) and finding.reason != _ROOM:
                # It may yet stand long enough; what is left of it is told when red or track ends.
                watched.nearly[track_id] = finding
            elif finding is not None:
                watched.decided[track_id] = red
                watched.nearly.pop(track_id, None)
                findings.append(finding)
        return findings

    def _judge(
        self,
        watched: _Watched,
        track: Track,
        observation: Observation,
        shown: tuple[SignalHistory, SignalState],
        start_s: float,
    ) -> Finding | None:
        """What comes of a vehicle, if it stands over the line since a moment.

        shown: what the signal showed, and the red in force.
        """
        signal, red = shown
        t_s = observation.frame_info.t_s
        stands = watched.standing(track, start_s)
        if stands is None:
            return None
        over = front_over(watched.geometry, track, stands.placed, self._parameters.min_distance_m)
        past_beyond = watched.line.beyond is not None and bool(
            watched.line.beyond.distance(track.anchor_px[stands.placed]).max() > 0.0
        )
        if over is None or past_beyond:
            return None
        lane = watched.geometry.lane_of(track)
        road_user = watched.class_of(track)
        if lane is None or not is_judged(lane, road_user):
            return None
        came = came_over(track, watched.geometry)
        conditions = self._conditions(over, stands, _shown_during(signal, came))
        failed = [c for c in conditions if not c.met]
        if not failed:
            conditions += self._doubts(watched.geometry, track, observation, start_s)
            failed = [c for c in conditions if not c.met]
        if failed:
            return self._report.near_miss(
                track, lane.id, observation.frame_info, start_s, failed[0].name, conditions
            )
        violation = self._report.violation(
            track,
            lane.id,
            observation.frame_info,
            start_s,
            (max(float(track.t_s[0]), start_s - 2.0), start_s, t_s),
            StopOverLineMeasurement(
                distance_over_px=over.px,
                distance_over_m=over.m,
                distance_standard_uncertainty_m=over.sigma_m,
                standing_s=t_s - start_s,
                red_since_s=red.since_s,
            ),
            conditions,
        )
        return replace(violation, road_user=road_user)

    @staticmethod
    def _doubts(
        geometry: StopLineGeometry, track: Track, observation: Observation, start_s: float
    ) -> list[Condition]:
        """Why it may be no vehicle of its own, by others in the picture; nothing where it is one.

        Asked once, when all else holds: so what is reported, and when, rests on the vehicle alone.
        """
        along_m = geometry.ground_line.forward if geometry.ground_line is not None else None
        found = room(track, observation.histories.values(), start_s, along_m)
        if found is None or found.measured >= found.least:
            return []
        return [at_least(_ROOM, found.measured, found.least, found.unit)]

    def _conditions(
        self,
        over: Over,
        stands: _Stands,
        came_on: Aspect,
    ) -> list[Condition]:
        distance = (
            at_least("distance_over_line", over.m, self._parameters.min_distance_m, "m")
            if over.m is not None
            else at_least("distance_over_line", over.px, over.least_px, "px")
        )
        return [
            distance,
            at_least(
                "standing",
                stands.observed_s,
                0.8 * self._parameters.min_standing_s,
                "s",
            ),
            at_most("movement", stands.moved, STANDING_SHARE, "box heights"),
            is_so(
                "came_over_on",
                came_on.value,
                f"{Aspect.YELLOW.value} or {Aspect.RED.value}",
                came_on in _STOP,
            ),
        ]


def _shown_during(signal: SignalHistory, interval_s: tuple[float, float] | None) -> Aspect:
    """What the signal showed in an interval; anything but yellow and red first."""
    if interval_s is None:
        return Aspect.UNKNOWN
    first, last = (signal.index_at(t_s) for t_s in interval_s)
    if first < 0:
        return Aspect.UNKNOWN
    aspects = [state.aspect for state in signal.states[first : last + 1]]
    return next((aspect for aspect in aspects if aspect not in _STOP), aspects[-1])
