"""Who sits on a two-wheeler, and what both are made of."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from traffic_ai.simulate.draw.mesh import Mesh, ellipsoid, merge, rounded_box, tube
from traffic_ai.simulate.draw.surface import (
    GLASS,
    SKIN,
    Colour,
    Decal,
    Finish,
    Material,
    Side,
    grey,
)
from traffic_ai.simulate.draw.vehicle import box

# A dressed rider with a helmet is larger than the bare figure below.
_SCALE, _DROP_M = 1.20, 0.12
_LEAN_M = 0.10
_SEAT_M = np.array([0.0, -0.10, 0.90])


class Part(IntEnum):
    """The materials of a two-wheeler and its rider, by number; its wheels come last."""

    PAINT = 0
    FRAME = 1
    METAL = 2
    LAMP = 3
    HEAD = 4
    CASE = 5
    PLATE = 6
    SCREEN = 7
    JACKET = 8
    TROUSERS = 9
    HELMET = 10
    FACE = 11
    SHOES = 12
    REAR_WHEEL = 13
    FRONT_WHEEL = 14


@dataclass(frozen=True)
class Seat:
    """Where a rider sits: moved so far from a roadster's seat, hands and feet where the machine
    has them, metres.
    """

    back_m: float
    down_m: float
    hand_m: tuple[float, float, float]
    knee_m: tuple[float, float, float]
    foot_m: tuple[float, float, float]


@dataclass(frozen=True)
class Clothes:
    """Colours of a rider's clothes."""

    jacket: Colour
    helmet: Colour
    trousers: Colour


def rider(seat: Seat) -> Mesh:
    """A seated rider leaning a little forward."""
    jacket, trousers = Part.JACKET, Part.TROUSERS
    found = [
        ellipsoid((0, -0.22, 1.17), (0.215, 0.155, 0.33), jacket),
        ellipsoid((0, -0.19 + _LEAN_M, 1.36), (0.235, 0.13, 0.13), jacket),
        ellipsoid((0, -0.30, 0.90), (0.20, 0.20, 0.12), trousers),
        tube((0, -0.15 + _LEAN_M, 1.40), (0, -0.11 + _LEAN_M, 1.50), (0.065, 0.06), Part.FACE),
        ellipsoid((0, -0.09 + _LEAN_M, 1.575), (0.125, 0.145, 0.135), Part.HELMET),
    ]
    shift = np.array([0.0, seat.back_m, seat.down_m])
    hand, knee, foot = (np.array(at) + shift for at in (seat.hand_m, seat.knee_m, seat.foot_m))
    for side in (-1, 1):
        aside = np.array([side, 1.0, 1.0])
        shoulder, elbow = (side * 0.22, -0.17 + _LEAN_M, 1.38), (side * 0.33, 0.08, 1.14)
        found += [
            tube(shoulder, elbow, (0.070, 0.058), jacket),
            tube(elbow, hand * aside - np.array([0, 0.04, 0]), (0.056, 0.045), jacket),
            ellipsoid(hand * aside, (0.05, 0.06, 0.05), Part.SHOES),
            tube((side * 0.13, -0.26, 0.90), knee * aside, (0.095, 0.080), trousers),
            tube(knee * aside, foot * aside, (0.075, 0.060), trousers),
            rounded_box(foot * aside + np.array([0, 0.06, -0.09]), (0.10, 0.27, 0.10), 0.03,
                        Part.SHOES),
        ]  # fmt: skip
    whole = merge(found)
    scaled_m = (whole.vertices_m - _SEAT_M) * _SCALE + _SEAT_M - np.array([0, 0, _DROP_M])
    return replace(whole, vertices_m=scaled_m - shift)


def clothing(clothes: Clothes, down_m: float) -> dict[Part, Material]:
    """The materials of a rider's parts."""
    cloth = Finish(clothes.jacket, mirror=0.012, shine=0.08)
    band = box(Side.REAR, 0, 1.33 - down_m, (0.16, 0.022), cloth).outline
    visor = box(Side.FRONT, 0, 1.585 - down_m, (0.10, 0.045), GLASS, 0.03)
    return {
        Part.JACKET: Material(cloth, (Decal(Side.REAR, band, Finish((0.55, 0.55, 0.55))),)),
        Part.TROUSERS: Material(Finish(clothes.trousers, mirror=0.01)),
        Part.HELMET: Material(Finish(clothes.helmet, mirror=0.05, shine=1.0), (visor,)),
        Part.FACE: Material(SKIN),
        Part.SHOES: Material(grey(0.012)),
    }
