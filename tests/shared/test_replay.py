"""Every record made of real footage is decided the same again from its package."""

from pathlib import Path

import pytest

from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.sites import report_every_speed, reverse_directions, variant
from tests.shared.clips import CITY_LANES, CONFIGS, TWO_WAY_ROAD, on_footage, process
from traffic_ai.audit.replay import replay

pytestmark = on_footage

CASES = {
    "every speed": ("shenzhen_lanes.yaml", report_every_speed, CITY_LANES),
    "lanes turned round": (
        "a13_two_way.yaml",
        reverse_directions,
        TWO_WAY_ROAD / "a13_201709041716.mp4",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_record_comes_out_the_same_to_the_last_digit(
    detector: RememberingDetector, tmp_path: Path, name: str
) -> None:
    config, change, clip = CASES[name]
    site = variant(CONFIGS / config, change, tmp_path)
    found = process(site, [clip], tmp_path / "out", detector, evidence=True)
    assert len(found.violations) >= 5
    reports = list(replay(tmp_path / "out"))
    assert len(reports) == len(found.violations)
    assert [report for report in reports if not report.is_same] == []
