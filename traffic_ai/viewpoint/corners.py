"""Finding the same corners in two pictures of one view, whatever the light.

Image operations behind steadiness.py, which judges what they find.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene

_LOCAL_PX = 41
_CONTRAST = 48.0
_LEAST_CONTRAST = 6.0
"""Grey levels; a few times a sensor's noise, so that an even wall stays even."""

_ALIKE, _MORE_ALIKE = 0.5, 0.3
"""Correlation that a far shift must reach, and how much better it must fit than no shift: a pattern
that repeats fits at many places, the old one among them.
"""
_COARSE_PX = 160


def without_light(grey: Image) -> Image:
    """The picture with the same brightness and contrast everywhere, so that dusk and clouds
    leave it as it is.
    """
    # In place throughout: fresh memory for each step costs more than the arithmetic.
    size = (_LOCAL_PX, _LOCAL_PX)
    mean = np.asarray(cv2.boxFilter(grey, cv2.CV_32F, size), np.float32)
    contrast = np.asarray(cv2.sqrBoxFilter(grey, cv2.CV_32F, size), np.float32)
    level = np.asarray(cv2.subtract(grey, mean, dtype=cv2.CV_32F), np.float32)
    contrast -= np.square(mean, out=mean)
    np.sqrt(np.maximum(contrast, 0.0, out=contrast), out=contrast)
    contrast += _LEAST_CONTRAST
    level /= contrast
    level *= _CONTRAST
    level += 128.0
    return np.clip(level, 0.0, 255.0, out=level).astype(np.uint8)


def far_shift_px(old: Image, new: Image) -> Array | None:
    """How far the middle of a picture has moved, by a quarter of the picture at the most; (2,), to
    a few pixels. None where it is not found, or hardly better than where it was.
    """
    factor = max(1.0, old.shape[1] / _COARSE_PX)
    size = (round(old.shape[1] / factor), round(old.shape[0] / factor))
    small_old, small_new = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (old, new))
    x, y = size[0] // 4, size[1] // 4
    fit = cv2.matchTemplate(
        small_new, small_old[y : size[1] - y, x : size[0] - x], cv2.TM_CCOEFF_NORMED
    )
    _, best, _, (at_x, at_y) = cv2.minMaxLoc(fit)
    if best < _ALIKE or best < fit[y, x] + _MORE_ALIKE:
        return None
    shift_px: Array = np.array([at_x - x, at_y - y], float) * factor
    return shift_px


def flow(
    old: Image, new: Image, corners: NDArray[np.float32], guess_px: Array
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where corners (N, 1, 2) of one picture are in another, about guess_px (2,) away, and which
    were found.
    """
    after, found, _ = cv2.calcOpticalFlowPyrLK(
        old,
        new,
        corners,
        np.asarray(corners + guess_px, np.float32),
        winSize=(21, 21),
        maxLevel=4,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(after, np.float32), np.asarray(found)[:, 0] == 1


def background(scene: Scene, scale: float) -> Image:
    """A mask of where nothing drives: outside the lanes."""
    size = (round(scene.height_px * scale), round(scene.width_px * scale))
    mask = np.full(size, 255, np.uint8)
    for lane in scene.lanes:
        cv2.fillPoly(mask, [np.round(lane.polygon_px * scale).astype(np.int32)], (0,))
    return mask
