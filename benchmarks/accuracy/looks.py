"""What the detector made of vehicles whose exact boxes are known, vehicle by vehicle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.tracking.clips import Clip, sample
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.simulate.fast.network import network_scale
from traffic_ai.simulate.fast.sights import END_ON
from traffic_ai.tracking.boxes import iou

LEAST_IOU = 0.3
BORDER_PX = 3.0
PART_INSIDE = 0.6


@dataclass(frozen=True, slots=True)
class Part:
    """A second detection on a vehicle: its box as shares of the vehicle's (4,)."""

    box: tuple[float, ...]
    confidence: float
    class_id: int


@dataclass(frozen=True, eq=False)
class Look:
    """One vehicle in the frames (T,) that show some of it; lengths in the network's pixels.

    exact_px (T, 4), cut at the picture's border where `cut` (T,); visible (T,). end (T,): 0 front,
    1 rear, 2 side. found_px (T, 4): the detection on it, NaN where there is none; its confidence
    (T,) or 0, its class_id (T,) or -1. parts: detections besides on a part of it.
    """

    vehicle: str
    road_user: RoadUser
    model: str
    t_s: Array
    exact_px: Array
    visible: Array
    cut: NDArray[np.bool_]
    end: NDArray[np.int64]
    found_px: Array
    confidence: Array
    class_id: NDArray[np.int64]
    parts: tuple["Part", ...] = ()

    @property
    def height_px(self) -> Array:
        return np.asarray(self.exact_px[:, 3] - self.exact_px[:, 1])

    @property
    def moved_px(self) -> Array:
        """How far the box has moved in the picture since its first frame (T,)."""
        steps = np.abs(np.diff(self.exact_px, axis=0)).max(axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def outward_px(self) -> Array:
        """Errors (T, 4) of the left, upper, right and lower edge; outward is positive."""
        return (self.found_px - self.exact_px) * np.array([-1.0, -1.0, 1.0, 1.0])

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Look":
        """The look at a mask or list of its frames."""
        arrays = ("t_s", "exact_px", "visible", "cut", "end", "found_px", "confidence", "class_id")
        parts = {name: getattr(self, name)[index] for name in arrays}
        return Look(self.vehicle, self.road_user, self.model, **parts)


def looks(video: Path, truth: Path, site: Path, cache: Path) -> list[Look]:
    """The default detector's look at every vehicle of a drawn video, kept in `cache`."""
    clip, scene = sample(video, site, cache)
    document = json.loads(truth.read_text())
    camera_m = np.array(document["camera"]["position_m"][:2])
    found, parts = _assigned(clip, document["vehicles"])
    made = []
    for vehicle in document["vehicles"]:
        exact_px = _boxes(vehicle)
        first = vehicle["first_frame"]
        here = np.flatnonzero(~np.isnan(exact_px[:, 0]))
        here = here[here + first < len(clip.t_s)]
        if len(here) == 0:
            continue
        frames, exact_px = here + first, exact_px[here]
        heading_deg = np.broadcast_to(vehicle["heading_deg"], len(vehicle["ground_m"]))[here]
        ground_m = np.array(vehicle["ground_m"], float)[here]
        scale = network_scale(scene, exact_px)[:, None]
        boxes, confidence, class_id = _found(clip, frames, found, vehicle["id"])
        made.append(
            Look(
                f"{video.stem}/{vehicle['id']}",
                RoadUser.from_label(vehicle["class"]),
                vehicle["model"],
                clip.t_s[frames],
                exact_px * scale,
                np.array(vehicle["visible"], float)[here],
                _cut(exact_px, scene.width_px, scene.height_px),
                _end(ground_m - camera_m, heading_deg),
                boxes * scale,
                confidence,
                class_id,
                tuple(parts.get(vehicle["id"], ())),
            )
        )
    return made


def _boxes(vehicle: Mapping[str, Any]) -> Array:
    return np.array([box or [np.nan] * 4 for box in vehicle["box_px"]], float)


def _assigned(
    clip: Clip, vehicles: Sequence[Mapping[str, Any]]
) -> tuple[dict[tuple[int, int], int], dict[int, list[Part]]]:
    """Which detection lies on which vehicle in which frame, (frame, vehicle) -> detection, and the
    detections left over that lie on a vehicle, by vehicle.
    """
    by_frame: dict[int, list[tuple[int, Array]]] = {}
    for vehicle in vehicles:
        for frame, box in enumerate(_boxes(vehicle), vehicle["first_frame"]):
            if not np.isnan(box[0]) and frame < len(clip.t_s):
                by_frame.setdefault(frame, []).append((vehicle["id"], box))
    found: dict[tuple[int, int], int] = {}
    parts: dict[int, list[Part]] = {}
    for frame, held in by_frame.items():
        seen = clip.detections[frame]
        boxes, exact = seen.xyxy_px.astype(float), np.array([box for _, box in held])
        if len(boxes) == 0:
            continue
        overlap = iou(exact[:, None], boxes)
        pairs = zip(*linear_sum_assignment(-overlap), strict=True)
        own = {int(j): held[i][0] for i, j in pairs if overlap[i, j] > LEAST_IOU}
        found |= {(frame, vehicle): j for j, vehicle in own.items()}
        for j in set(range(len(boxes))) - set(own):
            row = _holder(boxes[j], exact)
            if row is not None:
                size = np.tile(exact[row, 2:] - exact[row, :2], 2)
                inside = (boxes[j] - np.tile(exact[row, :2], 2)) / size
                part = Part(tuple(inside), float(seen.confidence[j]), int(seen.class_id[j]))
                parts.setdefault(held[row][0], []).append(part)
    return found, parts


def _holder(box: Array, exact: Array) -> int | None:
    """Which of the exact boxes (N, 4) holds most of a box, None if none does."""
    low, high = np.maximum(box[:2], exact[:, :2]), np.minimum(box[2:], exact[:, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1) / max(np.prod(box[2:] - box[:2]), 1e-9)
    row = int(np.argmax(shared))
    return row if shared[row] > PART_INSIDE else None


def _found(
    clip: Clip, frames: NDArray[np.int64], found: Mapping[tuple[int, int], int], vehicle: int
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Boxes (T, 4), confidences (T,) and classes (T,) of the detections on a vehicle."""
    boxes, confidence = np.full((len(frames), 4), np.nan), np.zeros(len(frames))
    class_id = np.full(len(frames), -1)
    for i, frame in enumerate(frames):
        j = found.get((int(frame), vehicle))
        if j is not None:
            seen = clip.detections[frame]
            boxes[i], confidence[i] = seen.xyxy_px[j], seen.confidence[j]
            class_id[i] = seen.class_id[j]
    return boxes, confidence, class_id


def _cut(boxes_px: Array, width_px: int, height_px: int) -> NDArray[np.bool_]:
    limit = np.array([width_px, height_px]) - BORDER_PX
    low, high = boxes_px[:, :2] < BORDER_PX, boxes_px[:, 2:] > limit
    return np.asarray(low.any(axis=1) | high.any(axis=1))


def _end(away_m: Array, heading_deg: Array) -> NDArray[np.int64]:
    heading = np.radians(heading_deg)
    cosine = away_m[:, 0] * np.sin(heading) + away_m[:, 1] * np.cos(heading)
    cosine /= np.linalg.norm(away_m, axis=1)
    return np.asarray(np.select([cosine < -END_ON, cosine > END_ON], [0, 1], 2))
