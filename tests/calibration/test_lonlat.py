"""Degrees to metres."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.calibration.lonlat import to_metres
from traffic_ai.core.errors import CalibrationError


def test_a_known_length_comes_out():
    """One arc minute of latitude at 45 degrees is 1852.2 m (meridian radius 6,367,382 m)."""
    metres, origin = to_metres([(16.6, 45.0), (16.6, 45.0 + 1.0 / 60.0)])
    assert np.linalg.norm(metres[1] - metres[0]) == pytest.approx(1852.2, abs=0.1)
    np.testing.assert_allclose(origin, (16.6, 45.0 + 1.0 / 120.0), atol=1e-6)


def test_east_is_first_and_north_second():
    metres, _ = to_metres([(106.0, 21.0), (106.001, 21.0), (106.0, 21.001)])
    assert metres[1, 0] - metres[0, 0] == pytest.approx(103.95, abs=0.1)
    assert metres[2, 1] - metres[0, 1] == pytest.approx(110.73, abs=0.1)


@given(st.floats(-180.0, 180.0), st.floats(-80.0, 80.0), st.floats(0.0, 360.0))
def test_distances_do_not_depend_on_where_the_origin_falls(lon, lat, bearing_deg):
    step = 2e-4 * np.array([np.cos(np.radians(bearing_deg)), np.sin(np.radians(bearing_deg))])
    a, b, c = (lon, lat), (lon + step[0], lat + step[1]), (lon - 3 * step[1], lat + 2 * step[0])
    two, _ = to_metres([a, b])
    three, _ = to_metres([a, b, c])
    first = np.linalg.norm(two[1] - two[0])
    assert np.linalg.norm(three[1] - three[0]) == pytest.approx(first, abs=1e-3)


def test_points_across_the_date_line_are_neighbours():
    metres, _ = to_metres([(179.9999, 10.0), (-179.9999, 10.0)])
    assert np.linalg.norm(metres[1] - metres[0]) == pytest.approx(21.9, abs=0.1)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(16.6, 95.0)], "longitude first"),
        ([(16.6, 49.2), (49.2, 16.6)], "5 km"),
        ([(16.6, 49.2, 3.0)], "two numbers"),
        ([(float("nan"), 49.2)], "no longitude"),
    ],
)
def test_wrong_degrees_are_refused(points, message):
    with pytest.raises(CalibrationError, match=message):
        to_metres(points)
