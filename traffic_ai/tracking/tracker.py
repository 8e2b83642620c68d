"""The tracker: tentative, confirmed, lost and ended tracks of one camera session.

Association runs in two rounds, sure detections first and doubtful ones for what is left over
(the idea of ByteTrack, Zhang et al., ECCV 2022), on motion predicted over the true time step:
metres on the road plane where the picture is calibrated, pixels elsewhere. Everything that
decides how long a track lives is in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

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
from traffic_ai.tracking.fit import Expected, Fit, fit
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.plane import MotionPlanes

_CORNER = [0, 1, 0, 1]


@dataclass(slots=True)
class _Live:
    """What a live track carries beside its filter state.

    box_px: what was seen of it, or would be; whole_px: its box if nothing covered it.
    """

    track: Track
    box_px: Array
    whole_px: Array
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
        self._move_boxes()
        fitted = fit(
            self._planes, self._expected(), boxes, self._shows_road(detections, on_road), self._p
        )
        pairs, free = self._associate(detections, boxes, fitted)
        self._observe(pairs, detections, boxes, fitted, info)
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
        return np.array([live.whole_px[3] - live.whole_px[1] for live in self._live])

    def _unobserved_s(self, row: int) -> float:
        """Time since a track was last observed."""
        return 0.0 if self._t_s is None else self._t_s - self._live[row].last_observed_s

    def _move_boxes(self) -> None:
        """Move and scale each track's boxes to its predicted place."""
        if not self._live:
            return
        old, seen = self._boxes("whole_px"), self._boxes("box_px")
        places = self._planes.to_image(self._state[:, :2], self._on_ground)
        new = self._planes.moved_boxes(old, places, self._on_ground)
        scale = (new[:, 2:] - new[:, :2]) / np.maximum(old[:, 2:] - old[:, :2], 1e-6)
        inside = (seen - old[:, _CORNER]) * np.hstack([scale, scale])
        for live, whole_px, box_px in zip(self._live, new, new[:, _CORNER] + inside, strict=True):
            live.whole_px, live.box_px = whole_px, box_px

    def _boxes(self, which: Literal["box_px", "whole_px"]) -> Array:
        return np.array([getattr(live, which) for live in self._live]).reshape(-1, 4)

    def _expected(self) -> Expected:
        return Expected(
            self._state,
            self._cov,
            self._on_ground,
            self._boxes("box_px"),
            self._boxes("whole_px"),
            np.array([live.track.observed_count < 2 for live in self._live], bool),
        )

    def _shows_road(self, detections: Detections, on_road: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N, M): whether a detection shows where the track's vehicle meets the road.

        Not where only the rider of a two-wheeler was found: his feet are above the road.
        """
        person = detections.class_id == RoadUser.PERSON
        walks = np.array([live.track.road_user is RoadUser.PERSON for live in self._live], bool)
        return np.asarray(on_road[None] & ~(person[None] & ~walks[:, None]))

    # -- association ------------------------------------------------------------------------

    def _associate(
        self, detections: Detections, boxes: Array, fitted: Fit
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """Pairs (track row, detection) and the sure detections left over."""
        sure = np.flatnonzero(detections.confidence >= self._p.sure_confidence)
        doubtful = np.flatnonzero(detections.confidence < self._p.sure_confidence)
        if not self._live:
            return [], list(sure)
        cost, overlap = fitted.cost, fitted.overlap
        rows = np.arange(len(self._live))
        first_rows, first_columns = assign(cost[:, sure])
        pairs = list(zip(rows[first_rows], sure[first_columns], strict=True))
        left = np.setdiff1d(rows, first_rows)
        fresh = [r for r in left if self._unobserved_s(r) < self._p.lost_s / 2.0]
        weak = cost[np.ix_(fresh, doubtful)]
        weak = np.where(overlap[np.ix_(fresh, doubtful)] > self._p.min_iou, weak, FORBIDDEN)
        second_rows, second_columns = assign(weak)
        pairs += [(fresh[r], doubtful[c]) for r, c in zip(second_rows, second_columns, strict=True)]
        free = [int(c) for c in np.setdiff1d(sure, sure[first_columns])]
        taken = {r for r, _ in pairs}
        pairs += self._leaps([r for r in left if r not in taken], free, boxes)
        return [(int(r), int(c)) for r, c in pairs], [
            c for c in free if c not in {column for _, column in pairs}
        ]

    def _leaps(self, rows: list[int], free: list[int], boxes: Array) -> list[tuple[int, int]]:
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
            np.array([self._unobserved_s(r) for r in once]),
            self._p.top_speed_mps,
        )
        alike = size_mismatch2(old[:, None], boxes[free], self._p.size_sigma) < self._p.gate
        distance = np.where(alike & (distance <= 1.0), distance, np.inf)
        return [(once[r], free[c]) for r, c in unambiguous_pairs(distance, margin=2.0)]

    # -- life cycle -------------------------------------------------------------------------

    def _observe(
        self,
        pairs: list[tuple[int, int]],
        detections: Detections,
        boxes: Array,
        fitted: Fit,
        info: FrameInfo,
    ) -> None:
        """Correct the tracks that were found and carry on the others, a point each."""
        rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
        whole = fitted.whole_px[rows, columns]
        expected = self._correct(rows, whole) < self._p.gate
        found, on_road = np.zeros(len(self._live), bool), np.zeros(len(self._live), bool)
        found[rows] = True
        on_road[rows] = fitted.shows_road[rows, columns] & expected
        for row, column, whole_px in zip(rows, columns, whole, strict=True):
            live = self._live[row]
            live.box_px, live.whole_px = boxes[column], whole_px
            if not info.degraded:
                live.last_observed_s = info.t_s
                live.track.vote(
                    int(detections.class_id[column]), float(detections.confidence[column])
                )
        shown = np.where(found[:, None], self._boxes("box_px"), self._boxes("whole_px"))
        observed = found & (not info.degraded)
        self._append(self._live, info.t_s, shown, observed, observed & on_road)

    def _correct(self, rows: NDArray[np.int64], boxes: Array) -> Array:
        """Correct tracks' states by a box each; the squared distances (K,) the boxes had."""
        ground = self._planes.wants_ground(boxes)
        for row, to_ground in zip(rows, ground, strict=True):
            if to_ground != self._on_ground[row]:
                self._state[row], self._cov[row] = self._planes.switched(
                    self._state[row], self._cov[row], to_ground=bool(to_ground)
                )
        self._on_ground[rows] = ground
        measured, noise = self._planes.measured(boxes, ground)
        distance2, _ = motion.mahalanobis2(
            self._state[rows, :2], self._cov[rows, :2, :2], measured, noise
        )
        # Covered or cut off: follow with the trust such a measurement deserves.
        noise *= (np.maximum(distance2 / self._p.gate, 1.0) ** 2)[:, None, None]
        self._state[rows], self._cov[rows] = motion.correct(
            self._state[rows], self._cov[rows], measured, noise
        )
        return distance2

    def _append(
        self,
        tracks: Sequence[_Live],
        t_s: float,
        boxes: Array,
        observed: NDArray[np.bool_],
        on_road: NDArray[np.bool_],
    ) -> None:
        """Give each track its point of this moment."""
        ground_m, cov_m2 = self._planes.calibrated_points(boxes)
        for i, live in enumerate(tracks):
            live.track.append(
                t_s, boxes[i], ground_m[i], cov_m2[i], bool(observed[i]), bool(on_road[i])
            )
            enough = live.track.observed_count >= self._p.confirm_observations
            if enough and not live.confirmed:
                live.confirmed = True
                self._histories[live.track.track_id] = live.track

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
            duplicate = iou(boxes[free][:, None], current).max(axis=1) > 0.7
            free = [c for c, same in zip(free, duplicate, strict=True) if not same]
        ground = self._planes.wants_ground(boxes[free])
        started = []
        for column, on_ground in zip(free, ground, strict=True):
            state, cov = self._planes.initial(boxes[column], bool(on_ground))
            track = Track(self._next_id, info.t_s)
            self._next_id += 1
            track.vote(int(detections.class_id[column]), float(detections.confidence[column]))
            started.append(_Live(track, boxes[column], boxes[column], info.t_s))
            self._state = np.vstack([self._state, state[None]])
            self._cov = np.concatenate([self._cov, cov[None]])
        self._live += started
        self._on_ground = np.concatenate([self._on_ground, ground])
        self._append(started, info.t_s, boxes[free], np.ones(len(free), bool), on_road[free])

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
            xyxy_px=np.array([live.track.xyxy_px[-1] for live in shown]),
            class_id=np.array([int(live.track.road_user) for live in shown], np.int64),
            ground_m=np.array([live.track.ground_m[-1] for live in shown]),
            observed=np.array([live.track.observed[-1] for live in shown]),
            grounded=np.array([live.track.grounded[-1] for live in shown]),
            ended=self._ended,
        )
