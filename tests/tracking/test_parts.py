"""Boxes of parts of vehicles, and vehicles partly hidden: one track each."""

import numpy as np
import pytest

from tests.road import HEIGHT_PX, WIDTH_PX, Road, Vehicle, box_of, straight
from tests.tracking.following import moments
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.tracking import RoadPlaneTracker


def follow_boxes(frames, classes, *, fps=25.0):
    """The ids each frame's detections were given; 0 where one was given none."""
    tracker = RoadPlaneTracker(Road(calibrated=False).scene())
    ids = []
    for index, (boxes, users) in enumerate(zip(frames, classes, strict=True)):
        detections = Detections(
            np.array(boxes, np.float32),
            np.full(len(boxes), 0.6, np.float32),
            np.array(users, np.int64),
        )
        info = FrameInfo("cam", index, index / fps, None, WIDTH_PX, HEIGHT_PX)
        tracks = tracker.update(info, detections)
        seen = {
            tuple(np.float32(b)): i for i, b in zip(tracks.track_id, tracks.xyxy_px, strict=True)
        }
        ids.append([int(seen.get(tuple(b), 0)) for b in detections.xyxy_px])
    return ids


def test_boxes_that_lie_in_one_another_keep_their_ids():
    random = np.random.default_rng(3)
    whole, upper_half = [699.0, 402, 749, 478], [700.0, 401, 750, 448]
    frames = [np.array([whole, upper_half]) + random.normal(0, 0.2, (2, 4)) for _ in range(100)]
    classes = [[RoadUser.MOTORCYCLE] * 2] * 10 + [[RoadUser.PERSON] * 2] * 90
    ids = follow_boxes(frames, classes)
    assert all(row == ids[3] for row in ids[3:])
    assert ids[3][0] != ids[3][1]


@pytest.mark.parametrize("hidden_share", [0.2, 0.35])
def test_a_vehicle_half_hidden_by_a_nearer_one_keeps_its_id(hidden_share):
    random = np.random.default_rng(4)
    frames = []
    for index in range(100):
        car = np.array([600.0, 300.0, 690.0, 370.0])
        top = 370.0 - hidden_share * 70.0
        nearer = np.array([1000.0 - 8.0 * index, top, 1160.0 - 8.0 * index, 480.0])
        if min(car[2], nearer[2]) - max(car[0], nearer[0]) > 40.0:
            car[3] = top
        frames.append(np.array([car, nearer]) + random.normal(0.0, 0.7, (2, 4)))
    ids = follow_boxes(frames, [[RoadUser.CAR, RoadUser.TRUCK]] * 100)
    assert all(row == ids[3] for row in ids[3:])


def test_who_is_hidden_by_one_that_passes_before_it_is_not_taken_for_a_part_of_it():
    """A bus crosses before a queue: for a while a car of it is seen, then only the bus."""
    random = np.random.default_rng(5)
    car = np.array([510.0, 314.0, 593.0, 398.0])
    frames = [[car]] * 30
    for index in range(16):
        bus = np.array([512.0, 320.0, 1230.0, 560.0]) - [28.5 * index, 0.0, 28.5 * index, 0.0]
        frames.append([car, bus] if index < 4 else [bus])
    trembling = [[box + random.normal(0.0, 0.4, 4) for box in boxes] for boxes in frames]
    classes = [[RoadUser.CAR, RoadUser.TRUCK][-len(boxes) :] for boxes in frames[30:]]
    ids = follow_boxes(trembling, [[RoadUser.CAR]] * 30 + classes, fps=15.0)
    assert ids[-1] != ids[29]


def alternately(part, fps=15.0, seconds=4.0):
    """Ids alive at the end of a pass of which now the whole vehicle is seen, now a part of it."""
    road = Road()
    truck = Vehicle(straight(1.75, -9.0, 60.0), RoadUser.TRUCK, heading=(0.0, -1.0))
    tracker, alive = RoadPlaneTracker(road.scene()), set()
    for index, t_s in enumerate(moments(seconds, fps)):
        box = np.array(box_of(road.camera, truck, float(t_s)))
        size = np.tile(box[2:] - box[:2], 2)
        if index % 5 in (2, 3):
            box = box[[0, 1, 0, 1]] + np.array(part) * size
        detections = Detections(
            np.array([box], np.float32), np.array([0.9], np.float32), np.array([5], np.int64)
        )
        info = FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX)
        alive = set(tracker.update(info, detections).track_id.tolist())
    return alive


