"""What the camera sees of vehicles, and what nearer ones leave."""

import numpy as np
import pytest

from tests.simulate.fast_worlds import CAMERA, SCENE, driving, world
from traffic_ai.simulate.boxes import exact_box_px
from traffic_ai.simulate.draw.catalogue import body
from traffic_ai.simulate.fast.detections import detections
from traffic_ai.simulate.fast.measured import MEASURED
from traffic_ai.simulate.fast.sights import sights
from traffic_ai.simulate.world import Pole

LENGTH_M = body("saloon").length_m


def test_box_is_the_exact_one() -> None:
    of = world([driving(1, 15.0, 12.0)])
    found = sights(of)[0]
    poses = found.vehicle.course.poses(of.timing.t_s[found.frames])
    exact = exact_box_px(found.vehicle.body, poses, CAMERA)
    assert np.array_equal(found.box_px, exact.xyxy_px)
    assert found.unhidden == pytest.approx(1.0)
    assert np.array_equal(found.seen_px, found.box_px)


def test_nearer_vehicle_covers_the_lower_edge_of_the_one_ahead() -> None:
    ahead = driving(1, 25.0 + LENGTH_M + 1.0, 0.0)
    behind = driving(2, 25.0, 0.0, model="panel-van")
    first, second = sights(world([ahead, behind], seconds=0.2))
    assert (second.unhidden == 1.0).all()
    assert (first.unhidden < 0.5).all()
    assert (first.seen_px[:, 3] < first.box_px[:, 3] - 10.0).all()
    assert first.seen_px[:, 1] == pytest.approx(first.box_px[:, 1], abs=2.0)


def test_vehicle_beside_another_hides_nothing() -> None:
    found = sights(world([driving(1, 25.0, 0.0), driving(2, 25.0, 0.0, x_m=-6.0)], seconds=0.2))
    assert all((one.unhidden == 1.0).all() for one in found)


def test_hidden_vehicle_is_not_detected() -> None:
    hidden = driving(1, 42.0, 0.0)
    truck = driving(2, 28.0, 0.0, model="box-truck")
    of = world([hidden, truck], seconds=2.0)
    assert (sights(of)[0].unhidden < 0.15).all()
    seen = detections(sights(of), of.timing.t_s, SCENE, MEASURED, 1)
    assert not any(1 in one.vehicle for one in seen)


def test_pole_hides_a_strip() -> None:
    pole = Pole((0.15, 12.0), 7.0, 0.5)
    shown = sights(world([driving(1, 30.0, 0.0)], seconds=0.2))[0]
    behind = sights(world([driving(1, 30.0, 0.0)], seconds=0.2, poles=[pole]))[0]
    assert (behind.unhidden < shown.unhidden - 0.1).all()


def test_vehicle_out_of_the_picture_has_no_sight() -> None:
    assert sights(world([driving(1, -40.0, 0.0)], seconds=0.2)) == []
