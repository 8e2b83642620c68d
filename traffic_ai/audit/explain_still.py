"""The still of an explanation: lane, stop line, box and way drawn over it, as SVG."""

from collections.abc import Iterator

import numpy as np

from traffic_ai.audit.explain_svg import line, places, svg
from traffic_ai.core.decision import TrackPoints
from traffic_ai.core.geometry import Array, DirectedLine
from traffic_ai.core.scene import Scene

# A still's time and a track point's agree to this when they come from one frame.
_SAME_MOMENT_S = 1e-3


def still_svg(
    picture_uri: str | None, scene: Scene, lane_id: str, points: TrackPoints, at_s: float
) -> str:
    """The still at a moment; without a picture the lines alone.

    The way is solid where it had been driven by then. Sightings are dots, hollow where the
    vehicle's lower edge was covered or cut off.
    """
    width, height = scene.width_px, scene.height_px
    unit = max(width, height) / 640.0
    parts = [f'<g stroke-width="{unit:.2f}">']
    if picture_uri is not None:
        parts.append(f'<image href="{picture_uri}" width="{width}" height="{height}"/>')
    parts += _scene_parts(scene, lane_id)
    parts += _way_parts(points, at_s, unit)
    box = _box_at(points, at_s)
    if box is not None:
        x0, y0, x1, y1 = box
        parts.append(
            f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" '
            'class="box"/>'
        )
    parts.append("</g>")
    return svg(parts, width, height, "still")


def _scene_parts(scene: Scene, lane_id: str) -> Iterator[str]:
    for lane in scene.lanes:
        if lane.id == lane_id:
            yield f'<polygon points="{places(lane.polygon_px)}" class="lane"/>'
    for stop in scene.stop_lines:
        if lane_id in stop.lane_ids:
            yield _across(stop.line, "stop")
            if stop.beyond is not None:
                yield _across(stop.beyond, "second")
    for section in scene.speed_sections:
        if lane_id in section.lane_ids:
            yield _across(section.entry, "second")
            yield _across(section.exit, "second")


def _across(directed: DirectedLine, style: str) -> str:
    (x0, y0), (x1, y1) = directed.a.tolist(), directed.b.tolist()
    return line(x0, y0, x1, y1, style)


def _way_parts(points: TrackPoints, at_s: float, unit: float) -> Iterator[str]:
    box = points.xyxy_px
    anchors = np.column_stack([(box[:, 0] + box[:, 2]) / 2.0, box[:, 3]])
    driven = int(np.searchsorted(points.t_s, at_s + _SAME_MOMENT_S, "right"))
    yield f'<polyline points="{places(anchors[max(driven - 1, 0) :])}" class="ahead"/>'
    yield f'<polyline points="{places(anchors[:driven])}" class="driven"/>'
    for i in np.flatnonzero(points.observed).tolist():
        style = "seen" if points.grounded[i] else "covered"
        x, y = anchors[i].tolist()
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.3 * unit:.2f}" class="{style}"/>'


def _box_at(points: TrackPoints, at_s: float) -> Array | None:
    """The box (4,) at a moment, between two points interpolated; None outside the track."""
    t_s = points.t_s
    if not t_s[0] - _SAME_MOMENT_S <= at_s <= t_s[-1] + _SAME_MOMENT_S:
        return None
    return np.array([np.interp(at_s, t_s, points.xyxy_px[:, side]) for side in range(4)])
