"""What is paved and painted: asphalt, lane lines, stop lines, crosswalks, as polygons."""

from collections.abc import Iterator

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.traffic.layout import Layout
from traffic_ai.simulate.traffic.roads import (
    AHEAD_M,
    BEHIND_M,
    CROSSWALK_DEPTH_M,
    CROSSWALK_FROM_M,
    KERB_STRIP_M,
    MIDDLE_HALF_M,
    Junction,
    half_widths_m,
    junction_of,
)
from traffic_ai.simulate.traffic.schema import RoadPart

STOP_LINE_DEPTH_M = 0.5
_LINE_HALF_M = 0.06
_DASH_M, _DASH_PITCH_M = 3.0, 9.0
_STRIPE_M, _STRIPE_PITCH_M = 0.5, 1.0
_CORNER_RADIUS_M = 5.0
_CROSS_REACH_M = 110.0
_BEND_STEP_M = 2.0


def paved_m(road: RoadPart, layout: Layout, kerb_strip: bool) -> tuple[Floats, ...]:
    """Polygons of asphalt; with a strip at the kerb where vehicles park."""
    left_m, right_m = half_widths_m(road)
    strip_m = KERB_STRIP_M if kerb_strip else 0.0
    ends = (-BEHIND_M, _far_m(layout))
    found = [_band(layout, ends, (-left_m - strip_m, right_m + strip_m))]
    if road.kind == "junction":
        junction = junction_of(road)
        low, high = (junction.cross_middle_m + side * junction.cross_half_m for side in (-1.0, 1.0))
        found.append(_rectangle((-_CROSS_REACH_M, _CROSS_REACH_M), (low, high)))
        for x_m, outward in ((-left_m - strip_m, -1.0), (right_m + strip_m, 1.0)):
            found += [_corner(x_m, outward, low, -1.0), _corner(x_m, outward, high, 1.0)]
    return tuple(found)


def marks_m(road: RoadPart, layout: Layout) -> tuple[Floats, ...]:
    """Polygons of white paint."""
    found: list[Floats] = []
    if road.kind != "junction":
        found += _lane_lines(road, layout, (-BEHIND_M, _far_m(layout)))
        return tuple(found)
    junction = junction_of(road)
    found += _lane_lines(road, layout, (-BEHIND_M, junction.line_m))
    found += _lane_lines(road, layout, (junction.back_line_m, AHEAD_M))
    found += list(_cross_lane_lines(road, junction))
    found += list(_stop_lines(road, junction))
    found += list(_crosswalks(junction))
    return tuple(found)


def _far_m(layout: Layout) -> float:
    return layout.reference.length_m - BEHIND_M


def _rectangle(x_m: tuple[float, float], y_m: tuple[float, float]) -> Floats:
    return np.array([(x_m[0], y_m[0]), (x_m[1], y_m[0]), (x_m[1], y_m[1]), (x_m[0], y_m[1])])


def _band(layout: Layout, marks: tuple[float, float], right_m: tuple[float, float]) -> Floats:
    """The polygon between two distances along the main road and two beside it."""
    steps = 1
    if not layout.reference.is_straight:
        steps = max(1, int(np.ceil((marks[1] - marks[0]) / _BEND_STEP_M)))
    along_m = np.linspace(marks[0], marks[1], steps + 1)
    sides = [layout.right_of_middle(along_m, np.full(len(along_m), side)) for side in right_m]
    return np.concatenate([sides[0], sides[1][::-1]])


def _corner(x_m: float, outward: float, y_m: float, upward: float) -> Floats:
    """The asphalt a rounded kerb leaves at the corner of two roads."""
    turn = np.linspace(0.0, np.pi / 2, 9)
    radius = _CORNER_RADIUS_M
    arc = np.stack(
        [
            x_m + outward * radius * (1 - np.sin(turn)),
            y_m + upward * radius * (1 - np.cos(turn)),
        ],
        axis=-1,
    )
    return np.concatenate([[(x_m, y_m)], arc])


