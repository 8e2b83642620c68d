"""The pinhole camera: exact both ways."""

import numpy as np
import pytest

from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.layout import CAMERA
from traffic_ai.simulate.truth import camera_values


def test_a_straight_camera_projects_by_similar_triangles() -> None:
    camera = Camera((0.0, 0.0, 5.0), 0.0, 0.0, 1000.0, 1280, 720)
    point_px = camera.project_px(np.array([2.0, 20.0, 3.0]))
    assert point_px == pytest.approx([640 + 1000 * 2 / 20, 360 + 1000 * 2 / 20])


def test_road_points_come_back_through_the_picture() -> None:
    chance = np.random.default_rng(1)
    road_m = chance.uniform((-20, 12), (20, 200), (500, 2))
    assert CAMERA.ground_m(CAMERA.project_ground_px(road_m)) == pytest.approx(road_m, abs=1e-9)


def test_the_projection_matrix_of_the_truth_is_the_camera() -> None:
    points_m = np.random.default_rng(2).uniform((-9, 12, 0), (9, 90, 4), (100, 3))
    matrix = np.array(camera_values(CAMERA)["projection"])
    seen = np.concatenate([points_m, np.ones((100, 1))], axis=1) @ matrix.T
    assert seen[:, :2] / seen[:, 2:] == pytest.approx(CAMERA.project_px(points_m), abs=1e-5)
