"""The road plane from surveyed points: exact where the points are, honest where they are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.road import HEIGHT_PX, WIDTH_PX, Camera
from traffic_ai.calibration.plane import fit_plane, residuals_m
from traffic_ai.core.errors import CalibrationError

SIZE = (WIDTH_PX, HEIGHT_PX)
GRID_M = np.array([(x, y) for x in (-4.0, 1.0, 6.0) for y in (15.0, 22.0, 33.0, 50.0)])
PROBES_M = np.array([(0.0, 18.0), (3.0, 30.0), (-2.0, 45.0)])


def turned(points_m, degrees, shift_m=(0.0, 0.0)):
    """The same places in another surveyor's axes."""
    a = np.radians(degrees)
    return points_m @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + shift_m


def test_exact_points_give_the_exact_plane_and_camera():
    camera = Camera(height_m=7.0)
    plane = fit_plane(camera.road(GRID_M), GRID_M, SIZE)
    np.testing.assert_allclose(plane.to_ground(camera.road(PROBES_M)), PROBES_M, atol=1e-6)
    assert plane.rms_error_m < 1e-6
    assert plane.camera_height_m == pytest.approx(7.0, abs=0.01)
    np.testing.assert_allclose(plane.camera_ground_m, (0.0, 0.0), atol=0.01)
    assert plane.image_to_ground[2, 2] == 1.0


@given(
    st.floats(4.0, 15.0),
    st.floats(8.0, 40.0),
    st.floats(700.0, 2500.0),
    st.floats(0.0, 360.0),
    st.floats(-5e5, 5e5),
)
@settings(max_examples=40, deadline=None)
def test_any_camera_and_any_survey_axes_are_found(height_m, pitch_deg, focal_px, turn_deg, far_m):
    camera = Camera(height_m, pitch_deg, focal_px)
    ground = turned(GRID_M, turn_deg, (far_m, -far_m / 3))
    plane = fit_plane(
        camera.road(GRID_M), ground, SIZE, valid_area_px=camera.road(GRID_M)[[0, 3, 8]]
    )
    found = plane.to_ground(camera.road(PROBES_M))
    expected = turned(PROBES_M, turn_deg, (far_m, -far_m / 3))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    if plane.camera_height_m is not None:
        assert plane.camera_height_m == pytest.approx(height_m, rel=0.02)


def test_the_covariance_is_what_repeated_clicks_scatter():
    camera = Camera()
    random = np.random.default_rng(1)
    pixels = camera.road(GRID_M)
    probe_px = camera.road(PROBES_M)
    found, stated = [], []
    for _ in range(80):
        clicks = pixels + random.normal(0.0, 1.5, pixels.shape)
        survey = GRID_M + random.normal(0.0, 0.05, GRID_M.shape)
        plane = fit_plane(clicks, survey, SIZE, 1.5, 0.05)
        found.append(plane.to_ground(probe_px))
        jacobian = plane.parameter_jacobian(probe_px)
        stated.append(np.diagonal(jacobian @ plane.covariance @ jacobian.swapaxes(1, 2), 0, 1, 2))
    ratio = np.std(found, axis=0) / np.sqrt(np.median(stated, axis=0))
    # Enlarged when the residuals are large by chance, so a little more than the scatter.
    assert np.all(ratio > 0.65)
    assert np.all(ratio < 1.2)
    assert abs(np.mean(found, axis=0) - PROBES_M).max() < 0.05


def test_the_units_of_the_survey_do_not_spoil_the_covariance():
    camera = Camera()
    pixels = camera.road(GRID_M) + np.random.default_rng(0).normal(0, 1.0, (len(GRID_M), 2))
    probe_px = camera.road(PROBES_M)

    def spread(shift_m):
        plane = fit_plane(pixels, GRID_M + shift_m, SIZE)
        jacobian = plane.parameter_jacobian(probe_px)
        values = np.linalg.eigvalsh(plane.covariance)
        assert values.min() > -1e-6 * values.max()
        return jacobian @ plane.covariance @ jacobian.swapaxes(1, 2)

    np.testing.assert_allclose(spread(0.0), spread(4000.0), rtol=1e-2)


