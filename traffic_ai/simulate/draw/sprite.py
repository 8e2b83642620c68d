"""A vehicle drawn by itself: linear colours with coverage, ready to be laid over a picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.light import Switches, finish_points, shade
from traffic_ai.simulate.draw.raster import Hits, rasterise
from traffic_ai.simulate.draw.vehicle import VehicleModel

MARGIN_PX = 2
NEAREST_DEPTH_M = 0.3


@dataclass(frozen=True)
class Pose:
    """Where a vehicle stands: the middle of its contact rectangle, and whether it faces down Y."""

    x_m: float
    y_m: float
    turned: bool

    def to_world_m(self, points_m: Floats) -> Floats:
        """Vehicle-frame points (..., 3) in the world."""
        sign = np.array([-1.0, -1.0, 1.0]) if self.turned else np.ones(3)
        return np.asarray(points_m * sign + np.array([self.x_m, self.y_m, 0.0]))


@dataclass(frozen=True)
class Sprite:
    """Pre-multiplied linear colour (h, w, 3) and coverage (h, w), its corner at (left, top)."""

    left_px: int
    top_px: int
    colour: Floats
    coverage: Floats


def draw_vehicle(
    model: VehicleModel, pose: Pose, switches: Switches, camera: Camera
) -> Sprite | None:
    """Draw a vehicle over nothing, anti-aliased by supersampling; None outside the picture."""
    depth_m = camera.to_camera_m(pose.to_world_m(model.mesh.vertices_m))[:, 2]
    ahead = depth_m > NEAREST_DEPTH_M
    if not ahead.any():
        return None
    points_px = _points_px(model, pose, camera)
    limit = np.array([camera.width_px, camera.height_px])
    low = np.maximum(np.floor(points_px[ahead].min(axis=0)).astype(int) - MARGIN_PX, 0)
    high = np.minimum(np.ceil(points_px[ahead].max(axis=0)).astype(int) + MARGIN_PX, limit)
    width, height = (int(side) for side in high - low)
    if width <= 0 or height <= 0:
        return None
    scale = 3 if max(width, height) < 110 else 2
    wide, tall = width * scale, height * scale
    hits = rasterise((points_px - low) * scale, depth_m, model.mesh.faces, wide, tall)
    if len(hits.pixel) == 0:
        return None
    canvas = np.zeros((tall * wide, 4), np.float32)
    canvas[hits.pixel, :3] = _colours(model, pose, switches, camera, hits)
    canvas[hits.pixel, 3] = 1.0
    stacked = canvas.reshape(tall, wide, 4)
    small = np.asarray(
        cv2.resize(stacked, (width, height), interpolation=cv2.INTER_AREA), np.float32
    )
    return Sprite(int(low[0]), int(low[1]), small[..., :3], small[..., 3])


def _points_px(model: VehicleModel, pose: Pose, camera: Camera) -> Floats:
    """Picture points (V, 2) of a mesh; those not before the camera are pulled to its near plane."""
    in_camera_m = camera.to_camera_m(pose.to_world_m(model.mesh.vertices_m))
    safe_m = np.maximum(in_camera_m[:, 2], NEAREST_DEPTH_M)[:, None]
    centre_px = np.array([camera.width_px / 2, camera.height_px / 2])
    return np.asarray(camera.focal_px * in_camera_m[:, :2] / safe_m + centre_px)


def _colours(
    model: VehicleModel, pose: Pose, switches: Switches, camera: Camera, hits: Hits
) -> Floats:
    """Linear colours (P, 3) of the pixels a mesh covers."""
    mesh, triangle = model.mesh, hits.triangle
    points_m = np.einsum("pi,pij->pj", hits.weights, mesh.vertices_m[mesh.faces[triangle]])
    normals = np.einsum("pi,pij->pj", hits.weights, mesh.normals[triangle])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    toward_eye = np.asarray(camera.position_m) - pose.to_world_m(points_m)
    toward_eye /= np.linalg.norm(toward_eye, axis=1, keepdims=True)
    finishes = finish_points(points_m, normals, mesh.material[triangle], model.materials, switches)
    return shade(points_m, normals, toward_eye, finishes, pose.turned)


def lay_over(picture: Floats, sprite: Sprite) -> None:
    """Lay a sprite over a linear picture (H, W, 3)."""
    height, width = sprite.coverage.shape
    window = picture[
        sprite.top_px : sprite.top_px + height, sprite.left_px : sprite.left_px + width
    ]
    window *= 1.0 - sprite.coverage[..., None]
    window += sprite.colour
