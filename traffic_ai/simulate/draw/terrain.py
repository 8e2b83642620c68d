"""What the ground looks like at every pixel: asphalt, markings, kerbs, paving and grass.

Which of them lies where comes from outlines filled in the picture; their grain from noise on the
ground. Arrays are rows of the picture, float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.grain import Grain
from traffic_ai.simulate.draw.outline import fill
from traffic_ai.simulate.draw.surroundings import AROUND_M, Surroundings
from traffic_ai.simulate.world import RoadMap

WHITE = np.array([0.60, 0.62, 0.62], np.float32)
_KERB = np.array([0.30, 0.32, 0.33], np.float32)
_ASPHALT = np.array([1.02, 1.0, 0.97], np.float32) * 0.125
_PAVING = np.array([0.93, 1.0, 1.04], np.float32) * 0.30
_GRASS = np.array([0.035, 0.125, 0.085], np.float32)
_STRAW = np.array([0.01, 0.05, 0.07], np.float32)
_CELL_M = 0.2


@dataclass(frozen=True)
class GroundMasks:
    """Where each kind of ground lies in the picture (H, W): 0 or 255."""

    paved: Picture
    gutter: Picture
    kerb: Picture
    pavement: Picture
    marks: Picture
    patches: Picture
    covers: Picture

    def rows(self, rows: slice) -> "GroundMasks":
        """A few rows of them."""
        return GroundMasks(*(getattr(self, field.name)[rows] for field in fields(self)))


def ground_masks(
    road: RoadMap, around: Surroundings, camera: Camera, scale: float, seed: int
) -> GroundMasks:
    """Fill every kind of ground in the picture enlarged by `scale`."""
    paved = around.paved
    patches, covers = _repairs(road, seed)
    kinds: tuple[Sequence[BaseGeometry], ...] = (
        [paved],
        [paved.difference(paved.buffer(-0.3))],
        [paved.buffer(0.16).difference(paved)],
        [around.pavement],
        [Polygon(ring) for ring in road.marks_m],
        patches,
        covers,
    )
    size = (round(camera.height_px * scale), round(camera.width_px * scale))
    found = []
    for shapes in kinds:
        mask = np.zeros(size, np.uint8)
        fill(mask, shapes, camera, scale)
        found.append(mask)
    return GroundMasks(*found)


def _repairs(road: RoadMap, seed: int) -> tuple[list[BaseGeometry], list[BaseGeometry]]:
    """Patches of newer asphalt and manhole covers, by chance along the lanes."""
    chance = np.random.default_rng((seed, 51))
    patches: list[BaseGeometry] = []
    covers: list[BaseGeometry] = []
    for lane in road.lanes:
        line = LineString(lane.centre_m)
        for at_m in np.arange(5.0, min(line.length, AROUND_M), 31.0) + chance.uniform(0, 20):
            spot = line.interpolate(float(at_m))
            covers.append(Point(spot.x + chance.uniform(-1, 1), spot.y).buffer(0.36))
            end = line.interpolate(float(at_m + chance.uniform(6, 16)))
            if chance.random() < 0.5 and end.distance(spot) > 1.0:
                strip = LineString([spot, end]).buffer(chance.uniform(0.5, 1.0), cap_style="flat")
                patches.append(strip)
    return patches, covers


class LaneDistance:
    """How far the nearest lane's middle is, read from a map of the ground."""

    def __init__(self, road: RoadMap, eye_m: Floats) -> None:
        lines = [LineString(lane.centre_m) for lane in road.lanes]
        around = Point(eye_m[0], eye_m[1]).buffer(120.0)
        self._lines = [line.intersection(around) for line in lines]
        points = np.concatenate([lane.centre_m for lane in road.lanes] or [np.zeros((1, 2))])
        low = np.maximum(points.min(axis=0) - 4.0, eye_m[:2] - 120.0)
        high = np.minimum(points.max(axis=0) + 4.0, eye_m[:2] + 120.0)
        self._low_m = low
        size = np.maximum(np.ceil((high - low) / _CELL_M).astype(int), 1)
        free = np.full((size[1], size[0]), 255, np.uint8)
        for line in self._lines:
            for part in getattr(line, "geoms", [line]):
                if not part.is_empty:
                    cells = (np.asarray(part.coords) - low) / _CELL_M - 0.5
                    fixed = np.round(cells * 16).astype(np.int32)
                    cv2.polylines(free, [fixed], False, 0, 1, cv2.LINE_8, 4)
        self._map_m = cv2.distanceTransform(free, cv2.DIST_L2, 5) * np.float32(_CELL_M)

    def at(self, x_m: Floats, y_m: Floats) -> Floats:
        """Distances (H, W) in metres, 99 beyond the map."""
        u = ((x_m - np.float32(self._low_m[0])) / np.float32(_CELL_M)).astype(np.float32)
        v = ((y_m - np.float32(self._low_m[1])) / np.float32(_CELL_M)).astype(np.float32)
        return np.asarray(
            cv2.remap(
                self._map_m, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=99
            )
        )