def test_residuals_show_the_bad_click():
    camera = Camera()
    pixels = camera.road(GRID_M)
    pixels[5] += (0.0, 6.0)
    plane = fit_plane(pixels, GRID_M, SIZE)
    assert int(np.argmax(residuals_m(plane, pixels, GRID_M))) == 5
    good = fit_plane(camera.road(GRID_M), GRID_M, SIZE)
    assert np.trace(plane.covariance) > np.trace(good.covariance)


def test_four_points_suffice_and_carry_their_click_error():
    camera = Camera()
    four = GRID_M[[0, 3, 8, 11]]
    plane = fit_plane(camera.road(four), four, SIZE)
    assert residuals_m(plane, camera.road(four), four).max() < 1e-6
    assert np.trace(plane.covariance) > 0.0


def test_the_default_area_is_the_hull_grown_by_a_tenth_within_the_picture():
    camera = Camera()
    pixels = camera.road(GRID_M)
    plane = fit_plane(pixels, GRID_M, SIZE)
    assert plane.in_area(camera.road(PROBES_M)).all()
    low, high = plane.valid_area_px.min(axis=0), plane.valid_area_px.max(axis=0)
    assert (low >= 0.0).all()
    assert (high <= SIZE).all()
    assert not plane.in_area(camera.road([(0.0, 90.0)]))[0]
    assert not np.isnan(plane.to_ground(plane.valid_area_px)).any()


def test_a_view_straight_down_has_no_known_height():
    """Any height with its focal length explains it."""
    ground = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0), (2.0, 1.5)])
    pixels = np.column_stack([300 + 100 * ground[:, 0], 600 - 100 * ground[:, 1]])
    assert fit_plane(pixels, ground, SIZE).camera_height_m is None


def test_a_horizon_through_the_corner_of_the_picture_is_no_obstacle():
    focal_px = 1100.0
    camera = Camera(7.0, float(np.degrees(np.arctan(HEIGHT_PX / 2 / focal_px))), focal_px)
    pixels = camera.road(GRID_M)
    assert abs(camera.road([(0.0, 1e9)])[0, 1]) < 1e-3
    plane = fit_plane(pixels, GRID_M, SIZE)
    np.testing.assert_allclose(plane.to_ground(camera.road(PROBES_M)), PROBES_M, atol=1e-2)
    jacobian = plane.parameter_jacobian(camera.road(PROBES_M))
    variance = np.diagonal(jacobian @ plane.covariance @ jacobian.swapaxes(1, 2), 0, 1, 2)
    assert (variance > 0.0).all()
    assert (variance < 0.5).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, g: (p[:3], g[:3]), "3 calibration points"),
        (lambda p, g: (p[:4], g[:4]), "on one line"),
        (lambda p, g: (p[[0, 0, 5, 9]], g[[0, 0, 5, 9]]), "on one line"),
        (lambda p, g: (p, g * (-1.0, 1.0)), "mirrored"),
        (lambda p, g: (p, g[:, ::-1]), "mirrored"),
        (lambda p, g: (p[:5], g), "as many"),
        (lambda p, g: (p * np.nan, g), "not a number"),
        (lambda p, g: (p[[0, 3, 11, 8]], g[[0, 11, 3, 8]]), "horizon|mirrored"),
    ],
)
def test_unusable_points_are_refused_with_the_reason(change, message):
    pixels, ground = change(Camera().road(GRID_M), GRID_M.copy())
    with pytest.raises(CalibrationError, match=message):
        fit_plane(pixels, ground, SIZE)


def test_a_hopeless_point_is_named():
    pixels = Camera().road(GRID_M)
    ground = GRID_M.copy()
    ground[6] += (9.0, -4.0)
    with pytest.raises(CalibrationError, match="point 7 "):
        fit_plane(pixels, ground, SIZE)


def test_an_area_above_the_horizon_is_refused():
    area = [(0, 0), (1279, 0), (1279, 719)]
    with pytest.raises(CalibrationError, match="horizon"):
        fit_plane(Camera().road(GRID_M), GRID_M, SIZE, valid_area_px=area)
