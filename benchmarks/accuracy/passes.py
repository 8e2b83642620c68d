"""Worlds whose every pass is laid down by hand: who, in which lane, at which speed, and when."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.random import Generator

from traffic_ai.core.geometry import Array
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.draw.catalogue import COLOURS, body, models
from traffic_ai.simulate.traffic import load_scenario, make_world
from traffic_ai.simulate.world import (
    Body,
    Course,
    Phase,
    RoadLane,
    SignalProgram,
    Timing,
    Vehicle,
    World,
)

KINDS = ("car", "van", "truck", "bus", "motorcycle")
# Where a pass begins and ends, metres from the camera's foot along the road.
NEAR_M, FAR_M = -15.0, 105.0
_STEP_S = 0.1
# How drivers who do not keep their speed change it: standard deviation, and the most of it.
_GAIN_MPS2, _GAIN_SHARE = 0.4, 0.1
_EMPTY = {
    "traffic": {"flow_per_h": 0.0, "flow_back_per_h": 0.0, "flow_cross_per_h": 0.0},
    "deeds": [],
    "timing": {"duration_s": 5.0},
}


def empty_world(of: str, changes: dict[str, object]) -> World:
    """The road, camera and site of a packaged scenario with nobody on it."""
    return _empty_world(of, json.dumps(changes))


@lru_cache(maxsize=8)
def _empty_world(of: str, changes: str) -> World:
    """Once a process: laying out a junction takes longer than a pool's whole traffic on it."""
    return make_world(load_scenario(of).with_changes(_EMPTY).with_changes(json.loads(changes)), 1)


def some_body(random: Generator, kind: str) -> Body:
    """A vehicle of a kind, of any model and colour."""
    names = tuple(COLOURS)
    return body(str(random.choice(models(kind))), str(random.choice(names)))


@dataclass(frozen=True, slots=True)
class Drive:
    """How a front moves along the road: speeds (N,) reached at moments (N,), evenly in between,
    and where it is at one moment. way: +1 away from the camera, -1 towards it.
    """

    moments_s: Sequence[float]
    speeds_mps: Sequence[float]
    front_at_m: float
    at_s: float
    way: int

    def course(self, x_m: float, length_m: float, heading_way: int | None = None) -> Course:
        """The course of a vehicle of that length. heading_way: where it faces, `way` by default."""
        faces = self.way if heading_way is None else heading_way
        knots = np.asarray(self.moments_s, float)
        t_s = np.unique(np.concatenate([np.arange(knots[0], knots[-1], _STEP_S), knots]))
        speed = np.interp(t_s, knots, self.speeds_mps)
        along = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * np.diff(t_s))])
        along -= np.interp(self.at_s, t_s, along)
        y_m = self.front_at_m + self.way * along - faces * length_m / 2.0
        zeros = np.zeros(len(t_s))
        return Course(
            t_s,
            np.column_stack([zeros + x_m, y_m]),
            np.column_stack([zeros, self.way * speed]),
            zeros + (0.0 if faces > 0 else np.pi),
        )


def through(speed_mps: float, enters_s: float, way: int, gain_mps: float = 0.0) -> Drive:
    """From end to end at a mean speed, gaining some evenly on the way."""
    lasts_s = (FAR_M - NEAR_M) / speed_mps
    start_m = NEAR_M if way > 0 else FAR_M
    speeds_mps = (speed_mps - gain_mps / 2.0, speed_mps + gain_mps / 2.0)
    return Drive((enters_s, enters_s + lasts_s), speeds_mps, start_m, enters_s, way)


def lane_way(lane: RoadLane) -> int:
    """+1 for a lane that leads away from the camera, -1 for one towards it."""
    return 1 if lane.centre_m[-1, 1] > lane.centre_m[0, 1] else -1


def steady_stream(
    world: World,
    random: Generator,
    kind: str,
    band_kmh: tuple[float, float],
    count: int,
    fps: float,
) -> World:
    """So many passes of a kind within a band of speed, spread over the watched lanes.

    Half of them at one speed, half speed up or slow down by up to a tenth. Nobody catches up with
    the one before him.
    """
    lanes = [lane for lane in world.road.lanes if lane.watched]
    leaves_s = {lane.id: 1.0 for lane in lanes}
    enters_s = dict(leaves_s)
    vehicles = []
    for number in range(count):
        lane = lanes[number % len(lanes)]
        made, speed = some_body(random, kind), float(random.uniform(*band_kmh)) / 3.6
        lasts_s = (FAR_M - NEAR_M) / speed
        gap_s = float(random.uniform(1.5, 3.0)) + (6.0 + made.length_m) / speed
        begin_s = max(enters_s[lane.id] + gap_s, leaves_s[lane.id] + gap_s - lasts_s)
        enters_s[lane.id], leaves_s[lane.id] = begin_s, begin_s + lasts_s
        x_m = float(lane.centre_m[0, 0] + random.normal(0.0, 0.2))
        most_mps = _GAIN_SHARE * speed
        gain_mps = float(np.clip(random.normal(0.0, _GAIN_MPS2) * lasts_s, -most_mps, most_mps))
        drive = through(speed, begin_s, lane_way(lane), gain_mps if number % 2 else 0.0)
        course = drive.course(x_m, made.length_m)
        vehicles.append(Vehicle(number + 1, made, course, lane.id))
    return timed(world, vehicles, fps)


