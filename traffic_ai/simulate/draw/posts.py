"""Street lamps as solids, and their light."""

from functools import cache

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw.lighting import LAMP_COLOUR, Lighting
from traffic_ai.simulate.draw.mesh import merge, rounded_box, tube
from traffic_ai.simulate.draw.shading import LocalLight
from traffic_ai.simulate.draw.solid import Solid
from traffic_ai.simulate.draw.surface import Decal, Finish, Glow, Material, Side, grey
from traffic_ai.simulate.draw.surroundings import POST_ARM_M, POST_HEIGHT_M, Post
from traffic_ai.simulate.draw.vehicle import VehicleModel, box

# Light under a lamp, so that by night asphalt there is a dark grey.
_UNDER_LAMP = 0.045


@cache
def lamp_post() -> Solid:
    """A street lamp whose arm reaches forward."""
    z = POST_HEIGHT_M
    parts = [
        tube((0, 0, 0), (0, 0, z - 0.3), (0.09, 0.06), 0, 12),
        tube((0, 0, z - 0.35), (0, POST_ARM_M - 0.3, z), (0.045, 0.04), 0),
        rounded_box((0, POST_ARM_M, z), (0.26, 0.75, 0.11), 0.04, 1),
    ]
    glow = Finish((0.5, 0.5, 0.5), glow=Glow.ALWAYS, emits=(0.5, 0.78, 1.0))
    rims: tuple[Decal, ...] = tuple(
        box(side, 0, z, (0.4, 0.04), glow) for side in (Side.FRONT, Side.REAR)
    )
    materials = (
        Material(Finish((0.17, 0.175, 0.175), mirror=0.03, shine=0.2)),
        Material(grey(0.17), rims),
    )
    return Solid(VehicleModel("lamp-post", "post", 1.0, 1.0, z, merge(parts), materials))


def lamplight(posts: tuple[Post, ...], x_m: Floats, y_m: Floats, light: Lighting) -> Floats:
    """Light (H, W, 3) of the street lamps on ground points (H, W)."""
    total = np.zeros(x_m.shape, np.float32)
    height = np.float32(POST_HEIGHT_M)
    for post in posts:
        lamp = post.lamp_m.astype(np.float32)
        squared = (x_m - lamp[0]) ** 2 + (y_m - lamp[1]) ** 2
        total += height**3 / (squared + height**2) ** np.float32(1.5)
    strength = (LAMP_COLOUR * _UNDER_LAMP * light.lamps).astype(np.float32)
    return np.asarray(total[..., None] * strength)


def lamplight_at(posts: tuple[Post, ...], place_m: Floats, light: Lighting) -> LocalLight | None:
    """The street lamps as one light at a place (2,), a metre above the road."""
    if not posts or not light.lamps:
        return None
    toward = np.array([post.lamp_m for post in posts]) - np.array([*place_m, 1.0])
    distance_m = np.linalg.norm(toward, axis=1, keepdims=True)
    strength = (POST_HEIGHT_M / distance_m) ** 2
    total = (toward / distance_m * strength).sum(axis=0)
    size = float(np.linalg.norm(total))
    if size < 1e-9:
        return None
    return LocalLight(total / size, LAMP_COLOUR * (_UNDER_LAMP * light.lamps * size))
