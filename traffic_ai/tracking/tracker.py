"""The tracker: tentative, confirmed, lost and ended tracks of one camera session.

Detections are associated with motion predicted over the true time step: metres on the road plane
where the picture is calibrated, pixels elsewhere. Everything that decides how long a track lives is
in seconds.
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
from traffic_ai.tracking.association import size_mismatch2, unambiguous_pairs
from traffic_ai.tracking.boxes import areas, within
from traffic_ai.tracking.candidates import Expected
from traffic_ai.tracking.columns import rows
from traffic_ai.tracking.doubles import doubles
from traffic_ai.tracking.fit import Fit, fit
from traffic_ai.tracking.found import Found, Seen
from traffic_ai.tracking.leaving import behind_leaving, has_nearly_left
from traffic_ai.tracking.live import LiveTracks
from traffic_ai.tracking.matching import match, match_young
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.parts import FOUR_WHEELED, cut_pairs, parts, upper_parts
from traffic_ai.tracking.plane import MotionPlanes, Readings
from traffic_ai.tracking.starts import doubtful_starts, superfluous, sure_starts

Indices = NDArray[np.int64]
# So long after its place was guessed its velocity may be wrong.
_GUESSED_S = 0.3
_COMPARE_EVERY_S = 0.2
# Of two boxes on a vehicle that end alike, by this share of its height, the larger is the whole.
_AS_LOW = 0.1


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
        seen = Seen.of(detections)
        if len(self._live):
            self._move_boxes()
        part = parts(seen, self._live, self._unobserved_s())
        found = seen.without(part, self._planes, self._p.sure_confidence)
        free = np.ones(len(found), bool)
        if not len(self._live):
            readings = self._planes.read(found.boxes)
        else:
            fitted = fit(self._planes, self._expected(), found, self._p)
            readings = fitted.readings
            pairs = self._associate(found, fitted)
            free[fitted.detection[pairs]] = False
            cut = cut_pairs(
                pairs, found, fitted, self._live, self._unobserved_s(), self._planes.seen_px
            )
            pairs = pairs[~cut]
            self._observe(pairs, found, fitted, info)
            self._retire()
            self._keep_one_each()
        self._start(free.nonzero()[0], found, readings, info)
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
        if before_s is not None and t_s - before_s > self._p.lost_standing_s:
            self._end(np.zeros(len(live), bool))  # after such a gap there is nobody to go on with
        elif len(live) and before_s is not None:
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
        place = live.state[:, :2]
        live.move(*self._planes.seen_at(place, live.on_ground, live.across_m))

    def _expected(self) -> Expected:
        live = self._live
        return Expected(
            live.state,
            live.covariance,
            live.on_ground,
            live.box_px,
            live.whole_px,
            live.observed_count < 2,
            has_nearly_left(live, self._unobserved_s(), self._planes.seen_px),
            live.class_id != RoadUser.PERSON,
            FOUR_WHEELED[live.class_id],
        )

    # -- association ------------------------------------------------------------------------

    def _associate(self, found: Found, fitted: Fit) -> Indices:
        """Pairs of the fit (K,) in which tracks go on with detections, by track."""
        live = self._live
        recent = self._unobserved_s() < self._p.lost_s / 2.0
        pairs = match(fitted, found.sure, live.sure, recent, self._p.min_iou)
        once = live.sure & (live.observed_count == 1)
        once[fitted.track[pairs]] = False
        if once.any():
            free = found.sure.copy()
            free[fitted.detection[pairs]] = False
            leaps = self._leaps(once.nonzero()[0], free.nonzero()[0], found.boxes)
            more = [
                ((fitted.track == track) & (fitted.detection == detection)).argmax()
                for track, detection in leaps
            ]
            pairs = np.concatenate([pairs, np.array(more, np.int64)])
        if (young := ~live.confirmed).any():
            pairs = np.concatenate([pairs, match_young(fitted, pairs, young)])
        return pairs[fitted.track[pairs].argsort()]

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

    def _observe(self, pairs: Indices, found: Found, fitted: Fit, info: FrameInfo) -> None:
        """Correct the tracks that were found and carry on the others, a point each.

        pairs: those of the fit that hold, by track.
        """
        live = self._live
        track, detection = fitted.track[pairs], fitted.detection[pairs]
        place = fitted.place[pairs]
        at = slice(None) if len(pairs) == len(live) else track
        whole, boxes = fitted.readings.take(place), rows(found.boxes, detection)
        shows_road = fitted.shows_road[pairs] & ~found.cut_beside[detection]
        expected = self._correct(at, whole) < self._p.gate
        wrong_guess = shows_road & ~expected & (info.t_s - live.guessed_s[at] <= _GUESSED_S)
        self._place_anew(track, wrong_guess.nonzero()[0], boxes, whole)
        live.guessed_s[at] = np.where(shows_road, live.guessed_s[at], info.t_s)
        is_found, on_road = np.zeros(len(live), bool), np.zeros(len(live), bool)
        is_found[at] = True
        on_road[at] = shows_road & expected
        live.box_px[at] = boxes
        live.whole_px[at], live.across_m[at] = rows(fitted.whole_px, place), whole.across_m
        # Those that were not found are where their whole boxes are expected.
        shown_at = np.arange(len(fitted.whole_px) - len(live), len(fitted.whole_px))
        shown_at[at] = detection
        if info.degraded:
            is_found[:] = False
        else:
            live.last_observed_s[at] = info.t_s
            self._note_sure(track[found.sure[detection]])
            live.vote(track, found.class_id[detection], found.confidence[detection])
        shown, readings = rows(fitted.whole_px, shown_at), fitted.readings.take(shown_at)
        on_road &= is_found & ~behind_leaving(live, shown, is_found, self._planes.seen_px)
        self._append(live, info.t_s, shown, readings, is_found, on_road)

    def _correct(self, at: slice | Indices, readings: Readings) -> Array:
        """Correct tracks' states by a reading each; the squared distances (K,) those had."""
        live = self._live
        on_ground = live.on_ground[at]
        switched = (readings.fine != on_ground).nonzero()[0]
        if len(switched):
            self._switch(np.arange(len(live))[at][switched], readings.fine[switched])
        live.on_ground[at] = readings.fine
        measured = readings.measured(readings.fine)
        state, covariance = live.state, live.covariance
        if not isinstance(at, slice):
            state, covariance = rows(state, at), rows(covariance, at)
        predicted = motion.places(state, covariance)
        apart = motion.Apart.of(predicted, measured)
        distance2 = apart.distance2
        too_far = distance2 > self._p.gate
        if too_far.any():
            # Covered or cut off: follow with the trust such a measurement deserves.
            measured[:, 2:] *= (np.maximum(distance2 / self._p.gate, 1.0) ** 2)[:, None]
            apart = motion.Apart.of(predicted, measured)
        live.state[at], live.covariance[at] = motion.correct(state, covariance, apart)
        return distance2

    def _place_anew(self, track: Indices, those: Indices, boxes: Array, readings: Readings) -> None:
        """Place tracks (K,) anew where boxes (K, 4), those at these positions, show that their
        vehicles meet the road: what was just guessed from cut off or covered boxes was wrong, and
        so may be their velocity.
        """
        if len(those):
            state, covariance, _ = self._planes.initial(boxes[those], readings.take(those))
            self._live.state[track[those], :2] = state[:, :2]
            self._live.covariance[track[those]] = covariance

    def _switch(self, tracks: Indices, to_ground: NDArray[np.bool_]) -> None:
        """Take tracks' states (K,) to the other plane."""
        live = self._live
        for row, ground in zip(tracks.tolist(), to_ground.tolist(), strict=True):
            live.state[row], live.covariance[row] = self._planes.switched(
                live.state[row], live.covariance[row], to_ground=ground
            )

    def _append(
        self,
        live: LiveTracks,
        t_s: float,
        boxes: Array,
        readings: Readings,
        observed: NDArray[np.bool_],
        on_road: NDArray[np.bool_],
    ) -> None:
        """Give each track its point of this moment; confirm those observed often enough."""
        ground_m, cov_m2 = self._planes.calibrated(readings)
        live.append(t_s, boxes, ground_m, cov_m2, observed, on_road)
        enough = ~live.confirmed & (live.observed_count >= self._p.confirm_observations)
        enough &= live.sure
        if enough.any():
            live.confirmed |= enough
            for row in enough.nonzero()[0].tolist():
                track = live.tracks[row]
                self._histories[track.track_id] = track

    def _note_sure(self, seen: Indices) -> None:
        """Number the tracks among these (K,) that were never surely seen before."""
        live = self._live
        for row in seen[~live.sure[seen]].tolist():
            live.track_id[row] = live.tracks[row].track_id = self._next_id
            self._next_id += 1
        live.sure[seen] = True

    def _start(self, free: Indices, found: Found, readings: Readings, info: FrameInfo) -> None:
        """Begin a tentative track at each detection that no track explains.

        readings: those of the detections come first.
        """
        if info.degraded or not len(free):
            return
        doubtful = doubtful_starts(free, found, self._live)
        free = sure_starts(free, found, self._live)
        if len(self._live):
            part = upper_parts(found.boxes[free], self._live, self._unobserved_s())
            free = free[~part]
        sure = np.arange(len(free) + len(doubtful)) < len(free)
        free = np.concatenate([free, doubtful])
        if not len(free):
            return
        boxes = rows(found.boxes, free)
        tracks = [Track(0, info.t_s) for _ in free]
        readings = readings.take(free)
        state, covariance, on_ground = self._planes.initial(boxes, readings)
        on_road, across_m = found.on_road[free], readings.across_m.copy()
        guessed_s = np.where(on_road, -np.inf, info.t_s)
        started = LiveTracks.started(
            tracks, state, covariance, on_ground, boxes, across_m, guessed_s, info.t_s
        )
        every = np.arange(len(free))
        started.vote(every, found.class_id[free], found.confidence[free])
        self._append(started, info.t_s, boxes, readings, np.ones(len(free), bool), on_road)
        count = len(self._live)
        self._live.add(started)
        self._note_sure(count + sure.nonzero()[0])

    def _retire(self) -> None:
        """End the tracks that were unobserved too long or are predicted outside what is seen."""
        live = self._live
        unobserved_s = self._unobserved_s()
        gone = unobserved_s > 0.0
        if live.sure.all() and not gone.any():
            return
        x0, y0, x1, y1 = live.box_px.T
        left, top, right, bottom = self._planes.seen_px
        x, y = (x0 + x1) / 2.0, np.where(y1 < bottom, (y0 + y1) / 2.0, y0)
        inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        standing = self._planes.is_standing(live.state, live.box_px, live.on_ground)
        longest_s = np.where(standing, self._p.lost_standing_s, self._p.lost_s)
        longest_s = np.where(live.confirmed, longest_s, self._p.tentative_s)
        gone &= ~inside | (unobserved_s > longest_s)
        gone |= superfluous(live, standing)
        if gone.any():
            self._end(~gone)

    def _keep_one_each(self) -> None:
        """End the younger of two tracks on one vehicle; the older goes on with the whole box."""
        live = self._live
        if self._t_s is None or self._t_s - self._compared_s < _COMPARE_EVERY_S:
            return
        self._compared_s = self._t_s
        sure = live.sure.nonzero()[0]
        found = doubles([live.tracks[row] for row in sure.tolist()], rows(live.box_px, sure))
        if not found:
            return
        lives = np.ones(len(live), bool)
        for kept, dropped in (sure[list(pair)].tolist() for pair in found):
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
