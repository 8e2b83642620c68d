"""The page about site files tells the truth."""

import dataclasses
import re
from pathlib import Path

import pytest

from tests.config.files import SECTIONS, write
from traffic_ai.config import load_site
from traffic_ai.config.schema import CameraModel
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)

PAGE = (Path(__file__).parents[2] / "docs" / "site-file.md").read_text(encoding="utf-8")
PARAMETERS = {
    "red_light": RedLightParameters,
    "stop_over_line": StopOverLineParameters,
    "wrong_way": WrongWayParameters,
    "speeding": SpeedingParameters,
}


def test_example_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_USER", "operator")
    monkeypatch.setenv("CAM_PASSWORD", "hunter2")
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    site = load_site(write(tmp_path, example))
    assert site.warnings == ()
    assert set(site.cameras[0].rules) == set(PARAMETERS)


def test_the_speed_section_that_is_shown_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAM_USER", "operator")
    monkeypatch.setenv("CAM_PASSWORD", "hunter2")
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (section,) = re.findall(r"```\n(    speed_sections:\n.*?)```", PAGE, re.DOTALL)
    before, _, rest = example.partition("    calibration:\n")
    after = rest[rest.index("    signal_groups:\n") :]
    after = after.replace("    rules:\n", section + "    rules:\n")
    site = load_site(write(tmp_path, before + after))
    assert site.warnings == ()
    (shown,) = site.cameras[0].scene(1280, 720).speed_sections
    assert shown.length_m == 25.0


def test_defaults_of_rules_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| ?([^|]*?) \|", PAGE, re.MULTILINE)
    told = {(rule, name): value for rule, name, value in rows}
    true = {
        (rule, field.name): "" if field.default is dataclasses.MISSING else str(field.default)
        for rule, parameters in PARAMETERS.items()
        for field in dataclasses.fields(parameters)
    }
    assert told == true


def test_every_key_of_a_camera_is_explained() -> None:
    lacking = [
        key for key in CameraModel.model_fields if f"`{key}`" not in PAGE and key not in PAGE
    ]
    assert lacking == []


def test_sample_site_is_right_and_its_camera_stands_where_it_was_drawn() -> None:
    site = load_site(Path(__file__).parents[2] / "configs" / "demo.yaml")
    assert site.warnings == ()
    report = site.cameras[0].calibration_report(1280, 720)
    assert report is not None
    assert report.rms_error_m < 0.01
    assert report.camera_height_m == pytest.approx(7.5, abs=0.05)


def test_the_delivery_that_its_page_shows_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    kept = re.findall(r"```\n(retention:\n.*?)```", PAGE, re.DOTALL)[0]
    for name in re.findall(r"\$\{(\w+)\}", example):
        monkeypatch.setenv(name, "k" * 32)
    site = load_site(write(tmp_path, SECTIONS + example + kept))
    assert site.warnings == ()
    assert site.delivery.broker is not None
    assert site.delivery.broker.prefix == "traffic-ai"
    (office,) = site.delivery.webhooks
    assert office.url.endswith("key=" + "k" * 32)
    assert len(site.retention) == 4
