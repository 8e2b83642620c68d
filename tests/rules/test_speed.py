"""The speed of a pass: unbiased, never capped, with an uncertainty that can be believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.speed_passes import (
    FAR_M,
    NEAR_M,
    Setting,
    along,
    correlated,
    moments,
)
from traffic_ai.core.geometry import Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules import speed_pass
from traffic_ai.rules.speed import PassPoints, estimate_speed
from traffic_ai.rules.speed_result import RefusalReason, SpeedEstimate, SpeedRefusal

EXACT = Setting.exact()
WAY_M = FAR_M - NEAR_M


def errors_kmh(noise_px, passes=100, speed_kmh=80.0, fps=25.0, drop=0.0, seed=0):
    random = np.random.default_rng(seed)
    out = []
    for _ in range(passes):
        t_s = moments(WAY_M / (speed_kmh / 3.6), fps, drop, random)
        noise = correlated(random, t_s, 0.0, noise_px)
        result = EXACT.speed(t_s, along(t_s, speed_kmh), noise)
        assert isinstance(result, SpeedEstimate)
        out.append(result.speed_kmh - speed_kmh)
    return np.array(out)


@given(st.floats(20.0, 300.0), st.booleans())
@settings(max_examples=30, deadline=None)
def test_without_noise_the_speed_is_exact_and_never_capped(speed_kmh, approaching):
    t_s = moments(WAY_M / (speed_kmh / 3.6), 50.0)
    place = along(t_s, speed_kmh)
    if approaching:
        place[:, 1] = NEAR_M + FAR_M - place[:, 1]
    result = EXACT.speed(t_s, place)
    assert isinstance(result, SpeedEstimate)
    assert result.speed_kmh == pytest.approx(speed_kmh, rel=1e-6)
    assert result.seen_end is (VehicleEnd.FRONT if approaching else VehicleEnd.REAR)


@pytest.mark.parametrize(("noise_px", "p95_kmh"), [(1.0, 0.47), (2.0, 0.90), (4.0, 1.75)])
def test_random_error_stays_in_the_budget(noise_px, p95_kmh):
    """An exact camera 6 m high: p95 of 0.47 / 0.90 / 1.75 km/h at box noise of 1 / 2 / 4 px."""
    assert np.quantile(np.abs(errors_kmh(noise_px)), 0.95) <= p95_kmh


def test_noise_does_not_bias():
    assert abs(errors_kmh(2.0, passes=150).mean()) < 0.08


def test_dropped_frames_and_uneven_times_do_not_bias():
    error = errors_kmh(1.0, drop=0.3)
    assert abs(error.mean()) < 0.08
    assert np.quantile(np.abs(error), 0.95) < 0.8
    t_s = np.cumsum(np.random.default_rng(1).uniform(0.005, 0.12, 25))
    result = EXACT.speed(t_s, along(t_s, 75.0))
    assert isinstance(result, SpeedEstimate)
    assert result.speed_kmh == pytest.approx(75.0, rel=1e-6)


@pytest.mark.parametrize(
    ("noise_px", "tau_s", "fps", "drop", "least"),
    [
        (1.5, 0.0, 25.0, 0.0, 0.92),
        (3.0, 0.2, 25.0, 0.0, 0.89),
        (1.5, 0.05, 50.0, 0.3, 0.92),
        (2.0, 0.0, 12.5, 0.0, 0.92),
    ],
)
def test_the_stated_uncertainty_covers_95_percent(noise_px, tau_s, fps, drop, least):
    """Everything it claims is drawn anew: camera, clicks, survey, height of the edge, noise.

    Less where boxes drift for a good part of the pass, which looks like a change of speed.
    """
    random = np.random.default_rng(7)
    inside, trials = 0, 120
    ratios = []
    for _ in range(trials):
        setting = Setting.surveyed(random)
        speed_kmh = random.uniform(40.0, 130.0)
        t_s = moments(WAY_M / (speed_kmh / 3.6), fps, drop, random)
        points = setting.points(
            t_s,
            along(t_s, speed_kmh),
            correlated(random, t_s, tau_s, noise_px),
            height_m=random.normal(0.0, 0.03),
        )
        result = estimate(points, setting)
        assert isinstance(result, SpeedEstimate)
        error = abs(result.speed_kmh - speed_kmh)
        inside += error <= 2.0 * result.standard_uncertainty_kmh
        assert result.standard_uncertainty_kmh < 0.06 * speed_kmh
        ratios.append(error / result.standard_uncertainty_kmh)
    assert inside / trials >= least
    # Nor is it padded: the errors are about as large as stated.
    assert np.sqrt(np.mean(np.square(ratios))) > 0.7


def estimate(points, setting, road_user=None, **options):
    return estimate_speed(points, setting.homography, road_user, **options)


def test_correlated_noise_is_seen_and_enlarges_the_uncertainty():
    random = np.random.default_rng(2)

    def typical(tau_s):
        found = []
        for _ in range(25):
            t_s = moments(1.6, 25.0)
            result = EXACT.speed(t_s, along(t_s, 78.0), correlated(random, t_s, tau_s, 2.0))
            assert isinstance(result, SpeedEstimate)
            found.append(dict(result.components_kmh)["fit"])
        return np.median(found)

    assert typical(0.25) > 1.6 * typical(0.0)


def test_components_add_up_and_name_their_causes():
    random = np.random.default_rng(4)
    setting = Setting.surveyed(random)
    t_s = moments(1.5)
    result = setting.speed(t_s, along(t_s, 80.0), correlated(random, t_s, 0.0, 1.0), RoadUser.BUS)
    assert isinstance(result, SpeedEstimate)
    parts = dict(result.components_kmh)
    assert set(parts) == {"fit", "calibration", "reference_height", "vehicle_size", "time"}
    assert np.linalg.norm(list(parts.values())) == pytest.approx(result.standard_uncertainty_kmh)
    assert parts["calibration"] > 0.0


def test_outliers_and_gaps_change_nothing():
    random = np.random.default_rng(5)
    t_s = moments(1.55)
    place = along(t_s, 80.0)
    noise = correlated(random, t_s, 0.0, 1.0)
    clean = EXACT.speed(t_s, place, noise)
    spoiled = noise.copy()
    spoiled[[3, 11, 12, 30]] += [(0, 60), (40, -50), (30, -45), (0, -20)]
    keep = (t_s < 0.7) | (t_s > 1.1)
    assert isinstance(clean, SpeedEstimate)
    for result in (
        EXACT.speed(t_s, place, spoiled),
        EXACT.speed(t_s[keep], place[keep], noise[keep]),
    ):
        assert isinstance(result, SpeedEstimate)
        assert result.speed_kmh == pytest.approx(80.0, abs=0.6)
        assert result.point_count < clean.point_count


def test_beside_a_gap_the_longer_part_is_measured_by_itself():
    """Where a vehicle was seen once, long before the rest, that may have been another one."""
    random = np.random.default_rng(7)
    t_s = np.concatenate([[0.0], 2.2 + moments(1.0)])
    place, noise = along(t_s, 40.0), correlated(random, t_s, 0.0, 1.0)
    whole = EXACT.speed(t_s, place, noise)
    later = EXACT.speed(t_s[1:], place[1:], noise[1:])
    assert isinstance(whole, SpeedEstimate)
    assert whole == later
    few = EXACT.speed(t_s[:4], place[:4], noise[:4], min_points=4, min_baseline_m=1.0)
    assert isinstance(few, SpeedRefusal)
    assert few.reason is RefusalReason.GAP


@pytest.mark.parametrize("off_m", [4.5, 5.0])
def test_a_few_points_of_another_vehicle_long_before_do_not_count(off_m):
    """The track held another one first: what came of him since allows much, but not the most."""
    t_s = np.concatenate([[0.0, 0.16], np.arange(1.0, 2.6, 0.04)])
    place_m = along(t_s, 39.6, NEAR_M + 6.0)
    place_m[:2] += [1.5, -off_m]
    noise_px = correlated(np.random.default_rng(4), t_s, 0.0, 0.5)
    result = Setting.exact(12.0).speed(t_s, place_m, noise_px)
    assert isinstance(result, SpeedEstimate)
    assert result.start_s == t_s[2]
    assert result.speed_kmh == pytest.approx(39.6, abs=1.0)


def test_lateral_noise_does_not_lengthen_the_path():
    random = np.random.default_rng(6)
    t_s = moments(5.0)
    noise = np.column_stack([random.normal(0.0, 8.0, len(t_s)), random.normal(0, 0.5, len(t_s))])
    result = EXACT.speed(t_s, along(t_s, 24.0), noise)
    assert isinstance(result, SpeedEstimate)
    assert result.speed_kmh == pytest.approx(24.0, abs=0.15)


def test_a_turning_vehicle_has_the_speed_along_its_bend():
    """A quarter circle of 14 m radius at 30 km/h: the chord would read 27."""
    speed_mps, radius_m = 30.0 / 3.6, 14.0
    t_s = moments(radius_m * np.pi / 2 / speed_mps)
    angle = speed_mps * t_s / radius_m
    place = np.column_stack(
        [-8.0 + radius_m * (1 - np.cos(angle)), 18.0 + radius_m * np.sin(angle)]
    )
    noise = correlated(np.random.default_rng(8), t_s, 0.0, 1.0)
    result = EXACT.speed(t_s, place, noise)
    assert isinstance(result, SpeedEstimate)
    assert abs(result.speed_kmh - 30.0) < 2.0 * result.standard_uncertainty_kmh
    assert result.speed_kmh > 29.0


def test_mild_acceleration_gives_the_mean_over_the_pass():
    t_s = moments(2.0)
    place = along(t_s, 0.0)
    place[:, 1] += 16.0 * t_s + 0.5 * 0.8 * t_s**2
    result = EXACT.speed(t_s, place, correlated(np.random.default_rng(9), t_s, 0.0, 0.5))
    assert isinstance(result, SpeedEstimate)
    mean_kmh = 3.6 * (place[-1, 1] - place[0, 1]) / t_s[-1]
    assert abs(result.speed_kmh - mean_kmh) < 2.0 * result.standard_uncertainty_kmh
    assert result.end_s - result.start_s == pytest.approx(t_s[-1], abs=0.1)


def test_who_was_fast_and_then_stops_is_measured_before_stopping():
    """20 m at 80 km/h, an emergency stop, then ten seconds of standing."""
    v, a = 80.0 / 3.6, 14.0
    t_s = moments(13.0)
    fast = np.minimum(t_s, 0.9)
    braking = np.clip(t_s - 0.9, 0.0, v / a)
    place = along(t_s, 0.0, 14.5)
    place[:, 1] += v * fast + v * braking - 0.5 * a * braking**2
    noise = correlated(np.random.default_rng(10), t_s, 0.0, 1.0)
    result = EXACT.speed(t_s, place, noise)
    assert isinstance(result, SpeedEstimate)
    assert 70.0 < result.speed_kmh < 80.0 + 2.0 * result.standard_uncertainty_kmh
    assert result.end_s < 2.0


def test_a_standing_vehicle_has_no_speed():
    t_s = moments(60.0)
    noise = correlated(np.random.default_rng(11), t_s, 0.3, 3.0)
    result = EXACT.speed(t_s, along(t_s, 0.0, 30.0), noise)
    assert isinstance(result, SpeedRefusal)
    assert result.rough_kmh is not None
    assert result.rough_kmh < 3.0


def jump(t_s, place):
    moved = place.copy()
    moved[len(t_s) // 2 :] += (3.5, 8.0)
    return t_s, moved


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t, p: (t, p + np.array([0.0, 200.0])), RefusalReason.NOT_IN_AREA),
        (lambda t, p: (t[::12], p[::12]), RefusalReason.TOO_FEW_POINTS),
        (lambda t, p: (t[:9], p[:9]), RefusalReason.TOO_SHORT),
        (lambda t, p: (t[np.r_[:5, 30:35]], p[np.r_[:5, 30:35]]), RefusalReason.GAP),
        (jump, RefusalReason.VEHICLE_SWAPPED),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(change, reason):
    t_s = moments(1.55)
    result = EXACT.speed(*change(t_s, along(t_s, 80.0)))
    assert isinstance(result, SpeedRefusal)
    assert result.reason is reason
    assert not result.condition.met


def test_scattered_points_are_refused():
    random = np.random.default_rng(12)
    t_s = moments(1.5)
    place = np.column_stack([random.uniform(-3, 6, len(t_s)), random.uniform(16, 48, len(t_s))])
    assert isinstance(EXACT.speed(t_s, place), SpeedRefusal)


def test_calibration_error_common_to_all_points_counts_once():
    """A plane that is shifted as a whole moves every point alike and leaves the speed alone."""
    t_s = moments(1.55)
    place = along(t_s, 80.0)
    base = EXACT.homography

    def part(covariance):
        plane = Homography(
            base.image_to_ground.copy(),
            covariance,
            0.0,
            base.valid_area_px.copy(),
            7.0,
            np.zeros(2),
        )
        pixels = EXACT.camera.road(place)
        points = PassPoints.of_image(t_s, pixels, plane, 1.5)
        result = estimate(points, Setting(EXACT.camera, plane))
        assert isinstance(result, SpeedEstimate)
        return dict(result.components_kmh)["calibration"]

    # Ground y shifted by 1 m: (h3, h4, h5) += (h6, h7, 1), which the gauge keeps.
    h = base.image_to_ground
    shift = np.array([0, 0, 0, h[2, 0], h[2, 1], 1.0, 0, 0])
    stretch = np.array([0, 0, 0, h[1, 0], h[1, 1], h[1, 2], 0, 0])
    assert part(np.outer(shift, shift)) < 1e-6
    assert part(1e-4 * np.outer(stretch, stretch)) == pytest.approx(0.8, abs=0.02)


@given(
    seed=st.integers(0, 10**6),
    mean_kmh=st.floats(15.0, 160.0),
    swing=st.floats(0.0, 0.5),
    noise_px=st.sampled_from([0.5, 1.5, 4.0]),
    tau_s=st.sampled_from([0.0, 0.2, 1.0]),
    road_user=st.sampled_from([None, RoadUser.CAR, RoadUser.TRUCK, RoadUser.MOTORCYCLE]),
)
@settings(max_examples=40, deadline=None)
def test_who_is_found_at_a_speed_is_never_passed_over_as_surely_slower(
    seed, mean_kmh, swing, noise_px, tau_s, road_user
):
    random = np.random.default_rng(seed)
    setting = Setting.surveyed(random)
    duration_s = WAY_M / (mean_kmh / 3.6)
    t_s = moments(duration_s, 25.0, 0.2, random)
    place = along(t_s, mean_kmh)
    place[:, 1] += swing * duration_s * mean_kmh / 3.6 / 7.0 * np.sin(6.3 * t_s / duration_s)
    noise = correlated(random, t_s, tau_s, noise_px)
    found = setting.speed(t_s, place, noise, road_user)
    if isinstance(found, SpeedEstimate):
        again = setting.speed(t_s, place, noise, road_user, matters_kmh=found.speed_kmh)
        assert again == found


def test_who_is_surely_slower_than_matters_is_not_measured():
    t_s = moments(WAY_M / (50.0 / 3.6))
    found = EXACT.speed(t_s, along(t_s, 50.0), matters_kmh=60.0)
    assert isinstance(found, SpeedRefusal)
    assert found.reason is RefusalReason.SLOW
    assert found.rough_kmh == pytest.approx(50.0, rel=0.01)


@pytest.mark.parametrize(("fps", "given"), [(4.0, False), (60.0, True)])
def test_how_sure_a_speed_must_be_counts_that_few_points_tell_their_noise_badly(fps, given):
    """Both a tenth surer than asked for by twice the standard uncertainty."""
    random = np.random.default_rng(2)
    t_s = moments(WAY_M / (80.0 / 3.6), fps)
    pass_ = (t_s, along(t_s, 80.0), correlated(random, t_s, 0.0, 1.5))
    free = EXACT.speed(*pass_)
    parts = dict(free.components_kmh)
    own_kmh = np.hypot(parts["fit"], parts["reference_height"])
    result = EXACT.speed(*pass_, max_uncertainty=1.1 * 2.0 * own_kmh / 100.0)
    assert isinstance(result, SpeedEstimate if given else SpeedRefusal)
    assert given or result.reason is RefusalReason.UNCERTAIN


@pytest.mark.parametrize(("freedom", "factor"), [(4.5, 2.743), (10.0, 2.284), (100.0, 2.025)])
def test_the_factor_is_that_of_student(freedom, factor):
    """Quantiles at 97.725 %, from scipy 1.17."""
    assert speed_pass._expanded(freedom) == pytest.approx(factor, abs=0.01)
