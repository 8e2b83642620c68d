"""Exact boxes: what a body covers in the picture, from its outline and the camera.

Shared by the truth, the fast mode and the tests of drawing. Nothing here knows what hides what.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import ConvexHull

from traffic_ai.simulate.arrays import Bools, Floats, Ints
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.world import Body, Poses

# A body nearer to the lens than this is cut off there.
NEAR_M = 0.3
# Under a lens that bends straight lines, hull edges are followed at points this far apart.
_INNER_PITCH_M = 0.5
# Boxes with a side shorter than this inside the picture are not in it.
_LEAST_SIDE_PX = 1.0
# Points worked on at once.
_AT_ONCE = 20_000


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
    points_m = body.outline_m
    if lens.k1 or lens.k2:
        points_m = _followed(body)
    turns, shifts_m = _to_camera(poses, camera)
    near = _near_picture(body, turns, shifts_m, lens)
    for chosen in np.array_split(near, max(1, len(near) * len(points_m) // _AT_ONCE)):
        # Three planes (T, K), not (T, K, 3): all that follows runs along contiguous rows.
        x_m, y_m, depth_m = (
            turns[chosen, axis] @ points_m.T + shifts_m[chosen, axis, None] for axis in range(3)
        )
        ahead = depth_m >= NEAR_M
        whole = ahead.all(axis=1)
        low_px[chosen[whole]], high_px[chosen[whole]] = _extent_px(
            lens, x_m[whole], y_m[whole], depth_m[whole]
        )
        for i in np.flatnonzero(ahead.any(axis=1) & ~whole):
            camera_m = np.stack([x_m[i], y_m[i], depth_m[i]], axis=-1)
            points_px = lens.from_camera_px(_cut_at_lens(camera_m, ahead[i]))
            low_px[chosen[i]], high_px[chosen[i]] = points_px.min(axis=0), points_px.max(axis=0)
    return low_px, high_px


def _extent_px(lens: Camera, x_m: Floats, y_m: Floats, depth_m: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest picture coordinates (T, 2) each of camera points, three planes (T, K)."""
    if lens.k1 or lens.k2:
        points_px = lens.from_camera_px(np.stack([x_m, y_m, depth_m], axis=-1))
        return points_px.min(axis=1), points_px.max(axis=1)
    planes = [x_m / depth_m, y_m / depth_m]
    low = np.stack([plane.min(axis=1) for plane in planes], axis=-1)
    high = np.stack([plane.max(axis=1) for plane in planes], axis=-1)
    return lens.focal_px * low + lens.centre_px, lens.focal_px * high + lens.centre_px


def _to_camera(poses: Poses, camera: Camera | Sequence[Camera]) -> tuple[Floats, Floats]:
    """Rotations (T, 3, 3) and shifts (T, 3) from the vehicle's frame into the camera's."""
    sine, cosine = np.sin(poses.heading_rad), np.cos(poses.heading_rad)
    zero, one = np.zeros_like(sine), np.ones_like(sine)
    own = np.stack([cosine, sine, zero, -sine, cosine, zero, zero, zero, one], axis=-1)
    if isinstance(camera, Camera):
        turn, at_m = camera.rotation[None], np.asarray(camera.position_m)
    else:
        turn, at_m = np.stack([c.rotation for c in camera]), np.asarray(camera[0].position_m)
    away_m = np.concatenate([poses.middle_m, zero[:, None]], axis=1) - at_m
    return turn @ own.reshape(-1, 3, 3), (turn @ away_m[:, :, None])[:, :, 0]


def _near_picture(body: Body, turns: Floats, shifts_m: Floats, lens: Camera) -> Ints:
    """Moments at which a ball around the body may be in the picture; the others need no work."""
    middle_m = np.array([0.0, 0.0, body.height_m / 2])
    radius_m = float(np.linalg.norm(body.outline_m - middle_m, axis=1).max())
    ball_m = turns @ middle_m + shifts_m
    near = ball_m[:, 2] > NEAR_M - radius_m
    # The picture's corner, on the plane at depth 1, is as far from the axis as anything seen.
    corner = lens.rays(np.zeros((1, 2))) @ lens.rotation.T
    slope = float(np.hypot(corner[0, 0], corner[0, 1]))
    away_m = np.hypot(ball_m[:, 0], ball_m[:, 1])
    near &= away_m < slope * ball_m[:, 2] + radius_m * float(np.hypot(1.0, slope))
    return np.flatnonzero(near)


@cache
def _followed(body: Body) -> Floats:
    """The corners of a body's hull, and points along its edges."""
    triangles: Ints = ConvexHull(body.outline_m).simplices
    sides = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges = np.unique(sides, axis=0)
    ends_m = body.outline_m[edges]
    counts = (np.linalg.norm(ends_m[:, 1] - ends_m[:, 0], axis=1) / _INNER_PITCH_M).astype(int)
    inner_m = [
        from_m + share * (to_m - from_m)
        for (from_m, to_m), count in zip(ends_m, counts.tolist(), strict=True)
        for share in np.arange(1, count + 1) / (count + 1)
    ]
    return np.concatenate([body.outline_m, np.reshape(inner_m, (-1, 3))])


def _cut_at_lens(camera_m: Floats, ahead: Bools) -> Floats:
    """The points ahead, and where the hull passes through the plane NEAR_M before the lens.

    Every line between a point ahead and one behind lies in the hull, and its edges are among them.
    """
    before, behind = camera_m[ahead], camera_m[~ahead]
    share = (NEAR_M - behind[:, 2])[None, :] / (before[:, 2][:, None] - behind[:, 2][None, :])
    cut_m = behind[None] + share[..., None] * (before[:, None] - behind[None])
    return np.concatenate([before, cut_m.reshape(-1, 3)])


def _size_px(camera: Camera | Sequence[Camera]) -> Floats:
    one = camera if isinstance(camera, Camera) else camera[0] if camera else None
    return np.array([one.width_px, one.height_px], float) if one is not None else np.zeros(2)
