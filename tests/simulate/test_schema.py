"""Scenarios as files: short ones work, wrong ones are refused with the value and the remedy."""

import re
from pathlib import Path

import pytest

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic import load_scenario, make_world, packaged_names


def written(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", packaged_names())
def test_every_packaged_scenario_loads_and_says_what_it_shows(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(scenario.description) > 15


def test_two_lines_make_a_scenario(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, "timing: {duration_s: 3.0}\n"))
    assert (scenario.name, scenario.road.kind) == ("own", "junction")
    assert len(make_world(scenario).timing.t_s) == 75


def test_a_scenario_extends_another(tmp_path: Path) -> None:
    text = "extends: junction-day\ncamera: {height_m: 9.0}\ntraffic: {mix: {bus: 1.0}}\n"
    scenario, base = load_scenario(written(tmp_path, text)), load_scenario("junction-day")
    assert scenario.camera.height_m == 9.0
    assert scenario.deeds == base.deeds
    assert scenario.traffic.flow_per_h == base.traffic.flow_per_h
    assert scenario.traffic.mix == {"bus": 1.0}


def test_changes_are_laid_over_a_scenario() -> None:
    base = load_scenario("junction-day")
    changed = base.with_changes({"camera": {"height_m": 6.0}, "timing": {"fps": None}})
    assert (changed.camera.height_m, changed.timing.fps) == (6.0, 25.0)
    assert changed.timing.duration_s == base.timing.duration_s
    with pytest.raises(ConfigError, match=re.escape("camera.height: unknown key (did you mean")):
        base.with_changes({"camera": {"height": 6.0}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("camra: {}", "own.yaml:1: camra: unknown key (did you mean 'camera'?)"),
        ("seed: 3\ncamera:\n  hight_m: 5", "own.yaml:3: camera.hight_m: unknown key (did you me"),
        ("deeds: [{deed: run_red, into: 2}]", "deeds[0].into: unknown key (did you mean 'into_s'"),
        ("deeds: [{deed: fly}]", "deeds[0].deed: 'fly' is not one of"),
        ("deeds: [{deed: uturn, by_m: 2.0}]", "by_m says nothing about uturn; remove it"),
        ("traffic: {mix: {tram: 1.0}}", "'tram' is not one of 'car', 'van'"),
        ("traffic: {mix: {car: 0.0}}", "mix has no share above 0"),
        ("traffic: {speed_kmh: [50, 30]}", "the lowest of [50, 30] is above the highest: swap"),
        ("traffic: {speed_kmh: 300}", "300 is not between 1 and 250 km/h"),
        ("traffic: {turns: {left: 0.7, right: 0.6}}", "make more than 1; lower one of them"),
        ("timing: {fps: 500.0}", "timing.fps: 500 is out of range: it must be at most 120"),
        ("camera: {size: [640, 361]}", "camera.size[1]: 361 must be a multiple of 2, such as 360"),
        ("signals: {phases: [[0.0, purple]]}", "'purple' is not one of"),
        ("signals: {phases: [[3.0, red]]}", "the first must begin at 0"),
        ("extends: nowhere", "there is no scenario 'nowhere'"),
        ("- 1", "a scenario is keys with values"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_remedy(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_scenario(written(tmp_path, text))
    assert words in str(refused.value)


STANDS = """traffic: {flow_per_h: 0.0, flow_back_per_h: 0.0, flow_cross_per_h: 0.0}
vehicles: [{model: saloon, lane: north-1, at_s: -20.0, at_m: 5.0, speed_kmh: 36.0,
  legs: [{within_s: 2.0, speed_kmh: 0.0}, {within_s: 99.0, speed_kmh: 0.0}]}]
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("camera: {height_m: -2.0}", "camera.height_m -2 hangs the camera under the road"),
        ("camera: {height_m: 0.0}", "hangs the camera on the road"),
        ("camera: {focal_px: 900.0, field_deg: 60.0}", "are both given; keep one of them"),
        ("camera: {yaw_deg: 70.0}", "the camera sees no lane"),
        ("camera: {pitch_deg: 50.0}\nroad: {stop_line_m: 40.0}", "the stop line at 40 m is not in"),
        ("vehicles: [{model: saloon, lane: north-9, at_s: 1.0, at_m: 9.0, speed_kmh: 30.0}]",
         "vehicles[0].lane 'north-9' leads nowhere"),
        ("vehicles: [{model: tank, lane: north-1, at_s: 1.0, at_m: 9.0, speed_kmh: 30.0}]",
         "no vehicle model 'tank'"),
        ("road: {kind: straight}\ndeeds: [{deed: run_red}]", "run_red needs a stop line with a"),
        ("deeds: [{deed: run_red, lane: south-1}]", "no lane 'south-1' for run_red; there are"),
        ("deeds: [{deed: run_red, times: 9}]", "9 x run_red do not fit: each needs a red of its"),
        ("road: {kind: straight, lanes: 1, lanes_back: 1}\ndeeds: [{deed: uturn}]",
         "uturn leads nowhere from any lane"),
        ("road: {kind: curve}\ndeeds: [{deed: uturn}]",
         "uturn needs a junction or a straight road, and road.kind is curve"),
        ("road: {kind: curve}\ndeeds: [{deed: speeding, speed_kmh: [70, 120]}]",
         "speeding at 120 km/h is too fast for the bend: nobody keeps to it at more than 9"),
        ("road: {kind: curve, limit_kmh: 100.0}\ndeeds: [{deed: speeding}]",
         "speeding at 125 km/h is too fast for the bend"),
        ("road: {kind: straight}\ntiming: {duration_s: 60.0}\ndeeds: [{deed: park, at_s: [500]}]",
         "park: at_s 500 is after the end of the video at 60 s; give an earlier moment"),
        (STANDS + "deeds: [{deed: run_red, lane: north-1}]",
         "cannot be done: others are in its way"),
        ("vehicles: [{model: saloon, lane: north-1, at_s: 5.0, at_m: 20.0, speed_kmh: 36.0},\n"
         "  {model: estate, lane: north-1, at_s: 5.0, at_m: 23.0, speed_kmh: 36.0}]",
         "vehicles[0] (saloon) and vehicles[1] (estate) drive into each other at"),
        ("road: {kind: straight}\n" + STANDS + "deeds: [{deed: wrong_way, lane: north-1}]",
         "vehicles[0] (saloon) and the driver of wrong_way in north-1 drive into each other at"),
        ("road: {kind: straight, lanes: 1, lanes_back: 1}\ndeeds: [{deed: change_lane}]",
         "change_lane needs two lanes of one direction"),
        ("road: {kind: curve, radius_m: 8.0}", "road.radius_m 8 is too tight for 4 lanes"),
        ("road: {kind: straight}\ntraffic: {parked: 200}", "find no room at the kerb"),
        ("road: {lanes_back: 0, view: front}", "lanes_back is 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_value_and_the_remedy(
    tmp_path: Path, text: str, words: str
) -> None:
    scenario = load_scenario(written(tmp_path, text))
    with pytest.raises(ConfigError) as refused:
        make_world(scenario)
    assert words in str(refused.value)
