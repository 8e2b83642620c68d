"""The road as it is seen and surveyed: watched lanes, stop lines, heads, paint."""

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.traffic.layout import LaneLine, Layout
from traffic_ai.simulate.traffic.paint import marks_m, paved_m
from traffic_ai.simulate.traffic.roads import (
    MIDDLE_HALF_M,
    half_widths_m,
    junction_of,
    middle_right_m,
)
from traffic_ai.simulate.traffic.schema import RoadPart
from traffic_ai.simulate.world import LampHead, RoadLane, RoadMap, RoadStopLine

BEYOND_M = 6.0
_STEP_M = 0.5
_FARTHEST_M = 75.0
_SEARCHED_M = 160.0
# Where a car is lower than this in the picture, nothing is watched.
_CAR_HEIGHT_M, _LEAST_CAR_PX = 1.5, 12.0
_LEAST_WATCHED_M = 8.0
_MARGIN_SHARE = 0.004
_OUTLINE_STEP_M = 4.0
_SURVEY_ROWS = 6
_EXIT_DEPTH_M = 7.0


def road_map_of(road: RoadPart, layout: Layout, camera: Camera, kerb_strip: bool) -> RoadMap:
    """The map. Raises ConfigError where the camera sees no lane, or not its stop line."""
    marks = np.arange(2.0, _SEARCHED_M, _STEP_M)
    ranges = {
        lane.id: _watched_m(road, lane, camera, marks)
        for lane in layout.lanes.values()
        if lane.main
    }
    seen = [span for span in ranges.values() if span is not None]
    if not seen:
        raise ConfigError(
            "the camera sees no lane: of none do 8 m lie in the picture near enough; change "
            f"camera.pitch_deg {camera.pitch_deg:g}, camera.yaw_deg {camera.yaw_deg:g} or "
            "camera.focal_px"
        )
    lanes = tuple(
        _road_lane(road, lane, ranges.get(lane.id), camera) for lane in layout.lanes.values()
    )
    watched = frozenset(lane.id for lane in lanes if lane.watched)
    span = (min(low for low, _ in seen), max(high for _, high in seen))
    return RoadMap(
        kind=road.kind,
        lanes=lanes,
        stop_lines=_stop_lines(road, camera, watched) if road.kind == "junction" else (),
        heads=_heads(road) if road.kind == "junction" else (),
        paved_m=paved_m(road, layout, kerb_strip),
        marks_m=marks_m(road, layout),
        survey_m=_survey(road, layout, camera, span),
    )


def in_picture(camera: Camera, ground_m: Floats, margin: float = _MARGIN_SHARE) -> Bools:
    """Which road points (N, 2) are in the picture, not nearer to its edge than a share of it."""
    flat = np.concatenate([ground_m, np.zeros((len(ground_m), 1))], axis=1)
    ahead = camera.to_camera_m(flat)[:, 2] > 0.5
    points_px = np.full((len(ground_m), 2), -1.0)
    points_px[ahead] = camera.project_px(flat[ahead])
    size_px = np.array([camera.width_px, camera.height_px])
    low, high = margin * size_px, (1 - margin) * size_px
    inside = np.asarray(((points_px >= low) & (points_px <= high)).all(axis=1))
    # Far beyond what a distorting lens shows, the model folds back into the picture.
    inside[inside] &= np.hypot(*(camera.ground_m(points_px[inside]) - ground_m[inside]).T) < 0.01
    return inside


def _edges_m(lane: LaneLine, marks: Floats) -> tuple[Floats, Floats]:
    """Left and right edge (T, 2) each of a lane, as its drivers see it, at distances (T,)."""
    s_m = np.array([lane.along(float(mark)) for mark in marks])
    middle_m, headings = lane.path.points(s_m), lane.path.headings(s_m)
    right = np.stack([np.cos(headings), -np.sin(headings)], axis=-1) * lane.width_m / 2
    return middle_m - right, middle_m + right


def _watched_m(
    road: RoadPart, lane: LaneLine, camera: Camera, marks: Floats
) -> tuple[float, float] | None:
    """The longest stretch of a lane that lies in the picture with both edges, near enough."""
    left_m, right_m = _edges_m(lane, marks)
    near, far = road.watch_m or (0.0, _FARTHEST_M)
    away_m = np.hypot(*(left_m - camera.position_m[:2]).T)
    good = (
        in_picture(camera, left_m)
        & in_picture(camera, right_m)
        & (camera.focal_px * _CAR_HEIGHT_M / away_m >= _LEAST_CAR_PX)
        & (marks >= near)
        & (marks <= far)
    )
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    runs = bounds.reshape(-1, 2)
    if len(runs) == 0:
        return None
    first, end = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    low, high = float(marks[first]), float(marks[end - 1])
    return (low, high) if high - low >= _LEAST_WATCHED_M else None


