"""Which boxes show where their vehicles meet the road."""

import numpy as np
import pytest

from tests.road import HEIGHT_PX, WIDTH_PX, Camera, Road, Vehicle, box_of, straight
from tests.tracking.following import moments
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.tracking import RoadPlaneTracker
from traffic_ai.tracking.boxes import grounded


def test_a_box_cut_off_or_covered_is_not_grounded():
    boxes = np.array(
        [
            [100.0, 100.0, 200.0, 200.0],  # free
            [300.0, 600.0, 400.0, 719.5],  # cut off at the bottom
            [800.0, 300.0, 990.0, 711.0],  # this too: large boxes end before the border
            [1050.0, 600.0, 1150.0, 711.0],  # this one is whole
            [0.5, 100.0, 50.0, 200.0],  # cut off at the left
            [500.0, 100.0, 600.0, 200.0],  # covered by the next
            [520.0, 150.0, 640.0, 260.0],
        ]
    )
    picture = np.array([0, 0, WIDTH_PX, HEIGHT_PX])
    assert grounded(boxes, picture).tolist() == [True, False, False, True, False, False, True]


@pytest.mark.parametrize("close", [True, False])
def test_who_leaves_below_and_is_not_found_any_more_covers_what_follows(close):
    """A truck goes out of the picture, found until its box is cut; a car comes behind its roof."""
    road = Road()
    truck = Vehicle(straight(-1.75, -9.0, 40.0), RoadUser.TRUCK, heading=(0.0, -1.0))
    front_m = 58.0 if close else 75.0
    car = Vehicle(straight(-1.75, -9.0, front_m), heading=(0.0, -1.0))
    tracker, hidden = RoadPlaneTracker(road.scene()), []
    for index, t_s in enumerate(moments(4.8, 12.5)):
        before, after = (box_of(road.camera, one, float(t_s)) for one in (truck, car))
        roof_px = before[1] if before is not None else float(HEIGHT_PX)
        is_covered = roof_px < after[3]
        after[3] = min(after[3], roof_px + 1.0)
        found = [after] if before is None or before[3] == HEIGHT_PX else [after, before]
        detections = Detections(
            np.array(found, np.float32),
            np.full(len(found), 0.9, np.float32),
            np.array([RoadUser.CAR, RoadUser.TRUCK][: len(found)], np.int64),
        )
        info = FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX)
        tracks = tracker.update(info, detections)
        shown = tracks.grounded[tracks.track_id == 1]
        if len(found) == 1 and len(shown):
            hidden.append((is_covered, not shown[0]))
    assert any(is_covered for is_covered, _ in hidden) == close
    assert all(is_so for is_covered, is_so in hidden if is_covered)
    assert hidden[-1] == (False, False)


def test_a_box_cut_off_by_the_detection_area_is_not_grounded():
    boxes = np.array(
        [
            [200.0, 200.0, 250.0, 300.0],  # free
            [101.0, 200.0, 150.0, 300.0],  # cut off at the left
            [840.0, 200.0, 899.5, 300.0],  # at the right
            [500.0, 450.0, 600.0, 599.0],  # at the bottom
            [950.0, 200.0, 1000.0, 300.0],  # beyond
        ]
    )
    area = np.array([100, 150, 900, 600])
    assert grounded(boxes, area).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize(("x_m", "front_m", "free"), [(2.4, 24.0, True), (5.2, 17.0, False)])
def test_a_vehicle_whose_side_alone_is_covered_shows_where_it_stands(x_m, front_m, free):
    """A bus to the right of the camera shows its left side and its rear: a truck in the lane beside
    it covers the side, one behind it the rear.
    """
    bus = Vehicle(straight(5.2, 9.0, 30.0), RoadUser.BUS)
    other = Vehicle(straight(x_m, 9.0, front_m), RoadUser.TRUCK)
    road = Road()
    tracker, shown = RoadPlaneTracker(road.scene()), []
    for index, t_s in enumerate(moments(1.8, 10.0)):
        boxes = np.array([box_of(road.camera, one, float(t_s)) for one in (bus, other)])
        assert not grounded(boxes, np.array([0, 0, WIDTH_PX, HEIGHT_PX]))[0]
        detections = Detections(
            boxes.astype(np.float32), np.full(2, 0.9, np.float32), np.array([4, 5], np.int64)
        )
        info = FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX)
        tracks = tracker.update(info, detections)
        shown += tracks.grounded[tracks.class_id == RoadUser.BUS].tolist()
    assert all(shown[3:]) if free else not any(shown)


def test_a_second_box_of_a_vehicle_does_not_cover_it():
    boxes = np.array([[100.0, 100.0, 200.0, 300.0], [105.0, 180.0, 205.0, 320.0]])
    assert grounded(boxes, np.array([0, 0, WIDTH_PX, HEIGHT_PX])).tolist() == [True, True]
    in_front = np.array([[100.0, 100.0, 200.0, 300.0], [105.0, 260.0, 205.0, 420.0]])
    assert grounded(in_front, np.array([0, 0, WIDTH_PX, HEIGHT_PX])).tolist() == [False, True]


def test_a_box_is_not_of_the_cab_because_what_was_cut_off_was_thought_higher():
    """A drawn bus that comes in at the left before a camera 5 m high, and its first whole boxes."""
    cut_off = [(1, 365, 324, 713), (1, 342, 374, 714), (1, 330, 415, 710), (1, 315, 451, 709)]
    cut_off += [(1, 300, 481, 710), (0, 292, 502, 712), (1, 276, 542, 710)]
    whole = [(109, 264, 571, 622), (238, 255, 597, 540), (326, 247, 614, 485), (393, 241, 632, 440)]
    times_s = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5]
    tracker = RoadPlaneTracker(Road(camera=Camera(5.0, 10.0)).scene())
    for index, (t_s, box) in enumerate(zip(times_s, cut_off + whole, strict=True)):
        one = np.array([box], np.float32), np.full(1, 0.9, np.float32), np.full(1, RoadUser.BUS)
        info = FrameInfo("cam", index, t_s, None, WIDTH_PX, HEIGHT_PX)
        tracker.update(info, Detections(*one))
    (track,) = tracker.histories.values()
    assert track.observed.all()
