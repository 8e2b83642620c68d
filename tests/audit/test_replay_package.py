"""`traffic-ai replay`: packages as a run leaves them, and as somebody altered them."""

import dataclasses
import hashlib
import json
import shutil
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.batch.runs import analyse
from tests.blocks import BlockDetector, packages_of, write_blocks, write_site
from traffic_ai.audit.replay import replay, replay_package
from traffic_ai.audit.replay_clip import replay_clip
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.detectors.regions import SizedDetector


def one_package(run):
    return packages_of(run)[min(packages_of(run))]


def alter(folder, name, change):
    """Change a JSON file of a package, and its hash in the manifest as a careful forger would."""
    path = folder / name
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    if name != "manifest.json":
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        alter(folder, "manifest.json", lambda m: listed(m, name).update(sha256=digest))


def listed(manifest, name):
    return next(entry for entry in manifest["files"] if entry["file"] == name)


def test_every_record_of_a_run_comes_out_the_same(run_copy, call):
    reports = list(replay(run_copy))
    assert len(reports) == 2
    assert all(report.is_same for report in reports)
    said = call("replay", run_copy)
    assert said.code == 0
    assert said.out.endswith("2 of 2 records come out the same\n")


def test_what_a_killed_process_left_of_a_package_is_no_record(run_copy):
    folder = one_package(run_copy)
    half = shutil.copytree(folder, folder.with_name(f".{folder.name}.1.partial"))
    (half / "decision.json").unlink()
    reports = list(replay(run_copy))
    assert len(reports) == 2
    assert all(report.is_same for report in reports)


def test_the_manifest_says_so_and_names_what_it_rests_on(blocks_run):
    manifest = json.loads((one_package(blocks_run) / "manifest.json").read_text())
    assert manifest["decision"]["reproduces"] is True
    assert manifest["decision"]["whole"] is True
    assert manifest["decision"]["differences"] == []
    assert manifest["rule_version"] == manifest["violation"]["rule_version"]
    assert manifest["site"] == {
        "file": "site.json",
        "sha256": manifest["config_hash"],
        "given_start": None,
    }
    assert manifest["calibration"] is None, "the scene has none"
    assert manifest["place"] == "gate"
    assert {"decision.json", "site.json"} <= {entry["file"] for entry in manifest["files"]}


def test_a_given_start_enters_the_config_hash_and_replays(tmp_path, call):
    site = write_site(tmp_path / "site.yaml")
    video = write_blocks(tmp_path / "wrong.mp4")
    start = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    analyse(site, tmp_path / "out", [video], begins_at=start)
    folder = one_package(tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["site"]["given_start"] == "2026-05-01T08:00:00+00:00"
    text = f"{manifest['site']['sha256']} 2026-05-01 08:00:00+00:00"
    assert manifest["config_hash"] == hashlib.sha256(text.encode()).hexdigest()
    clock = manifest["clock"]
    assert (clock["source"], clock["bound_s"]) == ("given_start_time", 1.0)
    assert clock["drift_s"] == pytest.approx(0.0, abs=2e-6)
    assert call("replay", tmp_path / "out").code == 0
    alter(folder, "manifest.json", lambda m: m["site"].update(given_start=None))
    assert "not the site" in replay_package(folder).problem


def test_a_number_altered_in_the_record_is_found(run_copy, call):
    folder = one_package(run_copy)

    def faster(manifest):
        manifest["violation"]["measurement"]["duration_s"] += 1e-9

    alter(folder, "manifest.json", faster)
    report = replay_package(folder)
    assert [d.path for d in report.differences] == ["measurement.duration_s"]
    said = call("replay", run_copy)
    assert said.code == 1
    assert "measurement.duration_s: recorded" in said.out
    assert "1 of 2 records come out the same" in said.out


def test_a_track_point_altered_changes_the_outcome(run_copy):
    folder = one_package(run_copy)

    def shifted(decision):
        decision["vehicles"][0]["xyxy_px"][-3][0] -= 4.0

    alter(folder, "decision.json", shifted)
    assert replay_package(folder).differences


def test_a_file_that_is_not_the_listed_one_is_not_replayed(run_copy, call):
    folder = one_package(run_copy)
    (folder / "decision.json").write_text((folder / "decision.json").read_text() + " ")
    assert "is not the file its manifest lists" in replay_package(folder).problem
    said = call("replay", folder)
    assert said.code == 1
    assert "NOT REPLAYED" in said.out


def test_another_site_is_not_taken(run_copy):
    folder = one_package(run_copy)
    alter(folder, "site.json", lambda site: site["rules"]["wrong_way"].update(min_duration_s=0.2))
    assert "not the site this record was made with" in replay_package(folder).problem


def test_a_rule_version_this_program_does_not_have_is_said_not_replayed(run_copy, call):
    folder = one_package(run_copy)
    alter(folder, "manifest.json", lambda m: m["violation"].update(rule_version="wrong-way-0"))
    problem = replay_package(folder).problem
    assert "rule version 'wrong-way-0'" in problem
    assert "wrong_way=wrong-way-" in problem, "and which one it has"
    assert call("replay", folder).code == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["violation"].pop("rule_version"),
        lambda m: m["violation"]["provenance"].update(extra=1),
        lambda m: m["violation"].update(provenance=None),
        lambda m: m.update(violation=[]),
        lambda m: m.update(files=[{}]),
        lambda m: m.update(files=None),
        lambda m: m.update(site=None),
        lambda m: m["site"].update(given_start=3),
        lambda m: m["site"].update(given_start="2026-05-01T08:00:00"),
        lambda m: m.update(files=[f for f in m["files"] if f["file"] != "decision.json"]),
    ],
)
def test_a_manifest_that_is_none_is_a_problem_not_a_crash(run_copy, change):
    folder = one_package(run_copy)
    alter(folder, "manifest.json", change)
    assert replay_package(folder).problem


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10**5, "\x00"])
def test_a_file_that_is_not_json_is_a_problem_not_a_crash(run_copy, text):
    folder = one_package(run_copy)
    (folder / "decision.json").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    alter(folder, "manifest.json", lambda m: listed(m, "decision.json").update(sha256=digest))
    assert replay_package(folder).problem
    (folder / "manifest.json").write_text(text)
    assert replay_package(folder).problem


