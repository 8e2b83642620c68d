"""The plane a track moves on: metres on the road where it is calibrated, pixels elsewhere.

A vehicle at constant speed moves evenly on the road plane and ever slower in the image, so the
road plane predicts it through occlusions. Near the horizon a pixel is many metres and the plane
says nothing; there the image is used.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.tracking import motion
from traffic_ai.tracking.boxes import anchors_px

# Box noise of the detector: about a pixel, and more for large boxes (1.2-1.5 px SD on drawn
# vehicles).
BOX_NOISE_PX = 1.0
BOX_NOISE_SHARE = 0.025
# A driver's acceleration, and the widest guess of a new track's velocity.
ACCELERATION_MPS2 = 3.0
VELOCITY_GUESS_MPS = 20.0
# The same in the image, in heights of the vehicle's box: a car is about 1.5 m high.
ACCELERATION_HEIGHTS_PS2 = 3.0
VELOCITY_GUESS_HEIGHTS_PS = 12.0
STANDING_MPS = 0.7
STANDING_HEIGHTS_PS = 0.4
# Who moves so fast has a direction; the way over which the picture is asked where that leads.
DIRECTED_MPS, AHEAD_M = 2.0, 5.0
# Coarser than this the road plane is not used, metres a pixel in any direction.
COARSEST_M_PER_PX = 4.0


@dataclass(frozen=True, slots=True)
class Readings:
    """Where N boxes stand, in either plane.

    anchors_px (N, 2) and the variance of each coordinate, variance_px2 (N,); ground_m (N, 2), NaN
    above the horizon, and jacobian (N, 2, 2), metres a pixel. fine (N,): whether the road plane is
    fine enough there to be used.
    """

    anchors_px: Array
    variance_px2: Array
    ground_m: Array
    jacobian: Array
    fine: NDArray[np.bool_]

    def take(self, index: NDArray[np.int64]) -> "Readings":
        """The readings at some positions."""
        return Readings(
            self.anchors_px[index],
            self.variance_px2[index],
            self.ground_m[index],
            self.jacobian[index],
            self.fine[index],
        )

    def measured(self, on_ground: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Positions (N, 2) and their noise (N, 2, 2), each on the road plane or in the image."""
        positions = np.where(on_ground[:, None], self.ground_m, self.anchors_px)
        noise = np.zeros((len(positions), 2, 2))
        j = self.jacobian
        row_x, row_y = j[:, 0], j[:, 1]
        noise[:, 0, 0] = np.where(on_ground, _dot(row_x, row_x), 1.0)
        noise[:, 1, 1] = np.where(on_ground, _dot(row_y, row_y), 1.0)
        noise[:, 0, 1] = noise[:, 1, 0] = np.where(on_ground, _dot(row_x, row_y), 0.0)
        return positions, noise * self.variance_px2[:, None, None]


