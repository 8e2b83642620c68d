"""Exact boxes: similar triangles, the picture's edges, the plane at the lens, bent lenses, sway."""

import numpy as np
import pytest

from traffic_ai.core.road_user import RoadUser
from traffic_ai.simulate.boxes import exact_box_px
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.world import Body, Poses

CORNERS_M = np.array([(x, y, z) for x in (-1.0, 1.0) for y in (-2.0, 2.0) for z in (0.0, 1.5)])
BLOCK = Body("block", RoadUser.CAR, 4.0, 2.0, 1.5, CORNERS_M, CORNERS_M[:4, :2])
LEVEL = Camera((0.0, 0.0, 5.0), 0.0, 0.0, 1000.0, 1280, 720)


def at(*places_m: tuple[float, float], heading_deg: float = 0.0) -> Poses:
    middle_m = np.array(places_m, float)
    still = np.zeros(len(middle_m))
    return Poses(middle_m, np.full(len(middle_m), np.radians(heading_deg)), still, still)


def densely(camera: Camera, middle_m: tuple[float, float]) -> np.ndarray:
    """The box of many points of the block's surface, the slow way."""
    steps = np.linspace(-1, 1, 81)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    grid = grid[np.abs(grid).max(axis=1) == 1.0]
    points_m = grid * (1.0, 2.0, 0.75) + (middle_m[0], middle_m[1], 0.75)
    seen = points_m[camera.to_camera_m(points_m)[:, 2] > 0.3]
    points_px = camera.project_px(seen)
    limits = (camera.width_px, camera.height_px)
    return np.clip([*points_px.min(axis=0), *points_px.max(axis=0)], 0, limits * 2)


def test_a_block_ahead_of_a_level_camera_is_as_large_as_similar_triangles_say() -> None:
    boxes = exact_box_px(BLOCK, at((0.0, 22.0)), LEVEL)
    near, far = 1000 / 20.0, 1000 / 24.0
    expected = [640 - near, 360 + 3.5 * far, 640 + near, 360 + 5 * near]
    assert boxes.xyxy_px[0] == pytest.approx(expected, abs=1e-9)
    assert boxes.inside[0] == 1.0


def test_a_block_at_the_edge_is_cut_there_and_the_share_inside_is_known() -> None:
    boxes = exact_box_px(BLOCK, at((12.8, 22.0)), LEVEL)
    left, _, right, _ = boxes.xyxy_px[0]
    assert right == 1280.0
    whole_px = 1000 * 13.8 / 20.0 - 1000 * 11.8 / 24.0
    assert boxes.inside[0] == pytest.approx((right - left) / whole_px)


def test_what_is_behind_or_beside_the_picture_has_no_box() -> None:
    boxes = exact_box_px(BLOCK, at((0.0, -30.0), (60.0, 20.0), (0.0, 22.0)), LEVEL)
    assert boxes.seen.tolist() == [False, False, True]
    assert np.isnan(boxes.xyxy_px[:2]).all()


@pytest.mark.parametrize("y_m", [-1.5, 0.0, 1.0, 2.0])
def test_a_block_around_the_lens_is_cut_there(y_m: float) -> None:
    camera = Camera((0.0, 0.0, 4.0), 0.0, 40.0, 500.0, 1280, 720)
    boxes = exact_box_px(BLOCK, at((3.0, y_m)), camera)
    expected = densely(camera, (3.0, y_m))
    if (expected[2:] - expected[:2]).min() < 1.0:
        assert not boxes.seen[0]
    else:
        assert boxes.xyxy_px[0] == pytest.approx(expected, abs=6.0)


@pytest.mark.parametrize("k1", [-0.3, 0.2])
@pytest.mark.parametrize("middle_m", [(0.0, 15.0), (6.0, 14.0), (-5.0, 11.0)])
def test_a_bent_lens_bends_the_edges_too(k1: float, middle_m: tuple[float, float]) -> None:
    camera = Camera((0.0, 0.0, 7.0), 0.0, 20.0, 800.0, 1280, 720, k1=k1)
    boxes = exact_box_px(BLOCK, at(middle_m), camera)
    assert boxes.xyxy_px[0] == pytest.approx(densely(camera, middle_m), abs=0.3)


def test_a_heading_turns_the_block() -> None:
    along = exact_box_px(BLOCK, at((0.0, 40.0)), LEVEL).xyxy_px[0]
    across = exact_box_px(BLOCK, at((0.0, 40.0), heading_deg=90.0), LEVEL).xyxy_px[0]
    assert across[2] - across[0] == pytest.approx(2 * 1000 * 2.0 / 39.0)
    assert along[2] - along[0] == pytest.approx(2 * 1000 * 1.0 / 38.0)


def test_a_swaying_camera_has_a_view_a_moment() -> None:
    cameras = [LEVEL, LEVEL.turned(2.0, 0.0, 0.0)]
    boxes = exact_box_px(BLOCK, at((0.0, 30.0), (0.0, 30.0)), cameras)
    assert boxes.xyxy_px[0] == pytest.approx(exact_box_px(BLOCK, at((0.0, 30.0)), LEVEL).xyxy_px[0])
    assert boxes.xyxy_px[1, 0] < boxes.xyxy_px[0, 0] - 30
