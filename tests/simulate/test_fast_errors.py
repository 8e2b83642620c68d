"""The error model gives the statistics of its table."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulate.fast_worlds import CAMERA, SCENE, driving, world
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.simulate.draw.catalogue import body
from traffic_ai.simulate.fast.detections import Seen, detections
from traffic_ai.simulate.fast.errors import BoxErrors
from traffic_ai.simulate.fast.measured import MEASURED, in_look
from traffic_ai.simulate.fast.sights import sights
from traffic_ai.simulate.fast.wander import (
    heavy_tailed,
    held_draws,
    kept,
    ornstein_uhlenbeck,
)
from traffic_ai.simulate.world import Look, World

SURE = replace(MEASURED, confidence_shift=6.0)
"""Everything is found, so that the edges can be looked at."""


def seen_of(of: World, errors: BoxErrors, seed: int = 1, scene: Scene = SCENE) -> list[Seen]:
    return detections(sights(of), of.timing.t_s, scene, errors, seed)


def errors_px(of: World, errors: BoxErrors, seed: int, vehicle: int = 1) -> np.ndarray:
    """Outward errors (T, 4) of a vehicle's boxes."""
    sight = next(s for s in sights(of) if s.vehicle.id == vehicle)
    found = seen_of(of, errors, seed)
    rows = [np.flatnonzero(found[f].vehicle == vehicle) for f in sight.frames]
    boxes = [found[f].detections.xyxy_px[r[0]] for f, r in zip(sight.frames, rows, strict=True)]
    return (np.array(boxes) - sight.box_px) * [-1, -1, 1, 1]


def test_correlation_falls_to_1_over_e_over_the_length() -> None:
    random = np.random.default_rng(1)
    values = ornstein_uhlenbeck(random, kept(np.full(199, 0.5), 4.0), 2000)
    assert np.std(values) == pytest.approx(1.0, abs=0.02)
    lag = 8  # 8 steps of 0.5 are the length of 4
    assert np.mean(values[:-lag] * values[lag:]) == pytest.approx(np.exp(-1), abs=0.03)


def test_correlation_does_not_depend_on_how_the_way_is_cut_into_steps() -> None:
    for step in (0.25, 1.0, 2.0):
        values = ornstein_uhlenbeck(np.random.default_rng(2), kept(np.full(200, step), 4.0), 2000)
        lag = round(4.0 / step)
        assert np.mean(values[:-lag] * values[lag:]) == pytest.approx(np.exp(-1), abs=0.03)


def test_heavy_tails_keep_the_variance() -> None:
    values = heavy_tailed(np.random.default_rng(3).standard_normal(200_000), 0.5)
    assert np.std(values) == pytest.approx(1.0, abs=0.02)
    assert np.mean(np.abs(values) > 3.0) > 2 * 0.0027


def test_held_draws_keep_their_shares_and_stay() -> None:
    draws = held_draws(np.random.default_rng(4), np.full(99, 0.9), 5000)
    assert np.mean(draws < 0.2) == pytest.approx(0.2, abs=0.01)
    assert np.mean(draws[1:] == draws[:-1]) == pytest.approx(0.9, abs=0.01)


def test_mean_error_of_many_vehicles_is_the_bias_of_the_table() -> None:
    of = world([driving(1, 28.0, 0.0, seconds=0.5)], seconds=0.5, fps=4.0)
    height = np.diff(sights(of)[0].box_px[0, [1, 3]])[0]
    mean = np.mean([errors_px(of, SURE, seed)[0] for seed in range(400)], axis=0)
    table = SURE.kinds["car"].edges[_rear(of)]
    wanted = np.array(table.bias_px) + np.array(table.bias_share) * height
    assert mean == pytest.approx(wanted[[0, 1, 0, 2]], abs=0.35)


