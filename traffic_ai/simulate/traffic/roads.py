"""Lanes and ways of every kind of road, from the scenario.

The main road runs from behind the camera's foot outward; traffic keeps to the right.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.layout import LaneLine, Layout, Turn, Way
from traffic_ai.simulate.traffic.paths import Path, Piece
from traffic_ai.simulate.traffic.schema import RoadPart

BEHIND_M = 100.0
AHEAD_M = 260.0
MIDDLE_HALF_M = 0.25
EDGE_M = 0.15
KERB_STRIP_M = 2.4
_CROSS_REACH_M = 110.0
# From a stop line to the edge of the crossing road: gap, crosswalk, gap.
CROSSWALK_FROM_M, CROSSWALK_DEPTH_M = 1.6, 2.8
SETBACK_M = 5.6
_RIGHT_RADIUS_M, _LEFT_RADIUS_M = 7.0, 13.0
_LEAST_UTURN_RADIUS_M = 3.3


@dataclass(frozen=True, slots=True)
class Junction:
    """Where things are at the junction: the stop lines of both directions of the main road, the
    crossing road's middle and the half widths of both roads.
    """

    line_m: float
    back_line_m: float
    cross_middle_m: float
    cross_half_m: float
    left_half_m: float
    right_half_m: float

    @property
    def left_cross_line_m(self) -> float:
        """X of the stop line of those who come from the left."""
        return -(self.left_half_m + SETBACK_M)

    @property
    def right_cross_line_m(self) -> float:
        """X of the stop line of those who come from the right."""
        return self.right_half_m + SETBACK_M


def half_widths_m(road: RoadPart) -> tuple[float, float]:
    """How far the asphalt of the lanes reaches left and right of the middle."""
    fixed_m = MIDDLE_HALF_M + EDGE_M
    return fixed_m + road.lanes_back * road.lane_width_m, fixed_m + road.lanes * road.lane_width_m


def junction_of(road: RoadPart) -> Junction:
    """The measures of a junction."""
    left, right = half_widths_m(road)
    cross_half = road.cross_lanes * road.lane_width_m + 0.05
    depth = 2 * (SETBACK_M + cross_half)
    near = road.stop_line_m if road.view == "rear" else road.stop_line_m - depth
    return Junction(near, near + depth, near + depth / 2, cross_half, left, right)


def middle_right_m(road: RoadPart, number: int) -> float:
    """How far the middle of a lane, counted from 1, lies from the middle of the road."""
    return MIDDLE_HALF_M + (number - 0.5) * road.lane_width_m


def layout_of(road: RoadPart) -> Layout:
    """Lanes and ways of a scenario's road."""
    reference = _reference(road)
    lanes = _main_lanes(road, reference)
    if road.kind == "junction":
        lanes |= _cross_lanes(road)
        _add_turns(road, lanes)
    _add_uturns(road, lanes)
    for lane in lanes.values():
        if lane.main:
            path = lane.path.reversed()
            way = Way(f"{lane.id}/wrong", lane.id, Turn.WRONG_WAY, path)
            lane.ways[Turn.WRONG_WAY] = way
    return Layout(road.kind, lanes, reference, -BEHIND_M)


def _reference(road: RoadPart) -> Path:
    if road.kind != "curve":
        return Path.of((0.0, -BEHIND_M), 0.0, [Piece(BEHIND_M + AHEAD_M)])
    widest_m = max(half_widths_m(road)) + KERB_STRIP_M
    if abs(road.radius_m) < widest_m + 5.0:
        raise ConfigError(
            f"road.radius_m {road.radius_m:g} is too tight for {road.lanes + road.lanes_back} "
            f"lanes; give at least {widest_m + 5.0:.0f} to either side"
        )
    bend_m = abs(road.radius_m) * np.radians(road.bend_deg)
    return Path.of(
        (0.0, -BEHIND_M),
        0.0,
        [Piece(BEHIND_M + road.bend_from_m), Piece(bend_m, 1 / road.radius_m), Piece(AHEAD_M)],
    )


def _main_lanes(road: RoadPart, reference: Path) -> dict[str, LaneLine]:
    marks_m = reference.s_m - BEHIND_M
    found: dict[str, LaneLine] = {}
    junction = junction_of(road) if road.kind == "junction" else None
    for name, count, turned in (("north", road.lanes, False), ("south", road.lanes_back, True)):
        line = None if junction is None else (junction.back_line_m if turned else junction.line_m)
        for number in range(1, count + 1):
            right_m = middle_right_m(road, number) * (-1 if turned else 1)
            beside = reference.offset(right_m)
            path = beside.reversed() if turned else beside
            along_m = beside.length_m - beside.s_m if turned else beside.s_m
            lane_id = f"{name}-{number}"
            line_m = None if line is None else float(np.interp(line, marks_m, along_m))
            group = None if line is None else "main"
            through = Way(f"{lane_id}/through", lane_id, Turn.THROUGH, path, line_m, group)
            found[lane_id] = LaneLine(
                lane_id,
                path,
                road.lane_width_m,
                marks_m,
                along_m,
                {Turn.THROUGH: through},
                _neighbours(name, number, count, road.lane_width_m),
                kerb_m=(count - number + 0.5) * road.lane_width_m,
                right_m=(number - 1) * road.lane_width_m,
            )
    return found


