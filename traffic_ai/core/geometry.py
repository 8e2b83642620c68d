"""Plane geometry: angles, lines, polygons and the homography from image to road plane.

Image points are pixels (x right, y down), ground points are metres on the road plane. The two
never share a variable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def angle_difference_deg(a_deg: float, b_deg: float) -> float:
    """Signed smallest turn from b to a, in [-180, 180). The one wrap-safe comparison of angles."""
    return (a_deg - b_deg + 180.0) % 360.0 - 180.0


def heading_deg(vector: Array) -> float:
    """Direction of a 2-vector in [0, 360), measured from the first axis towards the second."""
    return float(np.degrees(np.arctan2(vector[1], vector[0])) % 360.0)


@dataclass(frozen=True, slots=True)
class DirectedLine:
    """A segment that is crossed in one direction.

    `a`, `b`: the segment's ends (2,). `forward`: unit normal (2,) pointing to the far side.
    Works in whichever plane its points are given in.
    """

    a: Array
    b: Array
    forward: Array

    @classmethod
    def towards(cls, a: Array, b: Array, direction: Array) -> "DirectedLine":
        """The segment a-b whose forward normal lies on the side `direction` points to."""
        along = np.asarray(b, float) - np.asarray(a, float)
        length = float(np.hypot(*along))
        if length == 0.0:
            raise ValueError(f"a line needs two different points, got {a} twice")
        normal = np.array([-along[1], along[0]]) / length
        if float(normal @ np.asarray(direction, float)) < 0.0:
            normal = -normal
        return cls(np.asarray(a, float), np.asarray(b, float), normal)

    def distance(self, points: Array) -> Array:
        """Signed distance (...,) of points (..., 2) from the infinite line; positive is beyond."""
        return np.asarray((np.asarray(points, float) - self.a) @ self.forward)

    def position_along(self, points: Array) -> Array:
        """Where points (..., 2) stand along the segment: 0 at `a`, 1 at `b`, (...,)."""
        along = self.b - self.a
        return np.asarray((np.asarray(points, float) - self.a) @ along / float(along @ along))


class Polygons:
    """Polygons that are asked many times which of them hold some points.

    A ray from the point to the right crosses the border of a polygon that holds it an odd number
    of times (Shimrat, 1962). A point on the border is outside.
    """

    def __init__(self, polygons: Sequence[Array]) -> None:
        corners = [np.asarray(polygon, float) for polygon in polygons]
        self._count = len(corners)
        self._first = np.cumsum([0, *(len(c) for c in corners)])[:-1]
        start = np.concatenate(corners) if corners else np.zeros((0, 2))
        end = np.concatenate([np.roll(c, -1, axis=0) for c in corners]) if corners else start
        downward = end[:, 1] < start[:, 1]
        self._low = np.where(downward[:, None], end, start)
        self._way = np.where(downward[:, None], start, end) - self._low
        self._high_y = self._low[:, 1] + self._way[:, 1]

    def holds(self, points: Array) -> NDArray[np.bool_]:
        """Which of the points (N, 2) lie in which of the L polygons, (N, L)."""
        if len(points) == 0 or self._count == 0:
            return np.zeros((len(points), self._count), bool)
        x, y = points[:, :1], points[:, 1:]
        low_x, low_y = self._low[:, 0], self._low[:, 1]
        beside = (low_y > y) != (self._high_y > y)
        # The point is left of the edge where this cross product is positive.
        side = self._way[:, 0] * (y - low_y) - self._way[:, 1] * (x - low_x)
        inside = np.logical_xor.reduceat(beside & (side > 0.0), self._first, axis=1)
        on_line = side == 0.0
        if on_line.any():
            inside &= ~np.logical_or.reduceat(
                on_line & self._within_ends(x, y), self._first, axis=1
            )
        return np.asarray(inside)

    def _within_ends(self, x: Array, y: Array) -> NDArray[np.bool_]:
        """Whether points (N, 1), (N, 1) lie in the boxes around the edges, (N, E)."""
        half = self._way / 2.0
        middle = self._low + half
        near_x = np.abs(x - middle[:, 0]) <= np.abs(half[:, 0])
        near_y = np.abs(y - middle[:, 1]) <= np.abs(half[:, 1])
        return np.asarray(near_x & near_y)


def polygon_mask(polygon: Array, points: Array) -> NDArray[np.bool_]:
    """Which of the points (N, 2) lie in the polygon (K, 2)."""
    return Polygons([polygon]).holds(np.asarray(points, float))[:, 0]


@dataclass(frozen=True, slots=True)
class Homography:
    """Image to road plane, with what is known of its error.

    image_to_ground: (3, 3), scaled so that its last element is 1. covariance: (8, 8) of the first
    eight elements in row order, in the units of those elements; zeros if exact. rms_error_m:
    residual of the calibration on the road plane. valid_area_px: polygon (K, 2) in the image
    outside which nothing is measured. camera_height_m: height of the lens above the road plane,
    or None where it is not known; camera_ground_m: the point (2,) on the road plane below the
    lens, or None.
    """

    image_to_ground: Array
    covariance: Array
    rms_error_m: float
    valid_area_px: Array
    camera_height_m: float | None = None
    camera_ground_m: Array | None = None
    ground_to_image: Array = field(init=False)
    _area: Polygons = field(init=False, repr=False, compare=False)
    _road_side: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        h = self.image_to_ground
        centre = self.valid_area_px.mean(axis=0)
        object.__setattr__(self, "ground_to_image", np.linalg.inv(h))
        object.__setattr__(self, "_area", Polygons([self.valid_area_px]))
        object.__setattr__(self, "_road_side", float(np.sign(centre @ h[2, :2] + h[2, 2])))
        for array in (self.image_to_ground, self.covariance, self.valid_area_px):
            array.flags.writeable = False

    def to_ground(self, points_px: Array) -> Array:
        """Ground points (..., 2) in metres of image points (..., 2).

        A point on or above the horizon gives NaN.
        """
        points = np.asarray(points_px, float)
        ground, depth = _through(self.image_to_ground, points.reshape(-1, 2))
        ground[:, ~self._is_road(depth)] = np.nan
        return np.asarray(ground.T.reshape(points.shape))

    def to_image(self, points_m: Array) -> Array:
        """Image points (..., 2) in pixels of ground points (..., 2)."""
        points = np.asarray(points_m, float)
        image, _ = _through(self.ground_to_image, points.reshape(-1, 2))
        return np.asarray(image.T.reshape(points.shape))

    def seen_at(self, points_m: Array) -> tuple[Array, Array]:
        """Image points (N, 2) of ground points (N, 2), and metres on the road of a pixel across the
        picture there (N,).
        """
        # The depth from the ground is one by the depth from the image.
        image, depth = _through(self.ground_to_image, points_m)
        h = self.image_to_ground
        x, y = (h[:2, 0] - points_m * h[2, 0]).T
        return image.T, np.asarray(np.sqrt(x * x + y * y) * np.abs(depth))

    def greatest_depth(self, x_px: Array, least_y_px: Array) -> Array:
        """The greatest depth (N,), from the ground, of road points seen at x_px (N,), not above
        least_y_px (N,); infinite if that leads to the horizon.
        """
        side, (by_x, by_y, fixed) = self._road_side, self.image_to_ground[2]
        nearest = side * (by_x * x_px + by_y * least_y_px + fixed)
        if side * by_y < 0.0:
            return np.full(len(x_px), np.inf)
        with np.errstate(divide="ignore"):
            return np.where(nearest > 0.0, 1.0 / np.maximum(nearest, 0.0), np.inf)

    def in_area(self, points_px: Array) -> NDArray[np.bool_]:
        """Which of the image points (N, 2) lie in the calibrated area."""
        return self._area.holds(np.asarray(points_px, float))[:, 0]

    def jacobian(self, points_px: Array) -> Array:
        """d ground / d image (N, 2, 2), metres per pixel, at image points (N, 2)."""
        return self.linearised(points_px)[1]

    def linearised(self, points_px: Array) -> tuple[Array, Array]:
        """Ground points (N, 2) of image points (N, 2), and d ground / d image (N, 2, 2) there.

        A point on or above the horizon gives a ground point of NaN.
        """
        h = self.image_to_ground
        ground, depth = _through(h, np.asarray(points_px, float))
        with np.errstate(divide="ignore", invalid="ignore"):
            j = (h[:2, :2, None] - ground[:, None] * h[2, :2, None]) / depth
        seen = self._is_road(depth)
        if not seen.all():
            ground[:, ~seen] = np.nan
        return ground.T, j.transpose(2, 0, 1)

    def m_per_px_across(self, points_px: Array) -> Array:
        """Metres on the road of a pixel across the picture (N,) at image points (N, 2)."""
        x, y = self.jacobian(points_px)[:, :, 0].T
        return np.asarray(np.sqrt(x * x + y * y))

    def parameter_jacobian(self, points_px: Array) -> Array:
        """d ground / d the first eight elements (N, 2, 8) at image points (N, 2)."""
        h = self.image_to_ground
        p = np.asarray(points_px, float)
        n = len(p)
        w = p @ h[2, :2] + h[2, 2]
        g = (p @ h[:2, :2].T + h[:2, 2]) / w[:, None]
        one = np.column_stack([p, np.ones(n)]) / w[:, None]
        out = np.zeros((n, 2, 8))
        out[:, 0, 0:3] = one
        out[:, 1, 3:6] = one
        out[:, :, 6:8] = -g[:, :, None] * one[:, None, :2]
        return out

    def ground_covariance(self, points_px: Array, image_cov_px2: Array) -> Array:
        """Covariance (N, 2, 2), m2, of ground points from the image noise alone.

        image_cov_px2: (N, 2, 2) or (2, 2). The calibration's own error is common to all points
        of a pass and is therefore kept apart (`parameter_jacobian`).
        """
        j = self.jacobian(points_px)
        return np.asarray(j @ image_cov_px2 @ np.swapaxes(j, -1, -2))

    def _is_road(self, depth: Array) -> NDArray[np.bool_]:
        """Whether image points of these depths (N,) are on the road's side of the horizon."""
        return np.asarray(depth * self._road_side > 1e-12)


def _through(matrix: Array, points: Array) -> tuple[Array, Array]:
    """Points (N, 2) through a homography, (2, N), and their depth (N,).

    Written out, so that a point gets the same numbers whichever others are asked with it, and on
    every machine: how a matrix product is summed and rounded depends on both.
    """
    x, y = points[:, 0], points[:, 1]
    place = matrix[:, :1] * x + matrix[:, 1:2] * y + matrix[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return place[:2] / place[2], place[2]
