"""One frame of the scene: background, shadows, vehicles far to near, signals, lens and sensor."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.background import draw_background
from traffic_ai.simulate.draw.furniture import arm_signal, lamp_centres_m, lamp_glow, pole_signal
from traffic_ai.simulate.draw.light import Switches, encode
from traffic_ai.simulate.draw.shadows import Shadow, darken, throw_shadow
from traffic_ai.simulate.draw.sprite import Pose, Sprite, draw_vehicle, lay_over
from traffic_ai.simulate.draw.vehicle import VehicleModel
from traffic_ai.simulate.layout import LANES
from traffic_ai.simulate.scenario import Trip, aspect_at

NOISE_LEVELS = 1.3
LENS_BLUR_PX = 0.45
NOISE_FIELDS = 4


@dataclass(frozen=True)
class _Drawn:
    pose: Pose
    switches: Switches
    sprite: Sprite | None
    shadow: Shadow | None


class FrameRenderer:
    """Draws frames of the scene; the same time and seed always give the same picture."""

    def __init__(self, camera: Camera, seed: int) -> None:
        self._camera = camera
        self._seed = seed
        self._background = draw_background(camera, seed)
        self._still: dict[int, _Drawn] = {}
        self._signals: dict[str, Sprite] = {}
        chance = np.random.default_rng(seed + 1)
        shape = (camera.height_px, camera.width_px, 3)
        self._noise = [
            cv2.GaussianBlur(chance.normal(0, 1, shape).astype(np.float32), (0, 0), 0.6) * 2.0
            for _ in range(NOISE_FIELDS)
        ]

    def draw(
        self, t_s: float, index: int, trips: Sequence[Trip]
    ) -> tuple[Picture, dict[int, float]]:
        """The frame (H, W, 3) BGR and, for every vehicle drawn, its share not hidden by another."""
        picture = self._background.copy()
        drawn = [
            (trip, self._vehicle(trip, t_s))
            for trip in sorted(trips, key=lambda trip: self._nearness(trip, t_s))
        ]
        for _, one in drawn:
            if one.shadow is not None:
                darken(picture, one.shadow)
        aspect = aspect_at(t_s)
        lay_over(picture, self._signal(pole_signal(aspect)))
        sprites = [(trip.id, one.sprite) for trip, one in drawn if one.sprite is not None]
        hiding = [sprite for _, sprite in sprites] + [self._signal(arm_signal(aspect))]
        for sprite in hiding:
            lay_over(picture, sprite)
        self._glow(picture, aspect)
        visible = {
            vehicle: _visible_share(hiding, number) for number, (vehicle, _) in enumerate(sprites)
        }
        return self._expose(picture, index), visible

    def _nearness(self, trip: Trip, t_s: float) -> tuple[float, float]:
        """Sort key, far first: outer lanes cannot hide inner ones; in a lane the nearer hides."""
        aside_m = abs(LANES[trip.lane_id].centre_x_m - self._camera.position_m[0])
        return -aside_m, -trip.pose(t_s).y_m

    def _vehicle(self, trip: Trip, t_s: float) -> _Drawn:
        """A vehicle's sprite and shadow, kept while it stands still."""
        pose = trip.pose(t_s)
        switches = Switches(trip.braking(t_s), round(trip.motion.distance_m(t_s), 6))
        kept = self._still.get(trip.id)
        if kept is not None and kept.pose == pose and kept.switches == switches:
            return kept
        sprite = draw_vehicle(trip.model, pose, switches, self._camera)
        shadow = throw_shadow(trip.model, pose, self._camera)
        self._still[trip.id] = _Drawn(pose, switches, sprite, shadow)
        return self._still[trip.id]

    def _signal(self, model: VehicleModel) -> Sprite:
        """A signal's sprite, drawn once an aspect."""
        if model.name not in self._signals:
            sprite = draw_vehicle(model, Pose(0.0, 0.0, False), Switches(False, 0.0), self._camera)
            assert sprite is not None, "the signals stand in the picture"
            self._signals[model.name] = sprite
        return self._signals[model.name]

    def _glow(self, picture: Floats, aspect: str) -> None:
        """The halo round a lit lamp."""
        for u, v in self._camera.project_px(lamp_centres_m(aspect)):
            left, top, reach = round(u) - 24, round(v) - 24, 48
            x, y = np.meshgrid(
                np.arange(left, left + reach) + 0.5 - u, np.arange(top, top + reach) + 0.5 - v
            )
            fall = np.exp(-(x * x + y * y) / 120.0)[..., None]
            picture[top : top + reach, left : left + reach] += (
                0.055 * fall * lamp_glow(aspect)
            ).astype(np.float32)

    def _expose(self, picture: Floats, index: int) -> Picture:
        """Lens blur, tone curve and sensor noise."""
        soft = cv2.GaussianBlur(picture, (0, 0), LENS_BLUR_PX)
        chance = np.random.default_rng((self._seed, index))
        field = self._noise[int(chance.integers(NOISE_FIELDS))]
        field = np.roll(field, tuple(chance.integers(0, 512, 2)), axis=(0, 1))
        noisy = encode(np.asarray(soft, np.float32)).astype(np.float32) + NOISE_LEVELS * field
        return np.asarray(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))


def _visible_share(sprites: Sequence[Sprite], number: int) -> float:
    """The share of a sprite's pixels that no later sprite covers."""
    own = sprites[number]
    height, width = own.coverage.shape
    left = own.coverage.copy()
    for other in sprites[number + 1 :]:
        top, bottom = (
            max(own.top_px, other.top_px),
            min(own.top_px + height, other.top_px + other.coverage.shape[0]),
        )
        start, end = (
            max(own.left_px, other.left_px),
            min(own.left_px + width, other.left_px + other.coverage.shape[1]),
        )
        if top < bottom and start < end:
            window = other.coverage[
                top - other.top_px : bottom - other.top_px,
                start - other.left_px : end - other.left_px,
            ]
            left[
                top - own.top_px : bottom - own.top_px, start - own.left_px : end - own.left_px
            ] *= 1 - window
    return float(left.sum() / own.coverage.sum())
