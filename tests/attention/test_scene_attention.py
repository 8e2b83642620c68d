"""Which frames are looked at: more where something may be decided, fewer where nothing moves."""

from dataclasses import replace

import numpy as np
import pytest

from tests.road import (
    HEIGHT_PX,
    WIDTH_PX,
    Camera,
    Road,
    ScriptedSignals,
    Vehicle,
    box_of,
    straight,
)
from traffic_ai.attention import (
    BY_WAY_S,
    NEW_BY_WAY_S,
    OFTEN_S,
    ORDINARY_S,
    STILL_S,
    SceneAttention,
)
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.signal import Aspect
from traffic_ai.pipeline import Session
from traffic_ai.tracking import RoadPlaneTracker

ALL = ("red_light", "stop_over_line", "wrong_way", "speeding")
GREEN, RED = ((0.0, Aspect.GREEN),), ((0.0, Aspect.RED),)
STEP_S = 0.02


def detections(road, vehicles, t_s, confidence=0.9):
    there = [v for v in vehicles if v.start_s <= t_s <= v.end_s]
    boxes = [(box_of(road.camera, v, t_s), v.road_user) for v in there]
    seen = [(box, kind) for box, kind in boxes if box is not None]
    return Detections(
        np.array([box for box, _ in seen], np.float32).reshape(-1, 4),
        np.full(len(seen), confidence, np.float32),
        np.array([kind for _, kind in seen], np.int64),
    )


def moving_picture(index):
    return np.full((36, 64, 3), 61 * index % 256, np.uint8)


def looks(
    vehicles=(),
    *,
    road=None,
    phases=GREEN,
    kinds=ALL,
    seconds=4.0,
    picture=moving_picture,
    confidence=0.9,
):
    """The moments that were looked at, of `seconds` at 50 frames a second."""
    road = road or Road()
    scene = road.scene()
    attention = SceneAttention(scene, kinds)
    session = Session(
        RoadPlaneTracker(scene), ScriptedSignals({"main": phases}), [], attention=attention
    )
    times = []
    for index in range(round(seconds / STEP_S)):
        t_s = index * STEP_S
        info = FrameInfo("cam", index, t_s, None, WIDTH_PX, HEIGHT_PX)
        frame = Frame(info, picture(index))
        if session.wants(frame):
            times.append(t_s)
            session.process(frame, detections(road, vehicles, t_s, confidence))
    return np.array(times)


def pauses(times, start_s, end_s):
    return np.diff(times[(times >= start_s) & (times <= end_s)])


def slow_car(at_m, speed_mps=9.0):
    return Vehicle(straight(1.75, speed_mps, at_m))


@pytest.mark.parametrize(
    ("kinds", "pause_s"),
    [
        (ALL, ORDINARY_S),
        (("speeding",), ORDINARY_S),
        (("stop_over_line", "wrong_way"), ORDINARY_S),
        (("wrong_way",), BY_WAY_S),
    ],
)
def test_an_empty_road_is_looked_at_less_where_only_directions_are_judged(kinds, pause_s):
    times = looks(kinds=kinds)
    assert np.all(pauses(times, 0.0, 4.0) <= pause_s + STEP_S)
    assert len(times) == pytest.approx(4.0 / pause_s, rel=0.2)


def test_an_unchanging_picture_is_looked_at_seldom():
    still = looks(picture=lambda index: np.full((36, 64, 3), 90, np.uint8))
    assert np.median(np.diff(still)) == pytest.approx(STILL_S, abs=STEP_S)


def test_the_noise_of_a_still_picture_is_no_change():
    random = np.random.default_rng(1)
    noisy = [random.normal(90, 6, (720, 1280, 3)).clip(0, 255).astype(np.uint8) for _ in range(3)]
    times = looks(picture=lambda index: noisy[index % 3], seconds=2.0)
    assert np.median(np.diff(times)) == pytest.approx(STILL_S, abs=STEP_S)


def test_what_begins_to_move_ends_the_rest_at_once():
    def picture(index):
        image = np.full((360, 640, 3), 90, np.uint8)
        if index * STEP_S >= 2.05:
            image[100:120, 300:330] = 220
        return image

    times = looks(picture=picture)
    after = times[times >= 2.05]
    assert after[0] - 2.05 <= ORDINARY_S + STEP_S


@pytest.mark.parametrize(
    ("kinds", "first_s", "later_s"),
    [(ALL, OFTEN_S, ORDINARY_S), (("wrong_way",), NEW_BY_WAY_S, BY_WAY_S)],
)
def test_a_new_vehicle_is_looked_at_often_and_then_less(kinds, first_s, later_s):
    times = looks([slow_car(40.0)], kinds=kinds, seconds=3.0)
    first = np.median(pauses(times, 0.0, 0.35))
    later = np.median(pauses(times, 0.6, 2.0))
    assert first == pytest.approx(first_s, abs=STEP_S / 2)
    assert later == pytest.approx(later_s, abs=STEP_S)


