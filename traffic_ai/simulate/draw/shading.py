"""How lit points of a solid look: linear colours from finish, normal, light and the eye.

Arrays are one row a coordinate or colour, so that numpy runs along the points.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.skin import FinishTable

_HIGHLIGHT = 1.2
_OCCLUDED_BELOW_M = 0.7


@dataclass(frozen=True)
class LocalLight:
    """Lamps near a solid as one light: where from (3,), and its strength (3,)."""

    toward: Floats
    strength: Floats


def shade(
    normals: Floats,
    toward_eye: Floats,
    height_m: Floats,
    numbers: Ints,
    table: FinishTable,
    light: Lighting,
    lamps: LocalLight | None = None,
) -> Floats:
    """Colours (3, P) of points of finish `numbers` (P,); unit vectors (3, P) in the world."""
    facing = np.clip(_dot(normals, toward_eye), 0.0, 1.0)
    occlusion = _occlusion(height_m)
    mirror = table.mirror[numbers]
    away = 1 - facing
    grazing = away * away
    grazing *= grazing * away * (mirror > 0.02) * np.float32(0.6)
    fresnel = mirror + (1 - mirror) * grazing
    mirrored = 2 * facing * normals - toward_eye
    colour = table.colour[:, numbers]
    colour *= _diffuse(normals, occlusion, light, lamps) * (1 - fresnel)
    colour += light.mirrored(mirrored) * (fresnel * occlusion)
    for toward, strength in _lights(light, lamps):
        spark = _highlight(mirrored, toward) * table.shine[numbers]
        colour += spark * (np.float32(_HIGHLIGHT) * strength)[:, None]
    colour += table.emission[:, numbers]
    return colour


def _diffuse(
    normals: Floats, occlusion: Floats, light: Lighting, lamps: LocalLight | None
) -> Floats:
    """What falls on a matt white surface."""
    up = (np.float32(0.5) + np.float32(0.5) * normals[2]) * occlusion
    bounce, sky = light.bounce.astype(np.float32), light.sky.astype(np.float32)
    lit = np.outer(bounce, occlusion)
    lit += np.outer(sky - bounce, up)
    for toward, strength in _lights(light, lamps):
        lit += np.outer(strength, np.maximum(toward @ normals, 0.0))
    return np.asarray(lit)


def _lights(light: Lighting, lamps: LocalLight | None) -> list[tuple[Floats, Floats]]:
    """The sun and the lamps, where they shine: direction and strength."""
    both = [(light.toward_sun, light.sun)]
    if lamps is not None:
        both.append((lamps.toward, lamps.strength))
    return [
        (toward.astype(np.float32), strength.astype(np.float32))
        for toward, strength in both
        if strength.any()
    ]


def _occlusion(height_m: Floats) -> Floats:
    """The share of sky and street a point near the road can see."""
    high = np.clip(height_m / np.float32(_OCCLUDED_BELOW_M), 0.0, 1.0)
    return np.asarray(np.float32(0.35) + np.float32(0.65) * high * high * (3 - 2 * high))


def _highlight(mirrored: Floats, toward: Floats) -> Floats:
    """The cosine between mirrored eye and light to the power of 90."""
    two = np.maximum(toward @ mirrored, 0.0)
    two *= two
    eight = two * two
    eight *= eight
    sixteen = eight * eight
    power = sixteen * sixteen
    power *= power
    return np.asarray(power * sixteen * eight * two)


def _dot(first: Floats, second: Floats) -> Floats:
    return np.asarray(first[0] * second[0] + first[1] * second[1] + first[2] * second[2])
