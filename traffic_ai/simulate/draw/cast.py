"""The dark a solid leaves on the road: the shadow the sun throws and the one right under it."""

from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.outline import outline_px
from traffic_ai.simulate.draw.solid import Place, Solid

CONTACT_SHARE = 0.72
_SUPER = 2
_MARGIN_PX = 14
_FARTHEST_M = 170.0


@dataclass(frozen=True)
class Shadow:
    """The light left on the road (h, w), 1 in the open, its corner at (left, top)."""

    left_px: int
    top_px: int
    light: Floats

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture it lies on."""
        height, width = self.light.shape
        return (
            slice(self.top_px, self.top_px + height),
            slice(self.left_px, self.left_px + width),
        )


def throw_shadow(
    solid: Solid, place: Place, camera: Camera, light: Lighting, contact: bool = True
) -> Shadow | None:
    """The light a solid leaves on the road around it; None where that is outside the picture."""
    eye_m = np.asarray(camera.position_m)
    distance_m = float(np.hypot(place.x_m - eye_m[0], place.y_m - eye_m[1]))
    if distance_m > _FARTHEST_M:
        return None
    outlines = []
    if light.sun.any():
        slope = light.toward_sun[:2] / light.toward_sun[2]
        for part in solid.parts_m:
            world_m = place.to_world_m(part)
            ground_m = (world_m[:, :2] - world_m[:, 2:3] * slope).astype(np.float32)
            outlines.append(outline_px(cv2.convexHull(ground_m)[:, 0].astype(float), camera, 1.0))
    feet = outline_px(_feet_m(solid, place), camera, 1.0) if contact else np.zeros((0, 2))
    seen = [outline for outline in (*outlines, feet) if len(outline) >= 3]
    if not seen:
        return None
    low, high = _window(np.concatenate(seen), camera)
    width, height = (int(side) for side in high - low)
    if width <= 0 or height <= 0:
        return None
    metre_px = camera.focal_px / np.hypot(max(distance_m, 5.0), eye_m[2])
    left = np.ones((height, width), np.float32)
    if outlines:
        sun = _filled([o - low for o in outlines if len(o) >= 3], width, height)
        soft = cv2.GaussianBlur(sun, (0, 0), max(0.4, 0.025 * metre_px))
        left *= 1 - np.float32(light.sun_share) * soft
    if len(feet) >= 3:
        left *= 1 - _contact(_filled([feet - low], width, height), metre_px, light)
    clear = float(light.through_air(np.ones((1, 3)), np.array([distance_m])).mean())
    clear = min(1.0, max(0.0, (clear - float(light.air.mean())) / (1 - float(light.air.mean()))))
    return Shadow(int(low[0]), int(low[1]), 1 - np.float32(clear) * (1 - left))


def _feet_m(solid: Solid, place: Place) -> Floats:
    """The corners (4, 2) of the rectangle it covers, a little inside."""
    half = np.array([solid.model.width_m * 0.97, solid.model.length_m, 0.0]) / 2
    ring = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)])
    return np.asarray(place.to_world_m(ring * half)[:, :2])


def _contact(feet: Floats, metre_px: float, light: Lighting) -> Floats:
    """The share of the sky's light that the solid keeps from the road under and beside it."""
    wide_m = 0.16 if light.sun.any() else 0.30
    soft = cv2.GaussianBlur(feet, (0, 0), max(0.5, wide_m * metre_px))
    tight = cv2.GaussianBlur(feet, (0, 0), max(0.4, 0.05 * metre_px))
    return np.asarray(CONTACT_SHARE * (0.5 * soft + 0.5 * tight))


def _window(points_px: Floats, camera: Camera) -> tuple[Floats, Floats]:
    limit = np.array([camera.width_px, camera.height_px])
    low = np.clip(np.floor(points_px.min(axis=0)) - _MARGIN_PX, 0, limit).astype(int)
    high = np.clip(np.ceil(points_px.max(axis=0)) + _MARGIN_PX, 0, limit).astype(int)
    return low, high


def _filled(outlines: list[Floats], width: int, height: int) -> Floats:
    """The union of convex outlines as coverage (h, w)."""
    mask = np.zeros((height * _SUPER, width * _SUPER), np.uint8)
    for outline in outlines:
        bounded = np.clip(outline * _SUPER - 0.5, -1e6, 1e6)
        fixed = np.round(bounded * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_8, 4)
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def darken(picture: Floats, shadow: Shadow) -> None:
    """Lay a shadow on a linear picture (H, W, 3)."""
    picture[shadow.window] *= shadow.light[..., None]
