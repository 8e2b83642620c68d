"""The tracker: one vehicle, one id, whatever the frame rate; and none shared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.road import HEIGHT_PX, WIDTH_PX, Camera, Road, Vehicle, box_of, straight, through
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.tracking import RoadPlaneTracker
from traffic_ai.tracking.boxes import grounded


def follow(
    road,
    vehicles,
    times_s,
    *,
    noise_px=0.0,
    drop=None,
    seed=0,
    confidence=0.9,
    lowest_px=HEIGHT_PX,
):
    """All histories by id after the vehicles drove; `drop(i, t)` hides vehicle i at t, boxes end
    at lowest_px.
    """
    scene = road.scene()
    tracker = RoadPlaneTracker(scene)
    random = np.random.default_rng(seed)
    histories: dict[int, Track] = {}
    for index, t_s in enumerate(times_s):
        boxes = []
        for i, vehicle in enumerate(vehicles):
            if drop is not None and drop(i, t_s):
                continue
            box = box_of(road.camera, vehicle, float(t_s))
            if box is not None:
                box[3] = min(box[3], lowest_px)
                boxes.append(box + random.normal(0.0, noise_px, 4) if noise_px else box)
        detections = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), confidence, np.float32),
            np.full(len(boxes), int(RoadUser.CAR), np.int64),
        )
        tracker.update(FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX), detections)
        histories.update(tracker.histories)
    tracker.close()
    histories.update(tracker.histories)
    return histories


def moments(seconds, fps):
    return np.arange(0.0, seconds, 1.0 / fps)


@settings(max_examples=40, deadline=None)
@given(
    speed_mps=st.floats(1.0, 40.0),
    fps=st.sampled_from([5.0, 8.0, 12.5, 25.0, 50.0]),
    calibrated=st.booleans(),
    noise_px=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_one_vehicle_is_one_track_at_any_speed_and_frame_rate(speed_mps, fps, calibrated, noise_px):
    seconds = min(50.0 / speed_mps, 8.0)
    times = moments(seconds, fps)
    if len(times) < 4:
        return
    histories = follow(
        Road(calibrated=calibrated),
        [Vehicle(straight(1.75, speed_mps, 22.0))],
        times,
        noise_px=noise_px,
    )
    assert len(histories) == 1


@pytest.mark.parametrize("calibrated", [True, False])
def test_vehicles_side_by_side_and_oncoming_keep_their_ids(calibrated):
    vehicles = [
        Vehicle(straight(1.75, 12.0, 20.0)),
        Vehicle(straight(5.25, 14.0, 20.0)),
        Vehicle(straight(-1.75, -13.0, 75.0), heading=(0.0, -1.0)),
        Vehicle(straight(-5.25, -11.0, 75.0), heading=(0.0, -1.0)),
    ]
    histories = follow(Road(calibrated=calibrated), vehicles, moments(4.0, 25.0), noise_px=1.0)
    assert len(histories) == 4
    for track in histories.values():
        sideways = np.ptp(track.anchor_px[:, 0])
        assert sideways < 400


def test_a_vehicle_hidden_for_a_second_keeps_its_id_and_is_marked_as_predicted():
    hidden = (2.0, 3.0)
    histories = follow(
        Road(),
        [Vehicle(straight(1.75, 10.0, 18.0))],
        moments(5.0, 25.0),
        drop=lambda _, t_s: hidden[0] <= t_s < hidden[1],
        noise_px=1.0,
    )
    (track,) = histories.values()
    between = (track.t_s >= hidden[0] - 0.001) & (track.t_s < hidden[1] - 0.001)
    assert not track.observed[between].any()
    assert not track.grounded[between].any()
    assert track.observed[~between].all()


def test_dropped_frames_and_a_variable_rate_change_nothing():
    random = np.random.default_rng(1)
    times = moments(5.0, 25.0)
    times = times[random.random(len(times)) > 0.4]
    histories = follow(Road(), [Vehicle(straight(1.75, 10.0, 18.0))], times, noise_px=1.0)
    assert len(histories) == 1


def test_a_track_lives_in_seconds_not_frames():
    for fps in (5.0, 50.0):
        gone_after = 2.0
        scene = Road().scene()
        tracker = RoadPlaneTracker(scene)
        vehicle = Vehicle(straight(1.75, 4.0, 30.0))
        ended_s = None
        for index, t_s in enumerate(moments(10.0, fps)):
            seen = t_s < gone_after
            box = box_of(Road().camera, vehicle, float(t_s))
            found = Detections(
                np.array([box] if seen else [], np.float32).reshape(-1, 4),
                np.full(int(seen), 0.9, np.float32),
                np.full(int(seen), 2, np.int64),
            )
            tracks = tracker.update(
                FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX), found
            )
            if tracks.ended:
                ended_s = t_s
                break
        assert ended_s is not None
        assert ended_s - gone_after == pytest.approx(2.0, abs=0.45)


def test_two_trackers_share_no_ids_and_no_state():
    road = Road()
    vehicles = [Vehicle(straight(1.75, 10.0, 18.0))]
    first = follow(road, vehicles, moments(2.0, 25.0))
    second = follow(road, vehicles, moments(2.0, 25.0))
    assert list(first) == list(second) == [1]


def test_the_class_is_voted_and_never_flips():
    scene = Road().scene()
    tracker = RoadPlaneTracker(scene)
    vehicle = Vehicle(straight(1.75, 8.0, 20.0))
    shown = set()
    for index, t_s in enumerate(moments(4.0, 25.0)):
        box = box_of(Road().camera, vehicle, float(t_s))
        road_user = RoadUser.TRUCK if index % 3 == 2 else RoadUser.CAR
        tracks = tracker.update(
            FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX),
            Detections(
                np.array([box], np.float32),
                np.array([0.8], np.float32),
                np.array([int(road_user)], np.int64),
            ),
        )
        shown |= set(tracks.class_id.tolist())
    assert shown == {int(RoadUser.CAR)}


@pytest.mark.parametrize(
    ("on_foot", "expected"), [(0.45, RoadUser.MOTORCYCLE), (0.6, RoadUser.PERSON)]
)
def test_who_is_called_a_vehicle_more_often_than_a_person_is_a_vehicle(on_foot, expected):
    track = Track(1, 0.0)
    for called, votes in (
        (RoadUser.PERSON, on_foot),
        (RoadUser.CAR, 0.4 * (1.0 - on_foot)),
        (RoadUser.MOTORCYCLE, 0.6 * (1.0 - on_foot)),
    ):
        track.vote(called, votes)
    assert track.road_user is expected


def test_points_of_degraded_frames_are_not_observed():
    scene = Road().scene()
    tracker = RoadPlaneTracker(scene)
    vehicle = Vehicle(straight(1.75, 8.0, 20.0))
    for index, t_s in enumerate(moments(2.0, 25.0)):
        box = box_of(Road().camera, vehicle, float(t_s))
        degraded = 20 <= index < 25
        tracker.update(
            FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX, degraded),
            Detections(
                np.array([box], np.float32),
                np.array([0.8], np.float32),
                np.array([2], np.int64),
            ),
        )
    (track,) = tracker.histories.values()
    assert list(np.flatnonzero(~track.observed)) == list(range(20, 25))


def test_a_standing_vehicle_makes_no_speed_and_one_track():
    car = Vehicle(through(1.75, (0, 20), (4, 40), (60, 40)))
    histories = follow(Road(), [car], moments(60.0, 10.0), noise_px=2.0)
    assert len(histories) == 1


def test_frames_out_of_order_are_refused():
    tracker = RoadPlaneTracker(Road().scene())
    info = FrameInfo("cam", 0, 1.0, None, WIDTH_PX, HEIGHT_PX)
    tracker.update(info, Detections.empty())
    with pytest.raises(ValueError, match="time order"):
        tracker.update(info, Detections.empty())


def test_who_enters_below_goes_on_under_no_number_of_one_that_left_there():
    """The detector ends large boxes some pixels before the border that cuts them off: a van that
    leaves there seems to have stopped.
    """
    leaves = Vehicle(straight(0.0, -8.0, 40.0), heading=(0.0, -1.0), road_user=RoadUser.TRUCK)
    enters = Vehicle(straight(3.0, 12.5, -55.0))
    histories = follow(Road(), [leaves, enters], moments(9.0, 10.0), lowest_px=712.0)
    assert len(histories) == 2
    for track in histories.values():
        seen = track.anchor_px[track.observed]
        assert np.abs(np.diff(seen[:, 0])).max() < 100


@pytest.mark.parametrize("speed_mps", [8.0, 14.0, 20.0, 27.0])
def test_a_bus_that_comes_in_below_keeps_its_number_when_its_rear_shows(speed_mps):
    """As long as the border cuts it off its place is guessed, and it seems slower than it is."""
    bus = Vehicle(straight(3.5, speed_mps, 8.0), road_user=RoadUser.BUS)
    (track,) = follow(Road(), [bus], moments(3.0, 12.5), lowest_px=712.0).values()
    shows = track.xyxy_px[:, 3] < 690.0
    assert track.observed.all()
    assert track.grounded[shows][2:].all()


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


@pytest.mark.parametrize("x_m", [3.5, 5.0])
def test_who_left_below_is_not_found_again_at_the_other_side(x_m):
    leaves = Vehicle(straight(-5.0, -9.0, 40.0), heading=(0.0, -1.0), road_user=RoadUser.TRUCK)
    enters = Vehicle(straight(x_m, 19.0, -78.0), road_user=RoadUser.TRUCK)
    tracks = follow(Road(), [leaves, enters], moments(7.0, 12.5), lowest_px=712.0).values()
    assert len(tracks) == 2
    for track in tracks:
        seen = track.anchor_px[track.observed, 0]
        assert np.abs(np.diff(seen)).max() < 200


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


@given(n=st.integers(0, 3000))
@settings(max_examples=5, deadline=None)
def test_a_history_is_bounded_and_keeps_the_latest(n):
    track = Track(1, 0.0)
    for i in range(n):
        track.append(float(i), np.array([0.0, 0.0, 1.0, 1.0]), None, None, True, True)
    assert len(track) <= 2048
    assert track.observed_count == n
    if n:
        assert track.t_s[-1] == n - 1
        assert np.all(np.diff(track.t_s) == 1.0)


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


def test_who_drives_close_to_another_stays_another():
    car, rider = RoadUser.CAR, RoadUser.MOTORCYCLE
    vehicles = [
        Vehicle(straight(1.75, 9.0, 20.0), car),
        Vehicle(straight(0.5, 9.0, 20.5), rider),
        Vehicle(straight(-1.75, -9.0, 70.0), RoadUser.TRUCK, heading=(0.0, -1.0)),
        Vehicle(straight(-1.75, -9.0, 63.0), car, heading=(0.0, -1.0)),
    ]
    histories = follow(Road(), vehicles, moments(4.0, 15.0), noise_px=0.7)
    assert len(histories) == 4
    assert all(track.t_s[-1] > 3.8 for track in histories.values())


def test_who_comes_in_at_a_side_keeps_its_number():
    """Seen from behind it grows wider in the picture while it drives away and grows smaller."""
    vehicle = Vehicle(straight(9.0, 14.0, 14.0), road_user=RoadUser.TRUCK)
    histories = follow(Road(), [vehicle], moments(4.0, 15.0), noise_px=1.0)
    (track,) = histories.values()
    cut = track.xyxy_px[:, 2] >= WIDTH_PX - 2.0
    assert cut.any()
    assert not cut.all()
    assert not track.grounded[cut].any()


def test_a_second_box_of_a_vehicle_does_not_cover_it():
    boxes = np.array([[100.0, 100.0, 200.0, 300.0], [105.0, 180.0, 205.0, 320.0]])
    assert grounded(boxes, np.array([0, 0, WIDTH_PX, HEIGHT_PX])).tolist() == [True, True]
    in_front = np.array([[100.0, 100.0, 200.0, 300.0], [105.0, 260.0, 205.0, 420.0]])
    assert grounded(in_front, np.array([0, 0, WIDTH_PX, HEIGHT_PX])).tolist() == [False, True]
