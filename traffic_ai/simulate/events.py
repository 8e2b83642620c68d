"""What truly happens in a world: line crossings, stands, ways against the direction, speeds.

Found from the vehicles' courses by root finding; states physics only. Grace times, tolerances and
least distances are the rules' business.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from scipy.optimize import brentq

from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import ViolationKind
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.world import (
    Course,
    Poses,
    RoadLane,
    RoadStopLine,
    SignalProgram,
    Vehicle,
    World,
)

STAND_MPS = 0.05
# Past a stop line by this, a driver has gone on.
BEYOND_M = 6.0
_LEAST_STAND_S = 1.0
_LEAST_AGAINST_M = 1.0
# Against the direction is within 30 degrees of it, not across.
_AGAINST = -0.87
# Who leaves within 30 degrees of the line's direction went straight on.
_STRAIGHT_ON = 0.87
# A way against the direction may pause so long.
_PAUSE_S = 2.0
_STEP_S = 0.05
_ROOT_S = 1e-9
# A crossing may lie this share of the line's length beyond its ends.
_PAST_ENDS = 0.15
# What begins sooner after the first frame, or ends later before the last, cannot be judged.
_HEAD_S, _TAIL_S = 1.5, 0.5
_LEAST_SHARE_OF_LANE = 0.5
_STOPS = frozenset({Aspect.RED, Aspect.RED_YELLOW})


@dataclass(frozen=True, slots=True)
class Event:
    """A true violation. figures: what is known of it by the names of the truth format.
    `certain`: False where it may be seen either way, as at the ends of the video.
    """

    kind: ViolationKind
    vehicle: Vehicle
    lane_id: str
    t_s: float
    until_s: float
    certain: bool
    figures: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Spell:
    """A time in which a signal forbids to go."""

    onset_s: float
    end_s: float


def violations(world: World) -> list[Event]:
    """Every violation of a world within its video, in order of time."""
    found = [
        event
        for vehicle in world.vehicles
        if len(vehicle.course.t_s) > 2
        for event in _of_vehicle(world, vehicle)
    ]
    return sorted(found, key=lambda event: (event.t_s, event.vehicle.id))


def _of_vehicle(world: World, vehicle: Vehicle) -> Iterator[Event]:
    last_s = float(world.timing.t_s[-1])
    course = vehicle.course
    first, end = max(course.start_s, -_STEP_S), min(course.end_s, last_s + 3.0)
    if end - first < 2 * _STEP_S:
        return
    t_s = np.linspace(first, end, int((end - first) / _STEP_S) + 2)
    poses = course.poses(t_s)
    programs = {program.group_id: program for program in world.signals}
    for line in world.road.stop_lines:
        yield from _at_line(world, vehicle, line, programs[line.group_id], t_s, poses)
    filmed = (t_s >= 0.0) & (t_s <= last_s)
    watched = [lane for lane in world.road.lanes if lane.watched]
    inside = [_inside(lane.polygon_m, poses.middle_m) & filmed for lane in watched]
    for lane, within in zip(watched, inside, strict=True):
        yield from _against(world, vehicle, lane, within, t_s, poses)
    yield from _too_fast(world, vehicle, watched, inside, t_s, poses)


def _inside(polygon_m: Floats, points_m: Floats) -> Bools:
    return np.asarray(
        shapely.contains_xy(shapely.Polygon(polygon_m), points_m[:, 0], points_m[:, 1])
    )


# -- at the stop line -----------------------------------------------------------------------------


def spells(program: SignalProgram) -> list[_Spell]:
    """The times in which a group shows red, or red and yellow together after it."""
    found: list[_Spell] = []
    for i, phase in enumerate(program.phases):
        before = program.phases[i - 1].aspect if i else None
        if phase.aspect is not Aspect.RED or before in _STOPS:
            continue
        later = [p.start_s for p in program.phases[i:] if p.aspect not in _STOPS]
        found.append(_Spell(phase.start_s, later[0] if later else float("inf")))
    return found


def _beyond_m(line: RoadStopLine, course: Course, along_m: float) -> Callable[[float], float]:
    """How far a point of the vehicle, so far ahead of its middle, is past a line at a moment."""

    def distance_m(t_s: float) -> float:
        poses = course.poses(np.array([t_s]))
        return float(_past_m(line, poses, along_m)[0])

    return distance_m


def _past_m(line: RoadStopLine, poses: Poses, along_m: float) -> Floats:
    return np.asarray((_point_m(poses, along_m) - line.ends_m[0]) @ line.forward)


def _point_m(poses: Poses, along_m: float) -> Floats:
    ahead = np.stack([np.sin(poses.heading_rad), np.cos(poses.heading_rad)], axis=-1)
    return np.asarray(poses.middle_m + along_m * ahead)


def passes_s(
    vehicle: Vehicle, line: RoadStopLine, along_m: float, t_s: Floats, past_m: float = 0.0
) -> list[float]:
    """Every moment within (T,) moments at which a point of the vehicle gets past a line by so
    much, in its direction and between its ends. along_m: how far the point is ahead of the middle.
    """
    poses = vehicle.course.poses(t_s)
    distance_m = _past_m(line, poses, along_m) - past_m
    rising = np.flatnonzero((distance_m[:-1] < 0.0) & (distance_m[1:] >= 0.0))
    across = line.ends_m[1] - line.ends_m[0]
    share = (_point_m(poses, along_m) - line.ends_m[0]) @ across / (across @ across)
    between = (share > -_PAST_ENDS) & (share < 1.0 + _PAST_ENDS)
    exact = _beyond_m(line, vehicle.course, along_m)
    return [
        float(brentq(lambda t: exact(t) - past_m, t_s[i], t_s[i + 1], xtol=_ROOT_S))
        for i in rising.tolist()
        if between[i] or past_m > 0.0
    ]


def _at_line(
    world: World,
    vehicle: Vehicle,
    line: RoadStopLine,
    program: SignalProgram,
    t_s: Floats,
    poses: Poses,
) -> Iterator[Event]:
    half_m = vehicle.body.length_m / 2
    fronts_s = passes_s(vehicle, line, half_m, t_s)
    if not fronts_s:
        return
    dark = world.look.lamp_fault == "dark" and not world.signal_log
    for spell in spells(program):
        stand = _longest_stand(vehicle, line, spell, t_s, poses, float(world.timing.t_s[-1]))
        came_s = [at for at in fronts_s if stand is not None and at <= stand[0]]
        if stand is not None and came_s and program.phase_at(came_s[-1]).aspect != Aspect.GREEN:
            certain = not dark and not _turns_off(line, poses)
            yield _stop_over_line(world, vehicle, line, spell, came_s[-1], stand, certain)
        for front_s in fronts_s:
            if spell.onset_s <= front_s < spell.end_s:
                yield from _red_light(world, vehicle, line, spell, front_s, t_s, not dark)


def _red_light(
    world: World,
    vehicle: Vehicle,
    line: RoadStopLine,
    spell: _Spell,
    front_s: float,
    t_s: Floats,
    certain: bool,
) -> Iterator[Event]:
    """Crosses at red and goes on; who goes on only at green is not certain or did not."""
    half_m = vehicle.body.length_m / 2
    last_s = float(world.timing.t_s[-1])
    later = t_s[t_s >= front_s - _STEP_S]
    beyond_s = next(iter(passes_s(vehicle, line, half_m, later, BEYOND_M)), None)
    rear_s = next(iter(passes_s(vehicle, line, -half_m, later)), None)
    if not 0.0 <= front_s <= last_s or beyond_s is None:
        return
    poses = vehicle.course.poses(later)
    if _left_by_exit(line, poses):
        return
    at_red = beyond_s < spell.end_s
    stood = (np.abs(poses.speed_mps) < STAND_MPS)[later < min(beyond_s, spell.end_s)].any()
    if not at_red and stood:
        return
    program = next(p for p in world.signals if p.group_id == line.group_id)
    red = program.phase_at(front_s).aspect is Aspect.RED
    seen = front_s >= _HEAD_S and beyond_s <= last_s - _TAIL_S
    figures: dict[str, float | str] = {
        "signal_group": line.group_id,
        "red_onset_s": spell.onset_s,
        "front_crosses_s": front_s,
        "time_into_red_s": front_s - spell.onset_s,
        "speed_kmh": 3.6 * float(vehicle.course.poses(np.array([front_s])).speed_mps[0]),
    }
    if rear_s is not None:
        figures["rear_crosses_s"] = rear_s
    yield Event(
        ViolationKind.RED_LIGHT,
        vehicle,
        _lane_at(world, vehicle, front_s, half_m),
        front_s,
        beyond_s,
        certain and at_red and red and seen,
        figures,
    )


def _left_by_exit(line: RoadStopLine, poses: Poses) -> bool:
    """Whether a vehicle leaves the junction where those who turn may."""
    return any(bool(_inside(exit_m, poses.middle_m).any()) for exit_m in line.exits_m)


def _turns_off(line: RoadStopLine, poses: Poses) -> bool:
    """Whether a vehicle leaves another way than straight on; it may have waited to turn."""
    last = poses.heading_rad[-1]
    return float(np.array([np.sin(last), np.cos(last)]) @ line.forward) < _STRAIGHT_ON


def _longest_stand(
    vehicle: Vehicle,
    line: RoadStopLine,
    spell: _Spell,
    t_s: Floats,
    poses: Poses,
    last_s: float,
) -> tuple[float, float, float] | None:
    """When a vehicle stands longest with its front over a line in a red, and how far over."""
    half_m = vehicle.body.length_m / 2
    over_m = _past_m(line, poses, half_m)
    across = line.ends_m[1] - line.ends_m[0]
    share = (_point_m(poses, half_m) - line.ends_m[0]) @ across / (across @ across)
    stands = (
        (np.abs(poses.speed_mps) < STAND_MPS)
        & (over_m > 0.0)
        & (over_m < BEYOND_M)
        & (share > -_PAST_ENDS)
        & (share < 1.0 + _PAST_ENDS)
        & (t_s >= max(spell.onset_s, 0.0))
        & (t_s <= min(spell.end_s, last_s))
    )
    runs = _runs(stands)
    if not runs:
        return None
    first, end = max(runs, key=lambda run: t_s[run[1] - 1] - t_s[run[0]])
    if t_s[end - 1] - t_s[first] < _LEAST_STAND_S:
        return None
    return float(t_s[first]), float(t_s[end - 1]), float(over_m[first])


def _stop_over_line(
    world: World,
    vehicle: Vehicle,
    line: RoadStopLine,
    spell: _Spell,
    front_s: float,
    stand: tuple[float, float, float],
    certain: bool,
) -> Event:
    from_s, until_s, over_m = stand
    figures: dict[str, float | str] = {
        "signal_group": line.group_id,
        "red_onset_s": spell.onset_s,
        "front_crosses_s": front_s,
        "stands_from_s": from_s,
        "stands_until_s": until_s,
        "front_over_line_m": over_m,
    }
    lane_id = _lane_at(world, vehicle, from_s, 0.0)
    kind = ViolationKind.STOP_OVER_LINE
    return Event(kind, vehicle, lane_id, from_s, until_s, certain, figures)


def _lane_at(world: World, vehicle: Vehicle, t_s: float, along_m: float) -> str:
    """The watched lane a point of the vehicle is in, else the one it came in on."""
    point_m = _point_m(vehicle.course.poses(np.array([t_s])), along_m)
    for lane in world.road.lanes:
        if lane.watched and _inside(lane.polygon_m, point_m)[0]:
            return lane.id
    return vehicle.lane_id


def _runs(flags: Bools) -> list[tuple[int, int]]:
    """First and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