def _road_lane(
    road: RoadPart, lane: LaneLine, span: tuple[float, float] | None, camera: Camera
) -> RoadLane:
    low, high = span or (float(lane.marks_m[0]), float(lane.marks_m[-1]))
    bends = bool(camera.k1 or camera.k2 or not lane.path.is_straight)
    steps = max(1, int(np.ceil((high - low) / _OUTLINE_STEP_M))) if bends else 1
    marks = np.linspace(low, high, steps + 1)
    if lane.turned:
        marks = marks[::-1]
    left_m, right_m = _edges_m(lane, marks)
    outline_m = np.concatenate([left_m, right_m[::-1]])
    limit_kmh = road.limit_kmh if lane.main else None
    return RoadLane(lane.id, (left_m + right_m) / 2, outline_m, limit_kmh, span is not None)


def _stop_lines(
    road: RoadPart, camera: Camera, watched: frozenset[str]
) -> tuple[RoadStopLine, ...]:
    """The stop line the camera is there for."""
    junction = junction_of(road)
    turned = road.view == "front"
    count = road.lanes_back if turned else road.lanes
    if not count:
        raise ConfigError("road.view front watches the lanes toward the camera; lanes_back is 0")
    name, sign = ("south", -1.0) if turned else ("north", 1.0)
    y_m = junction.back_line_m if turned else junction.line_m
    ends = np.array(
        [
            (sign * MIDDLE_HALF_M, y_m),
            (sign * (MIDDLE_HALF_M + count * road.lane_width_m), y_m),
        ]
    )
    ids = tuple(f"{name}-{number}" for number in range(1, count + 1))
    if not in_picture(camera, ends).all() or not watched.issuperset(ids):
        raise ConfigError(
            f"the stop line at {y_m:g} m is not in the picture with all its lanes; change "
            f"road.stop_line_m, camera.pitch_deg {camera.pitch_deg:g}, camera.yaw_deg "
            f"{camera.yaw_deg:g} or camera.focal_px {camera.focal_px:g}"
        )
    beyond = ends + np.array([0.0, sign * BEYOND_M])
    return (
        RoadStopLine(
            f"stop-{name}",
            ends,
            ids,
            "main",
            beyond if in_picture(camera, beyond).all() else None,
            (_exit_m(road, sign),) if road.permitted_exit else (),
        ),
    )


def _exit_m(road: RoadPart, sign: float) -> Floats:
    """Where those who turn right leave the junction."""
    junction = junction_of(road)
    half_m = junction.right_half_m if sign > 0 else junction.left_half_m
    near, middle = junction.cross_half_m, junction.cross_middle_m
    x_m = sign * np.array([half_m, half_m + _EXIT_DEPTH_M])
    y_m = middle - sign * np.array([near + 2.5, -0.5])
    return np.array([(x_m[0], y_m[0]), (x_m[1], y_m[0]), (x_m[1], y_m[1]), (x_m[0], y_m[1])])


def _heads(road: RoadPart) -> tuple[LampHead, ...]:
    """On an arm and a pole at each stop line; in front view one more across the junction."""
    junction = junction_of(road)
    over_m = middle_right_m(road, 1) + 0.4 * road.lane_width_m
    left_m, right_m = half_widths_m(road)
    found = [
        LampHead(
            "cross", (junction.left_cross_line_m + 0.4, junction.cross_middle_m - 3.0, 5.55), 270.0
        ),
        LampHead(
            "cross", (junction.right_cross_line_m - 0.4, junction.cross_middle_m + 3.0, 5.55), 90.0
        ),
    ]
    if road.view == "rear":
        y_m = junction.line_m + 0.4
        found = [
            LampHead("main", (over_m, y_m, 5.55), 180.0),
            LampHead("main", (right_m + 1.05, y_m, 3.35), 180.0),
            *found,
        ]
    else:
        found = [
            LampHead("main", (right_m + 1.05, junction.back_line_m - 2.0, 3.35), 180.0),
            LampHead("main", (-left_m - 1.05, junction.back_line_m - 0.4, 3.35), 0.0),
            *found,
        ]
    return tuple(found)


def _survey(road: RoadPart, layout: Layout, camera: Camera, span: tuple[float, float]) -> Floats:
    """Points at the middle and the edges of the road, near to far."""
    left_m, right_m = half_widths_m(road)
    rows = np.geomspace(max(span[0], 2.0), span[1], _SURVEY_ROWS)
    marks, beside = np.meshgrid(rows, [-left_m, 0.0, right_m], indexing="ij")
    points_m = np.round(layout.right_of_middle(marks.ravel(), beside.ravel()), 2)
    visible = points_m[in_picture(camera, points_m)]
    if len(visible) < 5:
        raise ConfigError(
            f"only {len(visible)} points of the road that could be surveyed are in the picture; "
            "give the camera a wider view: a smaller camera.focal_px or another pitch_deg"
        )
    return np.asarray(visible)
