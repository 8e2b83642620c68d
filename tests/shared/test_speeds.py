"""Speeds on real roads: from the time stamps, and of the size that city traffic has.

Nobody measured these vehicles; against a measured truth see tests/rules/test_speed_truth.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.footage.analysis import analyse
from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.sites import report_every_speed, variant
from tests.shared.clips import (
    CITY_LANES,
    CONFIGS,
    DIVIDED_ROAD,
    on_footage,
    process,
    site_of,
)
from traffic_ai.core.violation import SpeedMeasurement, Violation
from traffic_ai.sources.file import VideoFile
from traffic_ai.wiring import open_site

pytestmark = on_footage

DECLARED_FPS = 16.0
# The far ends of the left lane line's marks and the yellow line beside them, row by row: 4 m marks
# every 10 m, 3.75 m from line to line (standard dimensions, not surveyed).
ROWS = (
    (439, 120, 392),
    (325, 130, 342.5),
    (254, 137.4, 310),
    (204, 142, 288),
    (167, 145.3, 271.5),
    (141, 147.5, 258),
    (118, 149.7, 247.5),
)
DIVIDED_SITE: dict[str, Any] = {
    "id": "divided-road",
    "coordinates": {"unit": "pixels", "reference_size": [640, 480]},
    "calibration": {
        "points": [
            {"image": [x, y], "ground_m": [across_m, 10.0 * i]}
            for i, (y, mark_x, yellow_x) in enumerate(ROWS)
            for x, across_m in ((mark_x, 0.0), (yellow_x, 3.75))
        ],
        "image_sigma_px": 1.0,
        "ground_sigma_m": 0.1,
        "valid_area": [[0, 479], [0, 280], [100, 90], [330, 90], [639, 330], [639, 479]],
    },
    "lanes": [
        {
            "id": "towards",
            "polygon": [[0, 479], [0, 280], [100, 90], [235, 90], [405, 479]],
            "direction": [[168, 92], [205, 478]],
            "speed_limit_kmh": 5,
        },
        {
            "id": "away",
            "polygon": [[525, 479], [262, 90], [330, 90], [639, 330], [639, 479]],
            "direction": [[582, 478], [296, 92]],
            "speed_limit_kmh": 5,
        },
    ],
    "rules": {"speeding": {"tolerance_kmh": 0}},
}


def speeds(violations: list[Violation]) -> list[SpeedMeasurement]:
    found = [v.measurement for v in violations]
    assert all(isinstance(m, SpeedMeasurement) for m in found)
    return [m for m in found if isinstance(m, SpeedMeasurement)]


@pytest.fixture(scope="module")
def stamps() -> tuple[np.ndarray, np.ndarray]:
    """(N,) times of the pictures and (N,) whether they are degraded."""
    video = VideoFile(DIVIDED_ROAD, "c")
    infos = [frame.info for frame in video.frames()]
    video.close()
    return np.array([i.t_s for i in infos]), np.array([i.degraded for i in infos])


def test_the_time_stamps_stand_not_the_declared_rate(
    stamps: tuple[np.ndarray, np.ndarray],
) -> None:
    """They come out of order; what had to be given another one is marked and decides nothing."""
    times_s, degraded = stamps
    assert len(times_s) == 247
    assert np.all(np.diff(times_s) > 0.0)
    assert np.median(np.diff(times_s)) == pytest.approx(1 / 8)
    assert times_s[-1] == pytest.approx(30.7, abs=0.3)
    assert 0 < degraded.sum() < 0.2 * len(times_s)


def test_speeds_come_from_the_time_stamps_not_from_the_declared_rate(
    stamps: tuple[np.ndarray, np.ndarray], detector: RememberingDetector, tmp_path: Path
) -> None:
    """By 16 pictures a second every vehicle would be twice as fast."""
    camera = site_of(tmp_path, DIVIDED_SITE).cameras[0]
    found = analyse(DIVIDED_ROAD, camera, detector)
    measured = speeds(found.violations)
    assert len(measured) >= 10
    times_s, degraded = stamps
    for m in measured:
        first, last = np.searchsorted(times_s, [m.start_s - 1e-6, m.end_s - 1e-6])
        by_rate_kmh = 3.6 * m.baseline_m / ((last - first) / DECLARED_FPS)
        assert m.speed_kmh / by_rate_kmh == pytest.approx(0.5, abs=0.05)
    assert 30.0 < np.median([m.speed_kmh for m in measured]) < 90.0
    repaired_s = set(times_s[degraded].tolist())
    points = [p for v in found.violations for p in v.trajectory if p.t_s in repaired_s]
    assert points
    assert not any(p.observed or p.grounded for p in points)


def test_city_traffic_is_measured_at_city_speeds(
    detector: RememberingDetector, tmp_path: Path
) -> None:
    site = variant(CONFIGS / "shenzhen_lanes.yaml", report_every_speed, tmp_path)
    measured = speeds(analyse(CITY_LANES, site.cameras[0], detector).violations)
    values = np.array([m.speed_kmh for m in measured])
    assert len(values) >= 8
    assert np.all((values > 10.0) & (values < 75.0)), values.round(1)
    assert 20.0 < np.median(values) < 60.0
    for m in measured:
        assert m.expanded_uncertainty_kmh < 0.2 * m.speed_kmh


def test_within_the_limit_nobody_is_reported(detector: RememberingDetector, tmp_path: Path) -> None:
    site = open_site(CONFIGS / "shenzhen_lanes.yaml")
    found = process(site, [CITY_LANES], tmp_path, detector, evidence=False)
    assert [(v.kind.value, v.lane_id, v.headline.speed_kmh) for v in found.violations] == []
