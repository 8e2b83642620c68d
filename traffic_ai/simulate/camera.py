"""A pinhole camera above the road: the exact map between world points and picture points.

World: metres, X right, Y forward along the road, Z up, right-handed; Z = 0 is the road surface.
Picture: pixels, u right, v down; the picture spans [0, width] x [0, height], so the centre of the
first pixel lies at (0.5, 0.5).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from traffic_ai.simulate.arrays import Floats


@dataclass(frozen=True)
class PinholeCamera:
    """A distortion-free camera; yaw turns it to the right, pitch tilts it down."""

    position_m: tuple[float, float, float]
    yaw_deg: float
    pitch_deg: float
    focal_px: float
    width_px: int
    height_px: int

    @cached_property
    def rotation(self) -> Floats:
        """Rows are the camera's right, down and forward axes in the world, shape (3, 3)."""
        yaw, pitch = np.radians(self.yaw_deg), np.radians(self.pitch_deg)
        right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
        forward = np.array(
            [np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)]
        )
        return np.stack([right, np.cross(forward, right), forward])

    def to_camera_m(self, world_m: Floats) -> Floats:
        """World points (..., 3) as camera points (..., 3): right, down, depth in metres."""
        return np.asarray((world_m - np.asarray(self.position_m)) @ self.rotation.T)

    def project_px(self, world_m: Floats) -> Floats:
        """Picture points (..., 2) of world points (..., 3) that lie before the camera."""
        camera_m = self.to_camera_m(world_m)
        centre_px = np.array([self.width_px / 2, self.height_px / 2])
        return np.asarray(self.focal_px * camera_m[..., :2] / camera_m[..., 2:3] + centre_px)

    def project_ground_px(self, ground_m: Floats) -> Floats:
        """Picture points (..., 2) of road points (..., 2)."""
        flat = np.zeros((*ground_m.shape[:-1], 1))
        return self.project_px(np.concatenate([ground_m, flat], axis=-1))

    def rays(self, points_px: Floats) -> Floats:
        """World directions (..., 3), of any length, of rays through picture points (..., 2)."""
        centre_px = np.array([self.width_px / 2, self.height_px / 2])
        in_plane = (points_px - centre_px) / self.focal_px
        ones = np.ones((*points_px.shape[:-1], 1))
        return np.concatenate([in_plane, ones], axis=-1) @ self.rotation

    def ground_m(self, points_px: Floats) -> Floats:
        """Road points (..., 2) seen at picture points (..., 2) below the horizon."""
        rays = self.rays(points_px)
        reach = -self.position_m[2] / rays[..., 2:3]
        return np.asarray(self.position_m)[:2] + reach * rays[..., :2]
