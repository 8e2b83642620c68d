"""Deductions from a measured speed: the figures in force, and never above what was driven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.rules.deduction import Deduction, DeductionScheme, deduct

SPEEDS_KMH = (99, 100, 101, 150, 151)
LEFT_KMH = {
    DeductionScheme.DE: (96, 97, 97, 145, 146),
    DeductionScheme.CH_RADAR: (94, 95, 95, 144, 144),
    DeductionScheme.CH_LASER: (96, 97, 97, 146, 146),
    DeductionScheme.CH_SECTION: (94, 95, 95, 144, 144),
    DeductionScheme.VIC: (97, 98, 98, 147, 147),
}


@pytest.mark.parametrize("scheme", list(LEFT_KMH))
def test_what_is_left_of_whole_speeds(scheme):
    left = tuple(deduct(scheme, float(speed)).enforced_kmh for speed in SPEEDS_KMH)
    assert left == LEFT_KMH[scheme]


@pytest.mark.parametrize("scheme", list(LEFT_KMH))
@pytest.mark.parametrize("speed_kmh", SPEEDS_KMH)
def test_decimals_are_dropped_first(scheme, speed_kmh):
    assert deduct(scheme, speed_kmh + 0.999) == deduct(scheme, float(speed_kmh))


@pytest.mark.parametrize("speed_kmh", [0.0, 1.0, 250.0])
def test_none_takes_nothing_off(speed_kmh):
    assert deduct(DeductionScheme.NONE, speed_kmh) is None


def test_nothing_is_left_of_less_than_the_deduction():
    assert deduct(DeductionScheme.DE, 2.5) == Deduction(3.0, 0.0)


def test_a_doubtful_speed_has_its_uncertainty_deducted_where_that_is_more():
    assert deduct(DeductionScheme.VIC, 62.4, 1.9) == Deduction(2.0, 60.0)
    assert deduct(DeductionScheme.VIC, 62.4, 3.9) == Deduction(4.0, 58.0)
    assert deduct(DeductionScheme.CH_RADAR, 151.0, 7.2) == Deduction(8.0, 143.0)
    assert deduct(DeductionScheme.NONE, 62.4, 3.9) is None


@given(
    scheme=st.sampled_from(list(LEFT_KMH)),
    speed_kmh=st.floats(0.0, 300.0),
    uncertainty_kmh=st.floats(0.0, 30.0),
)
def test_what_is_left_is_never_above_what_is_certain(scheme, speed_kmh, uncertainty_kmh):
    left = deduct(scheme, speed_kmh, uncertainty_kmh).enforced_kmh
    assert left <= max(speed_kmh - uncertainty_kmh, 0.0) + 1e-9


# The legal error: km/h up to 100 km/h and per cent above, and how far the deduction covers it.
ERRORS = {
    DeductionScheme.DE: (3.0, 300.0),
    DeductionScheme.CH_RADAR: (3.0, 233.0),
    DeductionScheme.CH_LASER: (3.0, 133.0),
    DeductionScheme.CH_SECTION: (3.0, 233.0),
    DeductionScheme.VIC: (2.0, 300.0),
}


@pytest.mark.parametrize("scheme", list(ERRORS))
@given(share=st.floats(0.0, 1.0), error=st.floats(-1.0, 1.0))
def test_what_is_left_never_exceeds_the_true_speed_within_the_legal_error(scheme, share, error):
    allowed, up_to_kmh = ERRORS[scheme]
    true_kmh = share * up_to_kmh
    measured_kmh = true_kmh + error * max(allowed, allowed / 100.0 * true_kmh)
    found = deduct(scheme, max(measured_kmh, 0.0))
    assert found is not None
    assert found.enforced_kmh <= true_kmh + 1e-9


@pytest.mark.parametrize(
    "scheme", [DeductionScheme.CH_RADAR, DeductionScheme.CH_LASER, DeductionScheme.CH_SECTION]
)
def test_swiss_deductions_cover_three_per_cent_that_far_and_no_further(scheme):
    _, up_to_kmh = ERRORS[scheme]
    true_kmh = up_to_kmh + 0.99
    assert deduct(scheme, 1.03 * true_kmh).enforced_kmh > true_kmh
