"""The command `tune`: what it asks for, shows, and forgets. What it measures: tests/tuning."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from tests.detectors.conftest import make_colour_model
from traffic_ai.cli import tune as command
from traffic_ai.cli.main import app
from traffic_ai.detectors.models import prepared_folder, sha256_of
from traffic_ai.detectors.remembered import recall
from traffic_ai.simulate.pictures import pictures
from traffic_ai.tuning import Material
from traffic_ai.wiring import open_site

run = CliRunner().invoke


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small network, and cells in place of drawn roads."""
    monkeypatch.setenv("TRAFFIC_AI_MODELS", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    block = np.ones((8, 8, 1), np.uint8)
    cells = [np.kron(np.eye(4, 3, dtype=np.uint8)[random.integers(0, 4, (8, 12))] * 255, block)]
    monkeypatch.setattr(command, "_material", lambda: Material(cells, cells * 2))
    path = tmp_path / "model.onnx"
    path.write_bytes(make_colour_model().SerializeToString())
    return path


def test_the_table_shows_each_engine_and_what_is_remembered(weights: Path) -> None:
    done = run(app, ["tune", "--weights", str(weights), "--size", "96", "--picture", "96x64"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["engine", "threads", "ms"]
    assert any("ort-int8" in line for line in lines)
    assert "remembered" in lines[-1]
    kept = recall(prepared_folder(), sha256_of(weights), 96)
    assert kept is not None
    assert f"* {kept.choice.engine} with {kept.choice.threads} threads" in lines[-1]
    assert lines[-1].endswith(f"pictures at once: {kept.choice.batch_size}")
    assert all(f"{size}: " in lines[-2] for size in (1, 2, 4, 8))


def test_json_and_forgetting(weights: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    demo = Path(__file__).parents[2] / "configs" / "demo.yaml"
    site.write_text(demo.read_text())
    asked = ["tune", "--weights", str(weights), "--size", "96", "--site", str(site), "--json"]
    rows = json.loads(run(app, asked).stdout)["trials"]
    assert [row["engine"] for row in rows if row["chosen"]]
    assert rows[0]["engine"] == "ort"
    assert rows[0]["agreement"] is None
    assert rows[0]["ratio"] == pytest.approx(1.0)
    [rates] = [row["batches"] for row in rows if row["chosen"]]
    assert [rate["batch_size"] for rate in rates] == [1, 2, 4, 8]
    assert rates[0]["ratio"] == pytest.approx(1.0)
    gone = json.loads(run(app, ["tune", "--forget", "--json"]).stdout)["deleted"]
    assert {Path(path).suffix for path in gone} == {".json", ".graph"}
    assert recall(prepared_folder(), sha256_of(weights), 96) is None
    assert run(app, ["tune", "--forget"]).stdout.strip() == "nothing was remembered"


@pytest.mark.parametrize("picture", ["wide", "1280", "0x0", "1280x", "9999999x9"])
def test_a_size_that_is_none_is_refused(picture: str, weights: Path) -> None:
    done = run(app, ["tune", "--weights", str(weights), "--picture", picture])
    assert done.exit_code != 0
    assert "is not a size" in str(done.exception)


def test_drawn_pictures_are_others_with_another_seed() -> None:
    one, other = (pictures("straight-one-way", 1, seed)[0] for seed in (3, 4))
    assert one.shape[2] == 3
    assert one.dtype == np.uint8
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("area", ["picture", "road"])
def test_a_site_is_measured_in_its_regions_and_detection_area(tmp_path: Path, area: str) -> None:
    site = tmp_path / "site.yaml"
    demo = Path(__file__).parents[2] / "configs" / "demo.yaml"
    document = yaml.safe_load(demo.read_text())
    document["cameras"][0]["detection_area"] = area
    site.write_text(yaml.safe_dump(document))
    scene = open_site(site).cameras[0].scene(1280, 720)
    [look] = command._looks(command._site_views(site), [np.zeros((9, 16, 3), np.uint8)])
    assert look.picture.shape == (720, 1280, 3)
    assert look.regions_px == scene.detection_regions_px
    assert look.regions_px
    assert look.area_px == scene.detection_area_px
    assert (look.area_px is None) == (area == "picture")
