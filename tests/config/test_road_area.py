from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.files import GOOD, bent, write
from traffic_ai.calibration.plane import fit_plane
from traffic_ai.config.load import load_site
from traffic_ai.config.road_area import CELLS, TALLEST_M, road_area
from traffic_ai.core.geometry import DirectedLine
from traffic_ai.core.scene import Lane, Scene, StopLine

FAR = np.array([[560.0, 300.0], [600.0, 300.0], [640.0, 420.0], [540.0, 420.0]])
SCENE = Scene("c", 1280, 720, lanes=(Lane("a", FAR, FAR[:2]),))


def _scene(polygon, **more):
    lane = Lane("a", np.array(polygon, float), np.array(polygon[:2], float))
    return Scene("c", 1280, 720, lanes=(lane,), **more)


def test_a_small_lane_needs_a_small_part_of_the_picture_on_the_grid() -> None:
    area = road_area(SCENE, measures_speed=False)
    assert area is not None
    x0, y0, x1, y1 = area
    cell = 1280 // CELLS
    assert (x1 - x0) % cell == 0
    assert (y1 - y0) % cell == 0
    assert x0 < 540
    assert x1 > 640
    assert y0 < 300
    assert y1 > 420
    assert (x1 - x0) * (y1 - y0) < 0.3 * 1280 * 720


def test_lines_exits_and_regions_are_needed_too() -> None:
    line = DirectedLine.towards(
        np.array([200.0, 650.0]), np.array([400.0, 650.0]), np.array([0, -1])
    )
    beyond = DirectedLine.towards(
        np.array([200.0, 150.0]), np.array([400.0, 150.0]), np.array([0, -1])
    )
    way_out = np.array([[1000.0, 400.0], [1100.0, 400.0], [1100.0, 450.0]])
    stop = StopLine("s", line, ("a",), None, beyond, (way_out,))
    x0, y0, x1, y1 = road_area(replace(SCENE, stop_lines=(stop,)), measures_speed=False) or (0,) * 4
    assert x0 < 200
    assert y0 < 150
    assert x1 > 1100
    assert y1 > 650
    x0, y0, *_ = (
        road_area(replace(SCENE, detection_regions_px=((128, 64, 700, 400),)), measures_speed=False)
        or (0,) * 4
    )
    assert (x0, y0) <= (128, 64)


def test_a_scene_without_anything_to_judge_is_looked_at_whole() -> None:
    assert road_area(Scene("c", 1280, 720), measures_speed=True) is None


def test_lanes_all_over_the_picture_leave_nothing_out() -> None:
    corners = [[0, 0], [1280, 0], [1280, 720], [0, 720]]
    assert road_area(_scene(corners), measures_speed=False) is None


def test_the_calibrated_area_is_needed_where_speed_is_measured() -> None:
    # A camera 8 m up that looks along a straight road: 1 m at 20 m is 50 px.
    ground = np.array([[-5.0, 15.0], [5.0, 15.0], [5.0, 60.0], [-5.0, 60.0], [0.0, 30.0]])
    image = np.column_stack([640 + 1000 * ground[:, 0] / ground[:, 1], 200 + 8000 / ground[:, 1]])
    plane = fit_plane(image, ground, (1280, 720))
    scene = replace(SCENE, homography=plane)
    without, with_speed = (road_area(scene, measures_speed=m) for m in (False, True))
    assert without is not None
    assert with_speed is not None
    low, high = plane.valid_area_px.min(axis=0), plane.valid_area_px.max(axis=0)
    assert with_speed[1] <= low[1] - TALLEST_M * 1000 / 70
    assert with_speed[3] >= min(high[1], 720)
    assert without[1] > with_speed[1] - 1
    assert without[3] < with_speed[3]


@given(
    st.lists(st.tuples(st.integers(0, 1280), st.integers(0, 720)), min_size=3, max_size=6),
    st.sampled_from([(1280, 720), (1920, 1088), (720, 1280), (352, 288)]),
)
def test_the_area_lies_in_the_picture_and_holds_the_lane(
    corners: list[tuple[int, int]], size: tuple[int, int]
) -> None:
    polygon = np.array(corners, float) * np.array(size) / (1280, 720)
    scene = Scene("c", *size, lanes=(Lane("a", polygon, polygon[:2]),))
    area = road_area(scene, measures_speed=False)
    x0, y0, x1, y1 = area or (0, 0, *size)
    assert 0 <= x0 < x1 <= size[0]
    assert 0 <= y0 < y1 <= size[1]
    assert (polygon >= (x0 - 1, y0 - 1)).all()
    assert (polygon <= (x1 + 1, y1 + 1)).all()
    if area is not None:
        cell = max(size) / CELLS
        assert round((x1 - x0) / cell) * round((y1 - y0) / cell) < np.prod(
            np.ceil(np.array(size) / cell)
        )


@pytest.mark.parametrize(("words", "cut"), [("road", True), ("picture", False)])
def test_a_site_file_chooses(tmp_path, words: str, cut: bool) -> None:
    text = bent(
        GOOD, ("    detection_regions: [[0.0, 0.2, 1.0, 1.0]]", f"    detection_area: {words}")
    )
    scene = load_site(write(tmp_path, text)).cameras[0].scene(1280, 720)
    assert (scene.detection_area_px is not None) == cut
    assert (scene.seen_px == (0, 0, 1280, 720)) == (not cut)
