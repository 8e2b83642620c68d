"""How wide lanes are by the calibration, which who knows the road can hold against it."""

from math import sqrt

import shapely

from traffic_ai.core.geometry import Homography
from traffic_ai.core.scene import Lane


def lane_width_m(lane: Lane, homography: Homography | None) -> float | None:
    """The mean width of a lane within the calibrated area; None where nothing tells it.

    Of a strip of width w and length l, area and half the outline are w l and w + l.
    """
    if homography is None:
        return None
    polygon = shapely.Polygon(lane.polygon_px)
    inside = polygon.intersection(shapely.Polygon(homography.valid_area_px))
    if not isinstance(inside, shapely.Polygon) or inside.is_empty:
        return None
    ground = shapely.Polygon(homography.to_ground(shapely.get_coordinates(inside.exterior)))
    half = ground.length / 2.0
    return (half - sqrt(max(half**2 - 4.0 * ground.area, 0.0))) / 2.0
