"""What broke a rule once under bad tracking: tracks that pass between vehicles, covered boxes."""

import numpy as np
import pytest

from tests.road import PROVENANCE, Road, Vehicle, box_of, drive, straight, violations
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect
from traffic_ai.core.track import Track, Tracks
from traffic_ai.rules.continuity import largest_leap
from traffic_ai.rules.parameters import RedLightParameters, WrongWayParameters
from traffic_ai.rules.passage import front_passage
from traffic_ai.rules.red_light import RedLight
from traffic_ai.rules.rider import is_carried
from traffic_ai.rules.speed import PassPoints, estimate_speed
from traffic_ai.rules.speed_result import SpeedEstimate
from traffic_ai.rules.stop_line_geometry import StopLineGeometry
from traffic_ai.rules.wrong_way import WrongWay


def _observe(rule, track, t_s):
    point = track.point(-1)
    tracks = Tracks(
        np.array([track.track_id]),
        np.array([point.xyxy_px]),
        np.array([2]),
        np.array([point.ground_m]),
        np.array([True]),
        np.array([True]),
    )
    info = FrameInfo("cam", 0, t_s, None, 1280, 720)
    return rule.update(Observation(info, tracks, {track.track_id: track}, {}))


def _wrong_ways(place_m, times_s, sigma_m, seed, stated_m):
    """Violations of a track at place_m(t) along the lane, its boxes trembling by sigma_m."""
    road = Road(lanes=[("up", 0.0, 3.5, 1)], stop_y_m=None)
    rule = WrongWay(road.scene(), PROVENANCE, WrongWayParameters())
    random = np.random.default_rng(seed)
    track = Track(1, 0.0)
    track.vote(2, 1.0)
    findings = []
    for t_s in times_s:
        y = place_m(t_s) + random.normal(0.0, sigma_m)
        px = road.camera.road([(1.75, y)])[0]
        box = np.array([px[0] - 20, px[1] - 30, px[0] + 20, px[1]])
        track.append(t_s, box, np.array([1.75, y]), stated_m**2 * np.eye(2), True, True)
        findings += _observe(rule, track, t_s)
    return violations(findings)


@pytest.mark.parametrize(
    ("sigma_m", "stated_m", "taken_s"), [(0.6, 0.6, 0.0), (0.6, 0.6, 0.3), (2.0, 1.0, 0.0)]
)
def test_a_track_that_passes_to_the_next_standing_vehicle_drives_no_wrong_way(
    sigma_m, stated_m, taken_s
):
    """Far away in a queue boxes tremble by metres; the next vehicle stands one place behind."""
    times_s = np.arange(0.0, 8.0, 0.1)
    for seed in range(8):
        gap_m = 6.0 + seed

        def place_m(t_s, gap_m=gap_m):
            return 62.0 - gap_m * np.clip((t_s - 6.0) / max(taken_s, 1e-3), 0.0, 1.0)

        assert not _wrong_ways(place_m, times_s, sigma_m, seed, stated_m), gap_m


@pytest.mark.parametrize("speed_mps", [3.0, 12.0, 28.0])
def test_a_vehicle_that_stood_and_then_drives_the_wrong_way_is_reported(speed_mps):
    """It reaches its speed within some metres; the time it stood does not hide it."""

    def place_m(t_s):
        return 66.0 - speed_mps * max(t_s - 3.0, 0.0)

    times_s = np.arange(0.0, 3.0 + 40.0 / speed_mps, 0.1)
    assert len(_wrong_ways(place_m, times_s, 0.5, 1, 0.5)) == 1


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("beside_m", [-2.5, 6.0])
def test_a_vehicle_that_was_once_in_the_lane_and_passes_beside_the_line_is_not_reported(
    calibrated, beside_m
):
    """One stray box in the line's lane is enough to be seen before it, not to have crossed it."""
    road = Road(calibrated=calibrated, stop_y_m=45.0)

    def rules(scene):
        return [RedLight(scene, PROVENANCE, RedLightParameters())]

    def path(t_s):
        aside = np.clip((t_s - 5.0) / 2.0, 0.0, 1.0)
        return 1.75 + (beside_m - 1.75) * aside, 45.0 + 10.0 * (t_s - 7.5)

    phases = {"main": [(0.0, Aspect.GREEN), (1.0, Aspect.YELLOW), (4.0, Aspect.RED)]}
    found = drive(road, [Vehicle(path)], rules, seconds=12.0, phases=phases)
    assert not violations(found)
    ahead = Vehicle(straight(1.75, 10.0, 45.0, 7.5))
    assert violations(drive(road, [ahead], rules, seconds=12.0, phases=phases))


