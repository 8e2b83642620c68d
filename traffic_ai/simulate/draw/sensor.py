"""From linear light to picture bytes: lens blur, glare, bloom, exposure, tone, and sensor noise."""

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.world import Look

# Linear light at which the tone curve has reached white.
_WHITE_LIGHT = 1.2
_NOISE_ROOM_PX = 128
_NOISE_FIELDS = 3
# Light above white spreads by this much within about so many pixels of a 1280 wide picture.
_BLOOM = ((3.0, 0.16), (12.0, 0.05), (40.0, 0.016))
_BLOOM_LIMIT = 60.0


class Sensor:
    """Turns linear pictures of one camera into bytes; the same input always gives the same."""

    def __init__(self, look: Look, light: Lighting, size_px: tuple[int, int], seed: int) -> None:
        self._look, self._light, self._seed = look, light, seed
        self._width, self._height = size_px
        self._tone = _tone_curve()
        sun_is_up = look.glare > 0 and look.light != "night"  # at night lamps bloom the more
        self._glare = _glare_field(look, size_px, seed) if sun_is_up else None
        chance = np.random.default_rng((seed, 31))
        shape = (self._height + _NOISE_ROOM_PX, self._width + _NOISE_ROOM_PX, 3)
        self._noise = [
            _noise_field(chance, shape, look.noise_levels)
            for _ in range(_NOISE_FIELDS if look.noise_levels > 0 else 0)
        ]

    @property
    def margin_px(self) -> int:
        """How far one pixel's light reaches, bloom aside."""
        return int(np.ceil(4 * self._look.blur_px)) + 1 if self._look.blur_px > 0 else 0

    @property
    def blooms(self) -> bool:
        """Whether light spreads over the whole picture."""
        return self._light.lamps > 0

    def develop(self, linear: Floats, left_px: int = 0, top_px: int = 0) -> Picture:
        """Bytes of a linear picture, or of a part of it whose corner is at (left, top)."""
        blur = self._look.blur_px
        soft = cv2.GaussianBlur(linear, (0, 0), blur) if blur > 0 else linear
        exposed = np.asarray(soft * np.float32(self._light.exposure), np.float32)
        if self.blooms:
            exposed += self._bloom(exposed)
        if self._glare is not None:
            height, width = linear.shape[:2]
            exposed += self._glare[top_px : top_px + height, left_px : left_px + width]
        steps = np.full(4, 65535 / _WHITE_LIGHT)
        index = cv2.multiply(exposed, steps, dtype=cv2.CV_16U)
        return np.asarray(self._tone[index])

    def add_noise(self, picture: Picture, index: int) -> Picture:
        """The bytes as the sensor reads them out for picture `index`."""
        if not self._noise:
            return picture
        chance = np.random.default_rng((self._seed, 32, index))
        brighter, darker = self._noise[int(chance.integers(len(self._noise)))]
        top, left = (int(at) for at in chance.integers(0, _NOISE_ROOM_PX, 2))
        part = (slice(top, top + self._height), slice(left, left + self._width))
        return np.asarray(cv2.subtract(cv2.add(picture, brighter[part]), darker[part]))

    def _bloom(self, exposed: Floats) -> Floats:
        """What spreads from light above white."""
        quarter = (max(1, exposed.shape[1] // 4), max(1, exposed.shape[0] // 4))
        over = np.clip(exposed - 1.0, 0, _BLOOM_LIMIT)
        small = cv2.resize(over, quarter, interpolation=cv2.INTER_AREA)
        strength = 1.0 + 4.0 * self._look.glare
        total = np.zeros_like(small)
        for reach_px, share in _BLOOM:
            sigma = reach_px / 4 * self._width / 1280
            total += np.float32(share * strength) * cv2.GaussianBlur(small, (0, 0), sigma)
        return np.asarray(cv2.resize(total, exposed.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def _tone_curve() -> Picture:
    """Bytes of exposed light in 65536 steps up to white: gamma, highlights rolled off softly."""
    light = np.linspace(0, _WHITE_LIGHT, 65536)
    rolled = light * (1.0 + light * 0.16) / (1.0 + light * 0.42) * 1.13
    return np.asarray((255 * np.clip(rolled, 0, 1) ** (1 / 2.2) + 0.5).astype(np.uint8))


def _noise_field(
    chance: np.random.Generator, shape: tuple[int, int, int], levels: float
) -> tuple[Picture, Picture]:
    """Noise with the grain of a demosaiced sensor: what is added and what is taken away."""
    field = cv2.GaussianBlur(chance.standard_normal(shape, np.float32), (0, 0), 0.6)
    field *= np.float32(levels) / field.std()
    # Rounding at random keeps the mean of weak noise.
    whole = np.floor(field + chance.random(shape, np.float32)).astype(np.int16)
    return np.clip(whole, 0, 255).astype(np.uint8), np.clip(-whole, 0, 255).astype(np.uint8)


def _glare_field(look: Look, size_px: tuple[int, int], seed: int) -> Floats:
    """The veil of a low sun just outside the picture, and its ghosts in the lens."""
    chance = np.random.default_rng((seed, 33))
    width, height = size_px
    sun = np.array([chance.uniform(0.1, 0.9) * width, -0.12 * height])
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    reach = np.hypot(x - sun[0], y - sun[1]) / height
    veil = 0.10 + 0.75 * np.exp(-reach / 0.35)
    field = veil[..., None] * np.array([0.80, 0.92, 1.0])
    middle = np.array([width, height]) / 2
    for along, size, colour in (
        (0.55, 0.06, (0.10, 0.16, 0.05)),
        (1.35, 0.10, (0.14, 0.07, 0.05)),
        (1.7, 0.045, (0.05, 0.10, 0.18)),
    ):
        spot = sun + along * (middle - sun)
        inside = np.clip((size * height - np.hypot(x - spot[0], y - spot[1])) / 3, 0, 1)
        field += inside[..., None] * np.array(colour)
    return np.asarray(look.glare * field, np.float32)