def _neighbours(name: str, number: int, count: int, width_m: float) -> dict[str, float]:
    """Lanes are counted from the middle of the road, so a higher number lies to the right."""
    return {
        f"{name}-{other}": (other - number) * width_m
        for other in (number - 1, number + 1)
        if 1 <= other <= count
    }


def _cross_lanes(road: RoadPart) -> dict[str, LaneLine]:
    """Lanes of the crossing road: east-1... run to the right of the picture, west-1... back."""
    junction, found = junction_of(road), {}
    for name, sign, line_x_m in (
        ("east", 1.0, junction.left_cross_line_m),
        ("west", -1.0, junction.right_cross_line_m),
    ):
        for number in range(1, road.cross_lanes + 1):
            y_m = junction.cross_middle_m - sign * (0.05 + (number - 0.5) * road.lane_width_m)
            start_m = (-sign * _CROSS_REACH_M, y_m)
            path = Path.of(start_m, 90.0 * sign, [Piece(2 * _CROSS_REACH_M)])
            line_m = _CROSS_REACH_M + sign * line_x_m
            lane_id = f"{name}-{number}"
            marks_m = np.array([-_CROSS_REACH_M, _CROSS_REACH_M])
            along_m = np.array([0.0, 2 * _CROSS_REACH_M])[:: int(sign)]
            way = Way(f"{lane_id}/through", lane_id, Turn.THROUGH, path, line_m, "cross")
            found[lane_id] = LaneLine(
                lane_id,
                path,
                road.lane_width_m,
                marks_m,
                along_m,
                {Turn.THROUGH: way},
                main=False,
            )
    return found


# Who turns where: from, to the left, to the right.
_TURNS = (
    ("north", "west", "east"),
    ("south", "east", "west"),
    ("east", "north", "south"),
    ("west", "south", "north"),
)


def _add_turns(road: RoadPart, lanes: dict[str, LaneLine]) -> None:
    """Left from the innermost lane, right from the outermost, each into its like."""
    count = {
        "north": road.lanes,
        "south": road.lanes_back,
        "east": road.cross_lanes,
        "west": road.cross_lanes,
    }
    for source, left, right in _TURNS:
        for turn, target, inner in ((Turn.LEFT, left, True), (Turn.RIGHT, right, False)):
            if not count[source] or not count[target]:
                continue
            lane = lanes[f"{source}-{1 if inner else count[source]}"]
            exit_lane = lanes[f"{target}-{1 if inner else count[target]}"]
            path = _corner(lane, exit_lane, _LEFT_RADIUS_M if inner else _RIGHT_RADIUS_M)
            through = lane.ways[Turn.THROUGH]
            way = Way(f"{lane.id}/{turn}", lane.id, turn, path, through.line_m, through.group_id)
            lane.ways[turn] = way


def _corner(lane: LaneLine, exit_lane: LaneLine, radius_m: float) -> Path:
    """From a lane into one square to it, by an arc no wider than the stop line allows."""
    start_m, heading = lane.path.points_m[0], lane.path.heading_rad[0]
    ahead = np.array([np.sin(heading), np.cos(heading)])
    to_exit_m = exit_lane.path.points_m[0] - start_m
    reach_m = float(to_exit_m @ ahead)
    turn = (exit_lane.path.heading_rad[0] - heading + np.pi) % (2 * np.pi) - np.pi
    line_m = lane.ways[Turn.THROUGH].line_m or 0.0
    radius_m = min(radius_m, reach_m - line_m - 0.5)
    met_m = start_m + reach_m * ahead
    exit_s_m = float(exit_lane.path.project(met_m[None])[0][0]) + radius_m
    return Path.of(
        (float(start_m[0]), float(start_m[1])),
        float(np.degrees(heading)),
        [
            Piece(reach_m - radius_m),
            Piece(abs(turn) * radius_m, np.sign(turn) / radius_m),
            Piece(exit_lane.path.length_m - exit_s_m),
        ],
    )


def _add_uturns(road: RoadPart, lanes: dict[str, LaneLine]) -> None:
    """From each lane of the main road into the outermost one of the other direction."""
    if road.kind == "curve" or not road.lanes_back:
        return
    at_m = junction_of(road).cross_middle_m if road.kind == "junction" else 38.0
    for name, count, other_count in (
        ("north", road.lanes, road.lanes_back),
        ("south", road.lanes_back, road.lanes),
    ):
        for number in range(1, count + 1):
            lane = lanes[f"{name}-{number}"]
            across_m = middle_right_m(road, number) + middle_right_m(road, other_count)
            if across_m < 2 * _LEAST_UTURN_RADIUS_M:
                continue
            radius_m = across_m / 2
            to_m = lane.along(at_m) - radius_m / 2
            start_m = lane.path.points_m[0]
            path = Path.of(
                (float(start_m[0]), float(start_m[1])),
                float(np.degrees(lane.path.heading_rad[0])),
                [Piece(to_m), Piece(np.pi * radius_m, -1 / radius_m), Piece(to_m)],
            )
            through = lane.ways[Turn.THROUGH]
            way = Way(
                f"{lane.id}/uturn", lane.id, Turn.UTURN, path, through.line_m, through.group_id
            )
            lane.ways[Turn.UTURN] = way
