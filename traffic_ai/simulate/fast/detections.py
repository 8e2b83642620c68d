"""Every frame's detections: the exact boxes with the detector's errors on them.

Second step of the fast mode. Each vehicle's errors come from its own random numbers, so that one
vehicle more changes nothing about the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.detectors.suppression import survivors
from traffic_ai.detectors.yolo import MIN_CONFIDENCE
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.fast.errors import BoxErrors, EdgeErrors, KindErrors, Sides, kind_of
from traffic_ai.simulate.fast.network import network_scale
from traffic_ai.simulate.fast.sights import ENDS, Sight
from traffic_ai.simulate.fast.wander import (
    chosen,
    heavy_tailed,
    held_draws,
    kept,
    ornstein_uhlenbeck,
)
from traffic_ai.tracking.boxes import areas, iou

_OUTWARD = np.array([-1.0, -1.0, 1.0, 1.0])
_SIDE_OF_EDGE = [0, 1, 0, 2]
LEAST_BOX_PX = 2.0
FOG_LOGIT = 5.0


@dataclass(frozen=True, eq=False)
class Seen:
    """One frame's detections, and the vehicle each is of (N,): its id, or -1 for a part of one."""

    detections: Detections
    vehicle: NDArray[np.int64]


def detections(
    sights: Sequence[Sight], t_s: Floats, scene: Scene, errors: BoxErrors, seed: int
) -> list[Seen]:
    """What the detector gives for each frame (F,) of times t_s."""
    boxes: list[_Boxes] = []
    for sight in sights:
        random = default_rng([seed, sight.vehicle.id])
        boxes += _Looker(sight, t_s, scene, errors, random).boxes()
    frames = _by_frame(boxes, len(t_s))
    return [_seen(found) for found in frames]


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Boxes in frames (N,): vehicle (N,), -1 for a part of one; xyxy_px (N, 4); confidence (N,);
    class_id (N,); joins (N,): whether one box holds it and the vehicle before it.
    """

    frame: NDArray[np.int64]
    vehicle: NDArray[np.int64]
    xyxy_px: Array
    confidence: Array
    class_id: NDArray[np.int64]
    joins: NDArray[np.bool_]

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "_Boxes":
        """The boxes at a mask or list of positions."""
        return _Boxes(
            self.frame[index],
            self.vehicle[index],
            self.xyxy_px[index],
            self.confidence[index],
            self.class_id[index],
            self.joins[index],
        )


class _Looker:
    """The detector's look at one vehicle in all frames (T,) that show it."""

    def __init__(
        self, sight: Sight, t_s: Floats, scene: Scene, errors: BoxErrors, random: Generator
    ) -> None:
        self._sight, self._errors, self._random = sight, errors, random
        self._kind: KindErrors = errors.kinds[kind_of(sight.vehicle.body)]
        self._view_px = np.array(scene.seen_px, float)
        self._cut_above = scene.seen_px[1] > 0
        self._scale = network_scale(scene, sight.box_px)
        # As the network sees it.
        self._height_px = (sight.box_px[:, 3] - sight.box_px[:, 1]) * self._scale
        self._step_px = np.abs(np.diff(sight.box_px, axis=0)).max(axis=1) * self._scale[1:]
        self._step_s = np.diff(t_s[sight.frames])

    def boxes(self) -> list[_Boxes]:
        """The vehicle's own boxes, and those of a part of it."""
        whole_px, logit = self._whole_px(), self._logit()
        classes = self._classes(self._kind.classes, self._kind.faithful)
        joins = self._held(self._errors.class_way_px) < self._errors.merge_share
        joins &= self._sight.visible < self._errors.merge_below
        fragment = self._kind.fragment
        there = self._held(self._errors.class_way_px) < fragment.share
        inside = np.array(fragment.box) + fragment.spread * self._random.standard_normal(4)
        size = (whole_px[:, 2:] - whole_px[:, :2])[:, [0, 1, 0, 1]]
        part_px = whole_px[:, [0, 1, 0, 1]] + inside * size
        level, spread = fragment.confidence
        level += spread * float(self._random.standard_normal())
        doubt = np.where(there, level + logit - np.median(logit), -np.inf)
        part_classes = self._classes(fragment.classes, 0.0)
        own = np.full(len(logit), self._sight.vehicle.id)
        return [
            self._given(own, whole_px, logit, classes, joins),
            self._given(np.full_like(own, -1), part_px, doubt, part_classes, np.zeros_like(joins)),
        ]

    def _given(
        self,
        vehicle: NDArray[np.int64],
        boxes_px: Array,
        logit: Array,
        classes: NDArray[np.int64],
        joins: NDArray[np.bool_],
    ) -> _Boxes:
        """The boxes the detector is sure enough of to give."""
        boxes_px = self._in_view(boxes_px)
        confidence = 1.0 / (1.0 + np.exp(-logit))
        size = (boxes_px[:, 2:] - boxes_px[:, :2]).min(axis=1)
        every = _Boxes(self._sight.frames, vehicle, boxes_px, confidence, classes, joins)
        given = (confidence >= MIN_CONFIDENCE) & (size >= LEAST_BOX_PX)
        if self._cut_above:  # as `detectors.regions` does
            given &= boxes_px[:, 1] > self._view_px[1]
        return every.take(given)

    def _in_view(self, boxes_px: Array) -> Array:
        """Boxes (T, 4) cut at the border of what is looked at."""
        view = self._view_px
        return np.clip(boxes_px, view[[0, 1, 0, 1]], view[[2, 3, 2, 3]])

    def _visible(self) -> Array:
        """Share (T,) of the vehicle that is in view and that nothing hides."""
        boxes_px = self._sight.box_px
        in_view = areas(self._in_view(boxes_px)) / np.maximum(areas(boxes_px), 1e-6)
        return np.asarray(self._sight.visible * in_view)

    def _kept(self, way_px: float) -> Array:
        return kept(self._step_px, way_px)

    def _held(self, way_px: float) -> Array:
        return held_draws(self._random, self._kept(way_px), 1)[:, 0]

    def _whole_px(self) -> Array:
        """The vehicle's box as detected, (T, 4)."""
        sight, errors = self._sight, self._errors
        outward = self._errors_px() / self._scale[:, None]
        if errors.extra_px > 0.0:
            same = kept(self._step_s, errors.extra_s)
            outward += errors.extra_px * ornstein_uhlenbeck(self._random, same, 4)
        # Where the border of what is looked at cuts a vehicle its box ends there.
        at_border = (sight.box_px - self._view_px) * _OUTWARD >= 0.0
        return np.asarray(sight.seen_px + np.where(at_border, 0.0, outward * _OUTWARD))

    def _errors_px(self) -> Array:
        """Outward errors (T, 4) in the network's pixels."""
        w = self._errors.wander
        near = ornstein_uhlenbeck(self._random, self._kept(w.near_px), 4)
        far = ornstein_uhlenbeck(self._random, self._kept(w.far_px), 4)
        mixed = np.sqrt(w.near_share) * near + np.sqrt(1.0 - w.near_share) * far
        mixed = mixed @ np.linalg.cholesky(np.array(w.between)).T
        mixed = heavy_tailed(mixed, w.tails) * self._errors.wander_factor
        own = self._random.standard_normal(4)
        sensor = ornstein_uhlenbeck(self._random, kept(self._step_s, w.sensor_s), 4) * w.sensor_px
        sensor += w.flicker_px * self._random.standard_normal(sensor.shape)
        out = sensor * self._errors.wander_factor
        for position, end in enumerate(ENDS):
            here = self._sight.end == position
            if here.any():
                out[here] += _of_edges(
                    self._kind.edges[end], self._height_px[here], own, mixed[here]
                )
        return np.asarray(out)

    def _logit(self) -> Array:
        """Log-odds of the confidence (T,)."""
        c = self._kind.confidence
        wander = ornstein_uhlenbeck(self._random, self._kept(self._errors.wander.far_px), 1)[:, 0]
        level = c.vehicle * float(self._random.standard_normal()) + self._errors.confidence_shift
        known = c.at(self._height_px, self._visible())
        return known + level + c.wander * wander - self._fog()

    def _fog(self) -> Array:
        """What fog takes off the log-odds (T,) as contrast falls with distance."""
        sight_m = self._errors.fog_sight_m
        if sight_m is None:
            return np.zeros(len(self._height_px))
        # Koschmieder (1924): contrast at the limit of sight is 5 %.
        return FOG_LOGIT * (1.0 - np.exp(-3.0 * self._sight.depth_m / sight_m))

    def _classes(self, shares: Mapping[RoadUser, float], faithful: float) -> NDArray[np.int64]:
        """The class (T,) it is taken for: mostly the vehicle's own, now and then another."""
        names = np.array([int(name) for name in shares])
        weights = np.array(list(shares.values()))
        way = self._kept(self._errors.class_way_px)
        draws = held_draws(self._random, way, 1)[:, 0]
        own = names[chosen(self._random.random(1), weights)]
        faith = held_draws(self._random, way, 1)[:, 0] < faithful
        return np.asarray(np.where(faith, own, names[chosen(draws, weights)]))


