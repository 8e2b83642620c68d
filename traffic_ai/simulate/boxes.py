"""Exact boxes: what a body covers in the picture, from its outline and the camera.

Shared by the truth, the fast mode and the tests of drawing. Nothing here knows what hides what.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from traffic_ai.simulate.arrays import Bools, Floats, Ints
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.world import Body, Poses

# A body nearer to the lens than this is cut off there.
NEAR_M = 0.3
# Under a lens that bends straight lines, hull edges are followed at this many inner points.
_INNER_POINTS = 7
# Boxes with a side shorter than this inside the picture are not in it.
_LEAST_SIDE_PX = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Boxes at T moments. xyxy_px (T, 4): cut at the picture's edges, NaN where nothing of the
    body is in the picture. inside (T,): share of the uncut box's area that is in the picture.
    """

    xyxy_px: Floats
    inside: Floats

    @property
    def seen(self) -> Bools:
        """At which moments (T,) any of the body is in the picture."""
        return self.inside > 0.0


def exact_box_px(body: Body, poses: Poses, camera: Camera | Sequence[Camera]) -> Boxes:
    """The boxes of a body at its poses, hidden parts included.

    camera: one, or one a moment where it sways. What lies behind the lens is cut at NEAR_M.
    """
    low_px, high_px = _spans_px(body, poses, camera)
    size_px = _size_px(camera)
    cut_low_px, cut_high_px = np.clip(low_px, 0, size_px), np.clip(high_px, 0, size_px)
    with np.errstate(invalid="ignore", divide="ignore"):
        sides_px = cut_high_px - cut_low_px
        seen = sides_px.min(axis=1) >= _LEAST_SIDE_PX
        share = np.prod(sides_px, axis=1) / np.prod(high_px - low_px, axis=1)
    boxes = np.concatenate([cut_low_px, cut_high_px], axis=1)
    boxes[~seen] = np.nan
    return Boxes(boxes, np.where(seen, share, 0.0))


def _spans_px(body: Body, poses: Poses, camera: Camera | Sequence[Camera]) -> tuple[Floats, Floats]:
    """Lowest and highest picture coordinates (T, 2) each, NaN where all of it is behind."""
    lens = camera if isinstance(camera, Camera) else camera[0] if camera else None
    count = len(poses.heading_rad)
    low_px, high_px = np.full((count, 2), np.nan), np.full((count, 2), np.nan)
    if lens is None or count == 0:
        return low_px, high_px
    triangles: Ints = ConvexHull(body.outline_m).simplices
    sides = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges: Ints = np.unique(sides, axis=0)
    points_m = body.outline_m
    if lens.k1 or lens.k2:
        points_m, edges = _followed(points_m, edges)
    camera_m = _camera_m(poses.to_world_m(points_m), camera)
    ahead = camera_m[..., 2] >= NEAR_M
    whole = ahead.all(axis=1)
    if whole.any():
        points_px = lens.from_camera_px(camera_m[whole])
        low_px[whole], high_px[whole] = points_px.min(axis=1), points_px.max(axis=1)
    for i in np.flatnonzero(ahead.any(axis=1) & ~whole):
        points_px = lens.from_camera_px(_cut_at_lens(camera_m[i], ahead[i], edges))
        low_px[i], high_px[i] = points_px.min(axis=0), points_px.max(axis=0)
    return low_px, high_px


def _followed(points_m: Floats, edges: Ints) -> tuple[Floats, Ints]:
    """Points along the edges as well, and the short edges between them."""
    shares = np.linspace(0.0, 1.0, _INNER_POINTS + 2)[None, :, None]
    along_m = points_m[edges[:, :1]] * (1 - shares) + points_m[edges[:, 1:]] * shares
    number = np.arange(along_m.shape[0] * along_m.shape[1]).reshape(along_m.shape[:2])
    short = np.stack([number[:, :-1], number[:, 1:]], axis=-1).reshape(-1, 2)
    return along_m.reshape(-1, 3), short


def _camera_m(world_m: Floats, camera: Camera | Sequence[Camera]) -> Floats:
    """Camera points (T, K, 3) of world points (T, K, 3)."""
    if isinstance(camera, Camera):
        return camera.to_camera_m(world_m)
    turns = np.stack([one.rotation for one in camera])
    away_m = world_m - np.asarray(camera[0].position_m)
    return np.asarray(away_m @ np.swapaxes(turns, 1, 2))


def _cut_at_lens(camera_m: Floats, ahead: Bools, edges: Ints) -> Floats:
    """The points ahead, and where edges pass through the plane NEAR_M before the lens."""
    passing = edges[ahead[edges[:, 0]] != ahead[edges[:, 1]]]
    a_m, b_m = camera_m[passing[:, 0]], camera_m[passing[:, 1]]
    share = (NEAR_M - a_m[:, 2:]) / (b_m[:, 2:] - a_m[:, 2:])
    return np.concatenate([camera_m[ahead], a_m + share * (b_m - a_m)])


def _size_px(camera: Camera | Sequence[Camera]) -> Floats:
    one = camera if isinstance(camera, Camera) else camera[0] if camera else None
    return np.array([one.width_px, one.height_px], float) if one is not None else np.zeros(2)
