"""A scene drawn over its picture: what the program believes the road to be, for people to check.

Used by `traffic-ai preview` while a site file is made and by the stills of the evidence. The grid
lies on the road plane: where it follows lane edges and markings, the calibration is right.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image
from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.scene import Lane, Scene, SignalGroup, SpeedSection, StopLine
from traffic_ai.evidence.canvas import WHITE, Bgr, Canvas

# Hues that differ from each other on grey road and from the red, blue and white below.
_LANES: tuple[Bgr, ...] = (
    (255, 220, 0),
    (0, 220, 255),
    (255, 110, 220),
    (90, 230, 90),
    (0, 150, 255),
    (230, 200, 160),
)
_STOP: Bgr = (60, 60, 255)
_BEYOND: Bgr = (100, 150, 255)
_EXIT: Bgr = (120, 255, 120)
_SECTION: Bgr = (255, 150, 80)
_SIGNAL: Bgr = (255, 255, 255)
_REGION: Bgr = (170, 170, 170)
_POINT: Bgr = (0, 255, 255)

_LANE_OPACITY = 0.14
_GRID_OPACITY = 0.45
_LEAST_GRID_GAP_PX = 3.0
# At most so many lines each way, and one for so many pixels of the picture's diagonal.
_MOST_GRID_LINES = 40
_GRID_ROOM_PX = 22.0
_GRID_STEPS_M = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


def draw_scene(
    image: Image, scene: Scene, grid: bool = True, marks: Sequence[tuple[Array, str]] = ()
) -> Image:
    """A new picture: `image` (H, W, 3) with the scene over it, the metre grid if `grid`.

    marks: image points (2,) to show with a cross and a text, such as calibration points.
    Raises ValueError where the picture has another size than the scene.
    """
    if image.shape[:2] != (scene.height_px, scene.width_px):
        raise ValueError(
            f"the picture is {image.shape[1]}x{image.shape[0]}, the scene was made for "
            f"{scene.width_px}x{scene.height_px}"
        )
    canvas = Canvas(image)
    colours = {lane.id: _LANES[i % len(_LANES)] for i, lane in enumerate(scene.lanes)}
    exits = [area for line in scene.stop_lines for area in line.permitted_exits_px]
    canvas.fill([(lane.polygon_px, colours[lane.id]) for lane in scene.lanes], _LANE_OPACITY)
    canvas.fill([(area, _EXIT) for area in exits], _LANE_OPACITY)
    for left, top, right, bottom in scene.detection_regions_px:
        canvas.dashed_outline(_rectangle(np.array([left, top, right, bottom])), _REGION)
    figures = _draw_grid(canvas, scene.homography) if scene.homography and grid else []
    for lane in scene.lanes:
        _draw_lane(canvas, lane, colours[lane.id])
    for section in scene.speed_sections:
        _draw_section(canvas, section)
    for line in scene.stop_lines:
        _draw_stop_line(canvas, line)
    for group in scene.signal_groups:
        _draw_signal_group(canvas, group)
    for point, _ in marks:
        _draw_cross(canvas, point)
    _draw_names(canvas, scene, colours)
    for point, text in marks:
        beside = np.array([8.0 * canvas.line_px + canvas.text_px * (1 + len(text) / 3), 0.0])
        canvas.label(text, [point + beside, point - beside, *canvas.around(point)], _POINT, 0.9)
    for text, place in figures:
        canvas.label(text, [place], WHITE, 0.75)
    return canvas.image


def _draw_lane(canvas: Canvas, lane: Lane, colour: Bgr) -> None:
    canvas.thin_line(lane.polygon_px, colour, closed=True)
    canvas.thin_line(lane.centre_line_px, colour)
    for share in (0.25, 0.55, 0.85):
        tip, unit = _point_on(lane.centre_line_px, share)
        canvas.arrow_head(tip, unit, colour)


def _draw_cross(canvas: Canvas, point: Array) -> None:
    reach_px = 6.0 * canvas.line_px
    for way in (np.array([1.0, 1.0]), np.array([1.0, -1.0])):
        canvas.line(np.array([point - reach_px * way, point + reach_px * way]), _POINT, 0.5)


def _draw_stop_line(canvas: Canvas, line: StopLine) -> None:
    _draw_crossed(canvas, line.line, _STOP, 2.0)
    if line.beyond is not None:
        canvas.dashed(np.array([line.beyond.a, line.beyond.b]), _BEYOND, 1.5)
    for area in line.permitted_exits_px:
        canvas.dashed_outline(area, _EXIT)


def _draw_section(canvas: Canvas, section: SpeedSection) -> None:
    for line in (section.entry, section.exit):
        _draw_crossed(canvas, line, _SECTION, 1.5)


def _draw_crossed(canvas: Canvas, line: DirectedLine, colour: Bgr, width: float) -> None:
    """A line and the way it is crossed."""
    canvas.line(np.array([line.a, line.b]), colour, width)
    middle = (line.a + line.b) / 2.0
    canvas.arrow(middle, middle + line.forward * 0.04 * canvas.diagonal_px, colour, width)


def _draw_signal_group(canvas: Canvas, group: SignalGroup) -> None:
    for head in group.heads:
        if head.head_px is not None:
            canvas.line(_rectangle(head.head_px), _SIGNAL, closed=True)
            red_px = _red_third(head.head_px, head.layout == "vertical", head.swapped)
            canvas.thin_line(_rectangle(red_px), _STOP, closed=True)
        for aspect, box in head.lamps_px.items():
            colour = {"red": _STOP, "green": _EXIT}.get(aspect.value, (0, 220, 255))
            canvas.line(_rectangle(box), colour, closed=True)


def _red_third(head_px: Array, vertical: bool, swapped: bool) -> Array:
    """The part of a head's box where red is."""
    axis = 1 if vertical else 0
    third = head_px.copy()
    size = (head_px[axis + 2] - head_px[axis]) / 3.0
    if swapped:
        third[axis] = head_px[axis + 2] - size
    else:
        third[axis + 2] = head_px[axis] + size
    return third


