"""Annotated stills: the scene and the vehicle drawn in, a data bar under the picture.

The bar never covers the picture: what was seen stays to be seen.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo

import cv2
import numpy as np

from traffic_ai.core.frame import CapturedAt, Frame, FrameInfo, Image
from traffic_ai.core.record import headline
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import TrackPoint
from traffic_ai.core.violation import Measurement, SpeedMeasurement, Violation, captured_at
from traffic_ai.evidence.bar import Cell, data_bar
from traffic_ai.evidence.draw import draw_scene

MIN_WIDTH_PX = 960
_BOX_BGR = (0, 0, 255)
_PAST_BGR = (0, 255, 255)
_SHADOW_BGR = (0, 0, 0)
_SCENE_OPACITY = 0.5
# A still's time and a track point's agree when they come from one frame; both are floats made
# from the same time stamp.
_SAME_MOMENT_S = 1e-3


def annotate(
    frame: Frame,
    which: str,
    violation: Violation,
    scene: Scene,
    signals: Mapping[str, SignalHistory] | None,
    time_zone: tzinfo = UTC,
    place: str = "",
) -> Image:
    """The still with scene, box, trajectory and data bar, as a new picture.

    `which` names the still ("before", "at", "after"). `place`: the camera's name for people. A
    small picture is enlarged by a whole factor so that the bar's text is legible.
    """
    box = box_at(violation.trajectory, frame.info.t_s)
    image = _with_scene(frame.image, scene, box)
    factor = max(1, -(-MIN_WIDTH_PX // image.shape[1]))
    if factor > 1:
        size = (image.shape[1] * factor, image.shape[0] * factor)
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    _draw_trajectory(image, violation.trajectory, frame.info.t_s, factor)
    if box is not None:
        _draw_box(image, box, factor)
    cells = bar_cells(frame.info, which, violation, scene, signals, time_zone, place)
    bar = data_bar(cells, image.shape[1])
    return np.vstack([image, bar])


def box_at(
    trajectory: Sequence[TrackPoint], t_s: float
) -> tuple[float, float, float, float] | None:
    """The vehicle's box (x0, y0, x1, y1), pixels, at a moment; None outside the trajectory.

    Between two points it is interpolated: for drawing only, nothing is decided on it.
    """
    if not trajectory:
        return None
    times = [point.t_s for point in trajectory]
    if t_s < times[0] - _SAME_MOMENT_S or t_s > times[-1] + _SAME_MOMENT_S:
        return None
    x0, y0, x1, y1 = (
        float(np.interp(t_s, times, [point.xyxy_px[side] for point in trajectory]))
        for side in range(4)
    )
    return x0, y0, x1, y1


def _with_scene(image: Image, scene: Scene, box: tuple[float, float, float, float] | None) -> Image:
    """The picture with the scene over it, half faded; nothing is painted over the vehicle."""
    drawn = draw_scene(image, scene, grid=False)
    faded = cv2.addWeighted(drawn, _SCENE_OPACITY, image, 1.0 - _SCENE_OPACITY, 0.0)
    if box is not None:
        height_px, width_px = image.shape[:2]
        x0, x1 = (round(min(max(x, 0.0), width_px)) for x in (box[0], box[2]))
        y0, y1 = (round(min(max(y, 0.0), height_px)) for y in (box[1], box[3]))
        faded[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return faded.astype(np.uint8, copy=False)


def _draw_box(image: Image, box: tuple[float, float, float, float], factor: int) -> None:
    width = max(2, image.shape[1] // 640)
    a = (round(box[0] * factor), round(box[1] * factor))
    b = (round(box[2] * factor), round(box[3] * factor))
    cv2.rectangle(image, a, b, _SHADOW_BGR, width + 2)
    cv2.rectangle(image, a, b, _BOX_BGR, width)


def _draw_trajectory(
    image: Image, trajectory: Sequence[TrackPoint], t_s: float, factor: int
) -> None:
    """The way of the box's lower middle: where it has been strong, where it will go thin."""
    if not trajectory:
        return
    way = np.array([point.anchor_px for point in trajectory]) * factor
    way_px = np.round(way).astype(np.int32)
    now = bisect_left([point.t_s for point in trajectory], t_s + _SAME_MOMENT_S)
    width = max(2, image.shape[1] // 640)
    cv2.polylines(image, [way_px[max(now - 1, 0) :]], False, _PAST_BGR, 1, cv2.LINE_AA)
    if now:
        cv2.polylines(image, [way_px[:now]], False, _SHADOW_BGR, width + 2, cv2.LINE_AA)
        cv2.polylines(image, [way_px[:now]], False, _PAST_BGR, width, cv2.LINE_AA)


def bar_cells(
    info: FrameInfo,
    which: str,
    violation: Violation,
    scene: Scene,
    signals: Mapping[str, SignalHistory] | None,
    time_zone: tzinfo,
    place: str = "",
) -> list[Cell]:
    """What the data bar says of a still, most important first."""
    moment = info.captured_at or _moment_from_event(info.t_s, violation)
    cells = [
        Cell("time", _time_text(moment, time_zone)),
        Cell("in recording", f"{info.t_s:.3f} s"),
        Cell("still", f"{which} ({info.t_s - violation.t_s:+.2f} s)"),
        Cell("camera", violation.camera_id),
        *([Cell("place", place)] if place and place != violation.camera_id else []),
        Cell("lane", violation.lane_id),
        Cell("kind", violation.kind.value.replace("_", " ")),
        Cell("vehicle", violation.road_user.label),
        *_figure_cells(violation.measurement),
        *_signal_cells(info.t_s, violation, scene, signals),
    ]
    return [*cells, Cell("record", violation.id)]


def _moment_from_event(t_s: float, violation: Violation) -> CapturedAt | None:
    known = violation.occurred_at
    if known is None:
        return None
    at_event = FrameInfo(violation.camera_id, 0, violation.t_s, known, 0, 0)
    return captured_at(at_event, t_s)


def _time_text(moment: CapturedAt | None, time_zone: tzinfo) -> str:
    if moment is None:
        return "unknown"
    local = moment.utc.astimezone(time_zone)
    text = local.isoformat(sep=" ", timespec="milliseconds")
    source = moment.source.value.replace("_", " ")
    return f"{text[:-6]} {text[-6:]} (+-{moment.bound_s:g} s, {source})"


def _figure_cells(measurement: Measurement) -> list[Cell]:
    if isinstance(measurement, SpeedMeasurement):
        return _speed_cells(measurement)
    figures = headline(measurement)
    cells = []
    if figures.time_into_red_s is not None:
        cells.append(Cell("time into red", f"{figures.time_into_red_s:.2f} s"))
        yellow = figures.yellow_duration_s
        cells.append(Cell("yellow", f"{yellow:.2f} s" if yellow is not None else "unknown"))
    if figures.distance_m is not None:
        spread = figures.distance_uncertainty_m
        cells.append(
            Cell(
                "distance",
                f"{figures.distance_m:.1f} m" + (f" (u {spread:.1f} m)" if spread else ""),
            )
        )
    if figures.duration_s is not None:
        cells.append(Cell("duration", f"{figures.duration_s:.1f} s"))
    return cells


def _speed_cells(measured: SpeedMeasurement) -> list[Cell]:
    """What was measured, what is taken off, what is enforced, and what is allowed."""
    speed = f"{measured.speed_kmh:.1f} +- {measured.expanded_uncertainty_kmh:.1f} km/h"
    cells = [Cell("speed", speed), Cell("limit", f"{measured.limit_kmh:g} km/h")]
    if measured.tolerance_kmh:
        cells.append(Cell("tolerance", f"{measured.tolerance_kmh:g} km/h"))
    if measured.enforced_kmh is None or measured.deducted_kmh is None:
        return [*cells, Cell("deducted", "nothing")]
    deducted = f"{measured.deducted_kmh:g} km/h ({measured.deduction})"
    return [
        *cells,
        Cell("deducted", deducted),
        Cell("enforced", f"{measured.enforced_kmh:g} km/h"),
    ]


def _signal_cells(
    t_s: float,
    violation: Violation,
    scene: Scene,
    signals: Mapping[str, SignalHistory] | None,
) -> list[Cell]:
    """What the lane's signal group showed at the still's moment."""
    cells = []
    for line in scene.stop_lines:
        history = (signals or {}).get(line.signal_group_id or "")
        if violation.lane_id not in line.lane_ids or history is None:
            continue
        state = history.at(t_s)
        shown = "unknown"
        if state is not None:
            shown = f"{state.aspect.value.replace('_', ' ')} for {t_s - state.since_s:.2f} s"
        cells.append(Cell(f"signal {history.group_id}", shown))
    return cells