# -- along the lanes ------------------------------------------------------------------------------


def _against(
    world: World, vehicle: Vehicle, lane: RoadLane, inside: Bools, t_s: Floats, poses: Poses
) -> Iterator[Event]:
    """Every way against a lane's direction, backing up included."""
    if not inside.any():
        return
    direction = _direction(lane, poses.middle_m)
    ahead = np.stack([np.sin(poses.heading_rad), np.cos(poses.heading_rad)], axis=-1)
    moving = np.sign(poses.speed_mps) * (ahead * direction).sum(axis=1)
    against = inside & (moving < _AGAINST) & (np.abs(poses.speed_mps) > STAND_MPS)
    runs: list[tuple[int, int]] = []
    for first, end in _runs(against):
        pause = runs and t_s[first] - t_s[runs[-1][1] - 1] <= _PAUSE_S
        still = pause and inside[runs[-1][0] : end].all()
        if still:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((first, end))
    last_s = float(world.timing.t_s[-1])
    for first, end in runs:
        steps_m = np.diff(poses.middle_m[first:end], axis=0)
        driven_m = -float((steps_m * direction[first : end - 1]).sum())
        if driven_m < _LEAST_AGAINST_M:
            continue
        onset_s, until_s = float(t_s[first]), float(t_s[end - 1])
        figures: dict[str, float | str] = {
            "onset_s": onset_s,
            "driven_m": driven_m,
            "speed_kmh": 3.6 * driven_m / max(until_s - onset_s, _STEP_S),
        }
        certain = onset_s <= last_s - 2.0
        yield Event(ViolationKind.WRONG_WAY, vehicle, lane.id, onset_s, until_s, certain, figures)


