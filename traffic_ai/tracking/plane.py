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
from traffic_ai.tracking.columns import rows, zeros

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

# Columns of a table of readings.
_IMAGE, _GROUND, _WIDTH = slice(0, 5), slice(5, 10), 13
_ACROSS, _LOG_SCALE, _FINE = 10, 11, 12


@dataclass(frozen=True, slots=True)
class Readings:
    """Where N boxes stand, in either plane, as one table (N, 13).

    In either plane: the place and the three numbers of its covariance, xx, xy, yy; on the ground
    NaN above the horizon. Then: metres on the road of a pixel across the picture; the logarithm of
    the square metres that a square pixel covers; and 1 where the road plane is fine enough to be
    used.
    """

    table: Array

    def take(self, index: NDArray[np.int64]) -> "Readings":
        """The readings at some positions."""
        return Readings(rows(self.table, index))

    @property
    def anchors_px(self) -> Array:
        """(N, 2)."""
        return self.table[:, :2]

    @property
    def ground_m(self) -> Array:
        """(N, 2), NaN above the horizon."""
        return self.table[:, 5:7]

    @property
    def across_m(self) -> Array:
        """(N,) metres a pixel, zero where there is no road plane."""
        return self.table[:, _ACROSS]

    @property
    def fine(self) -> NDArray[np.bool_]:
        """(N,)."""
        return np.asarray(self.table[:, _FINE] > 0.0)

    def measured(self, on_ground: NDArray[np.bool_]) -> Array:
        """Places and their covariances (N, 5), each on the road plane or in the image."""
        table = self.table
        return np.where(on_ground[:, None], table[:, _GROUND], table[:, _IMAGE])


