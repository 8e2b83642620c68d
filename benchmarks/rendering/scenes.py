"""The worlds the detector is shown: one vehicle after another, from ahead and from behind."""

from dataclasses import replace

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.catalogue import body, models
from traffic_ai.simulate.world import (
    Course,
    Look,
    RoadLane,
    RoadMap,
    Timing,
    Vehicle,
    World,
)

KINDS = ("car", "van", "bus", "truck", "motorcycle", "scooter")
NEAREST_M, FARTHEST_M = 15.0, 60.0
FAR_HALF_M = 28.0
# Unlike each other in height and in place beside the road; all see 12 m to beyond 60 m.
CAMERAS = (
    Camera((-1.0, 0.0, 7.5), 3.0, 14.0, 1050.0, 1280, 720),
    Camera((4.5, 0.0, 5.5), -3.0, 10.5, 1050.0, 1280, 720),
    Camera((9.5, 0.0, 8.5), -9.0, 15.0, 1050.0, 1280, 720),
)
_LANES_X_M = (1.9, 5.2, -1.9, -5.2)
_AWAY = (True, True, False, False)
_SPEED_MPS = 13.0
_GAP_M = 24.0  # between one vehicle's front and the next one's
_ROAD_M = (-20.0, 260.0)


def road(kind: str) -> RoadMap:
    """Two lanes each way, straight; `kind` says what stands beside it."""
    near, far = _ROAD_M
    lanes, marks = [], []
    for number, (x_m, away) in enumerate(zip(_LANES_X_M, _AWAY, strict=True)):
        centre = np.array([[x_m, near], [x_m, far]])
        outline = _box(x_m - 1.65, near, x_m + 1.65, far)
        lanes.append(RoadLane(f"lane-{number}", centre if away else centre[::-1], outline, 50.0))
    for x_m in (-0.15, 0.05):
        marks.append(_box(x_m, near, x_m + 0.10, far))
    for x_m in (-3.61, 3.49):
        marks += [_box(x_m, y_m, x_m + 0.12, y_m + 3.0) for y_m in np.arange(near, far, 9.0)]
    return RoadMap(
        kind, tuple(lanes), (), (), (_box(-7.2, near, 7.2, far),), tuple(marks), np.zeros((0, 2))
    )


def empty_worlds(look: Look, count: int) -> list[World]:
    """Scenes without a vehicle, each with its own camera, surroundings and noise."""
    worlds = []
    for number in range(count):
        camera = CAMERAS[number % len(CAMERAS)]
        kind = ("junction", "straight")[number % 2]
        timing = Timing(np.zeros(1), np.zeros(1), 25.0)
        worlds.append(
            World(f"empty-{number}", 100 + number, road(kind), camera, timing, (), look=look)
        )
    return worlds


def passing_worlds(look: Look, fps: float, colours: int, seed: int) -> list[World]:
    """Every model in so many colours, each seen once from ahead and once from behind a camera."""
    worlds = []
    for number, camera in enumerate(CAMERAS):
        chance = np.random.default_rng((seed, number))
        vehicles, end_s = _convoys(chance, colours)
        t_s = np.arange(0.0, end_s, 1.0 / fps)
        kind = ("straight", "junction")[number % 2]
        worlds.append(
            World(
                f"camera-{number}",
                seed + number,
                road(kind),
                replace(camera, pitch_deg=camera.pitch_deg + float(chance.uniform(-0.5, 0.5))),
                Timing(t_s, t_s, fps),
                tuple(vehicles),
                look=look,
            )
        )
    return worlds


def detection_regions_px(camera: Camera) -> list[tuple[int, int, int, int]]:
    """Parts of the picture as a site would name them: the watched stretch, and its far half, which
    is small enough to be enlarged.
    """
    end_m = FARTHEST_M + 8.0
    return [_around_px(camera, start_m, end_m) for start_m in (NEAREST_M - 2.0, FAR_HALF_M)]


def _around_px(camera: Camera, start_m: float, end_m: float) -> tuple[int, int, int, int]:
    """The box around a stretch of the road and what stands on it."""
    heights_m = (0.0, 3.4)
    corners = np.array(
        [(x, y, z) for x in (-7.2, 7.2) for y in (start_m, end_m) for z in heights_m]
    )
    points_px = camera.project_px(corners)
    limit = [camera.width_px, camera.height_px]
    low = np.clip(np.floor(points_px.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(points_px.max(axis=0)), 0, limit).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _convoys(chance: np.random.Generator, colours: int) -> tuple[list[Vehicle], float]:
    """Vehicles in a row in every lane, and when the last one is through."""
    names = [name for kind in KINDS for name in models(kind)]
    paints = ("", "white", "black", "red", "silver", "blue")
    convoy = [(name, paints[i % len(paints)]) for i in range(colours) for name in names]
    found: list[Vehicle] = []
    end_s = 0.0
    for away in (True, False):
        order = [convoy[i] for i in chance.permutation(len(convoy))]
        lanes = [x for x, lane_away in zip(_LANES_X_M, _AWAY, strict=True) if lane_away == away]
        for lane, x_m in enumerate(lanes):
            start_s = float(chance.uniform(0.0, 1.0))
            for name, paint in order[lane :: len(lanes)]:
                of = body(name, paint)
                at_m = x_m + float(chance.uniform(-0.35, 0.35))
                course, through_s = _course(at_m, away, start_s, of.length_m)
                found.append(Vehicle(len(found) + 1, of, course, "lane"))
                start_s += (_GAP_M + of.length_m) / _SPEED_MPS
                end_s = max(end_s, through_s)
    return found, end_s


def _course(x_m: float, away: bool, start_s: float, length_m: float) -> tuple[Course, float]:
    """Straight past the camera at one speed; starts out of sight."""
    first_m, last_m = (2.0, FARTHEST_M + 15.0) if away else (FARTHEST_M + 15.0, 2.0)
    sign = 1.0 if away else -1.0
    duration_s = abs(last_m - first_m) / _SPEED_MPS
    t_s = start_s + np.linspace(0.0, duration_s, 40)
    y_m = first_m + sign * _SPEED_MPS * (t_s - start_s)
    still = np.zeros_like(t_s)
    return (
        Course(
            t_s,
            np.stack([still + x_m, y_m], axis=-1),
            np.stack([still, still + sign * _SPEED_MPS], axis=-1),
            still + (0.0 if away else np.pi),
        ),
        start_s + duration_s,
    )


def _box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
