"""How large the network sees the picture: its input's pixels for one of the picture's."""

import math

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.detectors.regions import LARGEST_AREA, MOST_ENLARGED

DEFAULT_SIZE_PX = 640


def network_scale(scene: Scene, boxes_px: Array, size_px: int = DEFAULT_SIZE_PX) -> Array:
    """Pixels of the network's input for one of the picture (N,), where boxes (N, 4) are.

    The whole picture is brought to size_px; a detection region is run as `detectors.regions` does.
    Where several views hold a box, the closest look counts.
    """
    scale = np.full(len(boxes_px), size_px / max(scene.width_px, scene.height_px))
    middle = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2.0
    for x0, y0, x1, y1 in scene.detection_regions_px:
        inside = ((middle >= (x0, y0)) & (middle <= (x1, y1))).all(axis=1)
        scale[inside] = np.maximum(scale[inside], _region_scale(x1 - x0, y1 - y0, size_px))
    return scale


def _region_scale(width_px: int, height_px: int, size_px: int) -> float:
    longer = max(width_px, height_px)
    if longer < size_px:
        return min(MOST_ENLARGED, size_px / longer)
    return min(1.0, math.sqrt(LARGEST_AREA * size_px**2 / (width_px * height_px)))
