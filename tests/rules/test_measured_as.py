"""What a box's size says of the vehicle in it."""

import numpy as np
import pytest

from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.rules.box_size import Build, may_be, measured_as, truck_share

FLAT = np.full(9, np.radians(8.0))
END_ON, ASKEW = np.zeros(9), np.full(9, np.radians(40.0))


def boxes(width_m, height_m):
    return np.tile([width_m, height_m], (9, 1)).astype(float)


def test_a_bus_called_a_car_is_measured_as_a_heavy_vehicle():
    assert measured_as(RoadUser.CAR, boxes(2.7, 4.6), FLAT, END_ON) is Build.TRUCK


def test_so_is_one_whose_boxes_the_picture_cuts_off_above():
    """Only its width is known then; cut heights are no car's."""
    cut = boxes(2.9, np.nan)
    assert measured_as(RoadUser.CAR, cut, FLAT, END_ON) is Build.TRUCK
    assert measured_as(RoadUser.BUS, cut, FLAT, END_ON) is Build.BUS


def test_a_car_seen_askew_is_wide_and_stays_a_car():
    assert measured_as(RoadUser.CAR, boxes(4.4, 2.1), FLAT, ASKEW) is Build.CAR
    assert measured_as(RoadUser.CAR, boxes(1.95, np.nan), FLAT, END_ON) is Build.CAR


@pytest.mark.parametrize("called", [RoadUser.CAR, RoadUser.TRUCK, RoadUser.BUS])
def test_a_van_is_one_whatever_it_is_called(called):
    assert measured_as(called, boxes(2.1, 3.0), FLAT, END_ON) is Build.VAN
    assert measured_as(called, boxes(2.0, 2.2), FLAT, END_ON) is Build.CAR


def test_every_class_has_a_build_of_its_size():
    for road_user in RoadUser:
        assert Build(road_user).size is SIZES[road_user]
    assert Build.CAR.size.longest_m < Build.VAN.size.longest_m < Build.TRUCK.size.longest_m


def test_what_a_name_may_stand_for_adds_up():
    for build in Build:
        chances = may_be(build)
        assert build in chances
        assert sum(chances.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("called", [Build.TRUCK, Build.BUS])
def test_the_more_looks_say_truck_the_more_probably_it_is_one(called):
    chances = [may_be(called, share)[Build.TRUCK] for share in np.linspace(0.0, 1.0, 11)]
    assert np.all(np.diff(chances) >= 0.0)
    assert chances[0] < may_be(called)[Build.TRUCK] < chances[-1]
    # However often it is said, one name never rules out the other.
    assert chances[0] > 0.05
    assert chances[-1] < 0.995


def test_the_share_of_votes_is_of_trucks_and_buses_alone():
    votes = np.zeros(len(RoadUser))
    assert truck_share(votes) is None
    votes[RoadUser.CAR] = 5.0
    assert truck_share(votes) is None
    votes[RoadUser.BUS], votes[RoadUser.TRUCK] = 3.0, 1.0
    assert truck_share(votes) == pytest.approx(0.25)
