"""`traffic-ai simulate`: what is written, listed and refused."""

import csv
import json
from hashlib import sha256

FAST = """road: {kind: straight, limit_kmh: 50.0}
traffic: {flow_per_h: 0.0, flow_back_per_h: 0.0}
vehicles: [{model: saloon, lane: north-1, at_s: 1.5, at_m: 15.0, speed_kmh: 90.0}]
timing: {duration_s: 6.0, fps: 15.0}
"""


def test_a_scenario_of_ones_own_gives_truth_site_and_log(call, tmp_path):
    scenario = tmp_path / "mine.yaml"
    scenario.write_text("road: {kind: straight}\ntiming: {duration_s: 4.0, fps: 5.0}\n")
    ended = call("simulate", scenario, "--out", tmp_path / "out", "--no-video")
    assert ended.code == 0
    assert "20 frames, 4.0 s" in ended.out
    assert json.loads((tmp_path / "out" / "truth.json").read_text())["name"] == "mine"
    assert call("validate", tmp_path / "out" / "site.yaml").code == 0


def test_the_packaged_scenarios_are_listed_with_what_they_show(call):
    ended = call("simulate", "--list")
    assert ended.code == 0
    assert "junction-day" in ended.out
    assert "motorway" in ended.out


def test_a_wrong_scenario_ends_with_2_and_leaves_nothing(call, tmp_path):
    scenario = tmp_path / "mine.yaml"
    scenario.write_text("camera: {height_m: -3.0}\n")
    ended = call("simulate", scenario, "--out", tmp_path / "out", "--no-video")
    assert ended.code == 2
    assert "camera.height_m -3 hangs the camera under the road" in ended.err
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_named(call, tmp_path):
    assert "give a scenario" in call("simulate").err
    assert "--out" in call("simulate", "motorway").err
    ended = call("simulate", "motorwy", "--out", tmp_path)
    assert (ended.code, "did you mean 'motorway'?" in ended.err) == (2, True)
    ended = call("simulate", tmp_path / "none.yaml", "--out", tmp_path)
    assert (ended.code, "there is no such file" in ended.err) == (2, True)


def fast(call, tmp_path, text=FAST):
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(text)
    return call("simulate", scenario, "--out", tmp_path / "out", "--fast"), tmp_path / "out"


def exported(call, out):
    table = out.parent / "table.csv"
    assert call("export", out / "run", "--output", table).code == 0
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_without_pictures_there_is_a_run_that_the_other_commands_take(call, tmp_path):
    ended, out = fast(call, tmp_path)
    assert ended.code == 0, ended.err
    assert f"{out / 'run'}: without pictures; reported: 1 speeding" in ended.out
    names = sorted(path.name for path in out.iterdir())
    assert names == ["run", "signals.csv", "site.yaml", "truth.json"]
    assert "speeding" in call("review", out / "run", "list").out
    report = tmp_path / "report.json"
    judged = call("evaluate", out / "run", "--truth", out / "truth.json", "--json", report)
    assert judged.code == 0, judged.err
    (hit,) = json.loads(report.read_text())["hits"]
    assert hit["place"]["kind"] == "speeding"
    notes = json.loads(report.read_text())["notes"]
    assert not [note for note in notes if "another site file" in note or "kept no tracks" in note]


def test_every_record_says_that_it_was_made_without_pictures(call, tmp_path):
    _, out = fast(call, tmp_path)
    (row,) = exported(call, out)
    assert row["model_hash"].startswith("no-pictures-")
    assert row["source_hash"] == sha256((out / "truth.json").read_bytes()).hexdigest()
    assert row["source"] == "mine, seed 1, simulated without pictures"
    assert (row["evidence_state"], row["evidence_path"]) == ("failed", "")
    assert row["evidence_message"] == "simulated without pictures"


def test_a_run_without_pictures_is_made_again_in_its_place_and_no_other_run_is(call, tmp_path):
    _, out = fast(call, tmp_path)
    first = exported(call, out)
    assert fast(call, tmp_path)[0].code == 0
    assert exported(call, out) == first
    assert fast(call, tmp_path, FAST.replace("90.0", "95.0"))[0].code == 0
    assert [row["id"] for row in exported(call, out)] != [row["id"] for row in first]
    (out / "run" / "evidence").mkdir()
    ended, _ = fast(call, tmp_path)
    assert (ended.code, "run is there already and was not made" in ended.err) == (2, True)
    assert len(exported(call, out)) == 1


def test_a_site_that_cannot_be_used_is_refused_before_anything_is_written(call, tmp_path):
    ended, out = fast(call, tmp_path, FAST + "site: {rules: {speeding: {tolerance: 3}}}\n")
    assert ended.code == 2
    assert "the site file of this scenario cannot be used" in ended.err
    assert "tolerance" in ended.err
    assert ".making" not in ended.err
    assert list(out.iterdir()) == []


def test_what_does_not_go_together_is_said(call, tmp_path):
    ended = call("simulate", "motorway", "--out", tmp_path, "--fast", "--video")
    assert (ended.code, "--fast draws no pictures" in ended.err) == (2, True)
    flicker = FAST.replace("kind: straight", "kind: junction") + "look: {lamp_fault: flicker}\n"
    assert "lamp_fault flicker changes nothing" in fast(call, tmp_path, flicker)[0].err
