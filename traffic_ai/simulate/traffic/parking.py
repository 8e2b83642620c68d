"""Vehicles that stand at the kerb."""

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.courses import standing
from traffic_ai.simulate.traffic.drivers import DriverMaker
from traffic_ai.simulate.traffic.layout import LaneLine, Layout, Turn
from traffic_ai.simulate.traffic.roads import EDGE_M
from traffic_ai.simulate.world import RoadMap, Vehicle

_KERB_GAP_M = 0.2
_PARKING_PITCH_M, _PARKING_OFF_LINE_M = 7.5, 32.0
_PARKED_FROM = 1_000_000


def parked_vehicles(
    count: int,
    layout: Layout,
    road: RoadMap,
    maker: DriverMaker,
    chance: np.random.Generator,
    span_s: tuple[float, float],
) -> list[Vehicle]:
    """Vehicles at the kerb beside the watched stretch, clear of the junction."""
    kerbs = [lane for lane in layout.lanes.values() if lane.main and _is_outermost(lane)]
    free = [
        (lane, float(place_m))
        for lane in kerbs
        for place_m in np.arange(*_stretch_m(lane, road), _PARKING_PITCH_M)
        if all(
            abs(place_m - way.line_m) > _PARKING_OFF_LINE_M
            for way in lane.ways.values()
            if way.line_m is not None
        )
    ]
    if count > len(free):
        raise ConfigError(
            f"traffic.parked {count} vehicles find no room at the kerb of the watched "
            f"stretch; there is room for {len(free)}"
        )
    found = []
    for number, i in enumerate(chance.permutation(len(free))[:count].tolist()):
        lane, place_m = free[i]
        driver = maker.driver(lane, lane.ways[Turn.THROUGH], 0.0, "car")
        place = np.array([place_m])
        heading = lane.path.headings(place)
        right = np.stack([np.cos(heading), -np.sin(heading)], axis=-1)
        beside_m = lane.kerb_m + EDGE_M + _KERB_GAP_M + driver.body.width_m / 2
        middle_m = (lane.path.points(place) + beside_m * right)[0]
        course = standing(driver.body, middle_m, float(heading[0]), *span_s)
        found.append(Vehicle(_PARKED_FROM + number, driver.body, course, lane.id, "parked"))
    return found


def _is_outermost(lane: LaneLine) -> bool:
    return all(right_m < 0 for right_m in lane.neighbours.values())


def _stretch_m(lane: LaneLine, road: RoadMap) -> tuple[float, float]:
    """The watched stretch of a lane along its path."""
    ends_m = lane.path.project(road.lane(lane.id).centre_m[[0, -1]])[0]
    return float(ends_m[0]), float(ends_m[1])
