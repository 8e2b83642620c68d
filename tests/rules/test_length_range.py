"""How long a vehicle seen from behind can be, by its class and the width of its box."""

import numpy as np
import pytest

from tests.road import HEIGHT_PX, WIDTH_PX, Road, Vehicle, box_of, straight
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.rules.length_range import length_range_m
from traffic_ai.tracking import RoadPlaneTracker


def longest_m(road_user, x_m):
    """Of one that is called a car."""
    road, vehicle = Road(), Vehicle(straight(x_m, 10.0, 30.0), road_user)
    scene = road.scene()
    tracker = RoadPlaneTracker(scene)
    for index, t_s in enumerate(np.arange(0.0, 2.0, 0.1)):
        box = np.array([box_of(road.camera, vehicle, float(t_s))], np.float32)
        car = Detections(box, np.full(1, 0.9, np.float32), np.full(1, int(RoadUser.CAR)))
        tracker.update(FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX), car)
    (track,) = tracker.histories.values()
    seen = np.flatnonzero(track.grounded & ~np.isnan(track.ground_m[:, 0]))
    return length_range_m(track, seen, np.array([0.0, 1.0]), scene.homography)[1]


@pytest.mark.parametrize("x_m", [0.0, 1.75, 5.0])
def test_what_is_wider_than_a_car_may_be_as_long_as_a_trailer_whatever_it_is_called(x_m):
    assert longest_m(RoadUser.CAR, x_m) == SIZES[RoadUser.CAR].longest_m
    assert longest_m(RoadUser.BUS, x_m) == SIZES[RoadUser.BUS].longest_m
