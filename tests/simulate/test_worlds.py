"""Worlds: nobody overlaps, lawful traffic breaks no rule, one world a seed, views and stamps."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from traffic_ai.simulate.events import violations
from traffic_ai.simulate.traffic import Scenario, build, load_scenario, make_world
from traffic_ai.simulate.traffic.drivers import entry_times_s
from traffic_ai.simulate.traffic.overlaps import overlaps

LAWFUL = {"deeds": None, "timing": {"duration_s": 45.0, "fps": 5.0}}
EMPTY = {
    "deeds": None,
    "traffic": {"flow_per_h": 0.0, "flow_back_per_h": 0.0, "flow_cross_per_h": 0.0},
}


def lawful(name: str, **changes: object) -> Scenario:
    return load_scenario(name).with_changes(LAWFUL).with_changes(changes)


@pytest.mark.parametrize(
    "scenario",
    [
        lawful("junction-queue"),
        lawful("junction-turns"),
        lawful("junction-motorcycles"),
        lawful("straight-day", traffic={"flow_per_h": 900.0}),
        lawful("curve"),
    ],
    ids=lambda scenario: scenario.name,
)
def test_in_lawful_traffic_nobody_overlaps_and_nobody_breaks_a_rule(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "apart", lambda vehicles, actors: list(vehicles))
    world = make_world(scenario, 3)
    assert len(world.vehicles) > 12
    assert overlaps(world.vehicles) == {}
    assert violations(world) == []


def test_a_queue_stands_before_the_line_at_red_and_leaves_at_green() -> None:
    scenario = lawful("junction-queue", signals={"first_yellow_s": 3.0})
    world = make_world(scenario, 5)
    line = world.road.stop_lines[0]
    waiting = {"before": [], "after": []}
    for vehicle in world.vehicles:
        if vehicle.lane_id not in line.lane_ids:
            continue
        for key, at_s in (("before", 24.0), ("after", 40.0)):
            poses = vehicle.course.poses(np.array([at_s]))
            front_m = float(poses.middle_m[0, 1]) + vehicle.body.length_m / 2
            if vehicle.course.present(np.array([at_s]))[0] and -60 < front_m - 25.0 < 0:
                waiting[key].append((front_m, float(poses.speed_mps[0])))
    standing_m = [front_m for front_m, speed in waiting["before"] if speed == 0.0]
    assert len(standing_m) >= 4
    assert 22.0 < max(standing_m) < 25.0
    assert len([1 for _, speed in waiting["after"] if speed < 0.1]) == 0


def test_the_mix_is_the_mix_asked_for() -> None:
    world = make_world(load_scenario("junction-motorcycles").with_changes({"deeds": None}), 2)
    bikes = [v for v in world.vehicles if v.body.road_user.label == "motorcycle"]
    assert 0.55 < len(bikes) / len(world.vehicles) < 0.85


SHORT = """extends: straight-day
deeds: null
timing: {duration_s: 5.0, fps: 10.0}
"""


def truth_bytes(folder: Path, hash_seed: str, *options: str) -> bytes:
    scenario = folder.parent / "short.yaml"
    scenario.write_text(SHORT, encoding="utf-8")
    command = [sys.executable, "-m", "traffic_ai.cli.main", "simulate", str(scenario)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    arguments = [*command, "--no-video", "--out", str(folder), *options]
    subprocess.run(arguments, env=environment, check=True, capture_output=True)
    return (folder / "truth.json").read_bytes()


def test_two_processes_make_the_same_world_of_a_seed_and_another_of_another(tmp_path: Path) -> None:
    first = truth_bytes(tmp_path / "a", "1")
    assert truth_bytes(tmp_path / "b", "2") == first
    assert truth_bytes(tmp_path / "c", "1", "--seed", "9") != first


def test_stamps_jitter_and_frames_are_missing_but_time_goes_on() -> None:
    timing = make_world(load_scenario("junction-jitter").with_changes(EMPTY)).timing
    steps_s = np.diff(timing.t_s)
    assert timing.declared_fps == 25.0
    assert steps_s.min() > 0
    assert np.diff(timing.stamps_s).min() > 0
    assert 0.85 < len(timing.t_s) / (15.0 * 120.0) < 0.97
    assert 0.006 < np.std(timing.stamps_s - timing.t_s) < 0.010
    assert steps_s.max() > 1.6 / 15.0


def test_a_mast_shakes_by_the_pixels_asked_for_and_then_stands_turned() -> None:
    world = make_world(load_scenario("junction-vibration").with_changes(EMPTY))
    spot_m = np.array([[2.0, 60.0]])
    places_px = np.array(
        [world.camera_at(float(t)).project_ground_px(spot_m)[0] for t in world.timing.t_s]
    )
    before, after = world.timing.t_s < 39.0, world.timing.t_s > 41.0
    assert 1.3 < places_px[before].std(axis=0).mean() < 2.7
    moved_px = places_px[after].mean(axis=0) - places_px[before].mean(axis=0)
    assert moved_px[0] == pytest.approx(-np.radians(1.0) * world.camera.focal_px, rel=0.15)


def test_platoons_put_their_share_of_vehicles_close_behind_and_keep_the_flow() -> None:
    gaps_s = {
        share: np.diff(entry_times_s(np.random.default_rng(1), 400.0, share, 0.0, 40_000.0))
        for share in (0.0, 0.6)
    }
    for share, found in gaps_s.items():
        assert found.mean() == pytest.approx(9.0, rel=0.05)
        by_chance = np.mean(gaps_s[0.0] < 2.0)
        assert np.mean(found < 2.0) == pytest.approx(share + (1 - share) * by_chance, abs=0.05)


SLOW_TRUCK = {
    "model": "box-truck",
    "lane": "north-1",
    "at_s": -10.0,
    "at_m": -60.0,
    "speed_kmh": 20.0,
}


@pytest.mark.parametrize("changes", [False, True])
def test_who_is_held_up_changes_lanes_where_that_is_allowed(changes: bool) -> None:
    traffic = {"flow_per_h": 300.0, "flow_back_per_h": 0.0, "lane_changes": changes}
    scenario = load_scenario("straight-day").with_changes(
        {
            "deeds": None,
            "traffic": traffic,
            "vehicles": [SLOW_TRUCK],
            "timing": {"duration_s": 20.0, "fps": 5.0},
        }
    )
    ways_m = [vehicle.course.middle_m[:, 0] for vehicle in make_world(scenario, 3).vehicles]
    assert any(abs(float(way_m[-1] - way_m[0])) > 3.0 for way_m in ways_m) is changes


@pytest.mark.parametrize(
    ("changes", "watched"),
    [
        ({"camera": {"size": [352, 288], "field_deg": 50.0}, "road": {"stop_line_m": 16.0}}, 4),
        ({"camera": {"size": [3840, 2160], "height_m": 15.0, "pitch_deg": 25.0}}, 4),
        ({"camera": {"height_m": 4.0, "pitch_deg": 8.0, "k1": -0.25}}, 4),
        ({"road": {"view": "front", "stop_line_m": 34.0}}, 4),
        ({"road": {"lanes": 1, "lanes_back": 1, "cross_lanes": 1}}, 2),
    ],
)
def test_cameras_of_many_kinds_watch_their_lanes(changes: dict[str, object], watched: int) -> None:
    scenario = load_scenario("junction-day").with_changes(EMPTY).with_changes(changes)
    world = make_world(scenario)
    assert sum(lane.watched for lane in world.road.lanes) == watched
    size = (world.camera.width_px, world.camera.height_px)
    for lane in world.road.lanes:
        if lane.watched:
            points_px = world.camera.project_ground_px(lane.polygon_m)
            assert ((points_px >= 0) & (points_px <= size)).all()


def test_a_bend_is_driven_as_fast_as_a_deed_asks() -> None:
    changes = {
        **EMPTY,
        "deeds": [{"deed": "speeding", "lane": "north-1", "kind": "car", "speed_kmh": 88.0}],
        "timing": {"duration_s": 20.0, "fps": 5.0},
    }
    (event,) = violations(make_world(load_scenario("curve").with_changes(changes)))
    assert event.figures["speed_kmh"] == pytest.approx(88.0, abs=1.0)
