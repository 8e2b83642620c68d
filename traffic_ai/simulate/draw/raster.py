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
    """The pixels (P,) a mesh covers: flat pixel number, face, and the perspective-true weights
    (3, P) of its corners.
    """

    pixel: Ints
    triangle: Ints
    weights: Floats

    def of(self, faces: Ints) -> "Hits":
        """The same with the faces' numbers in a larger mesh, of which they were chosen."""
        return Hits(self.pixel, faces[self.triangle], self.weights)


@dataclass(frozen=True)
class _Faces:
    """Front faces (T,): their numbers, first corner and edges from it (2, T), twice the area, one
    over the depths (3, T), first and end row.
    """

    index: Ints
    origin: Floats
    first: Floats
    second: Floats
    area: Floats
    nearness: Floats
    rows: Ints

    def pick(self, triangle: Ints, x_px: Floats, y_px: Floats) -> tuple[Floats, Floats]:
        """Weights of the second and third corner at picture points of triangles (N,)."""
        dx = x_px - self.origin[0][triangle]
        dy = y_px - self.origin[1][triangle]
        share = 1.0 / self.area
        second = dx * (self.second[1] * share)[triangle] - dy * (self.second[0] * share)[triangle]
        third = dy * (self.first[0] * share)[triangle] - dx * (self.first[1] * share)[triangle]
        return second, third


def rasterise(
    points_px: Floats, depth_m: Floats, faces: Ints, width_px: int, height_px: int
) -> Hits:
    """Draw those faces (F, 3) of a mesh that are turned toward the eye.

    points_px (V, 2) are picture points relative to the canvas, depth_m (V,) their distances along
    the optical axis; pixel i spans [i, i + 1]. Faces with a corner closer than 0.3 m are left out.
    """
    front = _front_faces(points_px, depth_m, faces, height_px)
    triangle, row, left, run = _spans(front, width_px)
    slope_x, at_left = _nearness_along(front, triangle, row, left)
    which = np.repeat(np.arange(len(run), dtype=np.int32), run)
    starts = (np.cumsum(run) - run).astype(np.int32)
    step = np.arange(len(which), dtype=np.int32) - starts[which]
    nearness = at_left[which] + slope_x[which] * step.astype(np.float32)
    pixel = (row * width_px + left).astype(np.int32)[which] + step
    buffer = np.zeros(width_px * height_px, np.float32)
    np.maximum.at(buffer, pixel, nearness)
    nearest = np.flatnonzero(nearness >= buffer[pixel])
    winner = np.full(width_px * height_px, -1, np.int64)
    winner[pixel[nearest]] = nearest
    best = winner[winner >= 0]
    span = which[best]
    chosen = triangle[span]
    second, third = front.pick(chosen, (left[span] + step[best]) + 0.5, row[span] + 0.5)
    flat = np.stack([1.0 - second - third, second, third]) * front.nearness[:, chosen]
    flat /= flat[0] + flat[1] + flat[2]
    return Hits(pixel[best], front.index[chosen], flat.astype(np.float32))


def _front_faces(points_px: Floats, depth_m: Floats, faces: Ints, height_px: int) -> _Faces:
    """Faces that look toward the eye and reach into the canvas's rows."""
    x_px, y_px = points_px[:, 0][faces.T], points_px[:, 1][faces.T]
    first = np.stack([x_px[1] - x_px[0], y_px[1] - y_px[0]])
    second = np.stack([x_px[2] - x_px[0], y_px[2] - y_px[0]])
    area = first[0] * second[1] - first[1] * second[0]
    lowest = np.minimum(np.minimum(y_px[0], y_px[1]), y_px[2])
    highest = np.maximum(np.maximum(y_px[0], y_px[1]), y_px[2])
    top = np.clip(np.ceil(lowest - 0.5), 0, height_px).astype(np.int64)
    bottom = np.clip(np.ceil(highest - 0.5), 0, height_px).astype(np.int64)
    # Seen from outside, counter-clockwise in the world is negative here because v runs downward.
    chosen = np.flatnonzero((area < -1e-9) & (bottom > top))
    depths = depth_m[faces[chosen].T]
    ahead = np.minimum(np.minimum(depths[0], depths[1]), depths[2]) > NEAREST_DEPTH_M
    chosen, depths = chosen[ahead], depths[:, ahead]
    return _Faces(
        chosen,
        np.stack([x_px[0, chosen], y_px[0, chosen]]),
        first[:, chosen],
        second[:, chosen],
        area[chosen],
        1.0 / depths,
        np.stack([top[chosen], bottom[chosen]]),
    )


def _spans(front: _Faces, width_px: int) -> tuple[Ints, Ints, Ints, Ints]:
    """The pixel run of every triangle on every row: triangle, row, first column, length."""
    top, bottom = front.rows
    rows = bottom - top
    triangle = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(triangle)) + (top - np.cumsum(rows) + rows)[triangle]
    dy = row + 0.5 - front.origin[1][triangle]
    left_px = np.full(len(triangle), -np.inf)
    right_px = np.full(len(triangle), np.inf)
    slope_2, slope_3 = front.second[1] / front.area, -front.first[1] / front.area
    offset_2, offset_3 = -front.second[0] / front.area, front.first[0] / front.area
    edges = (
        (-slope_2 - slope_3, -offset_2 - offset_3, 1.0),
        (slope_2, offset_2, 0.0),
        (slope_3, offset_3, 0.0),
    )
    # A corner's weight is zero where x = -(offset y + constant) / slope, and grows with the slope.
    for slope, offset, constant in edges:
        with np.errstate(divide="ignore", invalid="ignore"):
            steepness, base = -offset / slope, -constant / slope
            crossing = steepness[triangle] * dy + base[triangle]
        rising, falling = (slope > 0)[triangle], (slope < 0)[triangle]
        np.maximum(left_px, crossing, out=left_px, where=rising)
        np.minimum(right_px, crossing, out=right_px, where=falling)
    origin = front.origin[0][triangle] - 0.5
    left = np.clip(np.ceil(left_px + origin), 0, width_px).astype(np.int64)
    right = np.clip(np.ceil(right_px + origin), 0, width_px).astype(np.int64)
    keep = np.flatnonzero(right > left)
    return triangle[keep], row[keep], left[keep], (right - left)[keep]


def _nearness_along(front: _Faces, triangle: Ints, row: Ints, left: Ints) -> tuple[Floats, Floats]:
    """One over the depth at the first pixel of every run, and its change from pixel to pixel."""
    rise_2, rise_3 = front.nearness[1:] - front.nearness[0]
    slope_x = (front.second[1] * rise_2 - front.first[1] * rise_3) / front.area
    slope_y = (front.first[0] * rise_3 - front.second[0] * rise_2) / front.area
    base = front.nearness[0] + slope_x * (0.5 - front.origin[0])
    base += slope_y * (0.5 - front.origin[1])
    at_left = base[triangle] + slope_x[triangle] * left + slope_y[triangle] * row
    return slope_x[triangle].astype(np.float32), at_left.astype(np.float32)
