"""Covering people and other vehicles in pictures that are handed out.

What a detector finds is pixelated whole: of a person the whole body, of a vehicle all of it, which
takes plate and windscreen with it. So is what is large and was not there in the record's other
stills: something drove in that the detector does not know, such as a bus cut off by the edge of the
picture. The vehicle that the record is about stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Image
from traffic_ai.core.road_user import RoadUser

Box = tuple[float, float, float, float]

# Of a box's width and height on each side; detectors cut mirrors, hands and bags.
_MARGIN = 0.1
_LEAST_MARGIN_PX = 4
# So many tiles along a box's longer side at the most: a plate is two of them, a face one.
_MOST_TILES = 8
_LEAST_TILE_PX = 8
# A vehicle's box that agrees so far with that of the record is the vehicle itself.
_SAME_IOU = 0.5
# A person so far inside a two-wheeler's box rides it, and a two-wheeler so far inside is itself:
# its track may be that of bike and rider together, the detector's box of the bike alone.
_RIDER_INSIDE = 0.7
# A person so far inside a car's box, and seen in its upper part only, sits in it. One who walks
# in front of it has the feet lower than its wheels, or near them.
_OCCUPANT_INSIDE = 0.95
_OCCUPANT_LOWEST = 0.75
_TWO_WHEELERS = (RoadUser.BICYCLE, RoadUser.MOTORCYCLE)
# What differs so much (of 255) from the median of the stills has come or gone; it counts where it
# is so large a share of the picture, and not where all of the picture has changed.
_MOVED_LEVELS = 30
_MOVED_LEAST_SHARE = 0.004
_MOVED_MOST_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Cover:
    """A box to be covered, pixels; `over`: also where it lies over the vehicle of the record."""

    xyxy_px: Box
    over: bool


def covers(found: Detections, subject_px: Box | None, subject: RoadUser) -> list[Cover]:
    """What of a picture must be covered.

    subject_px: the box of the vehicle that the record is about, None where it is not known; then
    everybody is covered. subject: its class.
    """
    chosen = []
    for box_px, label in zip(found.xyxy_px.tolist(), found.class_id.tolist(), strict=True):
        box: Box = (box_px[0], box_px[1], box_px[2], box_px[3])
        person = label == RoadUser.PERSON
        if subject_px is None or (person and not _belongs(box, subject_px, subject)):
            chosen.append(Cover(box, True))
        elif not person and not _is_subject(box, RoadUser(label), subject_px, subject):
            # Of two boxes the one that reaches lower is the nearer and hides the other.
            chosen.append(Cover(box, box[3] > subject_px[3]))
    return chosen


def _is_subject(box: Box, label: RoadUser, subject_px: Box, subject: RoadUser) -> bool:
    """Whether a vehicle found is the one that the record is about."""
    if _iou(box, subject_px) >= _SAME_IOU:
        return True
    inside = _shared(box, subject_px) / max(_area(box), 1e-9)
    return subject in _TWO_WHEELERS and label in _TWO_WHEELERS and inside >= _RIDER_INSIDE


def moved(stills: Sequence[Image], number: int, subject_px: Box | None) -> list[Cover]:
    """What is large in a still and was not there in the others of the record, beside its vehicle.

    Nothing where there are fewer than three stills of one size.
    """
    if len(stills) < 3 or len({still.shape for still in stills}) > 1:
        return []
    plain = [cv2.GaussianBlur(cv2.cvtColor(s, cv2.COLOR_BGR2GRAY), (0, 0), 2.0) for s in stills]
    apart = cv2.absdiff(plain[number], np.median(np.stack(plain), axis=0).astype(np.uint8))
    apart_much = (apart > _MOVED_LEVELS).astype(np.uint8)
    changed = cv2.morphologyEx(apart_much, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    count, _, sizes, _ = cv2.connectedComponentsWithStats(changed)
    found = []
    for x, y, width, height, area in sizes[1:count].tolist():
        box: Box = (x, y, x + width, y + height)
        if not _MOVED_LEAST_SHARE <= area / changed.size <= _MOVED_MOST_SHARE:
            continue
        if subject_px is not None and _shared(box, subject_px) > 0.0:
            continue  # the vehicle itself, with its shadow; or beside it, which the detector knows
        found.append(Cover(box, True))
    return found


def _belongs(person: Box, subject_px: Box, subject: RoadUser) -> bool:
    """Whether a person rides the vehicle or sits in it. Passengers of a bus are bystanders."""
    inside = _shared(person, subject_px) / max(_area(person), 1e-9)
    if subject in _TWO_WHEELERS:
        return inside >= _RIDER_INSIDE
    if subject not in (RoadUser.CAR, RoadUser.TRUCK):
        return False
    lowest = subject_px[1] + _OCCUPANT_LOWEST * (subject_px[3] - subject_px[1])
    return inside >= _OCCUPANT_INSIDE and person[3] <= lowest


def covered(
    image: Image, chosen: Sequence[Cover], subject_px: Box | None, scale: float = 1.0
) -> Image:
    """The picture with everything chosen pixelated, as a new one.

    scale: the picture's size to that of the boxes; what lies under the picture (a data bar) is as
    far from the boxes' picture as before.
    """
    result = image.copy()
    for cover in sorted(chosen, key=lambda cover: cover.over):
        x0, y0, x1, y1 = _with_margin(cover.xyxy_px, scale, image)
        if x0 >= x1 or y0 >= y1:
            continue
        crop = result[y0:y1, x0:x1]
        hidden = _pixelated(crop)
        if not cover.over and subject_px is not None:
            kx0, ky0, kx1, ky1 = _pixels(subject_px, scale)
            keep = np.zeros(crop.shape[:2], bool)
            keep[max(ky0 - y0, 0) : max(ky1 - y0, 0), max(kx0 - x0, 0) : max(kx1 - x0, 0)] = True
            hidden[keep] = crop[keep]
        result[y0:y1, x0:x1] = hidden
    return result


def _pixelated(crop: Image) -> Image:
    height_px, width_px = crop.shape[:2]
    tile_px = max(_LEAST_TILE_PX, -(-max(height_px, width_px) // _MOST_TILES))
    small = (max(1, width_px // tile_px), max(1, height_px // tile_px))
    mean = cv2.resize(crop, small, interpolation=cv2.INTER_AREA)
    tiles = cv2.resize(mean, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    return tiles.astype(np.uint8, copy=False)


def _with_margin(box: Box, scale: float, image: Image) -> tuple[int, int, int, int]:
    """The box with its margin, inside the picture."""
    x0, y0, x1, y1 = box
    dx = max(_MARGIN * (x1 - x0), _LEAST_MARGIN_PX)
    dy = max(_MARGIN * (y1 - y0), _LEAST_MARGIN_PX)
    px0, py0, px1, py1 = _pixels((x0 - dx, y0 - dy, x1 + dx, y1 + dy), scale)
    height_px, width_px = image.shape[:2]
    return max(px0, 0), max(py0, 0), min(px1, width_px), min(py1, height_px)


def _pixels(box: Box, scale: float) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (side * scale for side in box)
    return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _iou(a: Box, b: Box) -> float:
    shared = _shared(a, b)
    return shared / max(_area(a) + _area(b) - shared, 1e-9)
