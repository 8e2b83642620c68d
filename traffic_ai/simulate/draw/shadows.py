"""The dark a vehicle leaves on the road: the shadow the sun throws and the one right under it."""

from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.background import SUN_SHARE
from traffic_ai.simulate.draw.light import SUN
from traffic_ai.simulate.draw.sprite import Pose
from traffic_ai.simulate.draw.vehicle import VehicleModel

SUPER = 2
CONTACT_SHARE = 0.72


@dataclass(frozen=True)
class Shadow:
    """The light left on the road (h, w), 1 in the open, its corner at (left, top)."""

    left_px: int
    top_px: int
    light: Floats


def throw_shadow(model: VehicleModel, pose: Pose, camera: Camera) -> Shadow | None:
    """The light a vehicle leaves on the road around it; None where that is outside the picture."""
    world_m = pose.to_world_m(model.mesh.vertices_m)
    ground_m = world_m[:, :2] - world_m[:, 2:3] * SUN[:2] / SUN[2]
    half = np.array([model.width_m, model.length_m]) / 2
    ring = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    feet_m = np.array([pose.x_m, pose.y_m]) + ring * half * np.array([0.97, 1.0])
    if np.minimum(ground_m.min(axis=0), feet_m.min(axis=0))[1] < 3.0:
        ground_m = np.maximum(ground_m, [-99.0, 3.0])
        feet_m = np.maximum(feet_m, [-99.0, 3.0])
    points_px = camera.project_ground_px(ground_m)
    feet_px = camera.project_ground_px(feet_m)
    both_px = np.concatenate([points_px, feet_px])
    margin = 14
    low = np.maximum(np.floor(both_px.min(axis=0)).astype(int) - margin, 0)
    high = np.minimum(
        np.ceil(both_px.max(axis=0)).astype(int) + margin, [camera.width_px, camera.height_px]
    )
    width, height = (int(side) for side in high - low)
    if width <= 0 or height <= 0:
        return None
    metre_px = camera.focal_px / np.hypot(max(pose.y_m, 5.0), camera.position_m[2])
    sharp = _fill_triangles((points_px - low), model.mesh.faces, width, height)
    sun = cv2.GaussianBlur(sharp, (0, 0), max(0.4, 0.025 * metre_px))
    feet = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(feet, np.round((feet_px - low) * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(feet, (0, 0), max(0.5, 0.16 * metre_px))
    tight = cv2.GaussianBlur(feet, (0, 0), max(0.4, 0.05 * metre_px))
    contact = CONTACT_SHARE * (0.5 * soft + 0.5 * tight)
    return Shadow(int(low[0]), int(low[1]), (1 - SUN_SHARE * sun) * (1 - contact))


def _fill_triangles(points_px: Floats, faces: Ints, width: int, height: int) -> Floats:
    """The union of triangles as coverage (h, w)."""
    corners = points_px[faces]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    facing = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < -1e-6
    mask = np.zeros((height * SUPER, width * SUPER), np.uint8)
    fixed = np.round((corners[facing] * SUPER - 0.5) * 16).astype(np.int32)
    for triangle in fixed:
        cv2.fillConvexPoly(mask, triangle, 255, cv2.LINE_8, 4)
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def darken(picture: Floats, shadow: Shadow) -> None:
    """Lay a shadow on a linear picture (H, W, 3)."""
    height, width = shadow.light.shape
    picture[shadow.top_px : shadow.top_px + height, shadow.left_px : shadow.left_px + width] *= (
        shadow.light[..., None]
    )
