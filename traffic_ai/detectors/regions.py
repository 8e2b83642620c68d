"""Detection regions: a closer look at parts of the picture. Wraps a detector.

A 720p picture shrunk to the network's 640 leaves a motorcycle at 30 m some 20 pixels wide, and it
is missed. A region (a box in the picture) is therefore looked at besides at its native size:

- one smaller than the network's size (size_px) is enlarged to it, at most twofold;
- a larger one is run at its own size, up to four squares of size_px (1280x1280), and shrunk beyond,
  so that no region costs more;
- a network of fixed input gets the region in overlapping tiles, at most four.

The whole picture is looked at too, at the detector's own size: a vehicle near the camera is larger
than the network knows when it is not shrunk, and one that a region cuts is seen whole there. Only a
region that holds the whole picture takes its place.

Where the rules need a part of the picture only (the detection area), that part stands for the whole
and is looked at as large as it would be there, so that it costs less and vehicles keep their size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Image
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.suppression import IOU_LIMIT, areas, intersections, suppress

LARGEST_AREA = 4.0  # in squares of size_px; as many tiles for a network of fixed input
MOST_ENLARGED = 2.0  # beyond, there is nothing more to see
TILE_OVERLAP = 0.25  # of a tile: a vehicle up to a quarter of a tile is whole in one of them
_BORDER_PX = 2.0  # a box this near a region's border is taken to be cut by it
_COVERED = 0.7  # share of a cut box that a whole one must cover to stand for it

Box = tuple[int, int, int, int]


class SizedDetector(Protocol):
    """A detector that can be asked to look at one picture at another size (`YoloDetector`)."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        ...

    @property
    def size_px(self) -> int:
        """The length a picture's longer side is brought to unless asked otherwise."""
        ...

    @property
    def resizable(self) -> bool:
        """Whether another size may be asked for."""
        ...

    def detect(self, image: Image, size_px: int | None = None) -> Detections:
        """As `core.ports.Detector.detect`, with the longer side brought to size_px."""
        ...


@runtime_checkable
class BatchingDetector(SizedDetector, Protocol):
    """A detector that can be shown several pictures at once (`YoloDetector`)."""

    @property
    def batch_size(self) -> int:
        """How many pictures go through the network at once at most."""
        ...

    def detect_many(
        self, images: Sequence[Image], sizes_px: Sequence[int | None] | None = None
    ) -> list[Detections]:
        """`detect` for each picture, at its size."""
        ...


def batch_size_of(detector: SizedDetector) -> int:
    """How many pictures a detector looks at at once at most."""
    return detector.batch_size if isinstance(detector, BatchingDetector) else 1


@dataclass(frozen=True, slots=True)
class _View:
    """A part of the picture (x0, y0, x1, y1), and the size its longer side is run at."""

    box_px: Box
    size_px: int

    def part_of(self, image: Image) -> Image:
        """The part of a picture (H, W, 3) that is looked at."""
        x0, y0, x1, y1 = self.box_px
        return image[y0:y1, x0:x1]


class RegionDetector:
    """Looks at regions of the picture and merges what is seen; implements `core.ports.Detector`.

    regions_px: boxes (x0, y0, x1, y1) in the picture, which may overlap; what reaches over the
    picture's border is cut off. Where a region's border cuts a road user that another view shows
    whole, the whole one is given. One cut at its bottom edge is not given at all: that edge is not
    where it meets the road. area_px: the part of the picture to look at, all of it if None. Whom
    its border cuts is given as whom the picture's border cuts, but for one it cuts at the top, who
    stands beyond what is needed. Raises ConfigError for a region outside the picture.
    """

    def __init__(
        self,
        detector: SizedDetector,
        regions_px: Sequence[Box] = (),
        area_px: Box | None = None,
    ) -> None:
        for region in regions_px:
            if not (region[0] < region[2] and region[1] < region[3]):
                raise ConfigError(f"detection region {list(region)} is empty; wanted x0<x1, y0<y1")
        self._detector = detector
        self._batching: BatchingDetector | None = None
        if isinstance(detector, BatchingDetector) and detector.batch_size > 1:
            self._batching = detector
        self._regions_px = tuple(regions_px)
        self._area_px = area_px
        self._views: dict[tuple[int, int], tuple[_View, ...]] = {}

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        return self._detector.model_hash

    def detect(self, image: Image) -> Detections:
        """Road users in the regions, boxes in the whole picture's pixels."""
        if not self._regions_px and self._area_px is None:
            return self._detector.detect(image)
        picture_px = (image.shape[1], image.shape[0])
        if picture_px not in self._views:
            self._views = {picture_px: tuple(self._plan(picture_px))}
        views = self._views[picture_px]
        seen = self._look([v.part_of(image) for v in views], [v.size_px for v in views])
        return merge([v.box_px for v in views], seen, self._whole(picture_px))

    def _look(self, parts: Sequence[Image], sizes_px: Sequence[int]) -> list[Detections]:
        if self._batching is not None:
            return self._batching.detect_many(parts, sizes_px)
        return [self._detector.detect(*part) for part in zip(parts, sizes_px, strict=True)]

    def _whole(self, picture_px: tuple[int, int]) -> Box:
        """The detection area, or the whole picture."""
        if self._area_px is None:
            return (0, 0, *picture_px)
        return self._inside(self._area_px, picture_px)

    def _plan(self, picture_px: tuple[int, int]) -> list[_View]:
        side = self._detector.size_px
        whole = self._whole(picture_px)
        regions = [self._inside(region, picture_px) for region in self._regions_px]
        views = [] if whole in regions else [_View(whole, self._whole_size(whole, picture_px))]
        for x0, y0, x1, y1 in regions:
            if self._detector.resizable:
                views.append(_View((x0, y0, x1, y1), _run_size(x1 - x0, y1 - y0, side)))
            else:
                views.extend(_View(tile, side) for tile in _tiles((x0, y0, x1, y1), side))
        return views

    def _whole_size(self, whole: Box, picture_px: tuple[int, int]) -> int:
        """The length the area's longer side is run at, so that it is as large as in the picture."""
        longer_px = max(whole[2] - whole[0], whole[3] - whole[1])
        return max(1, round(self._detector.size_px * longer_px / max(picture_px)))

    @staticmethod
    def _inside(region: Box, picture_px: tuple[int, int]) -> Box:
        """The part of a region that lies in the picture."""
        x0, y0 = max(region[0], 0), max(region[1], 0)
        x1, y1 = min(region[2], picture_px[0]), min(region[3], picture_px[1])
        if x0 >= x1 or y0 >= y1:
            raise ConfigError(
                f"detection region {list(region)} lies outside the picture "
                f"({picture_px[0]}x{picture_px[1]})"
            )
        return x0, y0, x1, y1


