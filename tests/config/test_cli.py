"""`validate` and `preview` as a person calls them."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.config.files import GOOD, SECTIONS, bent, write
from traffic_ai.cli.main import app
from traffic_ai.core.errors import ConfigError, TrafficAiError, UsageError

SOURCE = "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def summary(path: Path) -> dict[str, Any]:
    result = call("validate", path, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["valid"] is (result.exit_code == 0)
    return found


def make_video(path: Path, size_px: tuple[int, int] = (640, 360), count: int = 10) -> None:
    """Grey pictures, brighter with each tenth of a second."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 10)
        for index in range(count):
            image = np.full((size_px[1], size_px[0], 3), 20 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode())


def make_picture(path: Path, width: int, height: int) -> Path:
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def with_video(folder: Path, text: str = GOOD) -> Path:
    make_video(folder / "a.mp4")
    return write(folder, bent(text, (SOURCE, "a.mp4")))


def test_right_file_is_summed_up(tmp_path: Path) -> None:
    result = call("validate", with_video(tmp_path))
    assert result.exit_code == 0
    assert "demo-junction  Simulated junction" in result.stdout
    assert "640x360 (a.mp4)" in result.stdout
    assert "north-1 (50 km/h)" in result.stdout
    assert "add a fifth" in result.stdout
    # Half the calibrated road of 8 m each.
    assert "north-1 4.0 m, north-2 4.0 m" in result.stdout
    assert "red_light, speeding, stop_over_line, wrong_way" in result.stdout


def test_summary_tells_how_good_the_calibration_is(tmp_path: Path) -> None:
    points = "        - {image: [0.50, 0.70], ground_m: [0.0, 15.0]}\n"
    text = bent(GOOD, ("      image_sigma_px: 1.5", points + "      image_sigma_px: 20"))
    path = with_video(tmp_path, text)
    calibration = summary(path)["cameras"][0]["calibration"]
    assert calibration["points"] == 5
    assert calibration["rms_error_m"] > 0.0
    assert calibration["worst_residual_m"] >= calibration["rms_error_m"]
    assert f"worst is point {calibration['worst_point']}" in call("validate", path).stdout


def test_summary_as_json_is_complete(tmp_path: Path) -> None:
    (camera,) = summary(with_video(tmp_path))["cameras"]
    assert camera["picture"] == {"size": [640, 360], "from": "a.mp4"}
    assert camera["lanes"] == {"north-1": 50.0, "north-2": 50.0}
    assert camera["stop_lines"] == {"stop-north": "main"}
    assert camera["signal_groups"] == {"main": "1 head", "side": "1 head"}
    assert len(camera["config_hash"]) == 64


def test_size_comes_from_the_site_file_where_there_is_no_video(tmp_path: Path) -> None:
    (camera,) = summary(write(tmp_path, SECTIONS))["cameras"]
    assert camera["picture"] == {"size": [1280, 720], "from": "reference_size"}
    assert camera["calibration"] is None


def test_mistakes_are_listed_and_exit_with_2(tmp_path: Path) -> None:
    path = write(tmp_path, bent(GOOD, ("signal_group: main", "signal_group: mian")))
    result = call("validate", path)
    assert result.exit_code == 2
    assert f"{path}:39: error: cameras[0].stop_lines[0].signal_group" in result.stdout
    problems = summary(path)["problems"]
    assert {"path", "line", "severity", "message", "hint"} == set(problems[0])


def test_warnings_are_shown_and_do_not_fail(tmp_path: Path) -> None:
    path = write(tmp_path, bent(GOOD, (SOURCE, "nowhere.mp4")))
    result = call("validate", path)
    assert result.exit_code == 0
    assert "warning: cameras[0].source: there is no file 'nowhere.mp4'" in result.stdout