def _of_edges(edges: EdgeErrors, height_px: Array, own: Array, mixed: Array) -> Array:
    """Outward errors (T, 4): bias, the vehicle's own (4,) and what wanders (T, 4)."""

    def sized(px: Sides, share: Sides) -> Array:
        by_side = np.array(px) + np.array(share) * height_px[:, None]
        return by_side[:, _SIDE_OF_EDGE]

    return np.asarray(
        sized(edges.bias_px, edges.bias_share)
        + sized(edges.vehicle_px, edges.vehicle_share) * own
        + sized(edges.wander_px, edges.wander_share) * mixed
    )


# -- frame by frame ---------------------------------------------------------------------------


def _by_frame(boxes: Sequence[_Boxes], count: int) -> list[_Boxes]:
    """The boxes of each of `count` frames."""
    columns = ("frame", "vehicle", "xyxy_px", "confidence", "class_id", "joins")
    if not boxes:
        return [_NO_BOXES] * count
    joined = _Boxes(*(np.concatenate([getattr(b, name) for b in boxes]) for name in columns))
    order = np.argsort(joined.frame, kind="stable")
    joined = joined.take(order)
    starts = np.searchsorted(joined.frame, np.arange(count + 1))
    return [joined.take(np.arange(a, b)) for a, b in pairwise(starts)]


