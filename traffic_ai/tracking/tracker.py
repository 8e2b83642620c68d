"""The tracker: tentative, confirmed, lost and ended tracks of one camera session.

Association runs in two rounds, sure detections first and doubtful ones for what is left over
(the idea of ByteTrack, Zhang et al., ECCV 2022), on motion predicted over the true time step:
metres on the road plane where the picture is calibrated, pixels elsewhere. Everything that
decides how long a track lives is in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.core.track import Track, Tracks
from traffic_ai.tracking import motion
from traffic_ai.tracking.association import (
    FORBIDDEN,
    assign,
    size_mismatch2,
    unambiguous_pairs,
)
from traffic_ai.tracking.boxes import grounded, iou
from traffic_ai.tracking.plane import MotionPlanes


@dataclass(frozen=True, slots=True)
class TrackerParameters:
    """How tracks are made and how long they live.

    sure_confidence: detections from here on start tracks. confirm_observations: observed points
    that make a track confirmed. tentative_s, lost_s, lost_standing_s: how long a tentative, a
    moving and a standing track live unobserved. gate: squared Mahalanobis distance (chi-square,
    2 degrees of freedom, 99.9 %) beyond which a detection is not the track's. reach_heights: no
    track is found again farther from its predicted place than this many heights of its box.
    top_speed_mps: no vehicle is faster.
    """

    sure_confidence: float = 0.3
    confirm_observations: int = 3
    tentative_s: float = 0.4
    lost_s: float = 2.0
    lost_standing_s: float = 5.0
    gate: float = 13.8
    reach_heights: float = 2.5
    min_iou: float = 0.35
    size_sigma: float = 0.25
    top_speed_mps: float = 90.0


@dataclass(slots=True)
class _Live:
    """What a live track carries beside its filter state."""

    track: Track
    box_px: Array
    whole_height_px: float
    last_observed_s: float
    confirmed: bool = False


class RoadPlaneTracker:
    """Tracker of one camera session; ids start at 1 in each and are never shared."""

    def __init__(self, scene: Scene, parameters: TrackerParameters | None = None) -> None:
        self._p = parameters or TrackerParameters()
        self._planes = MotionPlanes(scene)
        self._live: list[_Live] = []
        self._state = np.zeros((0, 4))
        self._cov = np.zeros((0, 4, 4))
        self._on_ground = np.zeros(0, bool)
        self._histories: dict[int, Track] = {}
        self._ended: tuple[int, ...] = ()
        self._next_id = 1
        self._t_s: float | None = None

    @property
    def histories(self) -> Mapping[int, Track]:
        """Histories of the confirmed tracks, those that just ended included."""
        return self._histories

    def update(self, info: FrameInfo, detections: Detections) -> Tracks:
        """The confirmed tracks at this frame."""
        self._forget_ended()
        self._advance(info.t_s)
        boxes = detections.xyxy_px.astype(np.float64)
        on_road = grounded(boxes, info.width_px, info.height_px)
        pairs, free = self._associate(detections, boxes, info.t_s)
        for row, column in pairs:
            self._observe(row, column, detections, boxes, on_road, info)
        matched = {row for row, _ in pairs}
        for row, live in enumerate(self._live):
            if row not in matched:
                live.box_px = self._predicted_box(row)
                self._append(row, info.t_s, observed=False, on_road=False)
        self._retire(info)
        self._start(free, detections, boxes, on_road, info)
        return self._tracks()

    def close(self) -> Tracks:
        """End every track."""
        self._forget_ended()
        ended = tuple(live.track.track_id for live in self._live if live.confirmed)
        self._live = []
        self._state, self._cov = np.zeros((0, 4)), np.zeros((0, 4, 4))
        self._on_ground = np.zeros(0, bool)
        self._ended = ended
        return Tracks.empty(ended)

    # -- prediction -------------------------------------------------------------------------

    def _advance(self, t_s: float) -> None:
        if self._t_s is not None and t_s <= self._t_s:
            raise ValueError(f"frames must come in time order: {t_s} after {self._t_s}")
        if self._live and self._t_s is not None:
            q = self._planes.process_noise(self._on_ground, self._heights())
            self._state, self._cov = motion.predict(self._state, self._cov, t_s - self._t_s, q)
        self._t_s = t_s

    def _heights(self) -> Array:
        return np.array([live.box_px[3] - live.box_px[1] for live in self._live])

    def _predicted_boxes(self) -> Array:
        """(N, 4): each track's box, moved and scaled to its predicted place."""
        if not self._live:
            return np.zeros((0, 4))
        boxes = np.array([live.box_px for live in self._live])
        anchors = self._planes.to_image(self._state[:, :2], self._on_ground)
        return self._planes.moved_boxes(boxes, anchors, self._on_ground)

    def _predicted_box(self, row: int) -> Array:
        live = self._live[row]
        on_ground = self._on_ground[row : row + 1]
        anchor = self._planes.to_image(self._state[row : row + 1, :2], on_ground)
        return np.asarray(self._planes.moved_boxes(live.box_px[None], anchor, on_ground)[0])

    # -- association ------------------------------------------------------------------------

    def _associate(
        self, detections: Detections, boxes: Array, t_s: float
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """Pairs (track row, detection) and the sure detections left over."""
        sure = np.flatnonzero(detections.confidence >= self._p.sure_confidence)
        doubtful = np.flatnonzero(detections.confidence < self._p.sure_confidence)
        if not self._live:
            return [], list(sure)
        predicted = self._predicted_boxes()
        overlap = iou(predicted, boxes)
        cost = self._cost(predicted, boxes, overlap)
        rows = np.arange(len(self._live))
        first_rows, first_columns = assign(cost[:, sure])
        pairs = list(zip(rows[first_rows], sure[first_columns], strict=True))
        left = np.setdiff1d(rows, first_rows)
        fresh = [r for r in left if t_s - self._live[r].last_observed_s < self._p.lost_s / 2.0]
        weak = cost[np.ix_(fresh, doubtful)]
        weak = np.where(overlap[np.ix_(fresh, doubtful)] > self._p.min_iou, weak, FORBIDDEN)
        second_rows, second_columns = assign(weak)
        pairs += [(fresh[r], doubtful[c]) for r, c in zip(second_rows, second_columns, strict=True)]
        free = [int(c) for c in np.setdiff1d(sure, sure[first_columns])]
        taken = {r for r, _ in pairs}
        pairs += self._leaps([r for r in left if r not in taken], free, boxes, t_s)
        return [(int(r), int(c)) for r, c in pairs], [
            c for c in free if c not in {column for _, column in pairs}
        ]

    def _cost(self, predicted: Array, boxes: Array, overlap: Array) -> Array:
        """(N, M) negative log-likelihood of position and size; FORBIDDEN beyond the gate.

        A box that still overlaps well stays allowed whatever its anchor does: when another
        vehicle covers the bottom edge the anchor jumps along the road.
        """
        distance2, log_det = self._planes.distances(self._state, self._cov, self._on_ground, boxes)
        size2 = size_mismatch2(predicted, boxes, self._p.size_sigma)
        near = (distance2 < self._p.gate) & self._within_reach(predicted, boxes)
        overlapping = overlap > self._p.min_iou
        position = np.where(near, distance2, self._p.gate * (2.0 - overlap))
        cost = position + log_det + np.minimum(size2, 4.0 * self._p.gate)
        allowed = (near & (size2 < 2.0 * self._p.gate)) | overlapping
        return np.where(allowed, cost, FORBIDDEN)

    def _within_reach(self, predicted: Array, boxes: Array) -> NDArray[np.bool_]:
        """(N, M): near enough in heights of the box, however unsure a lost track has become.

        A track seen once may be anywhere its widest velocity guess allows.
        """
        old = np.column_stack([(predicted[:, 0] + predicted[:, 2]) / 2.0, predicted[:, 3]])
        new = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]])
        reach = self._p.reach_heights * np.maximum(predicted[:, 3] - predicted[:, 1], 8.0)
        reach[[live.track.observed_count < 2 for live in self._live]] = np.inf
        return np.asarray(np.linalg.norm(old[:, None] - new[None], axis=2) < reach[:, None])

    def _leaps(
        self, rows: list[int], free: list[int], boxes: Array, t_s: float
    ) -> list[tuple[int, int]]:
        """Second point of a vehicle so fast that it left its first box far behind.

        Only tracks observed once, only where no other detection or track competes, and never
        faster than `top_speed_mps` (on the road plane) or half the picture in a step (in the
        image).
        """
        once = [r for r in rows if self._live[r].track.observed_count == 1]
        if not once or not free:
            return []
        old = np.array([self._live[r].box_px for r in once])
        distance = self._planes.leap_shares(
            old,
            boxes[free],
            np.array([t_s - self._live[r].last_observed_s for r in once]),
            self._p.top_speed_mps,
        )
        alike = size_mismatch2(old, boxes[free], self._p.size_sigma) < self._p.gate
        distance = np.where(alike & (distance <= 1.0), distance, np.inf)
        return [(once[r], free[c]) for r, c in unambiguous_pairs(distance, margin=2.0)]

    # -- life cycle -------------------------------------------------------------------------

    def _observe(
        self,
        row: int,
        column: int,
        detections: Detections,
        boxes: Array,
        on_road: NDArray[np.bool_],
        info: FrameInfo,
    ) -> None:
        live, box = self._live[row], boxes[column]
        shows_road = bool(on_road[column]) and not self._is_rider_alone(live, detections, column)
        expected = bool(self._correct(row, self._uncovered(live, box, shows_road)) < self._p.gate)
        live.box_px = box
        if shows_road:
            live.whole_height_px = float(box[3] - box[1])
        if not info.degraded:
            live.last_observed_s = info.t_s
            live.track.vote(int(detections.class_id[column]), float(detections.confidence[column]))
        self._append(
            row,
            info.t_s,
            observed=not info.degraded,
            on_road=shows_road and expected,
        )
        if live.track.observed_count >= self._p.confirm_observations and not live.confirmed:
            live.confirmed = True
            self._histories[live.track.track_id] = live.track

    @staticmethod
    def _is_rider_alone(live: _Live, detections: Detections, column: int) -> bool:
        """Whether only the rider of a two-wheeler was found: his feet are above the road."""
        person = detections.class_id[column] == RoadUser.PERSON
        return bool(person and live.track.road_user is not RoadUser.PERSON)

    def _uncovered(self, live: _Live, box: Array, on_road: bool) -> Array:
        """The box as it would be if nothing covered its lower part.

        A nearer vehicle hides the bottom edge, not the top; the height last seen whole, scaled
        with the width, tells where the vehicle stands. Without this a covered vehicle seems to
        drive off along the road.
        """
        if on_road:
            return box
        width = max(float(live.box_px[2] - live.box_px[0]), 1.0)
        scale = float(np.clip((box[2] - box[0]) / width, 0.9, 1.1))
        live.whole_height_px *= scale
        height = max(live.whole_height_px, float(box[3] - box[1]))
        return np.array([box[0], box[1], box[2], box[1] + height])

    def _correct(self, row: int, box: Array) -> float:
        """Correct a track's state by a box; the squared distance the box had from it."""
        ground = self._planes.wants_ground(box[None])[0]
        if ground != self._on_ground[row]:
            self._state[row], self._cov[row] = self._planes.switched(
                self._state[row], self._cov[row], to_ground=bool(ground)
            )
            self._on_ground[row] = ground
        one = slice(row, row + 1)
        measured, noise = self._planes.measured(box[None], self._on_ground[one])
        distance2, _ = motion.mahalanobis2(
            self._state[one, :2], self._cov[one, :2, :2], measured, noise
        )
        if distance2[0, 0] >= self._p.gate:
            # Covered or cut off: follow with the trust such a measurement deserves.
            noise = noise * (distance2[0, 0] / self._p.gate) ** 2
        self._state[one], self._cov[one] = motion.correct(
            self._state[one], self._cov[one], measured, noise
        )
        return float(distance2[0, 0])

    def _append(self, row: int, t_s: float, *, observed: bool, on_road: bool) -> None:
        live = self._live[row]
        ground_m, cov_m2 = self._planes.calibrated_point(live.box_px)
        live.track.append(t_s, live.box_px, ground_m, cov_m2, observed, observed and on_road)

    def _start(
        self,
        free: list[int],
        detections: Detections,
        boxes: Array,
        on_road: NDArray[np.bool_],
        info: FrameInfo,
    ) -> None:
        """Begin a tentative track at each sure detection that no track explains."""
        if info.degraded or not free:
            return
        if self._live:
            current = np.array([live.box_px for live in self._live])
            duplicate = iou(boxes[free], current).max(axis=1) > 0.7
            free = [c for c, same in zip(free, duplicate, strict=True) if not same]
        for column in free:
            box = boxes[column]
            ground = self._planes.wants_ground(box[None])
            state, cov = self._planes.initial(box, bool(ground[0]))
            track = Track(self._next_id, info.t_s)
            self._next_id += 1
            track.vote(int(detections.class_id[column]), float(detections.confidence[column]))
            self._live.append(_Live(track, box, float(box[3] - box[1]), info.t_s))
            self._state = np.vstack([self._state, state[None]])
            self._cov = np.concatenate([self._cov, cov[None]])
            self._on_ground = np.concatenate([self._on_ground, ground])
            self._append(
                len(self._live) - 1, info.t_s, observed=True, on_road=bool(on_road[column])
            )

    def _retire(self, info: FrameInfo) -> None:
        """End the tracks that were unobserved too long or are predicted outside the picture."""
        keep = []
        ended = []
        for row, live in enumerate(self._live):
            if self._lives(row, live, info):
                keep.append(row)
            elif live.confirmed:
                ended.append(live.track.track_id)
        self._ended = tuple(ended)
        if len(keep) < len(self._live):
            self._live = [self._live[row] for row in keep]
            self._state, self._cov = self._state[keep], self._cov[keep]
            self._on_ground = self._on_ground[keep]

    def _lives(self, row: int, live: _Live, info: FrameInfo) -> bool:
        unobserved_s = info.t_s - live.last_observed_s
        if unobserved_s <= 0.0:
            return True
        x = (live.box_px[0] + live.box_px[2]) / 2.0
        y = (live.box_px[1] + live.box_px[3]) / 2.0
        if not (0.0 <= x <= info.width_px and 0.0 <= y <= info.height_px):
            return False
        if not live.confirmed:
            return unobserved_s <= self._p.tentative_s
        standing = self._planes.is_standing(
            self._state[row], live.box_px, bool(self._on_ground[row])
        )
        return unobserved_s <= (self._p.lost_standing_s if standing else self._p.lost_s)

    def _forget_ended(self) -> None:
        for track_id in self._ended:
            self._histories.pop(track_id, None)
        self._ended = ()

    def _tracks(self) -> Tracks:
        shown = [live for live in self._live if live.confirmed]
        if not shown:
            return Tracks.empty(self._ended)
        return Tracks(
            track_id=np.array([live.track.track_id for live in shown], np.int64),
            xyxy_px=np.array([live.box_px for live in shown]),
            class_id=np.array([int(live.track.road_user) for live in shown], np.int64),
            ground_m=np.array([live.track.ground_m[-1] for live in shown]),
            observed=np.array([live.track.observed[-1] for live in shown]),
            grounded=np.array([live.track.grounded[-1] for live in shown]),
            ended=self._ended,
        )
