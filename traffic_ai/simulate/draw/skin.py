"""A model's finishes baked into small pictures of its sides, so that a pixel costs one look-up.

Laying forty decals on every pixel of every frame is most of the cost of drawing; where they lie
never changes. Beside `surface`, which says what they are.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats, Ints
from traffic_ai.simulate.draw.surface import (
    Axle,
    Box,
    Decal,
    Finish,
    Glow,
    Material,
    Side,
    faces_toward,
)
from traffic_ai.simulate.draw.vehicle import VehicleModel

STEP_M = 0.005
_AXES = {Side.REAR: (0, 2), Side.FRONT: (0, 2), Side.SIDES: (1, 2), Side.TOP: (0, 1)}
_TYRE_GAP = Finish((0.03, 0.03, 0.03))


@dataclass(frozen=True)
class _Baked:
    """One side of one material: the number (from 1) of the decal on top at every spot."""

    side: Side
    low_m: Floats
    number: Ints

    def look_up(self, points_m: Floats) -> Ints:
        """Decal numbers at points (3, P), 0 where there is none."""
        first, second = _AXES[self.side]
        tall, wide = self.number.shape
        i = _cell(points_m[first], float(self.low_m[0]), wide)
        i += _cell(points_m[second], float(self.low_m[1]), tall) * wide
        return np.asarray(self.number.ravel()[i])


def _cell(along_m: Floats, low_m: float, count: int) -> Ints:
    """Which cell of a baked picture's axis coordinates fall in."""
    cell = ((along_m - np.float32(low_m)) * np.float32(1 / STEP_M)).astype(np.int32)
    return np.asarray(np.clip(cell, 0, count - 1, out=cell))


@dataclass(frozen=True)
class FinishTable:
    """Finishes by number: colour (3, N), mirror and shine (N,), light given off (3, N)."""

    colour: Floats
    mirror: Floats
    shine: Floats
    emission: Floats


class Skin:
    """The finishes of a model, by number, and which number every point of it has."""

    def __init__(self, model: VehicleModel) -> None:
        self._materials = model.materials
        self._first: list[int] = []
        self._finishes: list[Finish] = []
        self._baked: list[tuple[_Baked, ...]] = []
        for number, material in enumerate(model.materials):
            self._first.append(len(self._finishes))
            self._finishes += _finishes_of(material)
            own = model.mesh.vertices_m[np.unique(model.mesh.faces[model.mesh.material == number])]
            self._baked.append(_bake(material.decals, own) if len(own) else ())

    def table(self, lit: dict[Glow, float]) -> FinishTable:
        """The finishes with each switch's lamps at a strength."""
        emission = [lit[finish.glow] * np.asarray(finish.emits) for finish in self._finishes]
        return FinishTable(
            np.array([finish.colour for finish in self._finishes], np.float32).T.copy(),
            np.array([finish.mirror for finish in self._finishes], np.float32),
            np.array([finish.shine for finish in self._finishes], np.float32),
            np.array(emission, np.float32).T.copy(),
        )

    def finish_numbers(
        self, points_m: Floats, normals: Floats, material_of: Ints, rolled_m: float
    ) -> Ints:
        """The finish (P,) of points (3, P) of the model, its wheels rolled so far."""
        found = np.zeros(len(material_of), np.int32)
        for number in np.flatnonzero(np.bincount(material_of)):
            material = self._materials[number]
            chosen = np.flatnonzero(material_of == number)
            found[chosen] = self._first[number]
            if material.axle is not None:
                found[chosen] += _wheel_offset(
                    points_m[:, chosen], normals[0, chosen], material.axle, rolled_m
                )
            elif self._baked[number]:
                found[chosen] += _top_decal(
                    self._baked[number], points_m[:, chosen], normals[:, chosen]
                )
        return found


