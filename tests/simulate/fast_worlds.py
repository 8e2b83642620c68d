"""Small worlds for the tests of the fast mode: an exact camera over a straight road."""

from collections.abc import Sequence

import numpy as np

from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.catalogue import body
from traffic_ai.simulate.world import (
    Course,
    Phase,
    Pole,
    RoadLane,
    RoadMap,
    RoadStopLine,
    SignalProgram,
    Timing,
    Vehicle,
    World,
)

CAMERA = Camera((-1.0, 0.0, 7.5), 3.0, 14.0, 1050.0, 1280, 720)
SCENE = Scene("fast", 1280, 720, detection_regions_px=((0, 0, 1280, 720),))
"""One pixel of the picture is one of the network's: the region holds the whole picture."""


def driving(
    number: int,
    y_m: float,
    speed_mps: float,
    *,
    x_m: float = 1.9,
    model: str = "saloon",
    seconds: float = 4.0,
) -> Vehicle:
    """A vehicle at y_m at the start, away from the camera at one speed (or standing)."""
    t_s = np.linspace(0.0, seconds, 3)
    middle_m = np.column_stack([np.full(3, x_m), y_m + speed_mps * t_s])
    velocity = np.tile([0.0, speed_mps], (3, 1))
    return Vehicle(number, body(model), Course(t_s, middle_m, velocity, np.zeros(3)), "up")


def world(
    vehicles: Sequence[Vehicle],
    *,
    seconds: float = 4.0,
    fps: float = 25.0,
    camera: Camera = CAMERA,
    phases: Sequence[tuple[float, Aspect]] = ((0.0, Aspect.GREEN),),
    poles: Sequence[Pole] = (),
    survey: bool = True,
) -> World:
    """A straight lane away from the camera, 50 km/h, with a stop line at 30 m."""
    outline = np.array([[0.2, 12.0], [0.2, 75.0], [3.6, 75.0], [3.6, 12.0]])
    lane = RoadLane("up", np.array([[1.9, 12.0], [1.9, 75.0]]), outline, 50.0)
    line = RoadStopLine(
        "line",
        np.array([[0.2, 30.0], [3.6, 30.0]]),
        ("up",),
        "main",
        np.array([[0.2, 36.0], [3.6, 36.0]]),
    )
    points = np.array([(x, y) for x in (-3.0, 5.0) for y in (13.0, 20.0, 40.0, 70.0)])
    t_s = np.arange(0.0, seconds - 1e-9, 1.0 / fps)
    program = SignalProgram("main", tuple(Phase(at_s, aspect) for at_s, aspect in phases))
    road = RoadMap("straight", (lane,), (line,), (), (), (), points if survey else points[:0])
    return World(
        "fast",
        1,
        road,
        camera,
        Timing(t_s, t_s, fps),
        tuple(vehicles),
        (program,),
        poles=tuple(poles),
    )
