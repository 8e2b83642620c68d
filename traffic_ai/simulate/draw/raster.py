"""A z-buffer rasteriser in numpy: which triangle is seen at each pixel, and where on it.

Triangles become pixel rows, rows become pixel runs, and the nearest fragment of each pixel wins;
everything is done for all triangles at once. One over the depth is linear in the picture, so a
fragment needs one number until it has won.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints

NEAREST_DEPTH_M = 0.3


@dataclass(frozen=True)
class Hits:
    """The pixels a mesh covers: flat pixel number, triangle, perspective-true corner weights, and
    depth along the optical axis.
    """

    pixel: Ints
    triangle: Ints
    weights: Floats
    depth_m: Floats


@dataclass(frozen=True)
class _Faces:
    """Front faces (T,): first corner, edges from it, twice the area, one over the depths (T, 3)."""

    index: Ints
    origin: Floats
    first: Floats
    second: Floats
    area: Floats
    nearness: Floats

    def pick(self, triangle: Ints, x_px: Floats, y_px: Floats) -> tuple[Floats, Floats]:
        """Weights of the second and third corner at picture points of triangles (N,)."""
        dx = x_px - self.origin[triangle, 0]
        dy = y_px - self.origin[triangle, 1]
        area = self.area[triangle]
        second = (dx * self.second[triangle, 1] - dy * self.second[triangle, 0]) / area
        third = (dy * self.first[triangle, 0] - dx * self.first[triangle, 1]) / area
        return second, third


def rasterise(
    points_px: Floats, depth_m: Floats, faces: Ints, width_px: int, height_px: int
) -> Hits:
    """Draw the front faces of a mesh.

    points_px (V, 2) are picture points relative to the canvas, depth_m (V,) their distances along
    the optical axis; pixel i spans [i, i + 1]. Faces with a corner closer than 0.3 m are left out.
    """
    front = _front_faces(points_px, depth_m, faces)
    triangle, row, left, run = _spans(front, points_px, faces, width_px, height_px)
    slope_x, at_left = _nearness_along(front, triangle, row, left)
    which = np.repeat(np.arange(len(run), dtype=np.int32), run)
    starts = np.cumsum(run) - run
    step = np.arange(len(which), dtype=np.int32) - starts.astype(np.int32)[which]
    nearness = at_left[which] + slope_x[which] * step.astype(np.float32)
    pixel = (row * width_px + left).astype(np.int32)[which] + step
    buffer = np.zeros(width_px * height_px, np.float32)
    np.maximum.at(buffer, pixel, nearness)
    nearest = np.flatnonzero(nearness >= buffer[pixel])
    winner = np.full(width_px * height_px, -1, np.int64)
    winner[pixel[nearest]] = nearest
    best = winner[winner >= 0]
    span, chosen = which[best], triangle[which[best]]
    x_px = left[span] + step[best] + 0.5
    second, third = front.pick(chosen, x_px, row[span] + 0.5)
    flat = np.stack([1.0 - second - third, second, third], -1) * front.nearness[chosen]
    total = flat.sum(axis=1)
    return Hits(
        pixel[best],
        front.index[chosen],
        (flat / total[:, None]).astype(np.float32),
        (1.0 / total).astype(np.float32),
    )


def _front_faces(points_px: Floats, depth_m: Floats, faces: Ints) -> _Faces:
    corners = points_px[faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    near = depth_m[faces].min(axis=1) > NEAREST_DEPTH_M
    # Seen from outside, counter-clockwise in the world is negative here because v runs downward.
    index = np.flatnonzero(near & (area < -1e-9))
    return _Faces(
        index,
        corners[index, 0],
        first[index],
        second[index],
        area[index],
        1.0 / depth_m[faces[index]],
    )


def _spans(
    front: _Faces, points_px: Floats, faces: Ints, width_px: int, height_px: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """The pixel run of every triangle on every row: triangle, row, first column, length."""
    v_px = points_px[faces[front.index], 1]
    top = np.clip(np.ceil(v_px.min(axis=1) - 0.5), 0, height_px).astype(np.int64)
    bottom = np.clip(np.ceil(v_px.max(axis=1) - 0.5), 0, height_px).astype(np.int64)
    rows = np.maximum(bottom - top, 0)
    triangle = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(triangle)) - np.repeat(np.cumsum(rows) - rows, rows) + top[triangle]
    dy = row + 0.5 - front.origin[triangle, 1]
    left_px = np.full(len(triangle), -np.inf)
    right_px = np.full(len(triangle), np.inf)
    slope_2, slope_3 = front.second[:, 1] / front.area, -front.first[:, 1] / front.area
    offset_2, offset_3 = -front.second[:, 0] / front.area, front.first[:, 0] / front.area
    edges = (
        (-slope_2 - slope_3, -offset_2 - offset_3, 1.0),
        (slope_2, offset_2, 0.0),
        (slope_3, offset_3, 0.0),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        for slope, offset, constant in edges:
            along = slope[triangle]
            crossing = -(offset[triangle] * dy + constant) / along
            left_px = np.where(along > 0, np.maximum(left_px, crossing), left_px)
            right_px = np.where(along < 0, np.minimum(right_px, crossing), right_px)
    origin = front.origin[triangle, 0]
    left = np.clip(np.ceil(left_px + origin - 0.5), 0, width_px).astype(np.int64)
    right = np.clip(np.ceil(right_px + origin - 0.5), 0, width_px).astype(np.int64)
    keep = right > left
    return triangle[keep], row[keep], left[keep], (right - left)[keep]


def _nearness_along(front: _Faces, triangle: Ints, row: Ints, left: Ints) -> tuple[Floats, Floats]:
    """One over the depth at the first pixel of every run, and its change from pixel to pixel."""
    rise_2 = front.nearness[:, 1] - front.nearness[:, 0]
    rise_3 = front.nearness[:, 2] - front.nearness[:, 0]
    slope_x = (front.second[:, 1] * rise_2 - front.first[:, 1] * rise_3) / front.area
    slope_y = (front.first[:, 0] * rise_3 - front.second[:, 0] * rise_2) / front.area
    dx = left + 0.5 - front.origin[triangle, 0]
    dy = row + 0.5 - front.origin[triangle, 1]
    at_left = front.nearness[triangle, 0] + slope_x[triangle] * dx + slope_y[triangle] * dy
    return slope_x[triangle].astype(np.float32), at_left.astype(np.float32)
