"""A camera above the road: the exact map between world points and picture points.

World: metres, X right, Y forward along the road, Z up, right-handed; Z = 0 is the road surface.
Picture: pixels, u right, v down; the picture spans [0, width] x [0, height], so the centre of the
first pixel lies at (0.5, 0.5). The lens distorts radially about the picture's centre (Brown, 1971):
a point at (x, y) = r on the plane at depth 1 is seen at (1 + k1 r^2 + k2 r^4) (x, y).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from traffic_ai.simulate.arrays import Floats

# Newton steps of the inversion of the distortion.
_UNDISTORT_STEPS = 12


@dataclass(frozen=True)
class Camera:
    """Yaw turns it to the right, pitch tilts it down, roll turns it clockwise about its axis.

    focal_px: of the undistorted picture. Without k1 and k2 it is a pinhole camera.
    """

    position_m: tuple[float, float, float]
    yaw_deg: float
    pitch_deg: float
    focal_px: float
    width_px: int
    height_px: int
    roll_deg: float = 0.0
    k1: float = 0.0
    k2: float = 0.0

    def turned(self, yaw_deg: float, pitch_deg: float, roll_deg: float) -> "Camera":
        """This camera turned further by some angles."""
        return replace(
            self,
            yaw_deg=self.yaw_deg + yaw_deg,
            pitch_deg=self.pitch_deg + pitch_deg,
            roll_deg=self.roll_deg + roll_deg,
        )

    @cached_property
    def rotation(self) -> Floats:
        """Rows are the camera's right, down and forward axes in the world, shape (3, 3)."""
        yaw, pitch, roll = np.radians([self.yaw_deg, self.pitch_deg, self.roll_deg])
        level = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
        forward = np.array(
            [np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)]
        )
        upright = np.cross(forward, level)
        right = np.cos(roll) * level + np.sin(roll) * upright
        return np.stack([right, np.cross(forward, right), forward])

    @property
    def centre_px(self) -> Floats:
        """The middle of the picture (2,)."""
        return np.array([self.width_px / 2, self.height_px / 2])

    def to_camera_m(self, world_m: Floats) -> Floats:
        """World points (..., 3) as camera points (..., 3): right, down, depth in metres."""
        return np.asarray((world_m - np.asarray(self.position_m)) @ self.rotation.T)

    def from_camera_px(self, camera_m: Floats) -> Floats:
        """Picture points (..., 2) of camera points (..., 3) that lie before the camera."""
        plane = camera_m[..., :2] / camera_m[..., 2:3]
        return np.asarray(self.focal_px * self._distorted(plane) + self.centre_px)

    def project_px(self, world_m: Floats) -> Floats:
        """Picture points (..., 2) of world points (..., 3) that lie before the camera."""
        return self.from_camera_px(self.to_camera_m(world_m))

    def project_ground_px(self, ground_m: Floats) -> Floats:
        """Picture points (..., 2) of road points (..., 2)."""
        flat = np.zeros((*ground_m.shape[:-1], 1))
        return self.project_px(np.concatenate([ground_m, flat], axis=-1))

    def rays(self, points_px: Floats) -> Floats:
        """World directions (..., 3), of any length, of rays through picture points (..., 2)."""
        plane = self._undistorted((points_px - self.centre_px) / self.focal_px)
        ones = np.ones((*points_px.shape[:-1], 1))
        return np.concatenate([plane, ones], axis=-1) @ self.rotation

    def ground_m(self, points_px: Floats) -> Floats:
        """Road points (..., 2) seen at picture points (..., 2) below the horizon."""
        rays = self.rays(points_px)
        reach = -self.position_m[2] / rays[..., 2:3]
        return np.asarray(self.position_m)[:2] + reach * rays[..., :2]

    @cached_property
    def _reach(self) -> float:
        """The largest r whose image still moves outward with it; beyond, the lens sees nothing."""
        if self.k1 == 0.0 and self.k2 == 0.0:
            return np.inf
        r = np.linspace(0.0, 4.0, 4001)
        folds = np.flatnonzero(1 + 3 * self.k1 * r**2 + 5 * self.k2 * r**4 <= 0.05)
        return float(r[folds[0]]) if len(folds) else np.inf

    def _distorted(self, plane: Floats) -> Floats:
        if self.k1 == 0.0 and self.k2 == 0.0:
            return plane
        r = np.linalg.norm(plane, axis=-1, keepdims=True)
        seen = np.minimum(r, self._reach)
        return np.asarray(plane * (1 + self.k1 * seen**2 + self.k2 * seen**4))

    def _undistorted(self, plane: Floats) -> Floats:
        if self.k1 == 0.0 and self.k2 == 0.0:
            return plane
        seen = np.linalg.norm(plane, axis=-1, keepdims=True)
        r = seen
        for _ in range(_UNDISTORT_STEPS):
            slope = 1 + 3 * self.k1 * r**2 + 5 * self.k2 * r**4
            r = r - (r * (1 + self.k1 * r**2 + self.k2 * r**4) - seen) / np.maximum(slope, 0.05)
            r = np.clip(r, 0.0, self._reach)
        return np.asarray(plane * np.where(seen > 0, r / np.maximum(seen, 1e-12), 1.0))