def _covered_pass(share, until_s, speed_mps):
    """A motorcycle towards the camera; up to a moment something hides the lower part of its box."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=None)
    homography = road.scene().homography
    assert homography is not None
    rider = Vehicle(straight(1.75, -speed_mps, 60.0), RoadUser.MOTORCYCLE, heading=(0.0, -1.0))
    random = np.random.default_rng(3)
    track = Track(1, 0.0)
    for t_s in np.arange(0.0, 44.0 / speed_mps, 1.0 / 15.0):
        box = box_of(road.camera, rider, float(t_s))
        if box is None:
            continue
        box = box + random.normal(0.0, 1.0, 4)
        if t_s < until_s:
            box[3] -= share * (box[3] - box[1])
        anchor = np.array([[(box[0] + box[2]) / 2.0, box[3]]])
        place, cov = (
            homography.to_ground(anchor)[0],
            homography.ground_covariance(anchor, np.eye(2)),
        )
        track.append(float(t_s), box, place, cov[0], True, True)
    return PassPoints.of_track(track, homography), homography


@pytest.mark.parametrize("share", [0.25, 0.35])
@pytest.mark.parametrize("until_s", [2.0, 2.6])
def test_a_vehicle_that_comes_out_from_behind_a_hedge_is_not_read_too_fast(share, until_s):
    """Its box grows downwards at once; a metre of that would be a metre driven in no time."""
    points, homography = _covered_pass(share, until_s, speed_mps=13.0)
    assert not points.whole.all()
    result = estimate_speed(points, homography, RoadUser.MOTORCYCLE)
    if isinstance(result, SpeedEstimate):
        assert result.speed_kmh - 2.0 * result.standard_uncertainty_kmh <= 13.0 * 3.6


def test_a_box_that_trembles_is_taken_whole():
    points, _ = _covered_pass(0.0, 0.0, speed_mps=13.0)
    assert points.whole.all()


def _boxes_track(boxes, grounded=None, observed=None, fps=15.0):
    track = Track(1, 0.0)
    for i, box in enumerate(boxes):
        seen = observed is None or observed[i]
        on_road = seen and (grounded is None or grounded[i])
        track.append(i / fps, np.array(box, float), None, None, seen, on_road)
    return track


CAR_PX, BUS_PX = [510.0, 314.0, 593.0, 398.0], [252.0, 321.0, 969.0, 562.0]
HALF_PX = [510.0, 314.0, 593.0, 356.0]


def test_a_track_that_leaves_a_hidden_vehicle_with_the_one_that_hides_it_leaps():
    covered = [HALF_PX] * 3
    boxes = [CAR_PX] * 15 + covered + [CAR_PX] * 6
    seen = [True] * 18 + [False] * 6
    on_road = [True] * 15 + [False] * 9
    bus = _boxes_track(boxes + [BUS_PX] * 8, on_road + [True] * 8, seen + [True] * 8)
    car = _boxes_track(boxes + [CAR_PX] * 8, on_road + [True] * 8, seen + [True] * 8)
    assert largest_leap(bus, 0.5, 2.0) > 1.0
    assert largest_leap(car, 0.5, 2.0) < 1.0


def test_a_two_wheeler_of_which_now_the_rider_is_seen_and_now_the_whole_leaps_not():
    whole, rider = [660.0, 400.0, 715.0, 510.0], [665.0, 400.0, 710.0, 465.0]
    track = _boxes_track([*[whole] * 10, *[rider] * 3, *[whole] * 10, rider, rider, *[whole] * 5])
    assert largest_leap(track, 0.3, 2.0) < 1.0
    other = _boxes_track([*[whole] * 10, *[rider] * 10])
    assert largest_leap(other, 0.3, 1.3) > 1.0


def test_a_size_that_was_there_for_a_moment_tells_nothing_of_the_one_that_lasts():
    whole, part = [660.0, 400.0, 715.0, 510.0], [665.0, 462.0, 710.0, 510.0]
    begins = _boxes_track([*[whole] * 2, *[part] * 12])
    assert largest_leap(begins, 0.0, 1.0) < 1.0
    goes_on = _boxes_track([*[whole] * 5, *[part] * 12])
    assert largest_leap(goes_on, 0.0, 1.0) > 1.0


@pytest.mark.parametrize("fps", [8.0, 15.0, 30.0, 60.0])
def test_how_long_a_step_lasts_does_not_depend_on_how_often_one_looks(fps):
    """Boxes that show the rider alone for 0.06 s, and the next vehicle's from then on."""

    def seen(t_s):
        part = 65.0 if 1.0 <= t_s < 1.06 else 0.0
        return [660.0, 400.0 - 50.0 * t_s, 715.0, 510.0 - part - 50.0 * t_s]

    times_s = np.arange(0.0, 2.0, 1.0 / fps)
    one = _boxes_track([seen(t_s) for t_s in times_s], fps=fps)
    assert largest_leap(one, 0.3, 2.0) < 1.0
    two = _boxes_track([np.add(seen(t_s), 150.0 * (t_s >= 1.0)) for t_s in times_s], fps=fps)
    assert largest_leap(two, 0.3, 2.0) > 1.0