def _lane_lines(road: RoadPart, layout: Layout, marks: tuple[float, float]) -> list[Floats]:
    """Middle, edges and dashes between the lanes of one direction."""
    found = []
    solid = [MIDDLE_HALF_M + road.lanes * road.lane_width_m]
    solid += [-MIDDLE_HALF_M - road.lanes_back * road.lane_width_m] if road.lanes_back else []
    solid += [-0.15, 0.15] if road.lanes_back else [-MIDDLE_HALF_M]
    for right_m in solid:
        found.append(_band(layout, marks, (right_m - _LINE_HALF_M, right_m + _LINE_HALF_M)))
    for count, sign in ((road.lanes, 1.0), (road.lanes_back, -1.0)):
        for number in range(1, count):
            right_m = sign * (MIDDLE_HALF_M + number * road.lane_width_m)
            for from_m in np.arange(marks[0] + 3.0, marks[1] - _DASH_M, _DASH_PITCH_M):
                ends = (float(from_m), float(from_m) + _DASH_M)
                found.append(_band(layout, ends, (right_m - _LINE_HALF_M, right_m + _LINE_HALF_M)))
    return found


def _cross_lane_lines(road: RoadPart, junction: Junction) -> Iterator[Floats]:
    """Middle and dashes of the crossing road, outside the junction."""
    middle = junction.cross_middle_m
    for ends in (
        (-_CROSS_REACH_M, junction.left_cross_line_m),
        (junction.right_cross_line_m, _CROSS_REACH_M),
    ):
        yield _rectangle(ends, (middle - _LINE_HALF_M, middle + _LINE_HALF_M))
        for number in range(1, road.cross_lanes):
            for side in (-1.0, 1.0):
                y_m = middle + side * number * road.lane_width_m
                for from_m in np.arange(ends[0] + 3.0, ends[1] - _DASH_M, _DASH_PITCH_M):
                    x_m = (float(from_m), float(from_m) + _DASH_M)
                    yield _rectangle(x_m, (y_m - _LINE_HALF_M, y_m + _LINE_HALF_M))


def _stop_lines(road: RoadPart, junction: Junction) -> Iterator[Floats]:
    """The near edge of each is where vehicles must stop."""
    right_m = MIDDLE_HALF_M + road.lanes * road.lane_width_m
    left_m = MIDDLE_HALF_M + road.lanes_back * road.lane_width_m
    depth, middle = STOP_LINE_DEPTH_M, junction.cross_middle_m
    half = junction.cross_half_m
    yield _rectangle((MIDDLE_HALF_M, right_m), (junction.line_m, junction.line_m + depth))
    if road.lanes_back:
        far = junction.back_line_m
        yield _rectangle((-left_m, -MIDDLE_HALF_M), (far - depth, far))
    x_m = junction.left_cross_line_m
    yield _rectangle((x_m, x_m + depth), (middle - half, middle - 0.05))
    x_m = junction.right_cross_line_m
    yield _rectangle((x_m - depth, x_m), (middle + 0.05, middle + half))


def _crosswalks(junction: Junction) -> Iterator[Floats]:
    """Stripes along the way of the vehicles, before each arm."""
    low, high = junction.line_m + CROSSWALK_FROM_M, junction.back_line_m - CROSSWALK_FROM_M
    left, right = junction.left_half_m, junction.right_half_m
    for x_m in np.arange(-left + 0.3, right - _STRIPE_M, _STRIPE_PITCH_M):
        across = (float(x_m), float(x_m) + _STRIPE_M)
        yield _rectangle(across, (low, low + CROSSWALK_DEPTH_M))
        yield _rectangle(across, (high - CROSSWALK_DEPTH_M, high))
    middle, half = junction.cross_middle_m, junction.cross_half_m
    left_x = junction.left_cross_line_m + CROSSWALK_FROM_M
    right_x = junction.right_cross_line_m - CROSSWALK_FROM_M
    for y_m in np.arange(middle - half + 0.3, middle + half - _STRIPE_M, _STRIPE_PITCH_M):
        across = (float(y_m), float(y_m) + _STRIPE_M)
        yield _rectangle((left_x, left_x + CROSSWALK_DEPTH_M), across)
        yield _rectangle((right_x - CROSSWALK_DEPTH_M, right_x), across)
