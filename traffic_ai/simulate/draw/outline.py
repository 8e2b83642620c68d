"""Ground outlines in the picture: clipped before the camera, bent by the lens, filled.

Filling an outline in the picture is exact at every distance, which a map of the ground is not.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.camera import Camera

NEAREST_DEPTH_M = 0.5
# A straight edge is cut this fine where the lens bends it.
_PIECE_M = 1.0
_SHIFT = 4
# Beyond this many pixels outside, a corner is pulled in: fixed-point coordinates end somewhere.
_FARTHEST_PX = 2.0e6


def polygons(shape: BaseGeometry) -> list[Polygon]:
    """The polygons of any shape."""
    if isinstance(shape, Polygon):
        return [] if shape.is_empty else [shape]
    return [part for piece in getattr(shape, "geoms", ()) for part in polygons(piece)]


def fill(mask: Picture, shapes: Iterable[BaseGeometry], camera: Camera, scale: float) -> None:
    """Set a mask to 255 where ground shapes lie in the picture, enlarged by `scale`."""
    for shape in shapes:
        for polygon in polygons(shape):
            rings = [polygon.exterior, *polygon.interiors]
            outlines = [
                outline_px(np.asarray(ring.coords)[:-1, :2], camera, scale) for ring in rings
            ]
            fixed = [_fixed(outline) for outline in outlines if len(outline) >= 3]
            if fixed:
                cv2.fillPoly(mask, fixed, 255, cv2.LINE_8, _SHIFT)


def outline_px(corners_m: Floats, camera: Camera, scale: float) -> Floats:
    """A closed ground outline (K, 2) in the picture, (L, 2); empty behind the camera."""
    if camera.k1 or camera.k2:
        corners_m = _in_pieces(corners_m)
    flat = np.concatenate([corners_m, np.zeros((len(corners_m), 1))], axis=1)
    clipped = _before_camera(camera.to_camera_m(flat))
    if len(clipped) < 3:
        return np.zeros((0, 2))
    return camera.from_camera_px(clipped) * scale


def _fixed(outline: Floats) -> Picture:
    # Pixel i spans [i, i + 1]; OpenCV's pixel i is centred on i.
    bounded = np.clip(outline - 0.5, -_FARTHEST_PX, _FARTHEST_PX)
    return np.asarray(np.round(bounded * 2**_SHIFT).astype(np.int32))


def _in_pieces(corners_m: Floats) -> Floats:
    ends = np.roll(corners_m, -1, axis=0)
    found = []
    for start, end in zip(corners_m, ends, strict=True):
        count = max(1, int(np.ceil(np.linalg.norm(end - start) / _PIECE_M)))
        found.append(start + (end - start) * (np.arange(count) / count)[:, None])
    return np.concatenate(found)


def _before_camera(points_m: Floats) -> Floats:
    """A closed outline of camera points cut at the nearest depth (Sutherland and Hodgman, 1974)."""
    depth = points_m[:, 2] - NEAREST_DEPTH_M
    if (depth > 0).all():
        return points_m
    found = []
    for i in range(len(points_m)):
        j = (i + 1) % len(points_m)
        if depth[i] > 0:
            found.append(points_m[i])
        if (depth[i] > 0) != (depth[j] > 0):
            share = depth[i] / (depth[i] - depth[j])
            found.append(points_m[i] + share * (points_m[j] - points_m[i]))
    return np.array(found) if found else np.zeros((0, 3))
