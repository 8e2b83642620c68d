"""The road plane from known distances: dashes, lane widths, no coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.road import HEIGHT_PX, WIDTH_PX, Camera
from traffic_ai.calibration.distances import KnownDistance, fit_distances
from traffic_ai.core.errors import CalibrationError

SIZE = (WIDTH_PX, HEIGHT_PX)
# Dashes every 9 m on both borders of two lanes, and the width at three places.
PAIRS_M = [((x, y), (x, y + 9.0), True) for x in (-3.0, 4.0) for y in (16.0, 25.0, 34.0)] + [
    ((-3.0, y), (4.0, y), False) for y in (16.0, 25.0, 43.0)
]


def pairs(camera, chosen=PAIRS_M, marked=True, clicks=None, road_deg=0.0):
    turn = np.radians(road_deg)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    offset = {}
    out = []
    for a, b, along in chosen:
        ends = []
        for p in (a, b):
            if clicks is not None and p not in offset:
                offset[p] = clicks.normal(0.0, 1.0, 2)
            ground = np.asarray(p) @ rotation
            ends.append(tuple((camera.road([ground])[0] + offset.get(p, 0.0)).tolist()))
        length = float(np.linalg.norm(np.subtract(a, b)))
        out.append(KnownDistance(ends[0], ends[1], length, along if marked else None))
    return out


@given(st.floats(5.0, 12.0), st.floats(8.0, 25.0), st.floats(900.0, 2200.0), st.floats(-15.0, 15.0))
@settings(max_examples=8, deadline=None)
def test_exact_distances_give_lengths_and_the_camera(height_m, pitch_deg, focal_px, road_deg):
    camera = Camera(height_m, pitch_deg, focal_px)
    plane = fit_distances(pairs(camera, road_deg=road_deg), SIZE)
    a, b = camera.road([(0.0, 18.0)]), camera.road([(1.0, 40.0)])
    length = float(np.linalg.norm(plane.to_ground(a) - plane.to_ground(b)))
    assert length == pytest.approx(np.hypot(1.0, 22.0), rel=2e-3)
    if plane.camera_height_m is not None:
        assert plane.camera_height_m == pytest.approx(height_m, rel=0.02)


def test_the_stated_uncertainty_covers_the_error_of_a_length():
    random = np.random.default_rng(3)
    camera = Camera()
    ends = camera.road([(0.5, 18.0), (0.5, 41.0)])
    inside = 0
    trials = 10
    for _ in range(trials):
        plane = fit_distances(pairs(camera, clicks=random), SIZE, 1.0, 0.02)
        ground = plane.to_ground(ends)
        way = ground[1] - ground[0]
        jacobian = plane.parameter_jacobian(ends)
        slope = way / np.linalg.norm(way) @ (jacobian[1] - jacobian[0])
        sigma = np.sqrt(slope @ plane.covariance @ slope)
        assert sigma < 1.0
        inside += abs(np.linalg.norm(way) - 23.0) <= 2.0 * sigma
    assert inside >= 0.8 * trials


def test_lengths_in_many_directions_need_no_marks():
    camera = Camera()
    corners = [(-3.0, 16.0), (4.0, 16.0), (4.0, 25.0), (-3.0, 25.0), (-3.0, 43.0), (4.0, 43.0)]
    every = [(a, b, True) for i, a in enumerate(corners) for b in corners[i + 1 :]]
    plane = fit_distances(pairs(camera, every, marked=False), SIZE)
    ground = plane.to_ground(camera.road([(0.0, 20.0), (0.0, 38.0)]))
    assert np.linalg.norm(ground[1] - ground[0]) == pytest.approx(18.0, rel=5e-3)


def test_one_wrong_distance_is_named():
    wrong = pairs(Camera())
    bad = wrong[4]
    wrong[4] = KnownDistance(bad.a_px, bad.b_px, 15.0, True)
    with pytest.raises(CalibrationError, match="distance 5 "):
        fit_distances(wrong, SIZE)


@pytest.mark.parametrize(
    ("chosen", "marked", "message"),
    [
        (PAIRS_M[:1], True, "equations"),
        (PAIRS_M[:3], False, "equations"),
        (PAIRS_M[:3], True, "across the road|nearer"),
        ([], True, "0 distances"),
    ],
)
def test_too_little_is_refused_and_says_what_is_missing(chosen, marked, message):
    with pytest.raises(CalibrationError, match=message):
        fit_distances(pairs(Camera(), chosen, marked), SIZE)


@pytest.mark.parametrize("metres", [0.0, -3.0, float("nan")])
def test_a_senseless_distance_is_named(metres):
    bad = pairs(Camera())
    bad[1] = KnownDistance(bad[1].a_px, bad[1].b_px, metres, True)
    with pytest.raises(CalibrationError, match="distance 2 is"):
        fit_distances(bad, SIZE)