def test_spread_of_many_vehicles_is_that_of_the_table() -> None:
    of = world([driving(1, 28.0, 0.0, seconds=0.5)], seconds=0.5, fps=4.0)
    height = np.diff(sights(of)[0].box_px[0, [1, 3]])[0]
    spread = np.std([errors_px(of, SURE, seed)[0] for seed in range(400)], axis=0)
    table = SURE.kinds["car"].edges[_rear(of)]
    own = np.array(table.vehicle_px) + np.array(table.vehicle_share) * height
    within = np.array(table.wander_px) + np.array(table.wander_share) * height
    w = SURE.wander
    wanted = np.sqrt(own**2 + within**2 + w.sensor_px**2 + w.flicker_px**2)
    assert spread == pytest.approx(wanted[[0, 1, 0, 2]], rel=0.2)


def test_boxes_hold_still_on_who_stands_and_wander_on_who_drives() -> None:
    standing = world([driving(1, 28.0, 0.0)])
    moving = world([driving(1, 15.0, 12.0)])
    still = np.mean([np.std(errors_px(standing, SURE, s), axis=0) for s in range(10)], axis=0)
    loose = np.mean([np.std(errors_px(moving, SURE, s), axis=0) for s in range(10)], axis=0)
    assert (still < 0.45).all()
    assert (loose > 2.0 * still).all()


def test_noise_is_added_to_every_edge_in_pixels_of_the_picture() -> None:
    of = world([driving(1, 28.0, 0.0, seconds=20.0)], seconds=20.0)
    noisy = errors_px(of, SURE.with_noise(4.0), 5)
    assert np.std(np.diff(noisy, axis=0), axis=0) == pytest.approx([4 * np.sqrt(2)] * 4, rel=0.1)
    slow = errors_px(of, SURE.with_noise(4.0, 1.0), 5)
    assert np.std(slow, axis=0) == pytest.approx([4.0] * 4, rel=0.4)
    assert (np.std(np.diff(slow, axis=0), axis=0) < 1.6).all()


def test_errors_are_those_of_the_networks_pixels_whatever_the_pictures_size() -> None:
    """Twice the picture, run at the same size: errors twice as large in the picture."""
    large = replace(CAMERA, width_px=2560, height_px=1440, focal_px=2100.0)
    shared = [driving(1, 20.0, 10.0)]
    small_scene, large_scene = Scene("a", 1280, 720), Scene("a", 2560, 1440)
    of = world(shared)
    once = _boxes(seen_of(of, SURE, 7, small_scene)) - _exact(of)
    of = world(shared, camera=large)
    twice = _boxes(seen_of(of, SURE, 7, large_scene)) - _exact(of)
    assert twice == pytest.approx(2.0 * once, abs=0.1)


def test_frame_rate_changes_nothing_about_the_size_of_errors() -> None:
    spread = {
        fps: np.mean(
            [
                np.std(errors_px(world([driving(1, 15.0, 12.0)], fps=fps), SURE, s), axis=0)
                for s in range(20)
            ]
        )
        for fps in (10.0, 50.0)
    }
    assert spread[50.0] == pytest.approx(spread[10.0], rel=0.15)


def test_one_vehicle_more_changes_nothing_about_the_others() -> None:
    alone = world([driving(1, 15.0, 12.0)])
    both = world([driving(1, 15.0, 12.0), driving(2, 40.0, 12.0, x_m=-5.0)])
    assert np.array_equal(errors_px(alone, SURE, 3), errors_px(both, SURE, 3))


def test_same_seed_same_boxes_another_seed_others() -> None:
    of = world([driving(1, 15.0, 12.0)])
    assert np.array_equal(_boxes(seen_of(of, SURE, 3)), _boxes(seen_of(of, SURE, 3)))
    assert not np.array_equal(_boxes(seen_of(of, SURE, 3)), _boxes(seen_of(of, SURE, 4)))