def test_video_of_another_shape_than_the_site_fails(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", (320, 240))
    path = write(tmp_path, bent(SECTIONS, ("  - id: gates", "  - id: gates\n    source: a.mp4")))
    result = call("validate", path)
    assert result.exit_code == 2
    assert "320x240" in result.stdout
    assert "1280x720" in result.stdout


def test_source_that_is_no_video_fails_with_its_name(tmp_path: Path) -> None:
    path = with_video(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    result = call("validate", path)
    assert result.exit_code == 2
    assert "a.mp4" in result.stdout


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("time;group;aspect\n0;side;red\n", "commas, not semicolons"),
        ("time,group,aspect\n0,main,red\n", "no row for group 'side' (groups: main)"),
    ],
)
def test_signal_log_that_cannot_be_read_fails(log: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(log)
    lamps = GOOD[GOOD.index("        lamps:\n          - {red:") : GOOD.index("    lanes:")]
    path = with_video(tmp_path, bent(GOOD, (lamps, "        feed: {csv: log.csv}\n")))
    result = call("validate", path)
    assert result.exit_code == 2
    assert f"{path}:22: error: cameras[0].signal_groups[1].feed: " in result.stdout
    assert said in result.stdout


def test_head_too_small_in_the_cameras_video_fails(tmp_path: Path) -> None:
    text = bent(GOOD, ("[0.80, 0.10, 0.82, 0.20]", "[0.80, 0.10, 0.804, 0.12]"))
    result = call("validate", with_video(tmp_path, text))
    assert result.exit_code == 2
    assert "too small to read" in result.stdout
    unknown_size = write(tmp_path, bent(text, (SOURCE, "rtsp://10.0.0.8/stream")))
    assert call("validate", unknown_size).exit_code == 0


def test_preview_draws_the_site_over_the_cameras_video(tmp_path: Path) -> None:
    out = tmp_path / "preview.png"
    assert call("preview", with_video(tmp_path), "--out", out).exit_code == 0
    drawn = cv2.imread(str(out))
    assert drawn.shape == (720, 1280, 3)  # a small picture is enlarged
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100


def test_preview_takes_the_picture_at_the_moment_asked_for(tmp_path: Path) -> None:
    site, out = with_video(tmp_path), tmp_path / "preview.png"
    levels = []
    for moment in ("0", "0.55"):
        assert call("preview", site, "--out", out, "--at", moment).exit_code == 0
        levels.append(int(np.median(cv2.imread(str(out))[:100])))
    assert levels[1] - levels[0] == pytest.approx(120, abs=12)


def test_preview_after_the_end_is_refused(tmp_path: Path) -> None:
    result = call("preview", with_video(tmp_path), "--out", tmp_path / "p.png", "--at", "99")
    assert isinstance(result.exception, UsageError)
    assert "0.9 s" in str(result.exception)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_preview_takes_a_picture_instead_of_a_video(name: str, tmp_path: Path) -> None:
    picture = make_picture(tmp_path / name, 1280, 720)
    result = call(
        "preview", write(tmp_path, SECTIONS), "--source", picture, "--out", tmp_path / "o.jpg"
    )
    assert result.exit_code == 0
    assert cv2.imread(str(tmp_path / "o.jpg")).shape == (720, 1280, 3)


def test_preview_of_a_live_camera_asks_for_a_picture_without_its_url(tmp_path: Path) -> None:
    text = bent(GOOD, ("${CAM_USER}:${CAM_PASSWORD}", "admin:s3same"))
    result = call("preview", write(tmp_path, text))
    assert isinstance(result.exception, UsageError)
    assert "--source" in str(result.exception)
    assert "s3same" not in str(result.exception) + result.output


def test_preview_refuses_what_is_no_picture(tmp_path: Path) -> None:
    site = write(tmp_path, SECTIONS)
    for content in (b"", b"hello"):
        (tmp_path / "a.png").write_bytes(content)
        result = call("preview", site, "--source", tmp_path / "a.png")
        assert isinstance(result.exception, UsageError)
    missing = call("preview", site, "--source", tmp_path / "b.png")
    assert isinstance(missing.exception, UsageError)
    wrong = call("preview", site, "--out", tmp_path / "o.txt")
    assert isinstance(wrong.exception, UsageError)


def test_preview_of_a_picture_of_another_shape_is_refused(tmp_path: Path) -> None:
    picture = make_picture(tmp_path / "a.png", 640, 480)
    result = call("preview", write(tmp_path, SECTIONS), "--source", picture)
    assert isinstance(result.exception, ConfigError)


def test_preview_of_several_cameras_asks_which(tmp_path: Path) -> None:
    second = SECTIONS[SECTIONS.index("  - id: gates") :].replace("id: gates", "id: second", 1)
    site = write(tmp_path, SECTIONS + second)
    picture = make_picture(tmp_path / "a.png", 1280, 720)
    for arguments in ((), ("--camera", "third")):
        result = call("preview", site, "--source", picture, *arguments)
        assert isinstance(result.exception, UsageError)
        assert "gates, second" in str(result.exception)
    out = tmp_path / "o.png"
    chosen = call("preview", site, "--source", picture, "--camera", "second", "--out", out)
    assert chosen.exit_code == 0


def test_preview_says_where_it_cannot_write(tmp_path: Path) -> None:
    picture = make_picture(tmp_path / "a.png", 1280, 720)
    result = call(
        "preview",
        write(tmp_path, SECTIONS),
        "--source",
        picture,
        "--out",
        tmp_path / "no" / "o.png",
    )
    assert isinstance(result.exception, TrafficAiError)
    assert "o.png" in str(result.exception)