def test_a_new_vehicle_beside_the_lanes_is_not_looked_at_often():
    beside = Vehicle(straight(14.0, 9.0, 40.0))
    times = looks([beside], kinds=("wrong_way",), seconds=2.0)
    assert np.all(pauses(times, 0.0, 2.0) >= BY_WAY_S - STEP_S)


def test_doubtful_boxes_that_begin_no_track_do_not_count_as_new():
    times = looks([slow_car(40.0)], confidence=0.2, seconds=2.0)
    assert np.median(np.diff(times)) == pytest.approx(ORDINARY_S, abs=STEP_S)


@pytest.mark.parametrize(("phases", "often"), [(GREEN, False), (RED, True)])
def test_a_line_is_watched_closely_while_its_signal_is_not_green(phases, often):
    times = looks([slow_car(17.0)], phases=phases, road=Road(far_m=120.0), seconds=2.0)
    pause = np.median(pauses(times, 0.5, 1.2))  # the front reaches 25 m after 0.9 s
    assert pause == pytest.approx(OFTEN_S if often else ORDINARY_S, abs=STEP_S)


def test_a_vehicle_that_waits_at_red_is_no_reason_to_look_often():
    times = looks([Vehicle(straight(1.75, 0.0, 24.0))], phases=RED)
    assert np.median(pauses(times, 1.0, 4.0)) >= ORDINARY_S - STEP_S


def test_a_change_of_signal_is_looked_at_at_once():
    for change_s in (1.01, 1.05, 1.09):
        times = looks(phases=((0.0, Aspect.GREEN), (change_s, Aspect.RED)))
        assert times[times >= change_s][0] - change_s < STEP_S


@pytest.mark.parametrize(("speed_mps", "often"), [(12.0, False), (16.0, True)])
def test_speeders_are_looked_at_often(speed_mps, often):
    road = Road(stop_y_m=None, far_m=150.0)  # 50 km/h are allowed, 13.9 m/s
    times = looks([Vehicle(straight(1.75, speed_mps, 20.0))], road=road, seconds=3.0)
    pause = np.median(pauses(times, 0.6, 2.5))
    assert pause == pytest.approx(OFTEN_S if often else ORDINARY_S, abs=STEP_S)


@pytest.mark.parametrize(
    ("limit_kmh", "kinds", "pause_s"),
    [
        (50.0, ALL, STEP_S),
        (50.0, ("red_light", "wrong_way"), ORDINARY_S),
        (90.0, ALL, ORDINARY_S),
        (None, ALL, ORDINARY_S),
    ],
)
def test_speeders_are_looked_at_in_every_frame_where_a_pixel_is_long(limit_kmh, kinds, pause_s):
    wide = Camera(focal_px=300.0)  # 0.15 m of road a pixel where the road is nearest
    road = Road(wide, stop_y_m=None, near_m=20.0, far_m=150.0, limit_kmh=limit_kmh)
    times = looks([Vehicle(straight(1.75, 16.0, 25.0))], road=road, kinds=kinds, seconds=3.0)
    pause = np.median(pauses(times, 0.6, 2.5))
    assert pause == pytest.approx(pause_s, abs=0.9 * STEP_S)


@pytest.mark.parametrize(("kinds", "often"), [(ALL, True), (("speeding",), False)])
def test_wrong_way_drivers_are_looked_at_often_where_that_is_judged(kinds, often):
    road = Road(stop_y_m=None)
    oncoming = Vehicle(straight(1.75, -9.0, 60.0), heading=(0.0, -1.0))
    times = looks([oncoming], road=road, kinds=kinds, seconds=3.0)
    pause = np.median(pauses(times, 0.6, 2.5))
    assert pause == pytest.approx(OFTEN_S if often else ORDINARY_S, abs=STEP_S)


def test_a_line_that_no_signal_holds_for_is_not_watched():
    road = Road(calibrated=False, limit_kmh=None)
    line = replace(road.scene().stop_lines[0], signal_group_id=None)
    crossing = [Vehicle(straight(1.75, 10.0, 12.0))]
    watched = looks(crossing, road=road, phases=RED, kinds=("red_light",))
    assert pauses(watched, 0.6, 1.8).max() <= OFTEN_S + STEP_S
    scene = replace(road.scene(), stop_lines=(line,))
    road.scene = lambda: scene
    unwatched = looks(crossing, road=road, phases=RED, kinds=("red_light",))
    assert pauses(unwatched, 0.7, 1.8).min() > OFTEN_S + STEP_S
