"""What happens along the watched lanes: ways against their direction, and speeds."""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from traffic_ai.core.violation import ViolationKind
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.event import STAND_MPS, STEP_S, Event, ahead
from traffic_ai.simulate.spans import Condition, moments_s, spans_s
from traffic_ai.simulate.world import Poses, RoadLane, Vehicle, World

_LEAST_AGAINST_M = 1.0
# Against the direction is within 30 degrees of it, not across.
_AGAINST = -0.87
# A way against the direction may pause so long.
_PAUSE_S = 2.0
# A way against the direction that begins later before the last frame cannot be judged.
_TAIL_S = 2.0
_LEAST_SHARE_OF_LANE = 0.5
# Who never comes nearer to a limit than this share of it need not be measured.
_CLOSE_SHARE, _ROUNDING_KMH = 0.99, 1e-6


def along_lanes(world: World, vehicle: Vehicle, t_s: Floats, poses: Poses) -> Iterator[Event]:
    """What a vehicle does within the watched lanes. poses: at moments (T,)."""
    watched = [lane for lane in world.road.lanes if lane.watched]
    last_s = float(world.timing.t_s[-1])
    within = [_filmed_within([lane], last_s)(t_s, poses) for lane in watched]
    for lane, flags in zip(watched, within, strict=True):
        if flags.any():
            yield from _against(vehicle, lane, last_s, t_s, poses)
    counts = [int(flags.sum()) for flags in within]
    if counts and max(counts) >= 3:
        lane = watched[int(np.argmax(counts))]
        yield from _too_fast(vehicle, lane, watched, last_s, t_s, poses)


def _filmed_within(lanes: Sequence[RoadLane], last_s: float) -> Condition:
    """Whether a vehicle's middle is in one of the lanes while it is filmed."""
    outlines = [shapely.Polygon(lane.polygon_m) for lane in lanes]

    def is_there(at_s: Floats, there: Poses) -> Bools:
        x_m, y_m = there.middle_m.T
        in_lanes = [shapely.contains_xy(outline, x_m, y_m) for outline in outlines]
        return np.asarray(np.logical_or.reduce(in_lanes) & (at_s >= 0.0) & (at_s <= last_s))

    return is_there


def _against(
    vehicle: Vehicle, lane: RoadLane, last_s: float, t_s: Floats, poses: Poses
) -> Iterator[Event]:
    """Every way against a lane's direction, backing up included."""
    course, in_lane = vehicle.course, _filmed_within([lane], last_s)

    def is_against(at_s: Floats, there: Poses) -> Bools:
        along = (ahead(there) * _direction(lane, there.middle_m)).sum(axis=1)
        moves = np.abs(there.speed_mps) > STAND_MPS
        back = np.sign(there.speed_mps) * along < _AGAINST
        return np.asarray(in_lane(at_s, there) & moves & back)

    ways: list[tuple[float, float]] = []
    for from_s, until_s in spans_s(course, t_s, poses, is_against):
        if ways and from_s - ways[-1][1] <= _PAUSE_S:
            pause_s = moments_s(t_s, ways[-1][1], from_s)
            if in_lane(pause_s, course.poses(pause_s)).all():
                ways[-1] = (ways[-1][0], until_s)
                continue
        ways.append((from_s, until_s))
    for onset_s, until_s in ways:
        middle_m = course.poses(moments_s(t_s, onset_s, until_s)).middle_m
        steps_m = np.diff(middle_m, axis=0)
        driven_m = -float((steps_m * _direction(lane, middle_m[:-1])).sum())
        if driven_m < _LEAST_AGAINST_M:
            continue
        figures: dict[str, float | str] = {
            "onset_s": onset_s,
            "driven_m": driven_m,
            "speed_kmh": 3.6 * driven_m / max(until_s - onset_s, STEP_S),
        }
        certain = onset_s <= last_s - _TAIL_S
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
    vehicle: Vehicle,
    lane: RoadLane,
    watched: Sequence[RoadLane],
    last_s: float,
    t_s: Floats,
    poses: Poses,
) -> Iterator[Event]:
    """A mean speed above the lane's limit over the whole watched stretch."""
    never_faster_kmh = 3.6 * float(np.abs(poses.speed_mps).max())
    if lane.limit_kmh is None or never_faster_kmh < _CLOSE_SHARE * lane.limit_kmh:
        return
    spans = spans_s(vehicle.course, t_s, poses, _filmed_within(watched, last_s))
    from_s, until_s = spans[0][0], spans[-1][1]
    middle_m = vehicle.course.poses(moments_s(t_s, from_s, until_s)).middle_m
    driven_m = _length_m(middle_m)
    speed_kmh = 3.6 * driven_m / (until_s - from_s)
    if speed_kmh <= lane.limit_kmh + _ROUNDING_KMH:
        return
    figures: dict[str, float | str] = {"speed_kmh": speed_kmh, "limit_kmh": lane.limit_kmh}
    certain = driven_m >= _LEAST_SHARE_OF_LANE * _length_m(lane.centre_m)
    yield Event(ViolationKind.SPEEDING, vehicle, lane.id, from_s, until_s, certain, figures)


def _length_m(points_m: Floats) -> float:
    steps_m = np.diff(points_m, axis=0)
    return float(np.hypot(steps_m[:, 0], steps_m[:, 1]).sum())
