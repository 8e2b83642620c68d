"""Ordinary traffic: nothing to report, and nothing that stops the run."""

from pathlib import Path
from typing import Any

from benchmarks.footage.remember import RememberingDetector
from tests.shared.clips import (
    CONFIGS,
    GERMAN_JUNCTION,
    JUNCTION_BY_DAY,
    MOTORWAY,
    on_footage,
    process,
    site_of,
)
from traffic_ai.wiring import open_site

pytestmark = on_footage

# One lane each way and the wrong-way rule, as a person would draw them at first.
MOTORWAY_SITE: dict[str, Any] = {
    "id": "motorway",
    "coordinates": {"unit": "pixels", "reference_size": [320, 240]},
    "lanes": [
        {
            "id": "towards",
            "polygon": [[0, 94], [145, 40], [165, 14], [205, 14], [222, 38], [110, 100], [0, 158]],
            "direction": [[187, 16], [190, 36], [150, 56], [2, 123]],
        },
        {
            "id": "away",
            "polygon": [[15, 239], [180, 105], [248, 40], [235, 12], [262, 12], [300, 44],
                        [290, 90], [228, 239]],
            "direction": [[122, 238], [235, 95], [275, 45], [252, 14]],
        },
    ],
    "rules": {"wrong_way": {}},
}  # fmt: skip
GERMAN_SITE: dict[str, Any] = {
    "id": "junction",
    "coordinates": {"unit": "pixels", "reference_size": [640, 360]},
    "lanes": [
        {
            "id": "towards",
            "polygon": [[108, 359], [112, 150], [120, 92], [230, 130], [385, 236], [575, 359]],
            "direction": [[160, 100], [230, 190], [330, 358]],
        },
        {
            "id": "away",
            "polygon": [[400, 232], [290, 150], [330, 128], [470, 185], [639, 240], [639, 350]],
            "direction": [[620, 310], [470, 230], [325, 142]],
        },
    ],
    "rules": {"wrong_way": {}},
}


def test_a_junction_by_day_gives_no_violation_of_any_kind(
    detector: RememberingDetector, tmp_path: Path
) -> None:
    """A queue stands at its line, others turn across it, the far carriageway drives away."""
    site = open_site(CONFIGS / "bangkok_day.yaml")
    found = process(site, [JUNCTION_BY_DAY], tmp_path, detector, evidence=False)
    assert [(v.kind.value, v.lane_id, v.t_s) for v in found.violations] == []


def test_a_motorway_with_both_directions_and_a_cyclist_gives_none(
    detector: RememberingDetector, tmp_path: Path
) -> None:
    site = site_of(tmp_path, MOTORWAY_SITE)
    found = process(site, [MOTORWAY], tmp_path / "out", detector, evidence=False)
    assert [(v.lane_id, v.road_user, v.t_s) for v in found.violations] == []
    assert found.outcomes[0].frame_count == 750


def test_a_busy_junction_gives_none(detector: RememberingDetector, tmp_path: Path) -> None:
    site = site_of(tmp_path, GERMAN_SITE)
    found = process(site, [GERMAN_JUNCTION], tmp_path / "out", detector, evidence=False)
    assert [(v.lane_id, v.road_user, v.t_s) for v in found.violations] == []
    assert found.outcomes[0].frame_count == 499
