"""The wrong-way rule: net way against the lane's direction, in metres.

A vehicle is reported as soon as its way against the direction, less its uncertainty, reaches the
minimum distance within a stretch of even motion that lasted the minimum time. Jumps that no
vehicle makes, boxes that change size or tracks that swap identity end the stretch.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.track import Track
from traffic_ai.core.violation import (
    Condition,
    Finding,
    Provenance,
    ViolationKind,
    WrongWayMeasurement,
    at_least,
    at_most,
)
from traffic_ai.rules.continuity import seen_share
from traffic_ai.rules.even_motion import Stretch
from traffic_ai.rules.findings import Reporter
from traffic_ai.rules.lane_room import LaneRoom
from traffic_ai.rules.lanes import LaneAxis, LaneMap, is_judged
from traffic_ai.rules.parameters import WrongWayParameters
from traffic_ai.rules.rider import of_a_rider, taken_for
from traffic_ai.rules.same_vehicle import ReportedVehicles
from traffic_ai.rules.way_back import WayBack

RULE_VERSION = "wrong-way-4"
CHECK_EVERY_S = 0.2
MIN_POINTS = 5
# A stretch is one vehicle's even motion: no step faster than this, no gap longer than this.
TOP_SPEED_MPS = 80.0
TOP_LANE_SHARE_PS = 2.0
LONGEST_GAP_S = 1.0
# A box that changes its size by more than this factor between two points is another vehicle.
SIZE_JUMP = 1.6
# Standard uncertainties taken off the way: it is judged many times while a vehicle is in sight.
SIGMAS = 3.0
# Of the way covered in the lane, at least this share leads against the direction.
MIN_AGAINST_SHARE = 0.8
# The way is made in many steps; what is left of it without the longest one is at least this share.
# A track that passes from one vehicle to another makes its way in a single step.
MIN_SHARE_WITHOUT_LONGEST_STEP = 0.5
# And no third of the time holds more of the way than when a vehicle sets off (5/9).
MAX_SHARE_OF_FASTEST_THIRD = 0.6
# Residual of a fit of even acceleration, as a share of the way.
MAX_RESIDUAL_SHARE = 0.2
REMEMBERED_S = 20.0
# Of the points of the way, this share shows the vehicle clear of the lanes of its direction.
MIN_CLEAR_SHARE = 0.8
# And in this share of the pictures it was seen at all.
MIN_SEEN_SHARE = 0.4
_ROUNDING = 1e-6


class WrongWay:
    """Wrong-way rule of one camera session."""

    remembers_s = REMEMBERED_S

    def __init__(
        self, scene: Scene, provenance: Provenance, parameters: WrongWayParameters
    ) -> None:
        self._scene = scene
        self._parameters = parameters
        lanes = LaneMap(scene)
        self._axes = lanes.axes
        self._way_back = WayBack(scene, lanes)
        self._room = LaneRoom(scene, lanes)
        self._least_back = np.array([0.5 * self._least(axis) for axis in self._axes.values()])
        self._report = Reporter(scene.camera_id, ViolationKind.WRONG_WAY, RULE_VERSION, provenance)
        self._checked_s: dict[int, float] = {}
        self._reported: set[int] = set()
        self._known = ReportedVehicles(REMEMBERED_S)

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings that became certain with this frame."""
        findings: list[Finding] = []
        tracks = observation.tracks
        for track_id, near in self._due(observation):
            track = observation.histories[track_id]
            finding = self._judge(track, near, observation, final=False)
            if finding is not None:
                findings.append(finding)
        for track_id in tracks.ended:
            track = observation.histories[track_id]
            near = np.asarray(self._way_back.end(track_id) >= self._least_back - _ROUNDING)
            if track_id not in self._reported and near.any():
                finding = self._judge(track, near, observation, final=True)
                findings += [finding] if finding is not None else []
            self._checked_s.pop(track_id, None)
            self._reported.discard(track_id)
        self._known.forget(observation.frame_info.t_s)
        return findings

    def close(self) -> Sequence[Finding]:
        """Nothing is left: the tracker ends every track before the rules close."""
        return ()

    def _due(self, observation: Observation) -> list[tuple[int, NDArray[np.bool_]]]:
        """Tracks whose turn it is to be looked at, each with the lanes (L,) it is near to being
        reported in.
        """
        tracks, t_s = observation.tracks, observation.frame_info.t_s
        if not len(tracks):
            return []
        way_back, inside = self._way_back.follow(tracks, observation.histories)
        # Less than half the way that counts is not even a near miss.
        lanes = np.logical_and(inside, way_back >= self._least_back - _ROUNDING)
        due = []
        ids = tracks.track_id.tolist()
        worth = np.asarray(lanes.any(axis=1))
        for i in np.flatnonzero(tracks.grounded).tolist():
            track_id = ids[i]
            if track_id in self._reported:
                continue
            if t_s - self._checked_s.get(track_id, -np.inf) >= CHECK_EVERY_S:
                self._checked_s[track_id] = t_s
                if worth[i]:
                    due.append((track_id, lanes[i]))
        return due

    # -- judging ------------------------------------------------------------------------------

    def _judge(
        self, track: Track, near: NDArray[np.bool_], observation: Observation, *, final: bool
    ) -> Finding | None:
        """A violation if there is one; at the end of the track a near miss if it was near.

        Only the lanes (L,) in which it is near to being reported are looked at.
        """
        good = track.grounded
        anchors = track.anchor_px[good]
        if len(anchors) < MIN_POINTS:
            return None
        for lane in compress(self._scene.lanes, near):
            inside = lane.contains(anchors)
            if inside.sum() < MIN_POINTS or not inside[-1 if not final else slice(None)].any():
                continue
            axis = self._axes[lane.id]
            if not is_judged(lane, taken_for(track, lane, in_metres=axis.in_metres)):
                continue
            stretch = self._stretch(track, good, inside, axis)
            if stretch is None:
                continue
            finding = self._judge_stretch(track, lane, axis, stretch, observation, final=final)
            if finding is not None or track.track_id in self._reported:
                return finding
        return None

    def _stretch(
        self, track: Track, good: NDArray[np.bool_], inside: NDArray[np.bool_], axis: LaneAxis
    ) -> Stretch | None:
        """The latest even stretch of the track within the lane."""
        t_s = track.t_s[good]
        boxes = track.xyxy_px[good]
        if axis.in_metres:
            points, cov = track.ground_m[good], track.ground_cov_m2[good]
            usable = inside & ~np.isnan(points[:, 0])
        else:
            points, cov = track.anchor_px[good], None
            usable = inside
        chosen = np.flatnonzero(usable)
        if len(chosen) < MIN_POINTS:
            return None
        progress = axis.progress(points[chosen])
        if cov is not None:
            direction = axis.directions(points[chosen])
            sigma = np.sqrt(np.einsum("ni,nij,nj->n", direction, cov[chosen], direction))
        else:
            sigma = 0.03 * (boxes[chosen, 3] - boxes[chosen, 1]) + 1.0
        start = self._last_break(t_s[chosen], progress, boxes[chosen], sigma, axis)
        if len(chosen) - start < MIN_POINTS:
            return None
        return Stretch(t_s[chosen][start:], progress[start:], sigma[start:])

    def _last_break(
        self, t_s: Array, progress: Array, boxes: Array, sigma: Array, axis: LaneAxis
    ) -> int:
        """Where the latest stretch begins: after the last gap, jump or change of size."""
        dt_s = np.diff(t_s)
        top = TOP_SPEED_MPS if axis.in_metres else TOP_LANE_SHARE_PS * axis.length
        noise = 3.0 * (sigma[1:] + sigma[:-1])
        jump = np.abs(np.diff(progress)) > top * dt_s + noise
        height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
        ratio = height[1:] / height[:-1]
        other = (ratio > SIZE_JUMP) | (ratio < 1.0 / SIZE_JUMP)
        breaks = np.flatnonzero(jump | other | (dt_s > LONGEST_GAP_S))
        return int(breaks[-1]) + 1 if len(breaks) else 0

    def _judge_stretch(
        self,
        track: Track,
        lane: Lane,
        axis: LaneAxis,
        stretch: Stretch,
        observation: Observation,
        *,
        final: bool,
    ) -> Finding | None:
        way = stretch.since_onset()
        if len(way) < MIN_POINTS or way.against < 0.5 * self._least(axis):
            return None
        road_user = taken_for(track, lane, in_metres=axis.in_metres)
        conditions = self._conditions(way, axis)
        conditions.append(_seen_share(track, way))
        if axis.in_metres:
            conditions.append(self._clear_share(track, road_user, lane, way))
        is_rider = road_user is not track.road_user
        if is_rider:
            conditions += of_a_rider(way.against, way.duration_s)
        info = observation.frame_info
        if all(c.met for c in conditions):
            known = self._known.know(track, lane.id, axis, way)
            self._reported.add(track.track_id)
            if known:
                return None
            self._known.add(track, lane.id, way)
            onset_s, confirmed_s = float(way.t_s[0]), float(way.t_s[-1])
            violation = self._report.violation(
                track,
                lane.id,
                info,
                confirmed_s,
                (onset_s, (onset_s + confirmed_s) / 2.0, confirmed_s),
                WrongWayMeasurement(
                    onset_s=onset_s,
                    confirmed_s=confirmed_s,
                    distance_m=way.against if axis.in_metres else None,
                    distance_standard_uncertainty_m=way.against_sigma if axis.in_metres else None,
                    lane_share=way.against / axis.length,
                    duration_s=way.duration_s,
                ),
                conditions,
            )
            return replace(violation, road_user=road_user)
        if final and not is_rider:
            failed = next(c for c in conditions if not c.met)
            return self._report.near_miss(
                track, lane.id, info, float(way.t_s[-1]), failed.name, conditions
            )
        return None

    def _clear_share(
        self, track: Track, road_user: RoadUser, lane: Lane, way: Stretch
    ) -> Condition:
        at = np.searchsorted(track.t_s, way.t_s)
        clear = self._room.is_clear(lane.id, road_user, track.anchor_px[at], track.ground_m[at])
        share = float(np.mean(clear))
        return at_least("share_clear_of_lanes_of_its_direction", share, MIN_CLEAR_SHARE, "")

    def _least(self, axis: LaneAxis) -> float:
        if axis.in_metres:
            return self._parameters.min_distance_m
        return self._parameters.min_lane_share * axis.length

    def _conditions(self, way: Stretch, axis: LaneAxis) -> list[Condition]:
        """What the way from its onset to the latest point must show."""
        unit, scale = ("m", 1.0) if axis.in_metres else ("lane lengths", axis.length)
        return [
            at_least(
                "distance_against_less_uncertainty",
                (way.against - SIGMAS * way.against_sigma) / scale,
                self._least(axis) / scale,
                unit,
            ),
            at_least("duration", way.duration_s, self._parameters.min_duration_s, "s"),
            at_least("share_of_way_against", way.share_against, MIN_AGAINST_SHARE, ""),
            at_least(
                "share_of_way_without_longest_step",
                1.0 - way.share_of_longest_step,
                MIN_SHARE_WITHOUT_LONGEST_STEP,
                "",
            ),
            at_most(
                "share_of_way_in_fastest_third",
                way.share_of_fastest_third,
                MAX_SHARE_OF_FASTEST_THIRD,
                "",
            ),
            at_most(
                "residual_of_even_motion",
                way.residual / max(way.against, 1e-9),
                MAX_RESIDUAL_SHARE,
                "",
            ),
        ]


def _seen_share(track: Track, way: Stretch) -> Condition:
    share = seen_share(track, float(way.t_s[0]), float(way.t_s[-1]))
    return at_least("share_of_pictures_it_was_seen_in", share, MIN_SEEN_SHARE, "")
