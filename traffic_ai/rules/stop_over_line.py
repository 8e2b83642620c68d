"""The stop-over-line rule: stands with its front over the stop line while its signal is red.

Reported when, by the shortest vehicle of its class and the box noise in the driver's favour, the
front stands at least the minimum distance beyond the line for the minimum time of one red phase,
and it did not come over the line on green.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import SIZES
from traffic_ai.core.scene import Lane, Scene, StopLine
from traffic_ai.core.signal import Aspect, SignalHistory, SignalState
from traffic_ai.core.track import Track
from traffic_ai.core.violation import (
    Condition,
    Finding,
    Provenance,
    StopOverLineMeasurement,
    VehicleEnd,
    ViolationKind,
    at_least,
    at_most,
    is_so,
)
from traffic_ai.rules.findings import Reporter
from traffic_ai.rules.lanes import is_judged, lane_of_points
from traffic_ai.rules.parameters import StopOverLineParameters
from traffic_ai.rules.passage import (
    MARGIN_SIGMAS,
    StopLineGeometry,
    crossing_interval,
    edge_sigma_px,
)

RULE_VERSION = "stop-over-line-1"
# Standing: the box moves less than this share of its height within the standing time.
STANDING_SHARE = 0.15
# Without a road plane the seen end itself must be over the line by this share of the box height.
OVER_SHARE_OF_BOX = 0.15
CHECK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class _Over:
    """How far over the line the front is at the least, pixels and (if known) metres."""

    px: float
    m: float | None
    sigma_m: float | None
    least_px: float


@dataclass(slots=True)
class _Watched:
    line: StopLine
    group_id: str
    geometry: StopLineGeometry
    lanes: tuple[Lane, ...]
    checked_s: dict[int, float] = field(default_factory=dict)
    decided: dict[int, SignalState] = field(default_factory=dict)


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
            _Watched(
                line,
                line.signal_group_id,
                StopLineGeometry(line, scene),
                tuple(scene.lane(lane_id) for lane_id in line.lane_ids),
            )
            for line in scene.stop_lines
            if line.signal_group_id is not None
        ]

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings that became certain with this frame."""
        findings: list[Finding] = []
        for watched in self._watched:
            signal = observation.signals.get(watched.group_id)
            state = signal.states[-1] if signal is not None and signal.states else None
            if signal is not None and state is not None and state.aspect is Aspect.RED:
                findings += self._check_standing(watched, observation, signal, state)
            for track_id in observation.tracks.ended:
                watched.checked_s.pop(track_id, None)
                watched.decided.pop(track_id, None)
        return findings

    def close(self) -> Sequence[Finding]:
        """Nothing is left: what does not stand long enough is not reported."""
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
        if len(tracks) == 0 or t_s - red.since_s < self._parameters.min_standing_s:
            return []
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
            finding = self._judge(watched, track, observation, signal, red)
            if finding is not None:
                watched.decided[track_id] = red
                findings.append(finding)
        return findings

    def _judge(
        self,
        watched: _Watched,
        track: Track,
        observation: Observation,
        signal: SignalHistory,
        red: SignalState,
    ) -> Finding | None:
        t_s = observation.frame_info.t_s
        start_s = max(t_s - self._parameters.min_standing_s, red.since_s)
        window = track.grounded & (track.t_s >= start_s)
        if window.sum() < 3:
            return None
        boxes = track.xyxy_px[window]
        if _movement_share(boxes) > STANDING_SHARE:
            return None
        over = self._over(watched.geometry, track, window)
        past_beyond = watched.line.beyond is not None and bool(
            watched.line.beyond.distance(track.anchor_px[window]).max() > 0.0
        )
        if over is None or past_beyond or over.px < 0.0:
            return None
        lane = self._lane(watched, track)
        if lane is None or not is_judged(lane, track.road_user):
            return None
        came_s = self._came_over_s(watched.geometry, track)
        conditions = self._conditions(over, track, window, signal, came_s)
        failed = [c for c in conditions if not c.met]
        if failed:
            return self._report.near_miss(
                track, lane.id, observation.frame_info, start_s, failed[0].name, conditions
            )
        return self._report.violation(
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

    def _over(self, geometry: StopLineGeometry, track: Track, window: np.ndarray) -> _Over | None:
        """How far over the line the front is at the least; None before the line."""
        boxes = track.xyxy_px[window]
        sigma_px = edge_sigma_px(boxes)
        seen_px = float(np.median(geometry.seen_distance_px(boxes) - MARGIN_SIGMAS * sigma_px))
        least_px = OVER_SHARE_OF_BOX * float(np.median(boxes[:, 3] - boxes[:, 1]))
        distance_m = geometry.seen_distance_m(track)[window]
        known = ~np.isnan(distance_m)
        if not known.any():
            return _Over(seen_px, None, None, least_px) if seen_px > 0.0 else None
        normal = geometry.ground_line.forward if geometry.ground_line is not None else np.zeros(2)
        cov = track.ground_cov_m2[window][known]
        sigma_m = float(np.sqrt(np.median(np.einsum("i,nij,j->n", normal, cov, normal))))
        hidden_m = {
            VehicleEnd.REAR: SIZES[track.road_user].shortest_m,
            VehicleEnd.FRONT: 0.0,
            VehicleEnd.SIDE: 0.0,
        }[geometry.end]
        least_m = float(np.median(distance_m[known])) + hidden_m - MARGIN_SIGMAS * sigma_m
        if least_m <= 0.0:
            return None
        return _Over(max(seen_px, 0.0), least_m, sigma_m, least_px)

    def _came_over_s(self, geometry: StopLineGeometry, track: Track) -> float | None:
        """The latest moment at which the front can have come over the line, None if unseen."""
        good = track.grounded
        distance_m = geometry.seen_distance_m(track)[good]
        t_s = track.t_s[good]
        if geometry.ground_line is not None and (~np.isnan(distance_m)).sum() >= 2:
            known = ~np.isnan(distance_m)
            hidden_m = SIZES[track.road_user].shortest_m if geometry.end is VehicleEnd.REAR else 0.0
            interval = crossing_interval(
                t_s[known], distance_m[known] + hidden_m, np.full(int(known.sum()), 0.05)
            )
        else:
            boxes = track.xyxy_px[good]
            interval = crossing_interval(
                t_s, geometry.seen_distance_px(boxes), edge_sigma_px(boxes)
            )
        if interval is None or not np.isfinite(interval[0]):
            return None
        return interval[1]

    def _conditions(
        self,
        over: _Over,
        track: Track,
        window: np.ndarray,
        signal: SignalHistory,
        came_s: float | None,
    ) -> list[Condition]:
        t_s = track.t_s[window]
        came = signal.at(came_s) if came_s is not None else None
        aspect = came.aspect if came is not None else Aspect.UNKNOWN
        distance = (
            at_least("distance_over_line", over.m, self._parameters.min_distance_m, "m")
            if over.m is not None
            else at_least("distance_over_line", over.px, over.least_px, "px")
        )
        return [
            distance,
            at_least(
                "standing",
                float(t_s[-1] - t_s[0]),
                0.8 * self._parameters.min_standing_s,
                "s",
            ),
            at_most(
                "movement", _movement_share(track.xyxy_px[window]), STANDING_SHARE, "box heights"
            ),
            is_so(
                "came_over_on",
                aspect.value,
                f"{Aspect.YELLOW.value} or {Aspect.RED.value}",
                aspect in (Aspect.YELLOW, Aspect.RED),
            ),
        ]

    def _lane(self, watched: _Watched, track: Track) -> Lane | None:
        before = watched.geometry.seen_distance_px(track.xyxy_px) < 0.0
        return lane_of_points(watched.lanes, track.anchor_px[before & track.observed])


def _movement_share(boxes: Array) -> float:
    """How far the bottom edge's middle wandered, in heights of the box (N, 4).

    Medians of six pieces of the time keep the box noise out.
    """
    anchors = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]])
    pieces = np.array_split(anchors, min(6, len(anchors)))
    middles = np.array([np.median(piece, axis=0) for piece in pieces])
    moved = np.linalg.norm(middles[:, None] - middles[None], axis=2).max()
    return float(moved / max(np.median(boxes[:, 3] - boxes[:, 1]), 1.0))