def _draw_names(canvas: Canvas, scene: Scene, colours: dict[str, Bgr]) -> None:
    """All names last, so that no line crosses one; the scarcest places first."""
    for group in scene.signal_groups:
        for head in group.heads:
            boxes = [head.head_px] if head.head_px is not None else list(head.lamps_px.values())
            left, top = np.min([b[:2] for b in boxes], axis=0)
            right, bottom = np.max([b[2:] for b in boxes], axis=0)
            gap = canvas.text_px * 1.6
            middle = (left + right) / 2.0
            places = [np.array([middle, top - gap]), np.array([middle, bottom + gap])]
            canvas.label(group.id, [*places, *canvas.around(places[1])], _SIGNAL)
    for line in scene.stop_lines:
        _name_line(canvas, line.line, line.id, _STOP)
        if line.beyond is not None:
            _name_line(canvas, line.beyond, f"beyond {line.id}", _BEYOND)
        for area in line.permitted_exits_px:
            canvas.label("permitted exit", canvas.around(area.mean(axis=0)), _EXIT)
    for section in scene.speed_sections:
        _name_line(canvas, section.entry, f"{section.id} entry", _SECTION)
        _name_line(canvas, section.exit, f"exit {section.length_m:g} m", _SECTION)
    for lane in scene.lanes:
        limit = lane.speed_limit_kmh
        text = lane.id if limit is None else f"{lane.id} {limit:g} km/h"
        places = [_point_on(lane.centre_line_px, share)[0] for share in (0.4, 0.7, 0.15, 0.95)]
        canvas.label(text, [*places, *canvas.around(places[0])], colours[lane.id])


def _name_line(canvas: Canvas, line: DirectedLine, text: str, colour: Bgr) -> None:
    """By one of the line's ends, on the near side, or wherever there is room."""
    ends = [line.a + 0.12 * (line.b - line.a), line.b + 0.12 * (line.a - line.b)]
    gap = canvas.text_px * 1.7
    places = [end - gap * line.forward for end in ends] + [end + gap * line.forward for end in ends]
    canvas.label(text, [*places, *canvas.around(places[0])], colour)