def _finishes_of(material: Material) -> list[Finish]:
    """Base first; then a wheel's rim and the gaps between its spokes, or the decals in order."""
    if material.axle is not None:
        return [material.base, material.axle.rim, _TYRE_GAP]
    return [material.base, *(decal.finish for decal in material.decals)]


def _top_decal(baked: tuple[_Baked, ...], points_m: Floats, normals: Floats) -> Ints:
    """The last decal that covers each point; a point can look toward two sides."""
    top = np.zeros(points_m.shape[1], np.int32)
    for one in baked:
        toward = np.flatnonzero(faces_toward(one.side, normals.T))
        top[toward] = np.maximum(top[toward], one.look_up(points_m[:, toward]))
    return top


def _wheel_offset(points_m: Floats, across: Floats, axle: Axle, rolled_m: float) -> Ints:
    """0 for the tyre, 1 for the rim, 2 for a gap between spokes; `across`: the normals' x."""
    y, z = points_m[1] - np.float32(axle.y_m), points_m[2] - np.float32(axle.z_m)
    reach = np.hypot(y, z) / np.float32(axle.radius_m)
    turned = np.float32((rolled_m / axle.radius_m) % (2 * np.pi))
    angle = np.arctan2(z, y) + turned
    rim = (np.abs(across) > 0.8) & (reach < 0.67)
    gap = (np.cos(angle * axle.spokes) < -0.15) & (reach > 0.22) & (reach < 0.60)
    return np.asarray(rim.astype(np.int32) + (rim & gap))


def _bake(decals: tuple[Decal, ...], vertices_m: Floats) -> tuple[_Baked, ...]:
    """Pictures of the sides that carry decals."""
    found = []
    for side in Side:
        axes = list(_AXES[side])
        low_m, high_m = vertices_m[:, axes].min(axis=0), vertices_m[:, axes].max(axis=0)
        wide, tall = (int(n) for n in np.ceil((high_m - low_m) / STEP_M) + 1)
        number = np.zeros((tall, wide), np.uint8)
        for order, decal in enumerate(decals, start=1):
            if decal.side is side:
                _lay(number, order, decal, low_m)
        if number.any():
            found.append(_Baked(side, low_m, number))
    return tuple(found)


def _lay(number: Ints, order: int, decal: Decal, low_m: Floats) -> None:
    """Write a decal's number where it covers a side."""
    first_m, second_m = _reach_m(decal)
    spans = [first_m, (-first_m[1], -first_m[0])] if decal.mirrored else [first_m]
    for span in spans:
        a0, a1 = _cells(span, low_m[0], number.shape[1])
        b0, b1 = _cells(second_m, low_m[1], number.shape[0])
        a_m = low_m[0] + (np.arange(a0, a1) + 0.5) * STEP_M
        b_m = low_m[1] + (np.arange(b0, b1) + 0.5) * STEP_M
        across = np.abs(a_m) if decal.mirrored else a_m
        grid_a, grid_b = np.meshgrid(across, b_m)
        covered: Bools = decal.outline.covers(grid_a, grid_b)
        number[b0:b1, a0:a1][covered] = order


def _reach_m(decal: Decal) -> tuple[tuple[float, float], tuple[float, float]]:
    """The span of an outline along both axes of its plane."""
    outline = decal.outline
    if isinstance(outline, Box):
        (a, b), (half_a, half_b), radius = outline.centre_m, outline.half_m, outline.radius_m
        reach_a, reach_b = half_a + radius, half_b + radius
        return (a - reach_a, a + reach_a), (b - reach_b, b + reach_b)
    a_m, b_m = zip(*outline.corners_m, strict=True)
    return (min(a_m), max(a_m)), (min(b_m), max(b_m))


def _cells(span_m: tuple[float, float], low_m: float, count: int) -> tuple[int, int]:
    first = int(np.clip(np.floor((span_m[0] - low_m) / STEP_M), 0, count))
    last = int(np.clip(np.ceil((span_m[1] - low_m) / STEP_M) + 1, 0, count))
    return first, last
