"""The files of a world: truth, site and signal log agree with each other and with the world."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traffic_ai.config import load_site
from traffic_ai.core.signal import Aspect
from traffic_ai.signals.feed import load_feed
from traffic_ai.simulate.make import Places, make
from traffic_ai.simulate.traffic import load_scenario, make_world, packaged_names
from traffic_ai.simulate.world import World

QUICK: dict[str, Any] = {
    "deeds": None,
    "timing": {"duration_s": 3.0, "fps": 5.0},
    "traffic": {"flow_per_h": 300.0, "flow_back_per_h": 300.0, "flow_cross_per_h": 0.0},
}


def made(name: str, folder: Path, **changes: Any) -> tuple[World, dict[str, Any]]:
    world = make_world(load_scenario(name).with_changes(QUICK).with_changes(changes))
    make(world, Places.in_folder(folder, video=False))
    return world, json.loads((folder / "truth.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", packaged_names())
def test_every_packaged_scenario_gives_a_site_file_that_can_be_used(
    name: str, tmp_path: Path
) -> None:
    scenario = load_scenario(name).with_changes({**QUICK, "vehicles": None})
    world = make_world(scenario)
    make(world, Places.in_folder(tmp_path, video=False))
    site = load_site(tmp_path / "site.yaml")
    assert [str(w) for w in site.warnings if "no file 'video.mp4'" not in str(w)] == []
    camera = site.cameras[0]
    scene = camera.scene(world.camera.width_px, world.camera.height_px)
    assert {lane.id for lane in scene.lanes} == {
        lane.id for lane in world.road.lanes if lane.watched
    }
    report = camera.calibration_report(world.camera.width_px, world.camera.height_px)
    assert report is not None
    if world.camera.k1 == 0.0:
        assert report.rms_error_m < 0.15
        assert report.camera_height_m == pytest.approx(world.camera.position_m[2], rel=0.02)


def test_the_calibration_maps_the_lanes_to_their_metres(tmp_path: Path) -> None:
    world, _ = made("junction-day", tmp_path)
    scene = load_site(tmp_path / "site.yaml").cameras[0].scene(1280, 720)
    assert scene.homography is not None
    for lane in scene.lanes:
        expected_m = world.road.lane(lane.id).polygon_m
        assert scene.homography.to_ground(lane.polygon_px) == pytest.approx(expected_m, abs=0.35)
    line_m = scene.homography.to_ground(np.array([scene.stop_lines[0].line.a]))
    assert line_m[0, 1] == pytest.approx(25.0, abs=0.05)


def test_the_log_tells_the_phases_of_the_truth(tmp_path: Path) -> None:
    world, truth = made("junction-front", tmp_path)
    feed = load_feed(tmp_path / "signals.csv", "main")
    phases = [(phase["t_s"], phase["aspect"]) for phase in truth["signal_groups"]["main"]]
    changes = [(at_s, aspect.value) for at_s, aspect in zip(feed.at_s, feed.aspects, strict=True)]
    assert changes[:-1] == phases
    assert changes[-1][1] == "unknown"
    assert world.aspect_at("main", 5.0) is Aspect.GREEN
    assert "feed" in (tmp_path / "site.yaml").read_text(encoding="utf-8")


def test_the_truth_holds_an_entry_a_frame_of_every_quantity(tmp_path: Path) -> None:
    world, truth = made("junction-queue", tmp_path)
    assert truth["format"] == "traffic-ai-truth/2"
    assert truth["frames"] == len(truth["t_s"]) == 15
    assert len(truth["vehicles"]) > 5
    by_id = {vehicle.id: vehicle for vehicle in world.vehicles}
    for entry in truth["vehicles"]:
        keys = ("ground_m", "heading_deg", "speed_mps", "box_px", "visible")
        (count,) = {len(entry[key]) for key in keys}
        first = entry["first_frame"]
        t_s = np.array(truth["t_s"][first : first + count])
        poses = by_id[entry["id"]].course.poses(t_s)
        assert np.array(entry["ground_m"]) == pytest.approx(poses.middle_m, abs=6e-4)
        assert np.array(entry["speed_mps"]) == pytest.approx(poses.speed_mps, abs=6e-4)
        assert entry["visible"][0] > 0.0 or entry["box_px"][0] is not None


def test_the_tyres_stand_where_the_documented_formula_puts_them(tmp_path: Path) -> None:
    world, truth = made("junction-turns", tmp_path)
    by_id = {vehicle.id: vehicle for vehicle in world.vehicles}
    turned = set()
    for entry in truth["vehicles"]:
        first = entry["first_frame"]
        t_s = np.array(truth["t_s"][first : first + len(entry["ground_m"])])
        vehicle = by_id[entry["id"]]
        contacts_m = vehicle.body.contacts_m
        flat_m = np.concatenate([contacts_m, np.zeros((len(contacts_m), 1))], axis=1)
        exact_m = vehicle.course.poses(t_s).to_world_m(flat_m)[..., :2]
        heading = np.radians(entry["heading_deg"])[:, None]
        right_m, ahead_m = np.array(entry["contacts_m"]).T
        x_m, y_m = np.array(entry["ground_m"]).T[..., None]
        found_m = np.stack(
            [
                x_m + right_m * np.cos(heading) + ahead_m * np.sin(heading),
                y_m - right_m * np.sin(heading) + ahead_m * np.cos(heading),
            ],
            axis=-1,
        )
        assert found_m == pytest.approx(exact_m, abs=3e-3)
        turned |= {round(h / 90) for h in entry["heading_deg"]}
    assert len(turned) > 1


def test_the_projection_matrix_of_the_truth_is_the_camera(tmp_path: Path) -> None:
    world, truth = made("straight-day", tmp_path)
    points_m = np.random.default_rng(2).uniform((-9, 12, 0), (9, 90, 4), (100, 3))
    matrix = np.array(truth["camera"]["projection"])
    seen = np.concatenate([points_m, np.ones((100, 1))], axis=1) @ matrix.T
    assert seen[:, :2] / seen[:, 2:] == pytest.approx(world.camera.project_px(points_m), abs=1e-5)


def test_only_stamps_that_differ_are_written(tmp_path: Path) -> None:
    _, plain = made("junction-day", tmp_path / "a")
    timing = {**QUICK["timing"], "jitter_s": 0.01}
    _, jittery = made("junction-day", tmp_path / "b", timing=timing)
    assert "stamps_s" not in plain
    assert len(jittery["stamps_s"]) == jittery["frames"]


def test_without_pictures_no_video_is_left_and_with_an_error_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made("straight-day", tmp_path / "whole")
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == ["signals.csv", "site.yaml", "truth.json"]

    def broken(*arguments: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("traffic_ai.simulate.make.site_text", broken)
    with pytest.raises(OSError, match="No space left"):
        made("straight-day", tmp_path / "broken")
    assert list((tmp_path / "broken").iterdir()) == []


def test_small_pictures_are_drawn_the_same_twice_and_read_back(tmp_path: Path) -> None:
    changes = {
        "timing": {"duration_s": 0.6, "fps": 10.0},
        "camera": {"size": [352, 288], "field_deg": 55.0, "pitch_deg": 15.0},
    }
    world = make_world(load_scenario("straight-day").with_changes(QUICK).with_changes(changes))
    for name in ("a", "b"):
        make(world, Places.in_folder(tmp_path / name), jobs=1)
    video = (tmp_path / "a" / "video.mp4").read_bytes()
    assert video == (tmp_path / "b" / "video.mp4").read_bytes()
    assert len(video) > 2000
    truth = json.loads((tmp_path / "a" / "truth.json").read_text(encoding="utf-8"))
    assert truth["frames"] == 6
