"""The tracker: one vehicle, one id, whatever the frame rate; and none shared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.road import HEIGHT_PX, WIDTH_PX, Road, Vehicle, box_of, straight, through
from tests.tracking.following import follow, moments
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.tracking import RoadPlaneTracker


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


@pytest.mark.parametrize(("gap_s", "tracks"), [(1.0, 1), (120.0, 2)])
def test_who_stands_where_another_stood_before_a_cut_is_another(gap_s, tracks):
    times = moments(2.0, 10.0)
    times = np.concatenate([times, times + 2.0 + gap_s])
    histories = follow(Road(), [Vehicle(lambda t_s: (1.75, 30.0))], times)
    assert len(histories) == tracks


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


@pytest.mark.parametrize("x_m", [3.5, 5.0])
def test_who_left_below_is_not_found_again_at_the_other_side(x_m):
    leaves = Vehicle(straight(-5.0, -9.0, 40.0), heading=(0.0, -1.0), road_user=RoadUser.TRUCK)
    enters = Vehicle(straight(x_m, 19.0, -78.0), road_user=RoadUser.TRUCK)
    tracks = follow(Road(), [leaves, enters], moments(7.0, 12.5), lowest_px=712.0).values()
    assert len(tracks) == 2
    for track in tracks:
        seen = track.anchor_px[track.observed, 0]
        assert np.abs(np.diff(seen)).max() < 200


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