@pytest.mark.parametrize("fps", [15.0, 30.0])
def test_a_covered_two_wheeler_with_and_without_its_rider_leaps_not(fps):
    """Its upper edge is the rider's and then the handlebar's; the lower edge goes on."""
    times_s = np.arange(0.0, 2.0, 1.0 / fps)
    boxes = [[660.0, 400.0 + 45.0 * (t_s >= 1.0), 715.0, 510.0] for t_s in times_s]
    covered = _boxes_track(boxes, times_s < 0.8, fps=fps)
    assert largest_leap(covered, 0.3, 2.0) < 1.0
    beside = _boxes_track(np.add(boxes, 130.0 * (times_s >= 1.0)[:, None]), times_s < 0.8, fps=fps)
    assert largest_leap(beside, 0.3, 2.0) > 1.0


def test_a_rider_on_a_motorcycle_that_was_found_too_is_not_judged_twice():
    def ride(road_user, box):
        track = _boxes_track([np.add(box, [0.0, 6.0 * i, 0.0, 6.0 * i]) for i in range(20)])
        track.vote(road_user, 1.0)
        return track

    rider = ride(RoadUser.PERSON, [667.0, 100.0, 705.0, 175.0])
    own = ride(RoadUser.MOTORCYCLE, [660.0, 110.0, 715.0, 210.0])
    beside = ride(RoadUser.CAR, [700.0, 100.0, 830.0, 220.0])
    assert is_carried(rider, [rider, own], 0.7)
    assert not is_carried(rider, [rider, beside], 0.7)


def _see(track, homography, t_s, box, grounded=True):
    anchor = np.array([[(box[0] + box[2]) / 2.0, box[3]]])
    place, cov = homography.to_ground(anchor), homography.ground_covariance(anchor, np.eye(2))
    track.append(t_s, box, place[0], cov[0], True, grounded)


@pytest.mark.parametrize("hidden_edge", [1, 3])
@pytest.mark.parametrize("way", [1, -1])
def test_a_covered_vehicle_is_never_charged_for_more_than_it_did(way, hidden_edge):
    """Around the line a neighbour hides some of it; in one picture that neighbour is not found."""
    stop_m, crosses_s = (25.0, 2.0) if way > 0 else (45.0, 3.0)
    road = Road(lanes=[("lane", 0.0, 3.5, way)], stop_y_m=stop_m)
    scene, homography = road.scene(), road.scene().homography
    path = straight(1.75, way * 9.0, stop_m, crosses_s)
    rider = Vehicle(path, RoadUser.MOTORCYCLE, heading=(0.0, float(way)))
    track = Track(1, 0.0)
    track.vote(RoadUser.MOTORCYCLE, 1.0)
    random = np.random.default_rng(2)
    for t_s in np.arange(crosses_s - 1.2, crosses_s + 2.5, 0.08):
        box = box_of(road.camera, rider, t_s) + random.normal(0.0, 0.7, 4)
        covered = abs(t_s - crosses_s - 0.1) < 0.5
        if covered:
            box[hidden_edge] += (2 - hidden_edge) * 0.4 * (box[3] - box[1])
        not_found = abs(t_s - crosses_s - 0.08) < 0.04
        _see(track, homography, t_s, box, not covered or (not_found and hidden_edge == 3))
    passage = front_passage(track, StopLineGeometry(scene.stop_lines[0], scene))
    assert passage is None or passage.front_earliest_s <= crosses_s