class MotionPlanes:
    """Where each track's state lives, and how to come from boxes to it and back."""

    def __init__(self, scene: Scene) -> None:
        self._h = scene.homography
        self._width_px = scene.width_px

    def read(self, boxes: Array) -> Readings:
        """Where boxes (N, 4) stand."""
        anchors, variance = anchors_px(boxes), _image_variance(boxes)
        if self._h is None:
            n = len(boxes)
            nowhere, flat = np.full((n, 2), np.nan), np.zeros((n, 2, 2))
            return Readings(anchors, variance, nowhere, flat, np.zeros(n, bool))
        ground_m, jacobian = self._h.linearised(anchors)
        norm2 = (jacobian * jacobian).sum(axis=(1, 2))
        fine = (norm2 < COARSEST_M_PER_PX**2) & ~np.isnan(ground_m[:, 0])
        return Readings(anchors, variance, ground_m, jacobian, fine)

    def to_image(self, positions: Array, on_ground: NDArray[np.bool_]) -> Array:
        """Image anchors (N, 2) of plane positions (N, 2)."""
        anchors = positions.copy()
        if self._h is not None and on_ground.any():
            anchors[on_ground] = self._h.to_image(positions[on_ground])
        return anchors

    def moved_boxes(self, boxes: Array, anchors: Array, on_ground: NDArray[np.bool_]) -> Array:
        """Boxes (N, 4) moved to new anchors (N, 2), scaled as the road plane says."""
        scale = np.ones(len(boxes))
        if self._h is not None and on_ground.any():
            old, new = anchors_px(boxes[on_ground]), anchors[on_ground]
            j = self._h.jacobian(np.concatenate([old, new]))[:, :, 0]
            across = np.sqrt((j * j).sum(axis=1))
            scale[on_ground] = np.clip(across[: len(old)] / across[len(old) :], 0.2, 5.0)
        size = (boxes[:, 2:] - boxes[:, :2]) * scale[:, None]
        return np.column_stack(
            [
                anchors[:, 0] - size[:, 0] / 2.0,
                anchors[:, 1] - size[:, 1],
                anchors[:, 0] + size[:, 0] / 2.0,
                anchors[:, 1],
            ]
        )

    def distances(
        self, state: Array, covariance: Array, on_ground: NDArray[np.bool_], found: Readings
    ) -> tuple[Array, Array]:
        """Squared distance and log-determinant (P,) of pairs of a track and a reading.

        Each in its track's own plane; infinitely far where the box has no place in it. The
        log-determinant on the road plane is converted to pixels, so that costs of the two planes
        compare.
        """
        usable = ~on_ground | found.fine
        measured, noise = found.measured(on_ground & found.fine)
        distance2, log_det = motion.mahalanobis2(
            state[:, :2], covariance[:, :2, :2], measured, noise
        )
        if self._h is not None:
            j = found.jacobian
            with np.errstate(divide="ignore", invalid="ignore"):
                size = np.log(np.abs(j[:, 0, 0] * j[:, 1, 1] - j[:, 0, 1] * j[:, 1, 0]))
            log_det = log_det - np.where(usable & on_ground, 2.0 * size, 0.0)
        return np.where(usable, distance2, np.inf), np.where(usable, log_det, 0.0)

    def process_noise(self, on_ground: NDArray[np.bool_], heights_px: Array) -> Array:
        """Spectral density of the acceleration (N,): a driver's, held for about a second."""
        image = (ACCELERATION_HEIGHTS_PS2 * np.maximum(heights_px, 8.0)) ** 2
        return np.where(on_ground, ACCELERATION_MPS2**2, image)

    def initial(self, boxes: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """States (N, 4), covariances (N, 4, 4) and planes (N,) of tracks seen but once."""
        readings = self.read(boxes)
        measured, noise = readings.measured(readings.fine)
        heights = np.maximum(boxes[:, 3] - boxes[:, 1], 8.0)
        guess = np.where(readings.fine, VELOCITY_GUESS_MPS, VELOCITY_GUESS_HEIGHTS_PS * heights)
        cov = np.zeros((len(boxes), 4, 4))
        cov[:, :2, :2] = noise
        cov[:, 2, 2] = cov[:, 3, 3] = guess**2
        return np.hstack([measured, np.zeros_like(measured)]), cov, readings.fine

    def switched(self, state: Array, cov: Array, *, to_ground: bool) -> tuple[Array, Array]:
        """The same motion in the other plane, to first order."""
        if self._h is None:
            return state, cov
        position = state[None, :2]
        anchor = position if to_ground else self._h.to_image(position)
        ground = self._h.to_ground(anchor) if to_ground else position
        j = self._h.jacobian(anchor)[0]
        if not to_ground:
            j = np.linalg.inv(j)
        full = np.zeros((4, 4))
        full[:2, :2] = full[2:, 2:] = j
        new_position = ground[0] if to_ground else anchor[0]
        if np.isnan(new_position).any():
            return state, cov
        return np.concatenate([new_position, j @ state[2:]]), full @ cov @ full.T

    def calibrated_points(self, boxes: Array) -> tuple[Array, Array]:
        """Ground points (N, 2) and covariances (N, 2, 2) of anchors, NaN outside the area."""
        if self._h is None:
            return np.full((len(boxes), 2), np.nan), np.full((len(boxes), 2, 2), np.nan)
        known = self._h.in_area(anchors_px(boxes))
        ground_m, cov_m2 = self.read(boxes).measured(known)
        ground_m[~known], cov_m2[~known] = np.nan, np.nan
        return ground_m, cov_m2

    def near_sides(self, state: Array, on_ground: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Where in its box each vehicle's (N,) nearer end stands: -1 left, 1 right of its side, 0
        where it does not move on the road plane.
        """
        sides = np.zeros(len(state), np.int64)
        speed = np.hypot(state[:, 2], state[:, 3])
        moves = np.flatnonzero(on_ground & (speed >= DIRECTED_MPS))
        if self._h is None or not len(moves):
            return sides
        here_m = state[moves, :2]
        ahead_m = here_m + AHEAD_M * state[moves, 2:] / speed[moves, None]
        way_px = self._h.to_image(ahead_m) - self._h.to_image(here_m)
        known = ~np.isnan(way_px).any(axis=1)
        # Farther away is higher in the picture.
        sides[moves[known]] = np.sign(way_px[known, 0] * way_px[known, 1]).astype(np.int64)
        return sides

    def px_across(self, boxes: Array, width_m: float) -> Array:
        """How wide (N,) something is in the picture that is so wide where boxes (N, 4) stand."""
        if self._h is None:
            return np.full(len(boxes), np.inf)
        return np.asarray(width_m / np.maximum(self._h.m_per_px_across(anchors_px(boxes)), 1e-6))

    def leap_shares(self, old: Array, new: Array, dt_s: Array, top_speed_mps: float) -> Array:
        """Distance (N, M) between boxes as a share of what the fastest vehicle could do."""
        before, after = self.read(old), self.read(new)
        pixels = np.linalg.norm(before.anchors_px[:, None] - after.anchors_px, axis=2)
        metres = np.linalg.norm(before.ground_m[:, None] - after.ground_m, axis=2)
        by_ground = metres / (top_speed_mps * dt_s[:, None])
        both = before.fine[:, None] & after.fine
        return np.asarray(np.where(both, by_ground, pixels / (0.5 * self._width_px)))

    def is_standing(
        self, state: Array, boxes: Array, on_ground: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which tracks (N,) are (nearly) at rest."""
        in_image = STANDING_HEIGHTS_PS * (boxes[:, 3] - boxes[:, 1])
        limit = np.where(on_ground, STANDING_MPS, in_image)
        return np.asarray(np.hypot(state[:, 2], state[:, 3]) < limit)


def _dot(a: Array, b: Array) -> Array:
    """Products (N,) of vectors (N, 2); written out, which is several times as fast as a sum."""
    return np.asarray(a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1])


def _image_variance(boxes: Array) -> Array:
    """Variance (N,) of each coordinate of the anchors in the image."""
    sigma = BOX_NOISE_PX + BOX_NOISE_SHARE * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
    return np.asarray(sigma**2)
