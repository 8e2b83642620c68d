"""Head lamps on the road by night: the pool of light before every vehicle."""

from collections.abc import Sequence

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.lighting import HEADLAMP_COLOUR, Lighting
from traffic_ai.simulate.draw.outline import outline_px
from traffic_ai.simulate.draw.solid import Place
from traffic_ai.simulate.draw.windows import Window, padded, slices

# Low beam: what reaches the road a few metres ahead, against asphalt under a street lamp.
_STRENGTH = 0.16
_NEAR_M, _FAR_M, _SIDE_M = 0.3, 45.0, 9.0
_COARSE_PX = 4


def light_road(
    picture: Floats,
    ground: Floats,
    beams: Sequence[tuple[Place, float]],
    camera: Camera,
    light: Lighting,
) -> None:
    """Add every vehicle's low beam to a linear picture; beams: its place and length.

    A vehicle ahead stops the light; ground (H, W) is the road's reflectance, 0 off the road.
    """
    for place, length_m in beams:
        reach_m = _reach_m(place, length_m, beams)
        ring = np.array(
            [(-2.0, _NEAR_M), (2.0, _NEAR_M), (_SIDE_M, reach_m), (-_SIDE_M, reach_m)]
        ) + np.array([0.0, length_m / 2])
        corners = place.to_world_m(np.concatenate([ring, np.zeros((4, 1))], axis=1))[:, :2]
        outline = outline_px(corners, camera, 1.0)
        if len(outline) < 3:
            continue
        window = _window(outline, camera)
        if window[0] >= window[2] or window[1] >= window[3]:
            continue
        strength = _beam(window, place, length_m, reach_m, camera)
        colour = (HEADLAMP_COLOUR * _STRENGTH * light.lamps).astype(np.float32)
        part = slices(window)
        picture[part] += (strength * ground[part])[..., None] * colour


def _reach_m(place: Place, length_m: float, beams: Sequence[tuple[Place, float]]) -> float:
    """How far the light goes before it meets the vehicle ahead."""
    reach = _FAR_M
    for other, other_length_m in beams:
        if other is place:
            continue
        offset = np.array([other.x_m - place.x_m, other.y_m - place.y_m, 0.0]) @ place.turn.T
        gap = float(offset[1]) - length_m / 2 - other_length_m / 2
        if abs(float(offset[0])) < 1.6 and offset[1] > 0:
            reach = min(reach, max(gap, _NEAR_M + 0.1))
    return reach


def _window(outline: Floats, camera: Camera) -> Window:
    size_px = (camera.width_px, camera.height_px)
    low = np.clip(np.floor(outline.min(axis=0)), -1e6, 1e6).astype(int)
    high = np.clip(np.ceil(outline.max(axis=0)), -1e6, 1e6).astype(int)
    return padded((int(low[0]), int(low[1]), int(high[0]), int(high[1])), 0, size_px)


def _beam(window: Window, place: Place, length_m: float, reach_m: float, camera: Camera) -> Floats:
    """The light (h, w) on the road, worked out on a coarse grid."""
    width, height = window[2] - window[0], window[3] - window[1]
    u = np.arange(window[0], window[2] + _COARSE_PX, _COARSE_PX, dtype=float)
    v = np.arange(window[1], window[3] + _COARSE_PX, _COARSE_PX, dtype=float)
    points = np.stack(np.meshgrid(u, v), axis=-1)
    rays = camera.rays(points)
    down = rays[..., 2] < -1e-3
    reach = -camera.position_m[2] / np.where(down, rays[..., 2], -1.0)
    spots = np.asarray(camera.position_m)[:2] + reach[..., None] * rays[..., :2]
    offset = spots - np.array([place.x_m, place.y_m])
    turn = place.turn[:2, :2]
    aside, ahead = offset @ turn[0], offset @ turn[1] - length_m / 2
    far = np.clip(ahead, 0.1, None)
    spread = np.exp(-((aside / (0.8 + 0.22 * far)) ** 2))
    along = np.clip((ahead - _NEAR_M) / 3.0, 0, 1) / (1 + (far / 11.0) ** 2)
    edge = np.clip((reach_m - ahead) / 0.5, 0, 1) * (ahead > 0)
    coarse = (spread * along * edge * down).astype(np.float32)
    steps_x = (np.arange(width, dtype=np.float32) + 0.5) / _COARSE_PX
    steps_y = (np.arange(height, dtype=np.float32) + 0.5) / _COARSE_PX
    grid = np.meshgrid(steps_x, steps_y)
    return np.asarray(cv2.remap(coarse, grid[0], grid[1], cv2.INTER_LINEAR))