@pytest.mark.parametrize("part", [(0.0, 0.0, 1.0, 0.5), (0.3, 0.0, 1.0, 0.6), (0.0, 0.5, 0.5, 1.0)])
def test_a_vehicle_seen_now_whole_and_now_in_part_is_one(part):
    assert len(alternately(part)) == 1


def test_a_truck_of_which_only_the_cab_is_boxed_for_a_while_is_followed_to_its_place():
    """Near the camera the detector gives the cab's upper half, four pictures on end."""
    road = Road()
    truck = Vehicle(straight(1.75, -9.0, 60.0), RoadUser.TRUCK, heading=(0.0, -1.0))
    tracker, seen = RoadPlaneTracker(road.scene()), {}
    for index, t_s in enumerate(moments(4.5, 10.0)):
        box = np.array(box_of(road.camera, truck, float(t_s)))
        in_part = 38 <= index < 42
        if in_part:
            box[[1, 3]] = box[1] + np.array([0.35, 0.85]) * (box[3] - box[1])
        detections = Detections(
            np.array([box], np.float32), np.array([0.9], np.float32), np.array([5], np.int64)
        )
        info = FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX)
        tracks = tracker.update(info, detections)
        for row, track_id in enumerate(tracks.track_id.tolist()):
            seen.setdefault(track_id, []).append((index, tracks.observed[row]))
            away_m = abs(tracks.ground_m[row, 1] - truck.front(float(t_s))[1])
            assert away_m < 1.0
    assert len(seen) == 1
    assert [i for i, observed in seen[1] if not observed] == [38, 39, 40, 41]


def follow_truck(boxes_of, *, seconds=5.0):
    """By number and frame, what was shown of a truck seen from ahead, and its exact box.

    boxes_of(index, box): what the detector gives of it, with its confidence.
    """
    road = Road()
    truck = Vehicle(straight(1.75, -9.0, 60.0), RoadUser.TRUCK, heading=(0.0, -1.0))
    tracker, shown = RoadPlaneTracker(road.scene()), {}
    for index, t_s in enumerate(moments(seconds, 10.0)):
        box = np.array(box_of(road.camera, truck, float(t_s)))
        boxes, confidence = zip(*boxes_of(index, box), strict=True)
        detections = Detections(
            np.array(boxes, np.float32),
            np.array(confidence, np.float32),
            np.full(len(boxes), int(RoadUser.TRUCK), np.int64),
        )
        info = FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX)
        tracks = tracker.update(info, detections)
        for track_id, seen in zip(tracks.track_id.tolist(), tracks.xyxy_px, strict=True):
            on_it = np.abs(seen[[0, 2]] - box[[0, 2]]).max() < 0.5 * (box[2] - box[0])
            if on_it:
                shown.setdefault(track_id, {})[index] = (seen, box)
    return shown


def part_of(box, part):
    return box[[0, 1, 0, 1]] + np.array(part) * np.tile(box[2:] - box[:2], 2)


def test_whichever_box_of_a_truck_is_surer_it_is_followed_by_the_one_it_was_followed_by():
    def whole_and_cab(index, box):
        sure = (0.3, 0.7) if index > 12 and index % 4 in (1, 2) else (0.7, 0.3)
        return zip((box, part_of(box, (0.1, 0.4, 0.85, 1.0))), sure, strict=True)

    shown = follow_truck(whole_and_cab)
    assert len(shown) == 1
    assert all(np.allclose(seen, box, atol=0.1) for seen, box in shown[1].values())


def test_the_cab_of_a_truck_whose_side_is_covered_is_at_its_lower_end():
    """Of a truck beside another only the cab is found for a while, then nothing."""

    def beside_another(index, box):
        width = box[2] - box[0]
        neighbour = (box + np.array([0.3 * width, 20.0, 0.9 * width, 60.0]), 0.9)
        if not 20 <= index < 32:
            return [(box, 0.8)]
        cab = (part_of(box, (0.0, 0.35, 0.8, 1.0)), 0.8)
        return [cab, neighbour] if index < 29 else [neighbour]

    track = follow_truck(beside_another)[1]
    for index in (29, 30, 31):
        thought, box = track[index]
        assert abs(thought[3] - box[3]) < 0.1 * (box[3] - box[1])
