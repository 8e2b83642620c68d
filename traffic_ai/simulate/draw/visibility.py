"""How much of a vehicle can be seen: counted in pixels of what was drawn."""

from collections.abc import Sequence

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.raster import NEAREST_DEPTH_M
from traffic_ai.simulate.draw.solid import Place, Solid, Sprite

_SIDE_PX = 400
_FARTHEST_SIDES = 3.0  # of the picture's width: what reaches farther out is cut there


def unhidden_share(sprites: Sequence[Sprite], number: int) -> float:
    """The share of a sprite's pixels that no later one covers."""
    own = sprites[number]
    left = own.coverage
    own_rows, own_columns = own.window
    for other in sprites[number + 1 :]:
        rows, columns = other.window
        top, bottom = max(own_rows.start, rows.start), min(own_rows.stop, rows.stop)
        start, end = max(own_columns.start, columns.start), min(own_columns.stop, columns.stop)
        if top >= bottom or start >= end:
            continue
        if left is own.coverage:
            left = own.coverage.copy()
        over = other.coverage[top - rows.start : bottom - rows.start]
        over = over[:, start - columns.start : end - columns.start]
        under = left[top - own_rows.start : bottom - own_rows.start]
        under[:, start - own_columns.start : end - own_columns.start] *= 1 - over
    total = float(own.coverage.sum())
    return float(left.sum()) / total if total > 0 else 0.0


def inside_share(solid: Solid, place: Place, camera: Camera) -> float:
    """The share of a solid's projection that lies inside the picture."""
    outlines = []
    for part_m in solid.parts_m:
        in_camera = camera.to_camera_m(place.to_world_m(part_m))
        ahead = in_camera[in_camera[:, 2] > NEAREST_DEPTH_M]
        if len(ahead) >= 3:
            points = camera.from_camera_px(ahead).astype(np.float32)
            outlines.append(cv2.convexHull(points)[:, 0].astype(float))
    if not outlines:
        return 0.0
    size = np.array([camera.width_px, camera.height_px], float)
    corners = np.concatenate(outlines)
    low = np.maximum(corners.min(axis=0), -_FARTHEST_SIDES * size[0])
    high = np.minimum(corners.max(axis=0), size + _FARTHEST_SIDES * size[0])
    if (low >= 0).all() and (high <= size).all():
        return 1.0
    scale = min(4.0, _SIDE_PX / float((high - low).max()))
    return _inside(outlines, low, high, scale, size)


def _inside(outlines: list[Floats], low: Floats, high: Floats, scale: float, size: Floats) -> float:
    wide, tall = (int(n) + 1 for n in np.ceil((high - low) * scale))
    mask = np.zeros((tall, wide), np.uint8)
    for outline in outlines:
        fixed = np.round(((outline - low) * scale - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 1, cv2.LINE_8, 4)
    first = np.clip(np.round(-low * scale), 0, [wide, tall]).astype(int)
    last = np.clip(np.round((size - low) * scale), 0, [wide, tall]).astype(int)
    total = int(mask.sum())
    return float(mask[first[1] : last[1], first[0] : last[0]].sum()) / total if total else 0.0