class MotionPlanes:
    """Where each track's state lives, and how to come from boxes to it and back.

    seen_px (4,): the part of the picture that is looked at.
    """

    def __init__(self, scene: Scene) -> None:
        self.seen_px = np.array(scene.seen_px, float)
        self._h = scene.homography
        self._width_px = scene.width_px

    def read(self, boxes: Array) -> Readings:
        """Where boxes (N, 4) stand."""
        anchors, sigma_px = anchors_px(boxes), box_sigma_px(boxes[:, 3] - boxes[:, 1])
        variance = sigma_px * sigma_px
        columns = np.zeros((_WIDTH, len(boxes)))
        columns[:2] = anchors.T
        columns[2] = columns[4] = variance
        if self._h is None:
            columns[_GROUND] = np.nan
            return Readings(columns.T)
        ground_m, jacobian = self._h.linearised(anchors)
        right, down = jacobian.transpose(2, 1, 0)
        xx, xy, yy = noise = columns[7:10]
        np.add(right * right, down * down, out=noise[::2])
        np.add(right[0] * right[1], down[0] * down[1], out=xy)
        columns[5:7] = ground_m.T
        columns[_FINE] = (xx + yy < COARSEST_M_PER_PX**2) & ~np.isnan(columns[5])
        with np.errstate(divide="ignore", invalid="ignore"):
            columns[_LOG_SCALE] = 2.0 * np.log(np.abs(right[0] * down[1] - right[1] * down[0]))
        columns[_ACROSS] = np.sqrt((right * right).sum(axis=0))
        noise *= variance
        return Readings(columns.T)

    def seen_at(
        self, positions: Array, on_ground: NDArray[np.bool_], across_m: Array
    ) -> tuple[Array, Array]:
        """Image anchors (N, 2) of plane positions (N, 2), and metres a pixel across there (N,).

        across_m (N,): kept where a position is in the image.
        """
        if self._h is None:
            return positions, across_m
        anchors, there_m = self._h.seen_at(positions)
        if on_ground.all():
            return anchors, there_m
        return (
            np.where(on_ground[:, None], anchors, positions),
            np.where(on_ground, there_m, across_m),
        )

    def distances(
        self, states: Array, on_ground: NDArray[np.bool_], found: Readings
    ) -> tuple[Array, Array]:
        """Squared distance and log-determinant (P,) of pairs of a track and a reading.

        states (P, 5): place and covariance of the tracks, each in its own plane; infinitely far
        where the box has no place in it. The log-determinant on the road plane is converted to
        pixels, so that costs of the two planes compare.
        """
        fine = found.fine
        apart = motion.Apart.of(states, found.measured(on_ground & fine))
        log_det = np.log(apart.det) - np.where(on_ground, found.table[:, _LOG_SCALE], 0.0)
        usable = fine | ~on_ground
        return np.where(usable, apart.distance2, np.inf), np.where(usable, log_det, 0.0)

    def may_be_near(
        self,
        states: Array,
        on_ground: NDArray[np.bool_],
        x_px: Array,
        least_y_px: Array,
        most_height_px: Array,
        gate: float,
    ) -> NDArray[np.bool_]:
        """Which pairs (P,) of a track and a box may be within the gate of `distances`, as far as
        the side tells.

        states (P, 5): as there. The box's anchor is at x_px (P,) and not above least_y_px (P,); its
        height is most_height_px (P,) at the most. Of the squared distance the part square to what
        is upright in the picture at x_px is the same wherever the vehicle stands there.
        """
        x, y, xx, xy, yy = states.T
        off, variance = x - x_px, xx
        noise = box_sigma_px(most_height_px)
        if self._h is not None:
            (by_x, by_y, fixed), _, (w_by_x, w_by_y, w_fixed) = self._h.ground_to_image
            # On the road that is the line from which a place is off by so much, times its depth.
            to_x, to_y = by_x - x_px * w_by_x, by_y - x_px * w_by_y
            off_m = to_x * x + to_y * y + (fixed - x_px * w_fixed)
            variance_m2 = to_x * to_x * xx + 2.0 * to_x * to_y * xy + to_y * to_y * yy
            off = np.where(on_ground, off_m, off)
            variance = np.where(on_ground, variance_m2, variance)
            deepest = self._h.greatest_depth(x_px, least_y_px)
            noise = np.where(on_ground, noise * deepest, noise)
        # A little more, as numbers are rounded.
        return np.asarray(off * off <= 1.001 * gate * (variance + noise * noise))

    def process_noise(self, on_ground: NDArray[np.bool_], heights_px: Array) -> Array:
        """Spectral density of the acceleration (N,): a driver's, held for about a second."""
        image = (ACCELERATION_HEIGHTS_PS2 * np.maximum(heights_px, 8.0)) ** 2
        return np.where(on_ground, ACCELERATION_MPS2**2, image)

    def initial(self, boxes: Array, readings: Readings) -> tuple[Array, Array, NDArray[np.bool_]]:
        """States (N, 4), covariances (N, 4, 4) and planes (N,) of tracks seen but once."""
        fine = readings.fine
        x, y, xx, xy, yy = readings.measured(fine).T
        heights = np.maximum(boxes[:, 3] - boxes[:, 1], 8.0)
        guess = np.where(fine, VELOCITY_GUESS_MPS, VELOCITY_GUESS_HEIGHTS_PS * heights)
        state, cov = zeros(len(boxes), 4), zeros(len(boxes), 4, 4)
        state[:, 0], state[:, 1] = x, y
        cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 0], cov[:, 1, 1] = xx, xy, xy, yy
        cov[:, 2, 2] = cov[:, 3, 3] = guess**2
        return state, cov, fine

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
        return self.calibrated(self.read(boxes))

    def calibrated(self, readings: Readings) -> tuple[Array, Array]:
        """Ground points (N, 2) and covariances (N, 2, 2) of readings, NaN outside the area."""
        n = len(readings.table)
        if self._h is None:
            return np.full((n, 2), np.nan), np.full((n, 2, 2), np.nan)
        known = self._h.in_area(readings.anchors_px)
        x, y, xx, xy, yy = readings.table[:, _GROUND].T
        found = np.array([x, y, xx, xy, xy, yy])
        found[:, ~known] = np.nan
        return found[:2].T, found[2:].T.reshape(n, 2, 2)

    def near_sides(self, state: Array, on_ground: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Where in its box each vehicle's (N,) nearer end stands: -1 left, 1 right of its side, 0
        where it does not move on the road plane.
        """
        n = len(state)
        if self._h is None:
            return np.zeros(n, np.int64)
        here_m, velocity_mps = state[:, :2], state[:, 2:]
        speed = np.hypot(velocity_mps[:, 0], velocity_mps[:, 1])
        with np.errstate(invalid="ignore"):
            ahead_m = here_m + AHEAD_M * velocity_mps / speed[:, None]
        anchors = self._h.to_image(np.concatenate([ahead_m, here_m]))
        x, y = (anchors[:n] - anchors[n:]).T
        # Farther away is higher in the picture.
        turn = x * y
        known = on_ground & (speed >= DIRECTED_MPS) & ~np.isnan(turn)
        return np.where(known, np.sign(turn), 0.0).astype(np.int64)

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


def box_sigma_px(heights_px: Array) -> Array:
    """Noise (N,) of each coordinate of the anchors of boxes of these heights (N,)."""
    return np.asarray(BOX_NOISE_PX + BOX_NOISE_SHARE * np.maximum(heights_px, 0.0))
