"""The camera: exact both ways, with a straight lens and a bent one."""

import numpy as np
import pytest

from traffic_ai.simulate.camera import Camera

LEANING = Camera((-1.0, 0.0, 7.5), 3.0, 14.0, 1050.0, 1280, 720, roll_deg=4.0)


def test_a_straight_camera_projects_by_similar_triangles() -> None:
    camera = Camera((0.0, 0.0, 5.0), 0.0, 0.0, 1000.0, 1280, 720)
    point_px = camera.project_px(np.array([2.0, 20.0, 3.0]))
    assert point_px == pytest.approx([640 + 1000 * 2 / 20, 360 + 1000 * 2 / 20])


@pytest.mark.parametrize("k1", [0.0, -0.25, 0.2])
def test_road_points_come_back_through_the_picture(k1: float) -> None:
    camera = Camera(LEANING.position_m, 3.0, 14.0, 1050.0, 1280, 720, roll_deg=4.0, k1=k1)
    road_m = np.random.default_rng(1).uniform((-8, 14), (8, 200), (500, 2))
    back_m = camera.ground_m(camera.project_ground_px(road_m))
    assert back_m == pytest.approx(road_m, abs=1e-6)


def test_yaw_turns_right_and_pitch_turns_down() -> None:
    ahead_m = np.array([0.0, 50.0, 0.0])
    before = LEANING.project_px(ahead_m)
    assert LEANING.turned(2.0, 0.0, 0.0).project_px(ahead_m)[0] < before[0]
    assert LEANING.turned(0.0, 2.0, 0.0).project_px(ahead_m)[1] < before[1]
