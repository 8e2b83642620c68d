"""The tracker: tentative, confirmed, lost and ended tracks of one camera session.

Association runs in two rounds, sure detections first and doubtful ones for what is left over
(the idea of ByteTrack, Zhang et al., ECCV 2022), on motion predicted over the true time step:
metres on the road plane where the picture is calibrated, pixels elsewhere. Everything that
decides how long a track lives is in seconds.
"""

from collections.abc import Mapping

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
from traffic_ai.tracking.boxes import (
    COVERED_SHARE,
    areas,
    covered_share,
    cut_short,
    grounded,
    in_picture,
    iou,
    part_of,
    parts,
    within,
)
from traffic_ai.tracking.doubles import doubles
from traffic_ai.tracking.fit import Expected, Fit, fit
from traffic_ai.tracking.live import LiveTracks
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.plane import MotionPlanes

Indices = NDArray[np.int64]
_CORNER = [0, 1, 0, 1]
# A vehicle seen whole so short a time ago is still where it is thought to be.
_PART_OF_S = 0.5
_COMPARE_EVERY_S = 0.2
# Of two boxes on a vehicle that end alike, by this share of its height, the larger is the whole.
_AS_LOW = 0.1
# A box is as its vehicle was where both share this much.
_ALIKE = 0.65
# A known part is found again this near to its place, in sizes of the whole box.
_SAME_PLACE = 0.2
_FOUR_WHEELED = (RoadUser.CAR, RoadUser.BUS, RoadUser.TRUCK)
# What covers a vehicle begins where that ends, give or take this share of its height.
_JUST_BELOW = 0.15
# Front and rear ends are no wider (buses 2.55 m, and boxes are wider than what they hold).
_END_M = 2.6


