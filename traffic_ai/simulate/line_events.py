"""What happens at a stop line: crossings at red, and stands over it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import ViolationKind
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.event import STAND_MPS, STEP_S, Event, ahead, inside, lane_at, point_m
from traffic_ai.simulate.spans import ROOT_S, spans_s
from traffic_ai.simulate.world import (
    Course,
    Poses,
    RoadStopLine,
    SignalProgram,
    Vehicle,
    World,
)

# Past a stop line by this, a driver has gone on.
BEYOND_M = 6.0
_LEAST_STAND_S = 1.0
# Who leaves within 30 degrees of the line's direction went straight on.
_STRAIGHT_ON = 0.87
# A crossing may lie this share of the line's length beyond its ends.
_PAST_ENDS = 0.15
# What begins sooner after the first frame, or ends later before the last, cannot be judged.
_HEAD_S, _TAIL_S = 1.5, 0.5
_STOPS = frozenset({Aspect.RED, Aspect.RED_YELLOW})


@dataclass(frozen=True, slots=True)
class _Spell:
    """A time in which a signal forbids to go."""

    onset_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Stand:
    """From when to when a vehicle stands over a line, and how far its front is over it."""

    from_s: float
    until_s: float
    over_m: float


def at_line(
    world: World,
    vehicle: Vehicle,
    line: RoadStopLine,
    program: SignalProgram,
    t_s: Floats,
    poses: Poses,
) -> Iterator[Event]:
    """What a vehicle does at a line at red. poses: at moments (T,) from the first it is there."""
    fronts_s = passes_s(vehicle, line, vehicle.body.length_m / 2, t_s)
    if not fronts_s and not _over_at_first(vehicle, line, poses):
        return
    dark = world.look.lamp_fault == "dark" and not world.signal_log
    for spell in spells(program):
        yield from _stop_over_line(world, vehicle, line, program, spell, t_s, poses, fronts_s)
        for front_s in fronts_s:
            if spell.onset_s <= front_s < spell.end_s:
                yield from _red_light(world, vehicle, line, spell, front_s, t_s, not dark)


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


def passes_s(
    vehicle: Vehicle, line: RoadStopLine, along_m: float, t_s: Floats, past_m: float = 0.0
) -> list[float]:
    """Every moment within (T,) moments at which a point of the vehicle gets past a line by so
    much, in its direction and between its ends. along_m: how far the point is ahead of the middle.
    """
    poses = vehicle.course.poses(t_s)
    distance_m = _past_m(line, poses, along_m) - past_m
    rising = np.flatnonzero((distance_m[:-1] < 0.0) & (distance_m[1:] >= 0.0))
    between = _between_ends(line, poses, along_m)
    exact = _beyond_m(line, vehicle.course, along_m)
    return [
        float(brentq(lambda t: exact(t) - past_m, t_s[i], t_s[i + 1], xtol=ROOT_S))
        for i in rising.tolist()
        if between[i] or past_m > 0.0
    ]


def _beyond_m(line: RoadStopLine, course: Course, along_m: float) -> Callable[[float], float]:
    """How far a point of the vehicle, so far ahead of its middle, is past a line at a moment."""

    def distance_m(t_s: float) -> float:
        poses = course.poses(np.array([t_s]))
        return float(_past_m(line, poses, along_m)[0])

    return distance_m


def _past_m(line: RoadStopLine, poses: Poses, along_m: float) -> Floats:
    return np.asarray((point_m(poses, along_m) - line.ends_m[0]) @ line.forward)


def _between_ends(line: RoadStopLine, poses: Poses, along_m: float) -> Bools:
    across = line.ends_m[1] - line.ends_m[0]
    share = (point_m(poses, along_m) - line.ends_m[0]) @ across / (across @ across)
    return np.asarray((share > -_PAST_ENDS) & (share < 1.0 + _PAST_ENDS))


# -- crossings at red -----------------------------------------------------------------------------


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
    later = t_s[t_s >= front_s - STEP_S]
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
        lane_at(world, vehicle, front_s, half_m),
        front_s,
        beyond_s,
        certain and at_red and red and seen,
        figures,
    )


def _left_by_exit(line: RoadStopLine, poses: Poses) -> bool:
    """Whether a vehicle leaves the junction where those who turn may."""
    return any(bool(inside(exit_m, poses.middle_m).any()) for exit_m in line.exits_m)


# -- stands over the line -------------------------------------------------------------------------


def _stop_over_line(
    world: World,
    vehicle: Vehicle,
    line: RoadStopLine,
    program: SignalProgram,
    spell: _Spell,
    t_s: Floats,
    poses: Poses,
    fronts_s: list[float],
) -> Iterator[Event]:
    """Stands over the line at red and did not come over it at green.

    Who came over it before the first frame is not certain, even where it is known when that was.
    """
    stand = _longest_stand(vehicle, line, spell, t_s, poses, float(world.timing.t_s[-1]))
    if stand is None:
        return
    came_s = next((at_s for at_s in reversed(fronts_s) if at_s <= stand.from_s), None)
    if came_s is None and not (stand.from_s == 0.0 and _over_at_first(vehicle, line, poses)):
        return
    if came_s is not None and program.phase_at(came_s).aspect is Aspect.GREEN:
        return
    dark = world.look.lamp_fault == "dark" and not world.signal_log
    seen = came_s is not None and came_s >= 0.0
    figures: dict[str, float | str] = {
        "signal_group": line.group_id,
        "red_onset_s": spell.onset_s,
    }
    if came_s is not None:
        figures["front_crosses_s"] = came_s
    figures |= {
        "stands_from_s": stand.from_s,
        "stands_until_s": stand.until_s,
        "front_over_line_m": stand.over_m,
    }
    yield Event(
        ViolationKind.STOP_OVER_LINE,
        vehicle,
        lane_at(world, vehicle, stand.from_s, 0.0),
        stand.from_s,
        stand.until_s,
        seen and not dark and not _turns_off(line, poses),
        figures,
    )


def _longest_stand(
    vehicle: Vehicle,
    line: RoadStopLine,
    spell: _Spell,
    t_s: Floats,
    poses: Poses,
    last_s: float,
) -> _Stand | None:
    """The longest time a vehicle stands with its front over a line in a red."""
    half_m = vehicle.body.length_m / 2
    from_s, until_s = max(spell.onset_s, 0.0), min(spell.end_s, last_s)

    def stands(at_s: Floats, there: Poses) -> Bools:
        over_m = _past_m(line, there, half_m)
        return np.asarray(
            (np.abs(there.speed_mps) < STAND_MPS)
            & (over_m > 0.0)
            & (over_m < BEYOND_M)
            & _between_ends(line, there, half_m)
            & (at_s >= from_s)
            & (at_s <= until_s)
        )

    found = spans_s(vehicle.course, t_s, poses, stands)
    first_s, end_s = max(found, key=lambda span: span[1] - span[0], default=(0.0, 0.0))
    if end_s - first_s < _LEAST_STAND_S:
        return None
    middle = vehicle.course.poses(np.array([(first_s + end_s) / 2]))
    begun = first_s < ROOT_S
    return _Stand(0.0 if begun else first_s, end_s, float(_past_m(line, middle, half_m)[0]))


def _over_at_first(vehicle: Vehicle, line: RoadStopLine, poses: Poses) -> bool:
    """Whether a vehicle is over a line, on its way across it, when it is first known of."""
    past_m = float(_past_m(line, poses, vehicle.body.length_m / 2)[0])
    return 0.0 < past_m < BEYOND_M and float(ahead(poses)[0] @ line.forward) > _STRAIGHT_ON


def _turns_off(line: RoadStopLine, poses: Poses) -> bool:
    """Whether a vehicle leaves another way than straight on; it may have waited to turn."""
    return float(ahead(poses)[-1] @ line.forward) < _STRAIGHT_ON
