"""What a vehicle's skin is made of: finishes, and decals that lay windows, lamps and seams on it.

A decal is a flat outline projected on the faces that look one way, so a vehicle is described by
data and details stay sharp at any distance. Vehicle frame: x right, y forward, z up, metres, the
origin on the road below the middle of the contact rectangle. Colours are linear-light blue, green,
red.
"""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats

Colour = tuple[float, float, float]


class Glow(Enum):
    """Which switch lights a finish."""

    NEVER = "never"
    ALWAYS = "always"
    TAIL = "tail"
    BRAKE = "brake"
    HEAD = "head"
    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


@dataclass(frozen=True)
class Finish:
    """A surface's colour and how it answers light.

    mirror is the share of the surroundings reflected at right angles, shine the strength of the
    sun's highlight, glow the switch that adds the light `emits`.
    """

    colour: Colour
    mirror: float = 0.0
    shine: float = 0.0
    glow: Glow = Glow.NEVER
    emits: Colour = (0.0, 0.0, 0.0)


def paint(colour: Colour) -> Finish:
    """Clear-coated body paint."""
    return Finish(colour, mirror=0.045, shine=0.9)


def grey(level: float) -> Finish:
    """Matt plastic or rubber."""
    return Finish((level, level, level), mirror=0.008, shine=0.05)


GLASS = Finish((0.016, 0.015, 0.013), mirror=0.085, shine=1.6)
SEAT = Finish((0.05, 0.05, 0.052), mirror=0.085, shine=1.6)
SKIN = Finish((0.16, 0.22, 0.36), mirror=0.07, shine=0.4)
BLACK = grey(0.012)
SEAM = grey(0.02)
PLASTIC = grey(0.03)
CHROME = Finish((0.5, 0.5, 0.5), mirror=0.45, shine=2.0)
PLATE = Finish((0.75, 0.75, 0.75), mirror=0.02)
TAIL_LAMP = Finish(
    (0.02, 0.02, 0.42), mirror=0.06, shine=0.8, glow=Glow.BRAKE, emits=(0.06, 0.05, 1.6)
)
TAIL_CORE = Finish(
    (0.05, 0.05, 0.6), mirror=0.06, shine=0.8, glow=Glow.BRAKE, emits=(0.25, 0.22, 2.6)
)
REVERSE_LAMP = Finish((0.5, 0.5, 0.55), mirror=0.08, shine=0.8)
INDICATOR = Finish((0.01, 0.2, 0.7), mirror=0.06, shine=0.8)
HEAD_LAMP = Finish((0.28, 0.28, 0.27), mirror=0.16, shine=1.4)
HEAD_CORE = Finish((0.8, 0.8, 0.8), mirror=0.1, shine=1.4, glow=Glow.HEAD, emits=(1.7, 1.75, 1.7))


class Side(Enum):
    """The way a decal's faces look; SIDES means left and right alike."""

    REAR = "rear"
    FRONT = "front"
    SIDES = "sides"
    TOP = "top"


@dataclass(frozen=True)
class Box:
    """A rounded box; with half_m of zero, a disc."""

    centre_m: tuple[float, float]
    half_m: tuple[float, float]
    radius_m: float = 0.0

    def covers(self, first_m: Floats, second_m: Floats) -> Bools:
        """Which plane points lie inside."""
        reach = np.maximum(np.abs(first_m - self.centre_m[0]) - self.half_m[0], 0)
        rise = np.maximum(np.abs(second_m - self.centre_m[1]) - self.half_m[1], 0)
        return np.asarray(np.hypot(reach, rise) <= self.radius_m)


@dataclass(frozen=True)
class Polygon:
    """A convex outline, its corners counter-clockwise."""

    corners_m: tuple[tuple[float, float], ...]

    def covers(self, first_m: Floats, second_m: Floats) -> Bools:
        """Which plane points lie inside."""
        inside = np.ones(first_m.shape, bool)
        for (a0, a1), (b0, b1) in zip(
            self.corners_m, self.corners_m[1:] + self.corners_m[:1], strict=True
        ):
            inside &= (b0 - a0) * (second_m - a1) - (b1 - a1) * (first_m - a0) >= 0
        return inside


@dataclass(frozen=True)
class Decal:
    """An outline in the plane of one side: (x, z) rear and front, (y, z) sides, (x, y) top.

    A mirrored decal is laid at -x as well.
    """

    side: Side
    outline: Box | Polygon
    finish: Finish
    mirrored: bool = False

    def covers(self, points_m: Floats) -> Bools:
        """Which of the points (P, 3) lie inside the outline."""
        first, second = {
            Side.REAR: (0, 2),
            Side.FRONT: (0, 2),
            Side.SIDES: (1, 2),
            Side.TOP: (0, 1),
        }[self.side]
        across = np.abs(points_m[:, first]) if self.mirrored else points_m[:, first]
        return self.outline.covers(across, points_m[:, second])


def faces_toward(side: Side, normals: Floats) -> Bools:
    """Which vehicle-frame normals (P, 3) count as looking toward a side."""
    if side is Side.REAR:
        return normals[:, 1] < -0.3
    if side is Side.FRONT:
        return normals[:, 1] > 0.3
    if side is Side.SIDES:
        return np.abs(normals[:, 0]) > 0.55
    return normals[:, 2] > 0.6


@dataclass(frozen=True)
class Axle:
    """The axis a wheel turns about, and the wheel's radius and rim."""

    y_m: float
    z_m: float
    radius_m: float
    spokes: int = 5
    rim: Finish = field(default_factory=lambda: Finish((0.42, 0.42, 0.42), mirror=0.12, shine=0.8))


@dataclass(frozen=True)
class Material:
    """A base finish under decals, or a wheel on an axle."""

    base: Finish
    decals: tuple[Decal, ...] = ()
    axle: Axle | None = None
