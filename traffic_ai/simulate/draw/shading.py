"""How lit points of a solid look: linear colours from finish, normal, light and the eye."""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.skin import FinishTable


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
    """Colours (P, 3) of points of finish `numbers` (P,); unit vectors (P, 3) in the world."""
    facing = np.clip(np.einsum("ij,ij->i", normals, toward_eye), 0.0, 1.0)
    height = np.clip(height_m / np.float32(0.7), 0.0, 1.0)
    occlusion = (0.35 + 0.65 * height * height * (3 - 2 * height))[:, None]
    bounce, sky = light.bounce.astype(np.float32), light.sky.astype(np.float32)
    up = (0.5 + 0.5 * normals[:, 2])[:, None]
    lit = (bounce + (sky - bounce) * up) * occlusion
    mirrored = 2 * facing[:, None] * normals - toward_eye
    spark = np.zeros_like(lit)
    lights = [(light.toward_sun, light.sun)]
    if lamps is not None:
        lights.append((lamps.toward, lamps.strength))
    for toward, strength in lights:
        if strength.any():
            toward, strength = toward.astype(np.float32), strength.astype(np.float32)
            lit += np.clip(normals @ toward, 0.0, 1.0)[:, None] * strength
            spark += (np.clip(mirrored @ toward, 0.0, 1.0) ** 90)[:, None] * (1.2 * strength)
    mirror = table.mirror[numbers]
    grazing = (1 - facing) ** 5 * (mirror > 0.02) * np.float32(0.6)
    fresnel = (mirror + (1 - mirror) * grazing)[:, None]
    colour = table.colour[numbers] * lit * (1 - fresnel)
    colour += light.mirrored(mirrored) * (fresnel * occlusion)
    colour += table.shine[numbers][:, None] * spark
    return np.asarray(colour + table.emission[numbers], np.float32)