class RoadPlaneTracker:
    """Tracker of one camera session; ids start at 1 in each and are never shared."""

    def __init__(self, scene: Scene, parameters: TrackerParameters | None = None) -> None:
        self._p = parameters or TrackerParameters()
        self._planes = MotionPlanes(scene)
        self._live = LiveTracks.none()
        self._histories: dict[int, Track] = {}
        self._ended: tuple[int, ...] = ()
        self._next_id = 1
        self._t_s: float | None = None
        self._compared_s = -np.inf

    @property
    def histories(self) -> Mapping[int, Track]:
        """Histories of the confirmed tracks, those that just ended included."""
        return self._histories

    def update(self, info: FrameInfo, detections: Detections) -> Tracks:
        """The confirmed tracks at this frame."""
        self._forget_ended()
        self._advance(info.t_s)
        boxes = detections.xyxy_px.astype(np.float64)
        credence = detections.confidence.astype(np.float64)
        if len(self._live):
            self._move_boxes()
            credence += self._as_it_was(boxes)
        part = parts(boxes, credence)
        if len(self._live):
            part |= self._known_part(boxes)
        if part.any():
            detections, boxes = detections.select(~part), boxes[~part]
        on_road = grounded(boxes, info.width_px, info.height_px)
        free = np.flatnonzero(detections.confidence >= self._p.sure_confidence)
        if len(self._live):
            shows_road = self._shows_road(detections, on_road)
            covered = in_picture(boxes, info.width_px, info.height_px) & ~on_road
            self._add_free_ends(shows_road, boxes, np.flatnonzero(covered))
            fitted = fit(self._planes, self._expected(), boxes, shows_road, self._p)
            rows, columns, free = self._associate(detections, boxes, fitted)
            whole = ~self._is_cut_short(rows, columns, boxes, on_road)
            rows, columns = rows[whole], columns[whole]
            self._observe(rows, columns, detections, boxes, fitted, info)
            self._retire(info)
            self._keep_one_each()
        self._start(free, detections, boxes, on_road, info)
        return self._live.shown(self._ended)

    def close(self) -> Tracks:
        """End every track."""
        self._forget_ended()
        self._ended = tuple(self._live.track_id[self._live.confirmed].tolist())
        self._live = LiveTracks.none()
        return Tracks.empty(self._ended)

    # -- prediction -------------------------------------------------------------------------

    def _advance(self, t_s: float) -> None:
        live, before_s = self._live, self._t_s
        if before_s is not None and t_s <= before_s:
            raise ValueError(f"frames must come in time order: {t_s} after {before_s}")
        if len(live) and before_s is not None:
            heights = live.whole_px[:, 3] - live.whole_px[:, 1]
            q = self._planes.process_noise(live.on_ground, heights)
            live.state, live.covariance = motion.predict(
                live.state, live.covariance, t_s - before_s, q
            )
        self._t_s = t_s

    def _unobserved_s(self) -> Array:
        """Time since each track was last observed, (N,)."""
        return (0.0 if self._t_s is None else self._t_s) - self._live.last_observed_s

    def _move_boxes(self) -> None:
        """Move and scale each track's boxes to its predicted place."""
        live = self._live
        old, seen = live.whole_px, live.box_px
        places = self._planes.to_image(live.state[:, :2], live.on_ground)
        new = self._planes.moved_boxes(old, places, live.on_ground)
        scale = (new[:, 2:] - new[:, :2]) / np.maximum(old[:, 2:] - old[:, :2], 1e-6)
        inside = (seen - old[:, _CORNER]) * np.hstack([scale, scale])
        live.whole_px, live.box_px = new, new[:, _CORNER] + inside

    def _expected(self) -> Expected:
        live = self._live
        return Expected(
            live.state,
            live.covariance,
            live.on_ground,
            live.box_px,
            live.whole_px,
            live.observed_count < 2,
        )

    def _shows_road(self, detections: Detections, on_road: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N, M): whether a detection shows where the track's vehicle meets the road.

        Not where only the rider of a two-wheeler was found: his feet are above the road.
        """
        rider = detections.class_id == RoadUser.PERSON
        drives = self._live.class_id != RoadUser.PERSON
        return np.asarray(on_road & ~(rider & drives[:, None]))

    def _add_free_ends(self, shows_road: NDArray[np.bool_], boxes: Array, covered: Indices) -> None:
        """Let covered boxes (K,) show the road for the tracks whose near end would be free.

        Who is seen askew shows its side beside the end that stands on the road; a neighbour often
        covers no more than the side.
        """
        live = self._live
        sides = self._planes.near_sides(live.state, live.on_ground)
        sides[~np.isin(live.class_id, _FOUR_WHEELED)] = 0
        if not len(covered) or not sides.any():
            return
        edges = boxes[covered]
        end_px = self._planes.px_across(edges, _END_M)
        for side in (-1, 1):
            left = edges[:, 0] if side < 0 else np.maximum(edges[:, 0], edges[:, 2] - end_px)
            right = edges[:, 2] if side > 0 else np.minimum(edges[:, 2], edges[:, 0] + end_px)
            free = covered[covered_share(boxes, covered, left, right) < COVERED_SHARE]
            shows_road[np.ix_(sides == side, free)] = True

    # -- association ------------------------------------------------------------------------

    def _associate(
        self, detections: Detections, boxes: Array, fitted: Fit
    ) -> tuple[Indices, Indices, Indices]:
        """Rows of tracks, the detection of each, and the sure detections left over."""
        is_sure = detections.confidence >= self._p.sure_confidence
        sure, doubtful = np.flatnonzero(is_sure), np.flatnonzero(~is_sure)
        rows, at = assign(fitted.cost[:, sure])
        columns = sure[at]
        left = np.ones(len(self._live), bool)
        left[rows] = False
        if left.any() and len(doubtful):
            recent = self._unobserved_s() < self._p.lost_s / 2.0
            fresh = np.flatnonzero(left & recent)
            part = np.ix_(fresh, doubtful)
            weak = np.where(fitted.overlap[part] > self._p.min_iou, fitted.cost[part], FORBIDDEN)
            more_rows, more = assign(weak)
            rows = np.concatenate([rows, fresh[more_rows]])
            columns = np.concatenate([columns, doubtful[more]])
            left[rows] = False
        is_sure[columns] = False
        free = np.flatnonzero(is_sure)
        leaps = self._leaps(np.flatnonzero(left & (self._live.observed_count == 1)), free, boxes)
        if leaps:
            leap_rows, leap_columns = np.array(leaps, np.int64).T
            rows = np.concatenate([rows, leap_rows])
            columns = np.concatenate([columns, leap_columns])
            free = np.setdiff1d(free, leap_columns)
        return rows, columns, free

    def _leaps(self, once: Indices, free: Indices, boxes: Array) -> list[tuple[int, int]]:
        """Second point of a vehicle so fast that it left its first box far behind.

        Only tracks observed once, only where no other detection or track competes, and never
        faster than `top_speed_mps` (on the road plane) or half the picture in a step (in the
        image).
        """
        if not len(once) or not len(free):
            return []
        old = self._live.box_px[once]
        distance = self._planes.leap_shares(
            old, boxes[free], self._unobserved_s()[once], self._p.top_speed_mps
        )
        alike = size_mismatch2(old[:, None], boxes[free], self._p.size_sigma) < self._p.gate
        distance = np.where(alike & (distance <= 1.0), distance, np.inf)
        pairs = unambiguous_pairs(distance, margin=2.0)
        return [(int(once[r]), int(free[c])) for r, c in pairs]

    # -- life cycle -------------------------------------------------------------------------

    def _observe(
        self,
        rows: Indices,
        columns: Indices,
        detections: Detections,
        boxes: Array,
        fitted: Fit,
        info: FrameInfo,
    ) -> None:
        """Correct the tracks that were found and carry on the others, a point each."""
        live = self._live
        whole = fitted.whole_px[rows, columns]
        expected = self._correct(rows, whole) < self._p.gate
        found, on_road = np.zeros(len(live), bool), np.zeros(len(live), bool)
        found[rows] = True
        on_road[rows] = fitted.shows_road[rows, columns] & expected
        live.box_px[rows], live.whole_px[rows] = boxes[columns], whole
        if not info.degraded:
            live.last_observed_s[rows] = info.t_s
            self._vote(rows, columns, detections)
        shown = np.where(found[:, None], live.box_px, live.whole_px)
        observed = found if not info.degraded else np.zeros(len(live), bool)
        self._append(live, info.t_s, shown, observed, observed & on_road)

    def _vote(self, rows: Indices, columns: Indices, detections: Detections) -> None:
        classes = detections.class_id[columns].tolist()
        weights = detections.confidence[columns].tolist()
        for row, class_id, weight in zip(rows.tolist(), classes, weights, strict=True):
            track = self._live.tracks[row]
            track.vote(class_id, weight)
            self._live.class_id[row] = track.road_user

    def _correct(self, rows: Indices, boxes: Array) -> Array:
        """Correct tracks' states by a box each; the squared distances (K,) the boxes had."""
        live, readings = self._live, self._planes.read(boxes)
        for at in np.flatnonzero(readings.fine != live.on_ground[rows]):
            row = rows[at]
            live.state[row], live.covariance[row] = self._planes.switched(
                live.state[row], live.covariance[row], to_ground=bool(readings.fine[at])
            )
        live.on_ground[rows] = readings.fine
        measured, noise = readings.measured(readings.fine)
        state, covariance = live.state[rows], live.covariance[rows]
        distance2, _ = motion.mahalanobis2(state[:, :2], covariance[:, :2, :2], measured, noise)
        # Covered or cut off: follow with the trust such a measurement deserves.
        noise *= (np.maximum(distance2 / self._p.gate, 1.0) ** 2)[:, None, None]
        live.state[rows], live.covariance[rows] = motion.correct(state, covariance, measured, noise)
        return distance2

    def _append(
        self,
        live: LiveTracks,
        t_s: float,
        boxes: Array,
        observed: NDArray[np.bool_],
        on_road: NDArray[np.bool_],
    ) -> None:
        """Give each track its point of this moment; confirm those observed often enough."""
        ground_m, cov_m2 = self._planes.calibrated_points(boxes)
        live.append(t_s, boxes, ground_m, cov_m2, observed, on_road)
        enough = ~live.confirmed & (live.observed_count >= self._p.confirm_observations)
        live.confirmed |= enough
        for row in np.flatnonzero(enough):
            track = live.tracks[row]
            self._histories[track.track_id] = track

    def _start(
        self,
        free: Indices,
        detections: Detections,
        boxes: Array,
        on_road: NDArray[np.bool_],
        info: FrameInfo,
    ) -> None:
        """Begin a tentative track at each sure detection that no track explains."""
        if info.degraded or not len(free):
            return
        if len(self._live):
            overlap = iou(boxes[free][:, None], self._live.box_px)
            free = free[overlap.max(axis=1) <= 0.7]
            free = free[~self._shows_part(boxes[free])]
        tracks = []
        for column in free.tolist():
            track = Track(self._next_id, info.t_s)
            self._next_id += 1
            track.vote(int(detections.class_id[column]), float(detections.confidence[column]))
            tracks.append(track)
        started = LiveTracks.started(
            tracks, *self._planes.initial(boxes[free]), boxes[free], info.t_s
        )
        self._append(started, info.t_s, boxes[free], np.ones(len(free), bool), on_road[free])
        self._live.add(started)

    def _shows_part(self, boxes: Array) -> NDArray[np.bool_]:
        """Which boxes (N, 4) are the upper part of a vehicle that was seen whole just before."""
        unobserved_s = self._unobserved_s()
        missed = self._live.confirmed & (unobserved_s > 0.0) & (unobserved_s <= _PART_OF_S)
        if not missed.any() or not len(boxes):
            return np.zeros(len(boxes), bool)
        above, _ = part_of(boxes, self._live.whole_px[missed])
        return np.asarray(above.any(axis=1))

    def _as_it_was(self, boxes: Array) -> NDArray[np.bool_]:
        """Which boxes (N, 4) are as one of the vehicles is expected to be seen: its cab or all of
        it, as before.
        """
        alike = iou(boxes[:, None], self._live.box_px[self._live.confirmed])
        return np.asarray((alike >= _ALIKE).any(axis=1))

    def _known_part(self, boxes: Array) -> NDArray[np.bool_]:
        """Which boxes (N, 4) show a part for which a vehicle, seen whole just before, is known to
        be taken.
        """
        live = self._live
        known = ~np.isnan(live.part[:, 0]) & (self._unobserved_s() <= _PART_OF_S)
        if not known.any():
            return np.zeros(len(boxes), bool)
        place = within(boxes[:, None], live.whole_px[known])
        again = np.abs(place - live.part[known]).max(axis=2) <= _SAME_PLACE
        return np.asarray(again.any(axis=1))

    def _is_cut_short(
        self, rows: Indices, columns: Indices, boxes: Array, on_road: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which pairs (K,) are of a four-wheeled vehicle that was seen whole just before and a box
        that shows a part of it, such as the cab, though nothing is before it: its edges tell no
        place.
        """
        live = self._live
        known = live.confirmed & (self._unobserved_s() <= _PART_OF_S)
        known &= np.isin(live.class_id, _FOUR_WHEELED)
        short = known[rows] & on_road[columns] & cut_short(boxes[columns], live.whole_px[rows])
        if short.any():
            short[short] = covered_share(boxes, columns[short], reach=_JUST_BELOW) <= 0.0
        return np.asarray(short)

    def _retire(self, info: FrameInfo) -> None:
        """End the tracks that were unobserved too long or are predicted outside the picture."""
        live = self._live
        unobserved_s = info.t_s - live.last_observed_s
        if not (unobserved_s > 0.0).any():
            return
        standing = self._planes.is_standing(live.state, live.box_px, live.on_ground)
        longest_s = np.where(standing, self._p.lost_standing_s, self._p.lost_s)
        longest_s = np.where(live.confirmed, longest_s, self._p.tentative_s)
        middle = (live.box_px[:, :2] + live.box_px[:, 2:]) / 2.0
        size = (info.width_px, info.height_px)
        inside = ((middle >= 0.0) & (middle <= size)).all(axis=1)
        lives = (unobserved_s <= 0.0) | (inside & (unobserved_s <= longest_s))
        if not lives.all():
            self._end(lives)

    def _keep_one_each(self) -> None:
        """End the younger of two tracks on one vehicle; the older goes on with the whole box."""
        live = self._live
        if self._t_s is None or self._t_s - self._compared_s < _COMPARE_EVERY_S:
            return
        self._compared_s = self._t_s
        found = doubles(live.tracks, live.box_px)
        if not found:
            return
        lives = np.ones(len(live), bool)
        for kept, dropped in found:
            lives[dropped] = False
            outer, inner = live.whole_px[kept], live.whole_px[dropped]
            larger = areas(outer) < areas(inner)
            if larger:
                outer, inner = inner, outer
            part = within(inner, outer)
            lower_px = live.box_px[dropped, 3] - live.box_px[kept, 3]
            as_low_px = _AS_LOW * (outer[3] - outer[1])
            if lower_px > (-as_low_px if larger else as_low_px):
                live.take_over(kept, dropped)
            live.part[kept] = part
        self._end(lives)

    def _end(self, lives: NDArray[np.bool_]) -> None:
        live = self._live
        self._ended += tuple(live.track_id[~lives & live.confirmed].tolist())
        live.keep(lives)

    def _forget_ended(self) -> None:
        for track_id in self._ended:
            self._histories.pop(track_id, None)
        self._ended = ()