def _direction(lane: RoadLane, points_m: Floats) -> Floats:
    """Unit direction of travel (T, 2) of a lane where it comes nearest to points (T, 2)."""
    steps = np.diff(lane.centre_m, axis=0)
    middles = (lane.centre_m[:-1] + lane.centre_m[1:]) / 2
    unit = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    if len(unit) == 1:
        return np.broadcast_to(unit, points_m.shape)
    away = np.linalg.norm(points_m[:, None] - middles[None], axis=2)
    return np.asarray(unit[np.argmin(away, axis=1)])


def _too_fast(
    world: World,
    vehicle: Vehicle,
    lanes: list[RoadLane],
    inside: list[Bools],
    t_s: Floats,
    poses: Poses,
) -> Iterator[Event]:
    """A mean speed above the limit over the watched stretch."""
    counts = [int(within.sum()) for within in inside]
    if not counts or max(counts) < 3:
        return
    most = int(np.argmax(counts))
    lane = lanes[most]
    if lane.limit_kmh is None:
        return
    chosen = np.flatnonzero(np.logical_or.reduce(inside))
    from_s, until_s = float(t_s[chosen[0]]), float(t_s[chosen[-1]])
    steps_m = np.diff(poses.middle_m[chosen[0] : chosen[-1] + 1], axis=0)
    driven_m = float(np.hypot(steps_m[:, 0], steps_m[:, 1]).sum())
    speed_kmh = 3.6 * driven_m / (until_s - from_s)
    if speed_kmh <= lane.limit_kmh:
        return
    centre_m = np.diff(lane.centre_m, axis=0)
    whole_m = float(np.hypot(centre_m[:, 0], centre_m[:, 1]).sum())
    figures: dict[str, float | str] = {"speed_kmh": speed_kmh, "limit_kmh": lane.limit_kmh}
    certain = driven_m >= _LEAST_SHARE_OF_LANE * whole_m
    kind = ViolationKind.SPEEDING
    yield Event(kind, vehicle, lane.id, from_s, until_s, certain, figures)
