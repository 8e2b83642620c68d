"""`traffic-ai simulate`: what is written, listed and refused."""

import json


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
