"""Cameras of all kinds beside the same road, as if put up and calibrated by hand.

What a site file states of its calibration is true here: every click is off by the stated pixel, so
that a camera's speeds have the common error that the stated uncertainty must cover.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.random import Generator, default_rng

from benchmarks.accuracy.passes import empty_world
from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.fast.site import world_camera
from traffic_ai.simulate.world import World

_SIZES = ((800, 600), (1280, 720), (1920, 1080), (2560, 1440))
_FRAME_RATES = (12.5, 15.0, 25.0, 30.0)
_CLICK_SIGMA_PX = 1.0
_LEAST_STRETCH_M, _LEAST_LANES = 15.0, 2
# Of drawn cameras some look past the road.
_TRIES = 50


def mounted(
    number: int, changes: dict[str, object], of: str = "straight-day"
) -> tuple[World, float]:
    """The road of a scenario with nobody on it before a camera of its own, and the frame rate.

    4.5 to 12 m high, up to 8 m to either side of the middle, 33 to 80 degrees wide.
    """
    random = default_rng([number, 77])
    for _ in range(_TRIES):
        try:
            world = empty_world(of, {**changes, "camera": _camera(random)})
            watched = [lane.centre_m for lane in world.road.lanes if lane.watched]
            if len(watched) >= _LEAST_LANES and min(map(_stretch_m, watched)) >= _LEAST_STRETCH_M:
                clicked = _clicked(world, random)
                world_camera(clicked)
                return clicked, float(random.choice(_FRAME_RATES))
        except ConfigError:
            continue
    raise ConfigError(f"camera {number}: none of {_TRIES} sees the road; take another number")


def _stretch_m(centre_m: np.ndarray) -> float:
    return float(np.ptp(centre_m[:, 1]))


def _camera(random: Generator) -> dict[str, object]:
    size = _SIZES[int(random.integers(len(_SIZES)))]
    height_m, side_m = float(random.uniform(4.5, 12.0)), float(random.uniform(-8.0, 8.0))
    aims_at_m = float(random.uniform(25.0, 45.0))
    across_deg = math.degrees(math.atan2(-side_m, aims_at_m))
    return {
        "height_m": height_m,
        "side_m": side_m,
        "pitch_deg": math.degrees(math.atan2(height_m, aims_at_m)),
        "yaw_deg": across_deg + float(random.uniform(-6.0, 6.0)),
        "roll_deg": float(random.uniform(-2.0, 2.0)),
        "size": list(size),
        "focal_px": float(random.uniform(0.6, 1.5)) * size[0],
    }


def _clicked(world: World, random: Generator) -> World:
    """The world with a site file whose calibration points were clicked by hand."""
    camera, survey_m = world.camera, world.road.survey_m
    exact_px = camera.project_ground_px(survey_m)
    clicks_px = exact_px + random.normal(0.0, _CLICK_SIGMA_PX, exact_px.shape)
    shares = clicks_px / (camera.width_px, camera.height_px)
    points = [
        {"image": image, "ground_m": ground_m}
        for image, ground_m in zip(shares.tolist(), survey_m.tolist(), strict=True)
    ]
    calibration = {"points": points, "image_sigma_px": _CLICK_SIGMA_PX}
    return replace(world, site={**world.site, "calibration": calibration})