def test_a_folder_without_packages_is_refused(tmp_path, call):
    with pytest.raises(UsageError, match="neither a run folder"):
        list(replay(tmp_path))
    assert call("replay", tmp_path).code == 2


def test_json_for_scripts(run_copy, call):
    said = call("replay", run_copy, "--json")
    first, second = json.loads(said.out)
    assert first["same"] is second["same"] is True
    assert first["kind"] == "wrong_way"
    assert first["clip"] is None


class TestFromClip:
    def test_the_same_detector_finds_the_same_vehicle(self, blocks_run):
        detector: SizedDetector = BlockDetector()
        report = replay_clip(one_package(blocks_run), detector)
        assert report.same_model
        assert report.reported
        assert report.seen > 0.8 * report.frames > 5
        assert report.box_iou is not None
        assert report.box_iou > 0.9
        values = {value.name: value for value in report.values}
        duration = values["duration_s"]
        assert duration.from_clip == pytest.approx(duration.recorded, abs=0.2)
        assert values["t_s"].from_clip == pytest.approx(values["t_s"].recorded, abs=0.2)

    def test_a_detector_that_sees_nothing_is_told_apart(self, blocks_run):
        class Blind(BlockDetector):
            model_hash = "0" * 64

            def detect(self, image, size_px=None):
                return dataclasses.replace(super().detect(image)).select(slice(0))

        report = replay_clip(one_package(blocks_run), Blind())
        assert (report.same_model, report.reported, report.seen) == (False, False, 0)
        assert report.frames > 5
        assert all(value.from_clip is None for value in report.values)

    def test_the_command_tells_it_and_the_verdict_stays_that_of_the_record(self, run_copy, call):
        said = call("replay", one_package(run_copy), "--from-clip")
        assert said.code == 0
        assert "difference" in said.out
        assert "median overlap" in said.out

    def test_a_clip_outside_the_package_is_not_opened(self, run_copy):
        folder = one_package(run_copy)
        alter(folder, "manifest.json", lambda m: m["clip"].update(file="../../../../x.mp4"))
        with pytest.raises(EvidenceError, match="names the file"):
            replay_clip(folder, BlockDetector())

    def test_a_package_without_a_clip_says_so(self, run_copy, call):
        folder = one_package(run_copy)
        alter(folder, "manifest.json", lambda m: m.update(clip=None))
        said = call("replay", folder, "--from-clip")
        assert "holds no clip" in said.out
        assert said.code == 0


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


def places(value, path=()):
    """Every place in JSON data; of long lists the first few, for they are alike."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else list(enumerate(value))[:3]
        for key, item in entries:
            found += places(item, (*path, key))
    return found


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), name=st.sampled_from(["decision.json", "site.json", "manifest.json"]))
def test_whatever_is_done_to_a_package_replay_answers(run_copy, data, name):
    folder = one_package(run_copy)
    kept = {path: path.read_bytes() for path in folder.glob("*.json")}
    value = json.loads((folder / name).read_text())
    path = data.draw(st.sampled_from(places(value)))
    odd = data.draw(ODD)

    def bend(whole):
        for key in path[:-1]:
            whole = whole[key]
        whole[path[-1]] = odd

    try:
        alter(folder, name, bend)
        assert replay_package(folder).folder == folder
    finally:
        for file, content in kept.items():
            file.write_bytes(content)
