"""What a right site file becomes: scenes in pixels and metres for any picture size."""

import pickle
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.config.files import GOOD, SECTIONS, bent, write
from traffic_ai.config import CameraSite, SiteFileError, load_site
from traffic_ai.config.delivery import NOBODY, Kept
from traffic_ai.config.schema import SiteModel
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import HeadLayout
from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import ViolationKind
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_USER", "operator")
    monkeypatch.setenv("CAM_PASSWORD", "p@ss/w:rd")


def camera(folder: Path, text: str = GOOD) -> CameraSite:
    return load_site(write(folder, text)).cameras[0]


def test_camera_has_its_settings(tmp_path: Path) -> None:
    found = camera(tmp_path)
    assert (found.id, found.name) == ("demo-junction", "Simulated junction")
    assert found.start_time == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert found.time_zone == ZoneInfo("Europe/Berlin")
    assert found.start_time_pattern is None


def test_defaults_of_a_camera_that_says_little(tmp_path: Path) -> None:
    found = camera(tmp_path, SECTIONS)
    assert found.name == "gates"
    assert found.source is None
    assert found.time_zone == ZoneInfo("UTC")


def test_rules_have_their_parameters_and_run_with_defaults_when_empty(tmp_path: Path) -> None:
    assert camera(tmp_path).rules == {
        "red_light": RedLightParameters(grace_s=0.4),
        "stop_over_line": StopOverLineParameters(),
        "wrong_way": WrongWayParameters(),
        "speeding": SpeedingParameters(tolerance_kmh=3, tolerance_by_class_kmh={RoadUser.BUS: 5.0}),
    }
    assert camera(tmp_path, SECTIONS).rules == {"speeding": SpeedingParameters()}


def test_rule_of_another_package_is_taken_only_where_it_is_known(tmp_path: Path) -> None:
    text = bent(GOOD, ("wrong_way: {}", "box_junction: {max_s: 5}\n      u_turn:"))
    path = write(tmp_path, text)
    rules = load_site(path, ["box_junction", "u_turn"]).cameras[0].rules
    assert rules["box_junction"] == {"max_s": 5}
    assert rules["u_turn"] == {}
    with pytest.raises(SiteFileError, match="there is no rule 'u_turn'"):
        load_site(path, ["box_junction"])


def test_fractions_scale_with_the_picture(tmp_path: Path) -> None:
    small, large = (camera(tmp_path).scene(w, h) for w, h in ((352, 288), (3840, 2160)))
    scale = np.array([3840 / 352, 2160 / 288])
    for a, b in zip(small.lanes, large.lanes, strict=True):
        np.testing.assert_allclose(a.polygon_px * scale, b.polygon_px)
    assert large.detection_regions_px == ((0, 432, 3840, 2160),)
    np.testing.assert_allclose(
        large.signal_groups[0].heads[0].head_px, [3072.0, 216.0, 3148.8, 432.0]
    )


def test_pixels_scale_from_the_reference_size(tmp_path: Path) -> None:
    scene = camera(tmp_path, SECTIONS).scene(640, 360)
    np.testing.assert_allclose(scene.lanes[0].polygon_px[0], [150.0, 50.0])
    assert camera(tmp_path, SECTIONS).scene(854, 480).width_px == 854  # 16:9, rounded


def test_picture_of_another_shape_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"640x480.*1280x720"):
        camera(tmp_path, SECTIONS).scene(640, 480)


def test_stop_line_points_where_its_lanes_lead(tmp_path: Path) -> None:
    line = camera(tmp_path).scene(1280, 720).stop_lines[0]
    assert line.line.forward[1] == pytest.approx(-1.0)  # away from the camera is up
    assert line.beyond is not None
    assert line.beyond.forward[1] == pytest.approx(-1.0)
    assert line.lane_ids == ("north-1", "north-2")
    assert line.signal_group_id == "main"
    assert len(line.permitted_exits_px) == 1


def test_stop_line_turns_with_its_lanes_however_it_is_drawn(tmp_path: Path) -> None:
    text = bent(
        GOOD,
        ("[[0.37, 0.88], [0.46, 0.52]]", "[[0.46, 0.52], [0.37, 0.88]]"),
        ("[[0.62, 0.88], [0.54, 0.52]]", "[[0.54, 0.52], [0.62, 0.88]]"),
        (
            "        beyond_line: [[0.37, 0.60], [0.63, 0.60]]",
            "        beyond_line: [[0.3, 0.85], [0.7, 0.85]]",
        ),
        ("line: [[0.31, 0.75], [0.69, 0.75]]", "line: [[0.69, 0.75], [0.31, 0.75]]"),
    )
    line = camera(tmp_path, text).scene(1280, 720).stop_lines[0]
    assert line.line.forward[1] == pytest.approx(1.0)


