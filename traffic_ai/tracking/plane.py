"""The plane a track moves on: metres on the road where it is calibrated, pixels elsewhere.

A vehicle at constant speed moves evenly on the road plane and ever slower in the image, so the
road plane predicts it through occlusions. Near the horizon a pixel is many metres and the plane
says nothing; there the image is used.
"""

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
# Coarser than this the road plane is not used, metres a pixel in any direction.
COARSEST_M_PER_PX = 4.0


class MotionPlanes:
    """Where each track's state lives, and how to come from boxes to it and back."""

    def __init__(self, scene: Scene) -> None:
        self._h = scene.homography
        self._width_px = scene.width_px

    def wants_ground(self, boxes: Array) -> NDArray[np.bool_]:
        """Which boxes (N, 4) stand where the road plane is fine enough to be used."""
        if self._h is None or len(boxes) == 0:
            return np.zeros(len(boxes), bool)
        anchors = anchors_px(boxes)
        known = ~np.isnan(self._h.to_ground(anchors)[:, 0])
        fine = np.zeros(len(boxes), bool)
        if known.any():
            norms = np.linalg.norm(self._h.jacobian(anchors[known]), axis=(1, 2))
            fine[known] = norms < COARSEST_M_PER_PX
        return fine

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
            ratio = np.linalg.norm(self._h.jacobian(old)[:, :, 0], axis=1) / np.linalg.norm(
                self._h.jacobian(new)[:, :, 0], axis=1
            )
            scale[on_ground] = np.clip(ratio, 0.2, 5.0)
        size = (boxes[:, 2:] - boxes[:, :2]) * scale[:, None]
        return np.column_stack(
            [
                anchors[:, 0] - size[:, 0] / 2.0,
                anchors[:, 1] - size[:, 1],
                anchors[:, 0] + size[:, 0] / 2.0,
                anchors[:, 1],
            ]
        )

    def measured(self, boxes: Array, on_ground: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Plane positions (N, 2) of boxes and their noise (N, 2, 2)."""
        positions = anchors_px(boxes)
        noise = _image_noise(boxes)
        if self._h is not None and on_ground.any():
            anchors = positions[on_ground]
            noise[on_ground] = self._h.ground_covariance(anchors, noise[on_ground])
            positions[on_ground] = self._h.to_ground(anchors)
        return positions, noise

    def distances(
        self, state: Array, covariance: Array, on_ground: NDArray[np.bool_], boxes: Array
    ) -> tuple[Array, Array]:
        """Squared distance and log-determinant (P,) of pairs of a track and a box (P, 4).

        Each in its track's own plane; infinitely far where the box has no place in it. The
        log-determinant on the road plane is converted to pixels, so that costs of the two planes
        compare.
        """
        distance2, log_det = np.full(len(boxes), np.inf), np.zeros(len(boxes))
        usable = ~on_ground
        usable[on_ground] = self.wants_ground(boxes[on_ground])
        measured, noise = self.measured(boxes[usable], on_ground[usable])
        distance2[usable], log_det[usable] = motion.mahalanobis2(
            state[usable, :2], covariance[usable, :2, :2], measured, noise
        )
        if self._h is not None:
            metric = usable & on_ground
            j = self._h.jacobian(anchors_px(boxes[metric]))
            log_det[metric] -= 2.0 * np.log(np.abs(np.linalg.det(j)))
        return distance2, log_det

    def process_noise(self, on_ground: NDArray[np.bool_], heights_px: Array) -> Array:
        """Spectral density of the acceleration (N,): a driver's, held for about a second."""
        image = (ACCELERATION_HEIGHTS_PS2 * np.maximum(heights_px, 8.0)) ** 2
        return np.where(on_ground, ACCELERATION_MPS2**2, image)

    def initial(self, box: Array, on_ground: bool) -> tuple[Array, Array]:
        """State (4,) and covariance (4, 4) of a track seen for the first time."""
        measured, noise = self.measured(box[None], np.array([on_ground]))
        guess = (
            VELOCITY_GUESS_MPS
            if on_ground
            else VELOCITY_GUESS_HEIGHTS_PS * max(box[3] - box[1], 8.0)
        )
        cov = np.zeros((4, 4))
        cov[:2, :2] = noise[0]
        cov[2, 2] = cov[3, 3] = guess**2
        return np.concatenate([measured[0], np.zeros(2)]), cov

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
        ground_m, cov_m2 = np.full((len(boxes), 2), np.nan), np.full((len(boxes), 2, 2), np.nan)
        if self._h is not None:
            anchors = anchors_px(boxes)
            known = self._h.in_area(anchors)
            ground_m[known] = self._h.to_ground(anchors[known])
            noise = _image_noise(boxes[known])
            cov_m2[known] = self._h.ground_covariance(anchors[known], noise)
        return ground_m, cov_m2

    def leap_shares(self, old: Array, new: Array, dt_s: Array, top_speed_mps: float) -> Array:
        """Distance (N, M) between boxes as a share of what the fastest vehicle could do."""
        anchors_old, anchors_new = anchors_px(old), anchors_px(new)
        image = np.linalg.norm(anchors_old[:, None] - anchors_new[None], axis=2) / (
            0.5 * self._width_px
        )
        if self._h is None:
            return np.asarray(image)
        both = np.ix_(
            np.flatnonzero(self.wants_ground(old)), np.flatnonzero(self.wants_ground(new))
        )
        metres = np.linalg.norm(
            self._h.to_ground(anchors_old)[:, None] - self._h.to_ground(anchors_new)[None], axis=2
        )
        shares = image.copy()
        shares[both] = (metres / (top_speed_mps * dt_s[:, None]))[both]
        return np.asarray(shares)

    def is_standing(self, state: Array, box: Array, on_ground: bool) -> bool:
        """Whether a track is (nearly) at rest."""
        limit = STANDING_MPS if on_ground else STANDING_HEIGHTS_PS * (box[3] - box[1])
        return float(np.hypot(state[2], state[3])) < limit


def _image_noise(boxes: Array) -> Array:
    """(N, 2, 2) covariance of the anchors in the image."""
    sigma = BOX_NOISE_PX + BOX_NOISE_SHARE * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
    noise = np.zeros((len(boxes), 2, 2))
    noise[:, 0, 0] = noise[:, 1, 1] = sigma**2
    return noise