_NO_BOXES = _Boxes(
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros((0, 4)),
    np.zeros(0),
    np.zeros(0, np.int64),
    np.zeros(0, bool),
)


def _seen(found: _Boxes) -> Seen:
    """A frame's detections: joined boxes joined, doubles suppressed."""
    if found.joins.any() and len(found.frame) > 1:
        found = _joined(found)
    given = Detections(
        found.xyxy_px.astype(np.float32),
        found.confidence.astype(np.float32),
        found.class_id.astype(np.int64),
    )
    kept_rows = survivors(given)
    return Seen(given.select(kept_rows), found.vehicle[kept_rows])


def _joined(found: _Boxes) -> _Boxes:
    """Vehicles that join the one before them give up their box, and it grows to hold both."""
    boxes_px = found.xyxy_px.copy()
    overlap = iou(boxes_px[:, None], boxes_px)
    gone = np.zeros(len(boxes_px), bool)
    for row in np.flatnonzero(found.joins):
        others = np.where((found.vehicle >= 0) & ~found.joins, overlap[row], 0.0)
        nearest = int(np.argmax(others))
        if others[nearest] <= 0.0:
            continue
        boxes_px[nearest, :2] = np.minimum(boxes_px[nearest, :2], boxes_px[row, :2])
        boxes_px[nearest, 2:] = np.maximum(boxes_px[nearest, 2:], boxes_px[row, 2:])
        gone[row] = True
    return replace(found, xyxy_px=boxes_px).take(~gone)