def test_cars_nearby_are_found_nearly_always_and_far_motorcycles_are_missed_in_bursts() -> None:
    near = world([driving(1, 15.0, 8.0)])
    found = [len(seen.detections) > 0 for s in range(10) for seen in seen_of(near, MEASURED, s)]
    assert np.mean(found) > 0.99
    far = world([driving(1, 60.0, 4.0, model="roadster", seconds=12.0)], seconds=12.0)
    runs = [np.array([1 in seen.vehicle for seen in seen_of(far, MEASURED, s)]) for s in range(30)]
    missed = np.array(runs)
    assert 0.1 < missed.mean() < 0.98
    stays = np.mean(missed[:, 1:] == missed[:, :-1])
    by_chance = missed.mean() ** 2 + (1 - missed.mean()) ** 2
    assert stays > by_chance + 0.1


def test_classes_come_in_the_shares_of_the_table_and_mostly_stay() -> None:
    of = world([driving(1, 20.0, 8.0, model="box-truck")])
    votes = []
    for seed in range(60):
        seen = seen_of(of, SURE, seed)
        own = [s.detections.class_id[s.vehicle == 1] for s in seen]
        votes.append(np.concatenate(own))
    every = np.concatenate(votes)
    for user, share in SURE.kinds["truck"].classes.items():
        assert np.mean(every == int(user)) == pytest.approx(share, abs=0.15)
    most = [np.bincount(v, minlength=len(RoadUser)).max() / len(v) for v in votes]
    assert np.mean(most) > 0.7


def test_night_and_fog_make_weaker_detections() -> None:
    of = world([driving(1, 45.0, 2.0)])

    def mean(look: Look) -> float:
        seen = seen_of(of, in_look(MEASURED, look), 1)
        return float(np.mean([s.detections.confidence.max(initial=0.0) for s in seen]))

    assert mean(Look(light="night")) < mean(Look())
    assert mean(Look(fog_sight_m=60.0)) < mean(Look())


def test_a_hidden_vehicle_and_the_one_before_it_may_get_one_box() -> None:
    ahead = driving(1, 25.0 + body("saloon").length_m + 1.0, 0.0)
    of = world([ahead, driving(2, 25.0, 0.0, model="panel-van")], seconds=0.4)
    apart = seen_of(of, replace(SURE, merge_share=0.0))
    merged = seen_of(of, replace(SURE, merge_share=1.0))
    assert all({1, 2} <= set(seen.vehicle.tolist()) for seen in apart)
    for two, one in zip(apart, merged, strict=True):
        assert 1 not in one.vehicle
        boxes = [two.detections.xyxy_px[two.vehicle == number][0] for number in (1, 2)]
        held = [*np.minimum(*boxes)[:2], *np.maximum(*boxes)[2:]]
        assert one.detections.xyxy_px[one.vehicle == 2][0] == pytest.approx(held, abs=0.01)


def test_a_second_box_lies_on_a_part_of_its_vehicle_as_often_as_the_table_says() -> None:
    of = world([driving(1, 20.0, 6.0, model="city-bus")])
    fragment = MEASURED.kinds["bus"].fragment
    shares = []
    for seed in range(30):
        for seen in seen_of(of, SURE, seed):
            parts = seen.detections.xyxy_px[seen.vehicle == -1]
            shares.append(len(parts))
            whole = seen.detections.xyxy_px[seen.vehicle == 1][0]
            middles = (parts[:, :2] + parts[:, 2:]) / 2
            assert ((middles > whole[:2] - 40) & (middles < whole[2:] + 40)).all()
    assert 0.4 * fragment.share < np.mean(shares) <= 1.6 * fragment.share


def _rear(of: World):
    from traffic_ai.simulate.fast.sights import ENDS

    return ENDS[int(sights(of)[0].end[0])]


def _boxes(found: list[Seen]) -> np.ndarray:
    return np.array([s.detections.xyxy_px[np.flatnonzero(s.vehicle == 1)[0]] for s in found])


def _exact(of: World) -> np.ndarray:
    return sights(of)[0].box_px
