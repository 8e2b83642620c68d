"""A z-buffer rasteriser in numpy: which triangle is seen at each pixel, and where on it.

Triangles become pixel rows, rows become pixel runs, and the nearest fragment of each pixel wins;
everything is done for all triangles at once.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints


@dataclass(frozen=True)
class Hits:
    """The pixels a mesh covers: flat pixel number, triangle, perspective-true corner weights."""

    pixel: Ints
    triangle: Ints
    weights: Floats


def rasterise(
    points_px: Floats, depth_m: Floats, faces: Ints, width_px: int, height_px: int
) -> Hits:
    """Draw the front faces of a mesh.

    points_px (V, 2) are picture points relative to the canvas, depth_m (V,) their distances along
    the optical axis; pixel i spans [i, i + 1]. Faces with a corner closer than 0.3 m are left out.
    """
    corners = points_px[faces]
    near = depth_m[faces].min(axis=1) > 0.3
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]
    # Seen from outside, counter-clockwise in the world is negative here because v runs downward.
    chosen = np.flatnonzero(near & (area < -1e-9))
    planes = _edge_planes(corners[chosen], area[chosen])
    triangle, row, left, right = _spans(corners[chosen], planes, width_px, height_px)
    run = right - left
    which = np.repeat(np.arange(len(run)), run)
    column = np.arange(len(which)) - np.repeat(np.cumsum(run) - run, run) + left[which]
    fragment, line = triangle[which], row[which]
    x_px, y_px = column + 0.5, line + 0.5
    plane = planes[fragment]
    flat = plane[..., 0] * x_px[:, None] + plane[..., 1] * y_px[:, None] + plane[..., 2]
    scaled = flat / depth_m[faces[chosen]][fragment]
    nearness = scaled.sum(axis=1)
    pixel = line * width_px + column
    buffer = np.zeros(width_px * height_px)
    np.maximum.at(buffer, pixel, nearness)
    best = np.flatnonzero(nearness >= buffer[pixel])
    best = best[np.unique(pixel[best], return_index=True)[1]]
    return Hits(pixel[best], chosen[fragment[best]], scaled[best] / nearness[best, None])


def _edge_planes(corners: Floats, area: Floats) -> Floats:
    """Corner weights as planes over the canvas, (T, 3, 3): weight i = a x + b y + c."""
    planes = np.empty((len(corners), 3, 3))
    for i in range(3):
        p, q = corners[:, (i + 1) % 3], corners[:, (i + 2) % 3]
        planes[:, i, 0] = (p[:, 1] - q[:, 1]) / area
        planes[:, i, 1] = (q[:, 0] - p[:, 0]) / area
        planes[:, i, 2] = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / area
    return planes


def _spans(
    corners: Floats, planes: Floats, width_px: int, height_px: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """The pixel run of every triangle on every row: triangle, row, first column, end column."""
    top = np.clip(np.ceil(corners[:, :, 1].min(axis=1) - 0.5), 0, height_px).astype(np.int64)
    bottom = np.clip(np.ceil(corners[:, :, 1].max(axis=1) - 0.5), 0, height_px).astype(np.int64)
    rows = np.maximum(bottom - top, 0)
    triangle = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(triangle)) - np.repeat(np.cumsum(rows) - rows, rows) + top[triangle]
    slope = planes[triangle, :, 0]
    offset = planes[triangle, :, 1] * (row + 0.5)[:, None] + planes[triangle, :, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -offset / slope
    left_px = np.where(slope > 0, crossing, -np.inf).max(axis=1)
    right_px = np.where(slope < 0, crossing, np.inf).min(axis=1)
    left = np.clip(np.ceil(left_px - 0.5), 0, width_px).astype(np.int64)
    right = np.clip(np.ceil(right_px - 0.5), 0, width_px).astype(np.int64)
    keep = right > left
    return triangle[keep], row[keep], left[keep], right[keep]