class Terrain:
    """The reflectance of the ground of one road."""

    def __init__(self, lanes: LaneDistance, seed: int) -> None:
        self._lanes = lanes
        self._noise = Grain(seed)

    def colour(self, x_m: Floats, y_m: Floats, footprint_m: Floats, masks: GroundMasks) -> Floats:
        """Reflectance (H, W, 3) of ground points; masks are of the same rows."""
        noise = self._noise
        blade = noise.layered(x_m, y_m, 0.25, 3, footprint_m)
        field = noise.layered(x_m, y_m, 4.0, 4, footprint_m)
        level = (1 + 0.7 * blade + 0.7 * field)[..., None]
        colour = level * _GRASS + np.clip(field, 0, 1)[..., None] * _STRAW
        _lay(colour, masks.pavement, self._paving(x_m, y_m, footprint_m))
        _lay(colour, masks.paved, self._asphalt(x_m, y_m, footprint_m, masks))
        stones = np.where(np.mod(x_m + y_m, 1.0) < 0.025, np.float32(0.7), np.float32(1.0))
        _lay(colour, masks.kerb, stones[..., None] * _KERB)
        return colour

    def _asphalt(self, x_m: Floats, y_m: Floats, footprint_m: Floats, masks: GroundMasks) -> Floats:
        """Grey with aggregate, wheel tracks, an oil trace down each lane, repairs, and paint."""
        noise = self._noise
        grain = noise.layered(x_m, y_m, 0.08, 3, footprint_m)
        cloud = noise.layered(x_m, y_m, 3.5, 3, footprint_m)
        across = self._lanes.at(x_m, y_m)
        wheel = np.exp(-((across - 0.78) ** 2) / 0.09)
        oil = np.exp(-(across**2) / 0.10) * (0.6 + noise.layered(x_m, y_m, 5.0, 2, footprint_m))
        level = 1 + 0.36 * grain + 0.22 * cloud
        level *= 1 + 0.07 * wheel - 0.13 * oil
        crack = np.abs(noise.layered(x_m + 50, y_m, 3.2, 3, footprint_m))
        level[(crack < 0.004) & (footprint_m < 0.06)] *= 0.72
        level[masks.patches > 0] *= 0.80
        level[masks.gutter > 0] *= 0.86
        level[masks.covers > 0] = 0.6
        worn = np.clip(0.88 + 0.9 * noise.layered(x_m, y_m, 0.35, 3, footprint_m), 0.25, 1.0)
        share = (worn * (masks.marks > 0))[..., None]
        colour = level[..., None] * _ASPHALT
        return np.asarray(colour + (WHITE - colour) * share)

    def _paving(self, x_m: Floats, y_m: Floats, footprint_m: Floats) -> Floats:
        """Concrete slabs."""
        joint = ((np.mod(x_m, 0.6) < 0.02) | (np.mod(y_m, 0.6) < 0.02)) & (footprint_m < 0.12)
        level = 1 + 0.35 * self._noise.layered(x_m, y_m, 1.3, 4, footprint_m)
        level[joint] *= 0.72
        return np.asarray(level[..., None] * _PAVING)


def _lay(colour: Floats, mask: Picture, over: Floats) -> None:
    chosen = mask > 0
    colour[chosen] = over[chosen]
