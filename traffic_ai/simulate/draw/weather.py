"""Rain before the camera, and the wet road's mirror."""

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.draw.solid import Sprite

_STREAKS = 750
_FLIPPED_SHARE = 0.8  # of a vehicle's height that its mirror image on the road shows
_SMEAR = 0.5  # of the mirror image's height, by the waves of the water


class Rain:
    """Streaks of falling drops, other ones in every picture."""

    def __init__(self, size_px: tuple[int, int], seed: int, brightness: float) -> None:
        self._size_px, self._seed, self._brightness = size_px, seed, brightness

    def fall(self, picture: Picture, index: int) -> Picture:
        """The picture through the rain."""
        width, height = self._size_px
        chance = np.random.default_rng((self._seed, 91, index))
        layer = np.zeros((height, width), np.uint8)
        near = chance.random(_STREAKS) ** 3
        foot = chance.uniform([0, 0], [width, height], (_STREAKS, 2))
        length = height * (0.012 + 0.07 * near)
        lean = 0.12 + chance.normal(0, 0.03, _STREAKS)
        top = foot - np.stack([lean * length, length], axis=-1)
        ends = np.round(np.stack([top, foot], axis=1) * 8).astype(np.int32)
        level = (self._brightness * (26 - 14 * near)).astype(int).tolist()
        thick = np.maximum(1, np.round(height / 720 * (0.7 + 1.9 * near))).astype(int).tolist()
        for end, grey, wide in zip(ends.tolist(), level, thick, strict=True):
            cv2.line(layer, end[0], end[1], grey, wide, cv2.LINE_AA, 3)
        return np.asarray(cv2.add(picture, cv2.merge([layer, layer, layer])))


def lay_mirrored(picture: Floats, sprite: Sprite, mirror: Floats, sky: Floats) -> None:
    """Add a vehicle's image in the wet road below it, where `mirror` (H, W) says it shines.

    sky (3,): what the road mirrors there already.
    """
    tall, wide = sprite.coverage.shape
    stacked = np.concatenate([sprite.colour, sprite.coverage[..., None]], axis=-1)[::-1]
    height = max(1, round(_FLIPPED_SHARE * tall))
    image = cv2.resize(np.ascontiguousarray(stacked), (wide, height), interpolation=cv2.INTER_AREA)
    room = int(_SMEAR * height)
    image = cv2.copyMakeBorder(image, 0, room, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    image = cv2.blur(image, (1, max(1, room)), anchor=(0, max(1, room) - 1))
    # It begins at the tyres, a little above the sprite's lower edge.
    top = sprite.top_px + round(0.94 * tall)
    bottom = min(top + image.shape[0], picture.shape[0])
    if bottom <= top:
        return
    window = (slice(top, bottom), slice(sprite.left_px, sprite.left_px + wide))
    part = image[: bottom - top]
    shine = mirror[window][..., None]
    picture[window] += shine * (part[..., :3] - part[..., 3:] * sky.astype(np.float32))
