"""Checks of lines that lanes cross: stop lines, lines beyond them, speed sections.

Part of the fifth step of reading a site file.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely

from traffic_ai.config.build import build_section, build_stop_line, crossing_direction
from traffic_ai.config.notes import Notes
from traffic_ai.config.picture import PictureScale
from traffic_ai.config.problems import KeyPath
from traffic_ai.config.schema import SpeedSectionModel, StopLineModel
from traffic_ai.config.shapes import ShapeCheck
from traffic_ai.config.values import Line
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Lane

# A line may end this share of the picture's diagonal short of a lane it belongs to.
_REACH_SHARE = 0.01


class CrossingCheck:
    """Checks the lines across one camera's usable lanes (by id)."""

    def __init__(
        self, lanes: Mapping[str, Lane], scale: PictureScale, shapes: ShapeCheck, notes: Notes
    ) -> None:
        self._lanes = dict(lanes)
        self._scale = scale
        self._shapes = shapes
        self._notes = notes

    def stop_line(self, model: StopLineModel, at: KeyPath) -> None:
        """The line, its lanes, the line beyond and the exits agree."""
        usable = self._shapes.line(model.line, (*at, "line"))
        for index, polygon in enumerate(model.permitted_exits):
            self._shapes.polygon(polygon, (*at, "permitted_exits", index))
        beyond_usable = model.beyond_line is None or self._shapes.line(
            model.beyond_line, (*at, "beyond_line")
        )
        lanes = self._known(model.lanes)
        if not (usable and lanes) or not self._meets(model.line, lanes, (*at, "line"), "stop line"):
            return
        if not beyond_usable or len(lanes) < len(model.lanes):
            return
        built = build_stop_line(model, self._lanes, self._scale)
        if built.beyond is None:
            return
        ends = built.line.distance(np.array([built.beyond.a, built.beyond.b]))
        if (ends <= 0.0).any():
            self._notes.error(
                (*at, "beyond_line"),
                "the line beyond does not lie past the stop line in the direction of travel",
                "draw it inside the junction, ahead of the stop line along its whole width; or "
                "turn the direction of its lanes",
            )

    def section(self, model: SpeedSectionModel, at: KeyPath) -> None:
        """Entry comes before exit."""
        lanes = self._known(model.lanes)
        usable = [
            self._shapes.line(line, (*at, key))
            and bool(lanes)
            and self._meets(line, lanes, (*at, key), f"{key} line")
            for key, line in (("entry", model.entry), ("exit", model.exit))
        ]
        if not all(usable) or len(lanes) < len(model.lanes):
            return
        built = build_section(model, self._lanes, self._scale)
        middle = (built.exit.a + built.exit.b) / 2.0
        if float(built.entry.distance(middle)) <= self._shapes.least_length_px:
            self._notes.error(
                (*at, "exit"),
                "the exit line does not lie past the entry line in the direction of travel",
                "swap entry and exit, or turn the direction of the lanes",
            )

    def _known(self, ids: Sequence[str]) -> list[Lane]:
        return [self._lanes[i] for i in ids if i in self._lanes]

    def _meets(self, line: Line, lanes: Sequence[Lane], at: KeyPath, name: str) -> bool:
        """The line touches one of its lanes, and the lanes lead across it."""
        line_px = self._scale.points_px(line)
        drawn = shapely.LineString(line_px)
        reach = _REACH_SHARE * float(np.hypot(*self._scale.size_px))
        names = ", ".join(lane.id for lane in lanes)
        if all(shapely.Polygon(lane.polygon_px).distance(drawn) > reach for lane in lanes):
            self._notes.error(
                at,
                f"the {name} lies outside all its lanes ({names})",
                "draw it across them, or correct its lanes",
            )
            return False
        for lane in lanes:
            if not drawn.buffer(reach).intersects(self._extended(lane.centre_line_px)):
                self._notes.warn(
                    at,
                    f"the direction of lane {lane.id!r} does not lead across the {name}",
                    "turn the direction, or draw the line across the whole lane",
                )
        ways = [float(_normal(line_px) @ crossing_direction(line_px, [lane])) for lane in lanes]
        if min(ways) < 0.0 < max(ways):
            self._notes.error(
                at,
                f"its lanes ({names}) lead across the {name} in opposite directions",
                "give each direction of travel its own line",
            )
            return False
        return True

    def _extended(self, line_px: Array) -> shapely.LineString:
        """A polyline run on straight at both ends, far enough to leave the picture."""
        far = float(np.hypot(*self._scale.size_px))
        head, tail = line_px[-1] - line_px[-2], line_px[0] - line_px[1]
        return shapely.LineString(
            np.vstack(
                [
                    line_px[0] + far * tail / np.linalg.norm(tail),
                    line_px,
                    line_px[-1] + far * head / np.linalg.norm(head),
                ]
            )
        )


def _normal(line_px: Array) -> Array:
    along = line_px[1] - line_px[0]
    return np.array([-along[1], along[0]])
