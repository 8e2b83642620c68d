"""Wrong-way driving on a dual carriageway: none as it is, all when the lanes are turned round."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.footage.analysis import Analysis, analyse, followed_over, reported_twice
from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.run import NIGHT
from benchmarks.footage.sites import reverse_directions, variant
from tests.shared.clips import CONFIGS, TWO_WAY_ROAD, on_footage, process
from traffic_ai.batch.files import camera_of
from traffic_ai.wiring import open_site

pytestmark = on_footage

SITE = CONFIGS / "a13_two_way.yaml"
# Of 40: a panned view, a night, dense and thin traffic. `python -m benchmarks.footage` does all.
CLIPS = [
    TWO_WAY_ROAD / f"a13_{when}.mp4"
    for when in (
        "201707211410",
        "201708311646",
        "201709041716",
        "201709042122",
        "201709140917",
        "201709211001",
        "201709211551",
        "201709281121",
    )
]

MOST_TWICE = 0.05


def test_nobody_is_reported_where_nobody_drives_the_wrong_way(
    detector: RememberingDetector, tmp_path: Path
) -> None:
    found = process(open_site(SITE), CLIPS, tmp_path, detector, evidence=False)
    assert [(v.source, v.lane_id, v.t_s) for v in found.violations] == []
    assert {o.camera_id for o in found.outcomes} == {"a13", "a13-panned"}


@pytest.fixture(scope="module")
def turned(
    detector: RememberingDetector, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Analysis]:
    """Each clip with every lane's direction turned round."""
    site = variant(SITE, reverse_directions, tmp_path_factory.mktemp("turned"))
    return {clip.stem: analyse(clip, camera_of(site, clip, None), detector) for clip in CLIPS}


def test_nine_in_ten_of_those_followed_over_20_m_are_reported_against_turned_lanes(
    turned: dict[str, Analysis],
) -> None:
    followed = reported = 0
    for name, analysis in turned.items():
        if name not in NIGHT:
            vehicles = followed_over(analysis, 20.0)
            followed += len(vehicles)
            reported += len(vehicles & {v.track_id for v in analysis.violations})
    assert followed >= 70
    assert reported >= 0.9 * followed


def test_each_track_is_reported_once(turned: dict[str, Analysis]) -> None:
    for name, analysis in turned.items():
        counts = Counter(v.track_id for v in analysis.violations)
        assert all(n == 1 for n in counts.values()), name
        assert {v.kind.value for v in analysis.violations} <= {"wrong_way"}


def test_hardly_a_vehicle_is_reported_under_two_tracks(turned: dict[str, Analysis]) -> None:
    """A car and its front half, both seen as cars, are two tracks of one vehicle."""
    reports = sum(len(analysis.violations) for analysis in turned.values())
    twice = sum(len(reported_twice(analysis)) for analysis in turned.values())
    assert twice <= MOST_TWICE * reports
