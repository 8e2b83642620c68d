"""Drawing: closed solids, exact silhouettes, the same picture every time."""

import cv2
import numpy as np
import pytest

from traffic_ai.simulate import scenario
from traffic_ai.simulate.draw import compose
from traffic_ai.simulate.draw.light import Switches
from traffic_ai.simulate.draw.mesh import signed_volume_m3
from traffic_ai.simulate.draw.sprite import draw_vehicle
from traffic_ai.simulate.draw.vehicle import VehicleModel
from traffic_ai.simulate.layout import CAMERA
from traffic_ai.simulate.truth import exact_box_px

MODELS = [trip.model for trip in scenario.trips()]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_vehicle_is_closed_looks_outward_and_fills_its_rectangle(model: VehicleModel) -> None:
    faces, vertices_m = model.mesh.faces, model.mesh.vertices_m
    assert signed_volume_m3(vertices_m, faces) > 0.1
    length_m = np.ptp(vertices_m[:, 1])
    assert model.length_m == pytest.approx(length_m, abs=0.12)
    assert vertices_m[:, 2].min() == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("number", [2, 7, 10, 14])
def test_the_drawn_silhouette_touches_the_exact_box(number: int) -> None:
    trip = next(trip for trip in scenario.trips() if trip.id == number)
    t_s = trip.motion.time_at_s(35.0 + trip.model.length_m, 0.0, 60.0)
    sprite = draw_vehicle(trip.model, trip.pose(t_s), Switches(False, 0.0), CAMERA)
    found = exact_box_px(trip, t_s, CAMERA)
    assert sprite is not None
    assert found is not None
    rows, columns = np.nonzero(sprite.coverage > 0.02)
    left, top = sprite.left_px + columns.min(), sprite.top_px + rows.min()
    right, bottom = sprite.left_px + columns.max() + 1, sprite.top_px + rows.max() + 1
    assert [left, top, right, bottom] == pytest.approx(found[0].tolist(), abs=1.5)


def test_the_same_seed_draws_the_same_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    road = np.full((CAMERA.height_px, CAMERA.width_px, 3), 0.13, np.float32)
    monkeypatch.setattr(compose, "draw_background", lambda camera, seed: road)
    pictures = []
    for _ in range(2):
        renderer = compose.FrameRenderer(CAMERA, seed=3)
        for index in (500, 501):
            picture, unhidden = renderer.draw(index / 25, index, scenario.present_trips(index / 25))
        pictures.append(picture)
    assert np.array_equal(*pictures)
    assert unhidden[12] > 0.95
    assert cv2.Laplacian(pictures[0], cv2.CV_64F).std() > 1.0