def _draw_grid(canvas: Canvas, homography: Homography) -> list[tuple[str, Array]]:
    """The calibrated area's edge and a grid of whole metres; gives its figures and their places."""
    edge_px = _dense(homography.valid_area_px)
    canvas.dashed_outline(homography.valid_area_px, WHITE)
    edge_m = homography.to_ground(edge_px)
    edge_m = edge_m[~np.isnan(edge_m).any(axis=1)]
    if len(edge_m) == 0:
        return []
    low_m, high_m = edge_m.min(axis=0), edge_m.max(axis=0)
    longest_m = float((high_m - low_m).max())
    most = min(_MOST_GRID_LINES, canvas.diagonal_px / _GRID_ROOM_PX)
    steps = [step for step in _GRID_STEPS_M if longest_m / step <= most]
    step_m = steps[0] if steps else longest_m / most
    lines: list[tuple[Array, Bgr, int]] = []
    figures: list[tuple[str, Array]] = []
    for axis in (0, 1):
        first, last = np.ceil(low_m[axis] / step_m), np.floor(high_m[axis] / step_m)
        for number in np.arange(first, last + 1):
            major = number % 5 == 0
            pieces = _grid_line(homography, axis, number * step_m, low_m, high_m, step_m, major)
            width_px = canvas.line_px + 1 if major else canvas.line_px
            lines += [(piece, WHITE, width_px) for piece in pieces]
            if major and pieces:
                lowest = max((end for piece in pieces for end in (piece[0], piece[-1])), key=_down)
                name = "xy"[axis]
                figures.append((f"{name} {number * step_m + 0.0:g} m", lowest))
    canvas.faint_lines(lines, _GRID_OPACITY)
    return figures


def _grid_line(
    homography: Homography,
    axis: int,
    value_m: float,
    low_m: Array,
    high_m: Array,
    step_m: float,
    major: bool,
) -> list[Array]:
    """The visible pieces of the line where one ground coordinate has a value.

    A minor line ends where its neighbours come closer than the eye can tell apart.
    """
    other = 1 - axis
    count = 200
    points_m = np.empty((count, 2))
    points_m[:, axis] = value_m
    points_m[:, other] = np.linspace(low_m[other], high_m[other], count)
    points_px = homography.to_image(points_m)
    beside_m = points_m.copy()
    beside_m[:, axis] += step_m * (5.0 if major else 1.0)
    apart = homography.to_image(beside_m) - points_px
    along = np.gradient(points_px, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    gap_px = np.abs(apart[:, 0] * along[:, 1] - apart[:, 1] * along[:, 0]) / length
    shown = homography.in_area(points_px) & (gap_px >= _LEAST_GRID_GAP_PX)
    return [piece for piece in _runs(points_px, shown) if len(piece) > 1]


def _runs(points: Array, shown: NDArray[np.bool_]) -> list[Array]:
    """The stretches of points (N, 2) that are shown."""
    breaks = np.flatnonzero(np.diff(shown.astype(int))) + 1
    starts = [0, *breaks.tolist()]
    return [
        part for part, start in zip(np.split(points, breaks), starts, strict=True) if shown[start]
    ]


def _down(point: Array) -> float:
    return float(point[1])


def _dense(polygon: Array) -> Array:
    """The polygon's outline as many points."""
    share = np.linspace(0.0, 1.0, 32, endpoint=False)[:, None]
    ends = np.roll(polygon, -1, axis=0)
    return np.vstack([a + share * (b - a) for a, b in zip(polygon, ends, strict=True)])


def _point_on(line: Array, share: float) -> tuple[Array, Array]:
    """The point at a share of a polyline's length, and the unit vector along it there."""
    steps = np.diff(line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    ends = np.cumsum(lengths)
    index = min(int(np.searchsorted(ends, share * ends[-1])), len(steps) - 1)
    unit = steps[index] / lengths[index]
    return line[index + 1] - (ends[index] - share * ends[-1]) * unit, unit


def _rectangle(box: Array) -> Array:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
