"""Fast repeatable noise over the plane, for whole pictures: a small random field, magnified."""

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats

_CELLS = 256
# OpenCV maps pictures up to 32767 wide and high.
_ROW = 1024


class Grain:
    """Smooth noise about zero, of spread 0.3, that repeats after 256 of its grains."""

    def __init__(self, seed: int) -> None:
        field = np.random.default_rng(seed).uniform(-0.5, 0.5, (_CELLS, _CELLS))
        # A border of three cells, so that the magnification never reads past the edge.
        self._field = np.pad(field, 3, mode="wrap").astype(np.float32)

    def at(self, x: Floats, y: Floats, grain: float) -> Floats:
        """Noise at points (H, W), grain in their unit."""
        u, v = _wrapped(x, grain), _wrapped(y, grain)
        return np.asarray(cv2.remap(self._field, u, v, cv2.INTER_CUBIC))

    def layered(
        self, x_m: Floats, y_m: Floats, grain_m: float, layers: int, footprint_m: Floats
    ) -> Floats:
        """Each layer half as coarse and half as strong as the last.

        A layer fades where a picture pixel (footprint_m) covers more ground than its grain.
        """
        total = np.zeros(x_m.shape, np.float32)
        for layer in range(layers):
            grain = grain_m / 2**layer
            fade = np.clip(np.float32(1.6) - footprint_m / np.float32(grain), 0, 1)
            if fade.any():
                shift = np.float32(17.3 * (layer + 1) * grain)
                total += self.at(x_m + shift, y_m - shift, grain) * fade / np.float32(2**layer)
        return total

    def layered_at(self, x_m: Floats, y_m: Floats, grain_m: float, layers: int) -> Floats:
        """As `layered` without fading, at any number of points (N,)."""
        padding = -len(x_m) % _ROW
        x, y = (np.pad(axis, (0, padding)).reshape(-1, _ROW) for axis in (x_m, y_m))
        still = np.zeros(x.shape, np.float32)
        return self.layered(x, y, grain_m, layers, still).ravel()[: len(x_m)]


def _wrapped(along: Floats, grain: float) -> Floats:
    """Where on the field a coordinate falls."""
    turns = along.astype(np.float32) * np.float32(1 / (grain * _CELLS))
    turns -= np.floor(turns)
    turns *= np.float32(_CELLS)
    turns += np.float32(3)
    return turns
