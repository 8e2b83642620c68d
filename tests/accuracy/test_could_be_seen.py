"""Which violations count as such that could be seen."""

import numpy as np
import pytest

from benchmarks.accuracy.could_be_seen import could_be_seen
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.report import Place
from traffic_ai.evaluate.truth import TrueVehicle, Truth

STAMPS_S = np.arange(0.0, 10.0, 0.1)


def _place(kind, t_s, until_s):
    return Place("world", kind, t_s, until_s, "north-1", "car", 1)


def _truth(shown_s):
    """A vehicle of which half can be seen from one moment to another, a tenth else."""
    first_s, last_s = shown_s
    shown = np.digitize(STAMPS_S, [first_s, last_s]) == 1
    visible = np.where(shown, 0.5, 0.1)
    box_px = np.tile([0.0, 0.0, 9.0, 9.0], (len(STAMPS_S), 1))
    ground_m = np.zeros((len(STAMPS_S), 2))
    vehicle = TrueVehicle(1, "car", "car", "", 0, box_px, visible, ground_m)
    kinds = frozenset(ViolationKind)
    return Truth("world", None, 10.0, kinds, (), (vehicle,), STAMPS_S, STAMPS_S)


@pytest.mark.parametrize(("shown_s", "seen"), [((4.6, 9.0), True), ((5.6, 9.0), False)])
def test_a_crossing_is_seen_within_half_a_second(shown_s, seen):
    place = _place(ViolationKind.RED_LIGHT, 5.0, 8.0)
    assert could_be_seen(place, _truth(shown_s)) is seen


@pytest.mark.parametrize(("shown_s", "seen"), [((7.0, 7.2), True), ((8.7, 9.0), False)])
def test_a_stop_is_seen_while_it_lasts(shown_s, seen):
    place = _place(ViolationKind.STOP_OVER_LINE, 5.0, 8.0)
    assert could_be_seen(place, _truth(shown_s)) is seen


@pytest.mark.parametrize(("shown_s", "seen"), [((6.0, 7.2), True), ((6.0, 6.8), False)])
def test_a_speed_takes_a_second(shown_s, seen):
    place = _place(ViolationKind.SPEEDING, 5.0, 8.0)
    assert could_be_seen(place, _truth(shown_s)) is seen
