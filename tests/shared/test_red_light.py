"""Red light on real junctions: who ran it, who only stood there, and what is kept of it."""

import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.footage.analysis import Analysis, analyse
from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.sites import variant
from tests.shared.clips import CONFIGS, FOOTAGE, QUEUE, RED_LIGHT, Records, on_footage, process
from traffic_ai.audit.replay import replay_package
from traffic_ai.core.violation import RedLightMeasurement
from traffic_ai.wiring import open_site

pytestmark = on_footage

FRAME_S = 1 / 25  # of the clip the truth counts frames of
READING_S = 3 * FRAME_S  # the truth's own tolerance


@pytest.fixture(scope="module")
def no_grace(detector: RememberingDetector, tmp_path_factory: pytest.TempPathFactory) -> Records:
    site = open_site(CONFIGS / "bangkok_red_light.yaml")
    folder = tmp_path_factory.mktemp("no_grace")
    return process(site, [RED_LIGHT], folder, detector, evidence=True)


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((FOOTAGE / "truth.json").read_text(encoding="utf-8"))[RED_LIGHT.name]


def test_without_grace_the_one_car_that_ran_the_red_is_reported(no_grace: Records) -> None:
    """Not the motorcycle that crossed on yellow, nor the three vehicles that stopped."""
    (violation,) = no_grace.violations
    assert (violation.kind.value, violation.lane_id) == ("red_light", "lane-3")
    assert violation.road_user == "car"


def test_the_record_gives_bounds_and_counts_the_earliest_crossing(
    no_grace: Records, truth: dict
) -> None:
    measured = no_grace.documents[0]["measurement"]
    (ran,) = [c for c in truth["crossings"] if c["red_light_violation"]]
    (red,) = [s for s in truth["signal"] if s["aspect"] == "red"]
    red_s = red["from"] * FRAME_S
    assert measured["red_since_s"] - measured["red_since_bound_s"] - READING_S <= red_s
    assert red_s <= measured["red_since_s"] + READING_S
    assert 0.0 < measured["time_into_red_s"] <= 0.45
    # The front crosses 0.2 to 0.4 s into red by the truth.
    assert measured["front_earliest_s"] <= red_s + 0.4
    assert measured["front_latest_s"] >= red_s + 0.2
    first, last = (f * FRAME_S for f in ran["rear_crosses_between_frames"])
    bound = measured["observed_crossing_bound_s"]
    assert measured["observed_end"] == "rear"
    assert first - READING_S <= measured["observed_crossing_s"] + bound
    assert measured["observed_crossing_s"] - bound <= last + READING_S
    counted = measured["front_earliest_s"] - measured["red_since_s"]
    assert measured["time_into_red_s"] == pytest.approx(counted)


def test_stills_clip_and_manifest_can_be_checked_again(no_grace: Records) -> None:
    (violation,) = no_grace.violations
    folder = no_grace.evidence(violation)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["problems"] == []
    assert manifest["violation"] == no_grace.documents[0]
    listed = {entry["file"]: entry for entry in manifest["files"]}
    for still in ("before", "at", "after"):
        assert {f"{still}.jpg", f"{still}_annotated.jpg"} <= set(listed)
    assert manifest["clip"]["file"] in listed
    assert set(listed) == {p.name for p in folder.iterdir()} - {"manifest.json", "seal.json"}
    for name, entry in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"]
    source = hashlib.sha256(RED_LIGHT.read_bytes()).hexdigest()
    assert manifest["violation"]["provenance"]["source_hash"] == source
    before, at, after = (still["t_s"] for still in manifest["stills"])
    assert before < violation.t_s < at < after
    assert manifest["clip"]["start_s"] <= before
    assert replay_package(folder).is_same
    assert manifest["clip"]["end_s"] >= after


def test_with_a_second_of_grace_he_is_a_near_miss_that_says_why(
    detector: RememberingDetector, tmp_path: Path
) -> None:
    def a_second_of_grace(camera: dict) -> None:
        camera["rules"]["red_light"] = {"grace_s": 1}

    site = variant(CONFIGS / "bangkok_red_light.yaml", a_second_of_grace, tmp_path)
    found = process(site, [RED_LIGHT], tmp_path / "out", detector, evidence=False)
    assert found.violations == []
    nears = [n for n in found.near_misses if n.kind.value == "red_light"]
    assert {n.reason for n in nears} == {"time_into_red"}  # also of who crossed on yellow
    (near,) = [n for n in nears if n.road_user == "car"]
    assert near.lane_id == "lane-3"
    failed = [c for c in json.loads(near.document)["explanation"] if not c["met"]]
    assert [(c["name"], c["threshold"]) for c in failed] == [("time_into_red", 1)]
    assert 0.0 < failed[0]["measured"] <= 0.45


def test_a_rerun_makes_the_same_record_and_no_second_copy(
    no_grace: Records, detector: RememberingDetector, tmp_path: Path
) -> None:
    site = open_site(CONFIGS / "bangkok_red_light.yaml")
    looked = detector.looked
    again = process(site, [RED_LIGHT], tmp_path, detector, evidence=False)
    assert again.documents == no_grace.documents
    assert detector.looked == looked


# -- a queue of motorcycles waits on red, some with a wheel over the line -------------------------


@pytest.fixture(scope="module")
def queue(detector: RememberingDetector) -> Analysis:
    return analyse(QUEUE, open_site(CONFIGS / "hanoi_1615.yaml").cameras[0], detector)


def test_nobody_who_waits_in_the_queue_is_reported(queue: Analysis) -> None:
    reported = {v.track_id for v in queue.violations}
    waiting = {
        track_id
        for track_id, track in queue.tracks.items()
        if track.t_s[-1] > queue.duration_s - 2.0
        and 330.0 < track.anchor_px[-1, 1] <= 480.0
        and abs(track.anchor_px[track.t_s > queue.duration_s - 10.0] - track.anchor_px[-1]).max()
        < 30.0
    }
    assert len(waiting) >= 5
    assert not waiting & reported


def test_who_is_reported_rides_on_into_the_junction(queue: Analysis) -> None:
    """Two motorcycles do so without a halt: one about 2 s into red, one about 11 s."""
    assert len(queue.violations) >= 2
    for violation in queue.violations:
        assert violation.road_user.label in ("motorcycle", "bicycle")
        track = queue.tracks[violation.track_id]
        assert track.t_s[-1] < queue.duration_s - 10.0, "stays until the end"
        stop, end_px = queue.scene.stop_lines[0], violation.trajectory[-1].anchor_px
        assert stop.beyond is not None
        assert stop.beyond.distance([end_px])[0] > 0.0
        box = violation.trajectory[-1].xyxy_px
        assert stop.line.distance([end_px])[0] > box[3] - box[1], "less than its own height beyond"
        assert isinstance(violation.measurement, RedLightMeasurement)
        assert violation.measurement.time_into_red_s > 0.3