def test_a_box_that_held_another_vehicle_behind_hinders_no_crossing():
    """Far away the box of a bus that comes holds the roof of the next one too."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=35.0)
    scene, homography = road.scene(), road.scene().homography
    bus = Vehicle(straight(1.75, -9.0, 35.0, 4.0), RoadUser.BUS, heading=(0.0, -1.0))
    track = Track(1, 0.0)
    track.vote(RoadUser.BUS, 1.0)
    for t_s in np.arange(1.0, 5.0, 0.08):
        box = box_of(road.camera, bus, t_s)
        box[1] -= 0.4 * (box[3] - box[1]) if t_s < 3.0 else 0.0
        _see(track, homography, t_s, box)
    passage = front_passage(track, StopLineGeometry(scene.stop_lines[0], scene))
    assert passage is not None
    assert passage.front_earliest_s <= 4.0 <= passage.front_latest_s + 0.05


def _covered_for_a_second(place_m):
    """The track of a box like a car's, covered from second 1 to 2, whose rear is where the function
    tells; what is left of it then seems to go on.
    """
    road = Road()
    homography = road.scene().homography
    track = Track(1, 0.0)
    for t_s in np.arange(0.0, 3.0, 0.07):
        covered = 1.0 < t_s < 2.0
        rear_m = place_m(1.0) + 14.0 * (t_s - 1.0) if covered else place_m(t_s)
        box = box_of(road.camera, Vehicle(lambda _, y=rear_m: (1.75, y + 4.3)), 0.0)
        box[3] -= 0.4 * (box[3] - box[1]) if covered else 0.0
        _see(track, homography, t_s, box, not covered)
    return track


def test_a_track_that_goes_on_with_the_vehicle_behind_the_one_it_lost_leaps():
    behind = _covered_for_a_second(lambda t_s: 20.0 + 14.0 * (t_s - (t_s > 1.5)))
    assert largest_leap(behind, 1.5, 3.0) > 1.0
    braked = _covered_for_a_second(lambda t_s: 20.0 + 14.0 * t_s - 1.5 * (t_s > 1.5))
    assert largest_leap(braked, 1.5, 3.0) < 1.0


def test_who_was_another_vehicle_before_a_long_time_unseen_is_judged_by_what_came_after():
    """Far away a truck is lost, and seconds later its track goes on with the next that comes."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=45.0)
    scene, homography = road.scene(), road.scene().homography
    truck = Vehicle(straight(1.75, 0.0, 70.0), RoadUser.TRUCK, heading=(0.0, -1.0))
    car = Vehicle(straight(1.75, -10.0, 45.0, 15.0), heading=(0.0, -1.0))
    track = Track(1, 0.0)
    for vehicle, first_s, last_s in ((truck, 0.0, 8.0), (car, 12.5, 17.0)):
        for t_s in np.arange(first_s, last_s, 0.1):
            box = box_of(road.camera, vehicle, t_s)
            anchor = np.array([[(box[0] + box[2]) / 2.0, box[3]]])
            place, cov = (
                homography.to_ground(anchor),
                homography.ground_covariance(anchor, np.eye(2)),
            )
            track.append(t_s, box, place[0], cov[0], True, True)
    passage = front_passage(track, StopLineGeometry(scene.stop_lines[0], scene))
    assert passage is not None
    assert passage.front_earliest_s <= 15.0 <= passage.front_latest_s + 0.05
