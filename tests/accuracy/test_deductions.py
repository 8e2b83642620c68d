"""What a deduction leaves of a speed is not above what was driven, in simulated passes."""

from dataclasses import replace

import pytest

from benchmarks.accuracy.deductions import SCHEMES, parts, tell

GROUPS = ("car, 100-130 km/h", "motorcycle, 50-80 km/h", "bus, 80-100 km/h")


@pytest.fixture(scope="module")
def speeds():
    chosen = [part for part in parts(3) if part.group in GROUPS]
    assert len(chosen) == len(GROUPS)
    return [(part.group, one) for part in chosen for one in part.run().speeds if one.reported]


def test_no_scheme_leaves_more_than_was_driven(speeds, capsys):
    assert len(speeds) >= 3
    assert tell(speeds) == 0
    assert capsys.readouterr().out.count("above what was driven: 0") == len(SCHEMES)


def test_a_speed_that_reads_far_too_high_is_told(speeds, capsys):
    what, one = speeds[0]
    assert tell([(what, replace(one, measured_kmh=one.measured_kmh + 15.0))]) == len(SCHEMES)
    assert f"{what}: measured" in capsys.readouterr().out