def merge(views_px: Sequence[Box], seen: Sequence[Detections], whole_px: Box) -> Detections:
    """One set of detections from several views, in the picture's pixels.

    whole_px: the part of the picture that is looked at as a whole.
    """
    boxes, cut, no_bottom, view = [], [], [], []
    for i, (view_px, found) in enumerate(zip(views_px, seen, strict=True)):
        inside = np.subtract(view_px, whole_px) * np.array([1, 1, -1, -1])
        inner = inside > 0
        shifted = found.xyxy_px + np.array([view_px[0], view_px[1]] * 2, np.float32)
        touches = (np.abs(shifted - np.array(view_px, np.float32)) <= _BORDER_PX) & inner
        boxes.append(shifted)
        cut.append(touches.any(axis=1))
        no_bottom.append(touches[:, 3])
        view.append(np.full(len(found), i))
    everything = Detections(
        np.concatenate(boxes),
        np.concatenate([d.confidence for d in seen]),
        np.concatenate([d.class_id for d in seen]),
    )
    part = np.concatenate(cut) & _covered(everything, np.concatenate(view), np.concatenate(cut))
    beyond = (everything.xyxy_px[:, 1] <= whole_px[1] + _BORDER_PX) & (whole_px[1] > 0)
    return suppress(everything.select(~part & ~np.concatenate(no_bottom) & ~beyond), IOU_LIMIT)


def _covered(
    found: Detections, view: NDArray[np.int64], cut: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which boxes (N,) are mostly inside a whole box of another view."""
    person = found.class_id == RoadUser.PERSON
    size = areas(found.xyxy_px)
    inside = intersections(found.xyxy_px, found.xyxy_px) >= _COVERED * size[:, None]
    stands_for = (view[:, None] != view[None, :]) & (person[:, None] == person[None, :])
    return np.asarray((inside & stands_for & ~cut[None, :]).any(axis=1))


def _run_size(w: int, h: int, side: int) -> int:
    """The length a region's longer side is run at."""
    longer = max(w, h)
    if longer < side:
        return round(min(MOST_ENLARGED * longer, side))
    return max(1, round(longer * min(1.0, math.sqrt(LARGEST_AREA * side**2 / (w * h)))))


def _tiles(region: Box, side: int) -> list[Box]:
    """At most four overlapping tiles over a region, no larger than need be."""
    x0, y0, x1, y1 = region
    w, h = x1 - x0, y1 - y0
    tile = side
    while _count(w, tile) * _count(h, tile) > LARGEST_AREA:
        tile += 32
    xs = [(x0 + a, x0 + min(a + tile, w)) for a in _starts(w, tile)]
    ys = [(y0 + a, y0 + min(a + tile, h)) for a in _starts(h, tile)]
    return [(ax, ay, bx, by) for (ay, by), (ax, bx) in product(ys, xs)]


def _count(length: int, tile: int) -> int:
    step = tile * (1.0 - TILE_OVERLAP)
    return 1 + max(0, math.ceil((length - tile) / step))


def _starts(length: int, tile: int) -> list[int]:
    count = _count(length, tile)
    last = max(0, length - tile)
    return [round(i * last / (count - 1)) for i in range(count)] if count > 1 else [0]
