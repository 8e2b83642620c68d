"""Sun, sky and how surfaces answer them: linear-light colours of lit points.

Colours are linear blue, green, red with 1.0 a sunlit white; `encode` turns them into picture bytes.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints, Picture
from traffic_ai.simulate.draw.surface import Axle, Finish, Glow, Material, Side, faces_toward

SUN = np.array([-0.50, -0.42, 0.80]) / np.linalg.norm([-0.50, -0.42, 0.80])
SUN_COLOUR = np.array([0.78, 0.92, 1.0]) * 1.02
SKY_COLOUR = np.array([0.52, 0.43, 0.36]) * 0.76
BOUNCE_COLOUR = np.array([0.15, 0.16, 0.17])
ZENITH = np.array([0.80, 0.56, 0.36])
HORIZON = np.array([0.98, 0.92, 0.86])
STREET = np.array([0.17, 0.19, 0.20])
_ENCODE = (255 * np.clip(np.linspace(0, 1, 4096), 0, 1) ** (1 / 2.2) + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class Switches:
    """What is lit on a vehicle, and how far its wheels have rolled."""

    braking: bool
    rolled_m: float


def encode(linear: Floats) -> Picture:
    """Picture bytes of linear colours, highlights rolled off softly."""
    rolled = linear * (1.0 + linear * 0.16) / (1.0 + linear * 0.42)
    return np.asarray(_ENCODE[np.clip(rolled * 1.13 * 4095, 0, 4095).astype(np.uint16)])


def surroundings(directions: Floats) -> Floats:
    """Colours (P, 3) a mirror would see in world directions (P, 3): street, house fronts, sky."""
    rise = directions[:, 2:3]
    sky = HORIZON + (ZENITH - HORIZON) * np.clip(rise * 1.3, 0, 1) ** 0.6
    edge = np.clip((rise - 0.10 - 0.05 * np.sin(9 * directions[:, :1])) * 14, 0, 1)
    fronts = np.array([0.17, 0.20, 0.22])
    above = fronts + (sky - fronts) * edge
    return np.asarray(STREET + (above - STREET) * np.clip(rise * 10 + 0.5, 0, 1))


@dataclass
class FinishArrays:
    """Finishes of many points at once: colour (P, 3), mirror and shine (P, 1), emission (P, 3)."""

    colour: Floats
    mirror: Floats
    shine: Floats
    emission: Floats

    @classmethod
    def empty(cls, count: int) -> "FinishArrays":
        """Room for so many points."""
        return cls(
            np.zeros((count, 3)), np.zeros((count, 1)), np.zeros((count, 1)), np.zeros((count, 3))
        )

    def lay(self, where: Ints, finish: Finish, switches: Switches) -> None:
        """Give the points of these numbers a finish."""
        self.colour[where] = finish.colour
        self.mirror[where] = finish.mirror
        self.shine[where] = finish.shine
        level = {
            Glow.NEVER: 0.0,
            Glow.ALWAYS: 1.0,
            Glow.TAIL: 0.4,
            Glow.HEAD: 1.0,
            Glow.BRAKE: 1.0 if switches.braking else 0.10,
        }.get(finish.glow, 0.0)
        self.emission[where] = level * np.asarray(finish.emits)


def shade(
    points_m: Floats, normals: Floats, toward_eye: Floats, finishes: FinishArrays, turned: bool
) -> Floats:
    """Colours (P, 3) of vehicle points; a `turned` vehicle faces down the world's Y axis."""
    sign = np.array([-1.0, -1.0, 1.0]) if turned else np.ones(3)
    normals = normals * sign
    facing = np.clip(np.einsum("ij,ij->i", normals, toward_eye), 0.0, 1.0)[:, None]
    sun = np.clip(normals @ SUN, 0.0, 1.0)[:, None]
    up = 0.5 + 0.5 * normals[:, 2:3]
    height = np.clip(points_m[:, 2:3] / 0.7, 0.0, 1.0)
    occlusion = 0.35 + 0.65 * height * height * (3 - 2 * height)
    ambient = (BOUNCE_COLOUR + (SKY_COLOUR - BOUNCE_COLOUR) * up) * occlusion
    colour = finishes.colour * (SUN_COLOUR * sun * 1.25 + ambient)
    mirrored = 2 * facing * normals - toward_eye
    fresnel = (
        finishes.mirror + (1 - finishes.mirror) * (1 - facing) ** 5 * (finishes.mirror > 0.02) * 0.6
    )
    colour = colour * (1 - fresnel) + surroundings(mirrored) * fresnel * occlusion
    spark = np.clip(mirrored @ SUN, 0.0, 1.0)[:, None] ** 90
    return np.asarray(colour + finishes.shine * spark * SUN_COLOUR * 1.5 + finishes.emission)


def finish_points(
    points_m: Floats,
    normals: Floats,
    material_of: Ints,
    materials: tuple[Material, ...],
    switches: Switches,
) -> FinishArrays:
    """Look up the finish of every point (P, 3) of a vehicle from its material and decals."""
    arrays = FinishArrays.empty(len(points_m))
    for number in np.unique(material_of):
        material = materials[int(number)]
        chosen = np.flatnonzero(material_of == number)
        arrays.lay(chosen, material.base, switches)
        if material.axle is not None:
            _lay_wheel(arrays, chosen, points_m[chosen], normals[chosen], material.axle, switches)
        toward = (
            {side: chosen[faces_toward(side, normals[chosen])] for side in Side}
            if material.decals
            else {}
        )
        for decal in material.decals:
            candidates = toward[decal.side]
            arrays.lay(candidates[decal.covers(points_m[candidates])], decal.finish, switches)
    return arrays


def _lay_wheel(
    arrays: FinishArrays,
    chosen: Ints,
    points_m: Floats,
    normals: Floats,
    axle: Axle,
    switches: Switches,
) -> None:
    """Tyre, rim and spokes by distance and angle from the axle."""
    y, z = points_m[:, 1] - axle.y_m, points_m[:, 2] - axle.z_m
    reach = np.hypot(y, z) / axle.radius_m
    angle = np.arctan2(z, y) + switches.rolled_m / axle.radius_m
    outer = np.abs(normals[:, 0]) > 0.8
    gap = (np.cos(angle * axle.spokes) < -0.15) & (reach > 0.22) & (reach < 0.60)
    rim = outer & (reach < 0.67)
    arrays.lay(chosen[rim], axle.rim, switches)
    dark = Finish((0.03, 0.03, 0.03))
    arrays.lay(chosen[rim & gap], dark, switches)