def timed(world: World, vehicles: Sequence[Vehicle], fps: float) -> World:
    """The world with these vehicles, as long as they take."""
    ends_s = max(vehicle.course.end_s for vehicle in vehicles)
    t_s: Array = np.arange(0.0, ends_s + 1.0, 1.0 / fps)
    return replace(world, vehicles=tuple(vehicles), timing=Timing(t_s, t_s, fps))


GREEN_S = 4.6
_YELLOW_S, _ARRIVES_S, _LEAVES_S = 1.0, 2.2, 0.3


def stops_at_line(
    world: World,
    random: Generator,
    cycles: int,
    fps: float,
    beyond_m: tuple[float, float],
    lasts_s: float = 6.4,
) -> World:
    """In every cycle one vehicle a lane stops at red, its bumper so far beyond the line (or before
    it), and drives on at green. lasts_s: how long red lasts.
    """
    line = world.road.stop_lines[0]
    at_m = float(line.ends_m[0, 1])
    lanes = [world.road.lane(lane_id) for lane_id in line.lane_ids]
    phases, vehicles = [Phase(0.0, Aspect.GREEN)], []
    for cycle in range(cycles):
        red_s = 4.0 + (lasts_s + GREEN_S) * cycle
        phases += [
            Phase(red_s - _YELLOW_S, Aspect.YELLOW),
            Phase(red_s, Aspect.RED),
            Phase(red_s + lasts_s, Aspect.GREEN),
        ]
        for lane in lanes:
            made = some_body(random, str(random.choice(KINDS)))
            way, off_m = lane_way(lane), float(random.uniform(*beyond_m))
            drive = _stopping(random, at_m + way * off_m, (red_s, red_s + lasts_s), way)
            x_m = float(lane.centre_m[0, 0] + random.normal(0.0, 0.15))
            course = drive.course(x_m, made.length_m)
            deed = f"stops {off_m:+.2f} m"
            vehicles.append(Vehicle(len(vehicles) + 1, made, course, lane.id, deed))
    return timed(_signalled(world, phases), vehicles, fps)


CROSSES_S = (-2.5, 6.5)
"""When the fronts of `crossings` are on the line, from the onset of red."""
_CROSSING_CYCLE_S, _CROSSING_RED_S, _CROSSING_YELLOW_S = 16.0, 9.0, 3.0
# Nobody catches up with the one before him.
_CROSSING_MPS = (8.0, 16.0)


def crossings(world: World, random: Generator, cycles: int, fps: float) -> World:
    """In every cycle one vehicle a lane crosses the line without slowing down, some on yellow, most
    on red.
    """
    line = world.road.stop_lines[0]
    at_m = float(line.ends_m[0, 1])
    lanes = [world.road.lane(lane_id) for lane_id in line.lane_ids]
    phases, vehicles = [Phase(0.0, Aspect.GREEN)], []
    for cycle in range(cycles):
        red_s = 14.0 + _CROSSING_CYCLE_S * cycle
        phases += [
            Phase(red_s - _CROSSING_YELLOW_S, Aspect.YELLOW),
            Phase(red_s, Aspect.RED),
            Phase(red_s + _CROSSING_RED_S, Aspect.GREEN),
        ]
        for lane in lanes:
            made = some_body(random, str(random.choice(KINDS)))
            speed, into_s = float(random.uniform(*_CROSSING_MPS)), float(random.uniform(*CROSSES_S))
            way, crosses_s = lane_way(lane), red_s + into_s
            before_m, beyond_m = (at_m - NEAR_M, FAR_M - at_m)[::way]
            moments = (crosses_s - before_m / speed, crosses_s + beyond_m / speed)
            drive = Drive(moments, (speed, speed), at_m, crosses_s, way)
            x_m = float(lane.centre_m[0, 0] + random.normal(0.0, 0.2))
            deed = f"crosses {into_s:+.2f} s into red" if into_s > 0.0 else ""
            course = drive.course(x_m, made.length_m)
            vehicles.append(Vehicle(len(vehicles) + 1, made, course, lane.id, deed))
    return timed(_signalled(world, phases), vehicles, fps)


def _signalled(world: World, phases: Sequence[Phase]) -> World:
    """The world with these phases at its watched stop line."""
    group_id = world.road.stop_lines[0].group_id
    others = tuple(one for one in world.signals if one.group_id != group_id)
    return replace(world, signals=(SignalProgram(group_id, tuple(phases)), *others))


def _stopping(random: Generator, front_m: float, red_s: tuple[float, float], way: int) -> Drive:
    """Brakes to a stand at a place while red shows, and pulls away after it."""
    speed, braking = float(random.uniform(7.0, 12.0)), float(random.uniform(2.5, 4.0))
    stands_s = red_s[0] + _ARRIVES_S + float(random.uniform(-0.6, 0.6))
    goes_s = red_s[1] + float(random.uniform(_LEAVES_S, 1.0))
    moments = (
        stands_s - speed / braking - 2.0,
        stands_s - speed / braking,
        stands_s,
        goes_s,
        goes_s + speed / 2.5,
        goes_s + speed / 2.5 + 2.0,
    )
    return Drive(moments, (speed, speed, 0.0, 0.0, speed, speed), front_m, stands_s, way)
