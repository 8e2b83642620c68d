"""Boxes whose errors are large, drift, and show in the noise that is stated of them."""

import numpy as np
import pytest

from tests.road import Camera
from tests.rules.speed_passes import Setting, along, correlated, moments
from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules import speed_pass
from traffic_ai.rules.speed import PassPoints, estimate_speed
from traffic_ai.rules.speed_points import along_scale
from traffic_ai.rules.speed_result import SpeedEstimate

NEAR_M, FAR_M = 18.0, 88.0
HEIGHT_M = 1.8


def far_setting():
    camera = Camera(11.0)
    area = [(-20, NEAR_M - 2), (20, NEAR_M - 2), (20, FAR_M + 5), (-20, FAR_M + 5)]
    return Setting(camera, camera.homography(area))


SETTING = far_setting()


def boxes_pass(t_s, speed_kmh, off_px):
    """A pass whose boxes are off by off_px (n, 2), and as much higher as their lower edge is lower.

    Its noise is stated as the tracker does, by the height of each box.
    """
    place_m = along(t_s, speed_kmh, start_m=NEAR_M)
    exact_px = SETTING.camera.project(np.column_stack([place_m, np.zeros(len(t_s))]))
    pixels = exact_px + off_px
    heights_px = HEIGHT_M / SETTING.homography.m_per_px_across(exact_px) + off_px[:, 1]
    sigma_px = 1.0 + 0.025 * heights_px
    cov = SETTING.homography.ground_covariance(pixels, sigma_px[:, None, None] ** 2 * np.eye(2))
    places = SETTING.homography.to_ground(pixels)
    unknown = np.full((len(t_s), 2), np.nan)
    every = np.ones(len(t_s), bool)
    return PassPoints(t_s, pixels, places, cov, every, unknown, t_s)


def drifting(count, speed_kmh, sigma_px=4.0, tau_s=0.3):
    """(errors, standard uncertainties), km/h, of passes whose boxes drift."""
    found = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        t_s = moments((FAR_M - NEAR_M) / (speed_kmh / 3.6), 15.0)
        points = boxes_pass(t_s, speed_kmh, correlated(random, t_s, tau_s, sigma_px))
        result = estimate_speed(points, SETTING.homography, RoadUser.MOTORCYCLE)
        if isinstance(result, SpeedEstimate):
            found.append((result.speed_kmh - speed_kmh, result.standard_uncertainty_kmh))
    assert len(found) >= 0.7 * count
    return np.array(found).T


@pytest.mark.parametrize("speed_kmh", [44.0, 80.0])
def test_boxes_that_drift_by_4_px_give_true_speeds_or_uncertain_ones(speed_kmh):
    error, sigma = drifting(40, speed_kmh)
    assert np.mean(np.abs(error) <= 2.0 * sigma) >= 0.85
    assert abs(np.mean(error / sigma)) < 0.7
    assert np.quantile(np.abs(error), 0.95) < 3.0


def test_a_box_that_states_more_noise_the_lower_it_ends_does_not_hide_its_error(monkeypatch):
    """A path far past all points made each error look as large as its own noise."""
    error, _ = drifting(40, 44.0)
    monkeypatch.setattr(speed_pass.speed_points, "along_scale", lambda sigma_px, _: sigma_px)
    before, _ = drifting(40, 44.0)
    assert np.abs(error).max() < 0.5 * np.abs(before).max()


def test_a_slight_change_of_speed_is_in_the_uncertainty():
    """Too slight to be told from a drift of the boxes; who is taken to keep his speed exactly is
    measured where the boxes are surest, not over the whole way.
    """
    ratios = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        t_s = moments(6.5, 15.0)
        gain_mps2 = random.choice([-0.15, 0.15])
        way_m = 10.0 * t_s + gain_mps2 / 2.0 * t_s**2
        noise_px = correlated(random, t_s, 0.3, 2.0)
        points = boxes_pass(t_s, way_m / t_s.clip(1e-9) * 3.6, noise_px)
        result = estimate_speed(points, SETTING.homography, None)
        assert isinstance(result, SpeedEstimate)
        first, last = np.interp([result.start_s, result.end_s], t_s, way_m)
        true_kmh = (last - first) / (result.end_s - result.start_s) * 3.6
        ratios.append((result.speed_kmh - true_kmh) / result.standard_uncertainty_kmh)
    assert np.mean(np.abs(ratios) <= 2.0) >= 0.9


def test_noise_along_the_scale_keeps_what_grows_with_it_and_no_scatter():
    scale = np.linspace(10.0, 90.0, 30)
    line = np.column_stack([1.0 + 0.03 * scale, 2.0 + 0.0 * scale])
    assert along_scale(line, scale) == pytest.approx(line)
    scatter = line + np.random.default_rng(1).normal(0.0, 0.3, line.shape)
    assert along_scale(scatter, scale) == pytest.approx(line, abs=0.3)


def test_noise_that_is_the_same_all_the_way_is_seen_though_stated_to_grow():
    """Even noise of 3 px, stated as 1.5 px far away and 6 px near."""
    random = np.random.default_rng(3)
    ratios = []
    for _ in range(60):
        t_s = moments((FAR_M - NEAR_M) / (70.0 / 3.6), 15.0)
        points = boxes_pass(t_s, 70.0, random.normal(0.0, 3.0, (len(t_s), 2)))
        result = estimate_speed(points, SETTING.homography, None)
        assert isinstance(result, SpeedEstimate)
        ratios.append((result.speed_kmh - 70.0) / result.standard_uncertainty_kmh)
    assert np.mean(np.abs(ratios) <= 2.0) >= 0.9
