"""Where tracks begin: one that is surely seen once has the past in which it was seen doubtfully."""

import numpy as np
import pytest

from tests.road import HEIGHT_PX, WIDTH_PX, Road, Vehicle, box_of, straight
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.tracking import RoadPlaneTracker

DOUBTFUL, SURE = 0.17, 0.6
RIDER = Vehicle(straight(1.75, 11.0, 20.0), RoadUser.MOTORCYCLE)


def follow(seen, fps, seconds=2.0, calibrated=True):
    """Histories by id. seen: boxes with their confidences and classes at a moment."""
    tracker = RoadPlaneTracker(Road(calibrated=calibrated).scene())
    histories = {}
    for index in range(round(seconds * fps)):
        t_s = index / fps
        found = seen(t_s)
        detections = Detections(
            np.array([box for box, _, _ in found], np.float32).reshape(-1, 4),
            np.array([confidence for _, confidence, _ in found], np.float32),
            np.array([kind for _, _, kind in found], np.int64),
        )
        tracker.update(FrameInfo("cam", index, t_s, None, WIDTH_PX, HEIGHT_PX), detections)
        histories.update(tracker.histories)
    return histories


def rider(confidence_at, vehicle=RIDER):
    """What is found of a rider, so surely at each moment."""
    camera = Road().camera
    return lambda t_s: [(box_of(camera, vehicle, t_s), confidence_at(t_s), int(vehicle.road_user))]


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("fps", [4.0, 5.0, 8.0, 25.0])
def test_who_is_surely_seen_once_was_followed_since_it_was_doubtfully_seen(fps, calibrated):
    seen = rider(lambda t_s: SURE if 1.0 <= t_s < 1.0 + 1.0 / fps else DOUBTFUL)
    (track,) = follow(seen, fps, calibrated=calibrated).values()
    assert track.first_t_s == 0.0
    assert track.observed.all()
    assert track.track_id == 1


@pytest.mark.parametrize("fps", [4.0, 25.0])
def test_who_is_never_surely_seen_is_not_shown(fps):
    assert not follow(rider(lambda t_s: DOUBTFUL), fps)


@pytest.mark.parametrize("fps", [4.0, 5.0, 8.0])
def test_who_is_surely_seen_first_is_followed_by_doubtful_boxes_that_do_not_overlap(fps):
    seen = rider(lambda t_s: SURE if t_s == 0.0 else DOUBTFUL)
    (track,) = follow(seen, fps).values()
    assert track.observed.all()


def test_a_shadow_beside_a_vehicle_has_no_past():
    camera, car = Road().camera, Vehicle(straight(1.75, 11.0, 20.0))

    def seen(t_s):
        box = box_of(camera, car, t_s)
        width, height = box[2] - box[0], box[3] - box[1]
        shadow = [box[0] - 0.6 * width, box[3] - 0.4 * height, box[0] - 0.02 * width, box[3]]
        sure = 0.31 if t_s > 1.5 else DOUBTFUL
        return [(box, 0.8, int(RoadUser.CAR)), (np.array(shadow), sure, int(RoadUser.CAR))]

    histories = follow(seen, 12.5)
    assert histories[1].first_t_s == 0.0
    assert all(track.first_t_s > 1.5 for number, track in histories.items() if number > 1)


def test_what_stands_has_no_past():
    thing = Vehicle(straight(1.75, 0.0, 30.0), RoadUser.MOTORCYCLE)
    seen = rider(lambda t_s: SURE if t_s > 1.5 else DOUBTFUL, thing)
    (track,) = follow(seen, 12.5).values()
    assert track.first_t_s > 1.0


def test_a_past_is_not_taken_over_from_something_else_on_the_way():
    """A doubtful thing stands where, a little farther on, a vehicle is first seen."""
    camera = Road().camera
    thing = Vehicle(straight(1.75, 0.0, 24.0), RoadUser.MOTORCYCLE)

    def seen(t_s):
        if t_s < 1.0:
            return [(box_of(camera, thing, t_s), DOUBTFUL, int(RoadUser.MOTORCYCLE))]
        return [(box_of(camera, RIDER, t_s), SURE, int(RoadUser.MOTORCYCLE))]

    (track,) = follow(seen, 12.5).values()
    assert track.first_t_s == pytest.approx(1.0, abs=0.1)


def test_a_rider_alone_is_no_past():
    """Above the road he would be far ahead of where his motorcycle is seen to be."""
    camera = Road().camera

    def seen(t_s):
        box = box_of(camera, RIDER, t_s)
        if t_s > 0.5:
            return [(box, SURE, int(RoadUser.MOTORCYCLE))]
        box[3] -= 0.15 * (box[3] - box[1])
        return [(box, DOUBTFUL, int(RoadUser.PERSON))]

    (track,) = follow(seen, 12.5).values()
    assert track.first_t_s > 0.5


@pytest.mark.parametrize("fps", [8.0, 12.5])
def test_a_rider_of_whom_now_the_whole_and_then_a_part_is_found_is_followed_on(fps):
    """His second box is cut at one side, so that the others do not lie where he is expected."""
    camera = Road().camera

    def seen(t_s):
        box = box_of(camera, RIDER, t_s)
        look = round(t_s * fps)
        if look == 1:
            box[2] -= 0.4 * (box[2] - box[0])
        if look > 1:
            box[1] += 0.5 * (box[3] - box[1])
        return [(box, SURE if look == 0 else DOUBTFUL, int(RoadUser.MOTORCYCLE))]

    (track,) = follow(seen, fps).values()
    assert track.first_t_s == 0.0
    assert track.observed.all()