def test_bent_lane_gives_a_stop_line_the_direction_where_they_meet(tmp_path: Path) -> None:
    text = """\
version: 1
cameras:
  - id: bend
    lanes:
      - id: l
        polygon: [[0.1, 0.6], [0.1, 0.5], [0.6, 0.5], [0.6, 0.9], [0.5, 0.9], [0.5, 0.6]]
        direction: [[0.15, 0.55], [0.55, 0.55], [0.55, 0.85]]
    stop_lines:
      - {id: s, line: [[0.5, 0.8], [0.6, 0.8]], lanes: [l]}
      - {id: e, line: [[0.2, 0.5], [0.2, 0.6]], lanes: [l]}
    rules: {wrong_way: }
"""
    down, right = camera(tmp_path, text).scene(1000, 1000).stop_lines
    np.testing.assert_allclose(down.line.forward, [0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(right.line.forward, [1.0, 0.0], atol=1e-9)


def test_centre_line_runs_the_length_of_the_lane(tmp_path: Path) -> None:
    lane = camera(tmp_path, SECTIONS).scene(1280, 720).lanes[0]
    np.testing.assert_allclose(lane.centre_line_px, [[400.0, 100.0], [400.0, 700.0]])


def test_lane_has_its_limits_and_classes(tmp_path: Path) -> None:
    first, second = camera(tmp_path).scene(1280, 720).lanes
    assert first.limit_kmh(RoadUser.CAR) == 50
    assert first.limit_kmh(RoadUser.TRUCK) == 40
    assert first.classes == {RoadUser.CAR, RoadUser.TRUCK}
    assert second.classes is None


def test_section_is_crossed_in_the_direction_of_its_lanes(tmp_path: Path) -> None:
    (section,) = camera(tmp_path, SECTIONS).scene(1280, 720).speed_sections
    np.testing.assert_allclose(section.entry.forward, [0.0, 1.0])
    np.testing.assert_allclose(section.exit.forward, [0.0, 1.0])
    assert (section.length_m, section.length_sigma_m) == (25.0, 0.1)


def test_signal_groups_have_heads_lamps_or_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time,group,aspect\n0,2,red\n0,logged,red\n")
    text = bent(
        GOOD,
        ("    lanes:", '      - id: logged\n        feed: {csv: log.csv, group: "2"}\n    lanes:'),
        (
            "head: [0.80, 0.10, 0.82, 0.20]",
            "head: [0.8, 0.1, 0.9, 0.12], layout: horizontal, swapped: true",
        ),
    )
    main, side, logged = camera(tmp_path, text).scene(1000, 1000).signal_groups
    assert main.heads[0].layout is HeadLayout.HORIZONTAL
    assert main.heads[0].swapped
    assert set(side.heads[0].lamps_px) == {Aspect.RED, Aspect.GREEN}
    np.testing.assert_allclose(side.heads[0].lamps_px[Aspect.RED], [100, 100, 120, 120])
    assert (logged.feed_csv, logged.feed_group) == (tmp_path / "log.csv", "2")
    text = bent(text, (', group: "2"', ""))
    assert camera(tmp_path, text).scene(100, 100).signal_groups[2].feed_group == "logged"


def test_calibration_maps_points_to_their_metres_at_every_size(tmp_path: Path) -> None:
    for width, height in ((352, 288), (1280, 720), (3840, 2160)):
        homography = camera(tmp_path).scene(width, height).homography
        assert homography is not None
        corner_px = np.array([[0.25 * width, 0.9 * height], [0.58 * width, 0.5 * height]])
        np.testing.assert_allclose(
            homography.to_ground(corner_px), [[-4.0, 10.0], [4.0, 34.0]], atol=1e-6
        )


def test_longitude_and_latitude_give_the_metres_between_them(tmp_path: Path) -> None:
    text = GOOD
    for east, north in ((-4.0, 10.0), (4.0, 10.0), (4.0, 34.0), (-4.0, 34.0)):
        lat = 50.0 + north / 111_229.0  # metres a degree of latitude at 50 degrees, WGS 84
        lon = 8.0 + east / 71_696.0  # of longitude
        text = bent(text, (f"ground_m: [{east}, {north}]", f"lon_lat: [{lon:.9f}, {lat:.9f}]"))
    homography = camera(tmp_path, text).scene(1280, 720).homography
    assert homography is not None
    ends_px = np.array([[0.25, 0.9], [0.75, 0.9], [0.58, 0.5]]) * [1280, 720]
    near_left, near_right, far_right = homography.to_ground(ends_px)
    assert np.linalg.norm(near_right - near_left) == pytest.approx(8.0, abs=0.02)
    assert np.linalg.norm(far_right - near_right) == pytest.approx(24.0, abs=0.02)


def test_distances_calibrate_where_no_coordinates_are_known(tmp_path: Path) -> None:
    exact = camera(tmp_path).scene(1280, 720).homography
    assert exact is not None

    def pair(a: tuple[float, float], b: tuple[float, float], along: str) -> str:
        ends = (exact.to_image(np.array([a, b])) / [1280, 720]).tolist()
        length = float(np.hypot(a[0] - b[0], a[1] - b[1]))
        return f"        - {{image: {ends}, distance_m: {length}, along: {along}}}\n"

    distances = "".join(
        [
            *(pair((x, y), (x, y + 8.0), "true") for x in (-3.5, 3.5) for y in (11.0, 19.0)),
            *(pair((-3.5, y), (3.5, y), "false") for y in (11.0, 19.0, 27.0)),
        ]
    )
    begin, end = GOOD.index("      points:"), GOOD.index("    signal_groups:")
    text = f"{GOOD[:begin]}      distances:\n{distances}{GOOD[end:]}"
    found = camera(tmp_path, text).scene(1280, 720).homography
    assert found is not None
    ends_px = exact.to_image(np.array([[0.0, 12.0], [0.0, 26.0]]))
    near, far = found.to_ground(ends_px)
    assert np.linalg.norm(far - near) == pytest.approx(14.0, rel=0.02)


def test_report_names_residuals_and_height(tmp_path: Path) -> None:
    text = bent(
        GOOD,
        (
            "      image_sigma_px: 1.5",
            "        - {image: [0.50, 0.70], ground_m: [0.0, 15.0]}\n      image_sigma_px: 20",
        ),
    )
    report = camera(tmp_path, text).calibration_report(1280, 720)
    assert report is not None
    assert report.residual_m.shape == (5,)
    assert report.rms_error_m == pytest.approx(float(np.sqrt(np.mean(report.residual_m**2))))
    assert camera(tmp_path, SECTIONS).calibration_report(1280, 720) is None


def test_url_takes_its_secrets_from_the_environment_encoded(tmp_path: Path) -> None:
    assert camera(tmp_path).source == "rtsp://operator:p%40ss%2Fw:rd@10.0.0.8/stream"


def test_url_can_be_one_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_URL", "rtsp://a:b%40c@host/1")
    text = bent(GOOD, ("rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream", "${CAM_URL}"))
    assert camera(tmp_path, text).source == "rtsp://a:b%40c@host/1"


def test_variable_that_is_not_set_is_named_when_the_source_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = camera(tmp_path)
    monkeypatch.delenv("CAM_PASSWORD")
    with pytest.raises(ConfigError, match="CAM_PASSWORD") as caught:
        _ = found.source
    assert "operator" not in str(caught.value)


def test_secrets_are_not_shown_by_the_camera(tmp_path: Path) -> None:
    text = bent(GOOD, ("${CAM_USER}:${CAM_PASSWORD}", "admin:hunter2"))
    site = load_site(write(tmp_path, text))
    assert "hunter2" not in repr(site)
    assert "hunter2" in (site.cameras[0].source or "")


def test_file_source_is_beside_the_site_file_wherever_it_is_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "a.mp4").write_bytes(b"")
    text = bent(GOOD, ("rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.8/stream", "../a.mp4"))
    write(tmp_path / "sites", text)
    monkeypatch.chdir(tmp_path)
    found = load_site("sites/site.yaml").cameras[0]
    assert found.source == str(tmp_path.resolve() / "a.mp4")
    assert found.source_file == tmp_path.resolve() / "a.mp4"


def test_camera_can_be_sent_to_another_process(tmp_path: Path) -> None:
    found = camera(tmp_path)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.scene(640, 360).lanes[0].id == "north-1"


def test_error_can_be_sent_to_another_process(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError) as caught:
        camera(tmp_path, "version: 1\n")
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == caught.value.problems
    assert str(again) == str(caught.value)


def test_class_names_are_those_of_the_program() -> None:
    schema = SiteModel.model_json_schema()["$defs"]["LaneModel"]["properties"]["classes"]
    names = schema["anyOf"][0]["items"]["enum"]
    assert names == [user.label for user in RoadUser]


@pytest.mark.parametrize("text", [GOOD, SECTIONS])
def test_the_canonical_text_of_a_camera_gives_the_camera_again(tmp_path, text):
    camera = load_site(write(tmp_path, text)).cameras[0]
    again = CameraSite.of_text(camera.text)
    assert again.text == camera.text
    assert again.config_hash == camera.config_hash == sha256(camera.text.encode()).hexdigest()
    assert (again.rules, again.id, again.name) == (camera.rules, camera.id, camera.name)
    scene, scene_again = camera.scene(1280, 720), again.scene(1280, 720)
    for lane, lane_again in zip(scene.lanes, scene_again.lanes, strict=True):
        assert np.array_equal(lane.polygon_px, lane_again.polygon_px)
        assert np.array_equal(lane.centre_line_px, lane_again.centre_line_px)
    if scene.homography is not None:
        assert scene_again.homography is not None
        assert np.array_equal(
            scene.homography.image_to_ground, scene_again.homography.image_to_ground
        )
    assert "CAM_PASSWORD" not in camera.text


def test_a_camera_is_another_one_with_another_signal_log(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    text = bent(GOOD, ("    lanes:", "      - {id: logged, feed: {csv: log.csv}}\n    lanes:"))
    hashes = []
    for moment_s in (0, 0, 1):
        log.write_text(f"time,group,aspect\n{moment_s},logged,red\n")
        found = camera(tmp_path, text)
        hashes.append(found.config_hash)
        assert sha256(log.read_bytes()).hexdigest() in found.text
    assert hashes[0] == hashes[1] != hashes[2]
    log.unlink()  # evidence keeps the text, not the log
    again = CameraSite.of_text(found.text)
    assert (again.text, again.config_hash) == (found.text, found.config_hash)
    assert again.scene(1280, 720).signal_groups[2].id == "logged"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id":"x","lanes":[{"id":1}]}', "\x00"])
def test_what_is_no_text_of_a_camera_is_refused(text):
    with pytest.raises(ConfigError, match="not the text of a camera"):
        CameraSite.of_text(text)


DELIVERY = """\
retention: {speeding: {days: 30, gb: 1.5}, wrong_way: {gb: 2}}
retention_days: {red_light: 90}
evidence: {min_free_mb: 20}
delivery:
  mqtt: {broker: "mqtts://${CAM_USER}:${CAM_PASSWORD}@broker:8884", prefix: city/gate}
  webhooks:
    - {name: office, url: "https://office.example/hook?key=${HOOK_KEY}", secret: "${HOOK_SECRET}"}
  outbox: {max_messages: 1000, max_mb: 20}
"""


def test_delivery_and_retention_are_as_written_and_secrets_come_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = load_site(write(tmp_path, GOOD + DELIVERY))
    assert site.retention == {
        ViolationKind.SPEEDING: Kept(30, 1_500_000_000),
        ViolationKind.WRONG_WAY: Kept(None, 2_000_000_000),
        ViolationKind.RED_LIGHT: Kept(90, None),
    }
    assert site.min_free_bytes == 20_000_000
    delivery = site.delivery
    assert (delivery.max_messages, delivery.max_bytes) == (1000, 20_000_000)
    assert delivery.broker is not None
    assert delivery.broker.url == "mqtts://operator:p%40ss%2Fw:rd@broker:8884"
    (office,) = delivery.webhooks
    with pytest.raises(ConfigError, match="HOOK_KEY is not set"):
        _ = office.url
    monkeypatch.setenv("HOOK_KEY", "s3cret")
    monkeypatch.setenv("HOOK_SECRET", "k" * 32)
    assert office.url == "https://office.example/hook?key=s3cret"
    assert office.secret == "k" * 32
    assert "s3cret" not in repr(site)
    assert load_site(write(tmp_path, GOOD + DELIVERY)).delivery == delivery


def test_nobody_is_told_and_all_is_kept_where_nothing_is_said(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, GOOD))
    assert (site.delivery, site.retention, site.min_free_bytes) == (NOBODY, {}, 500_000_000)


def test_no_decision_rests_on_delivery_or_retention(tmp_path: Path) -> None:
    plain = camera(tmp_path).config_hash
    assert camera(tmp_path, GOOD + DELIVERY).config_hash == plain


def test_a_lane_that_crosses_another_is_no_lane_against_it(tmp_path: Path) -> None:
    """In the picture it runs 100 degrees off the other, on the road at a right angle to it."""
    cross = (
        "      - id: cross\n"
        "        polygon: [[0.30, 0.80], [0.70, 0.80], [0.70, 0.65], [0.30, 0.65]]\n"
        "        direction: [[0.68, 0.72], [0.32, 0.72]]\n"
    )
    text = bent(GOOD, ("    stop_lines:", f"{cross}    stop_lines:"))
    assert load_site(write(tmp_path, text)).warnings == ()
    plane, signals = text.index("    calibration:"), text.index("    signal_groups:")
    without_plane = text[:plane] + text[signals:]
    without_plane = bent(without_plane, ("      speeding: {", "      # {"))
    told = [str(p.message) for p in load_site(write(tmp_path, without_plane)).warnings]
    assert any("'cross' and" in message for message in told)
