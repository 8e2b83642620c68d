"""Checks of what is drawn on the picture, shape by shape: polygons, lines, boxes, directions.

Part of the fifth step of reading a site file. Shapes are judged in pixels of a nominal picture.
"""

from collections.abc import Sequence

import numpy as np
import shapely

from traffic_ai.config.build import without_repeats
from traffic_ai.config.notes import Notes
from traffic_ai.config.picture import PictureScale, reference_size
from traffic_ai.config.problems import KeyPath, show
from traffic_ai.config.schema import CameraModel, LampsModel, LaneModel
from traffic_ai.config.values import Box, Point
from traffic_ai.core.geometry import Array, Homography

# A shape smaller than these shares of the picture (its area, its diagonal) is a slip of the hand.
_LEAST_AREA_SHARE = 1e-5
_LEAST_LENGTH_SHARE = 0.003
# A direction may stick out of its lane by this share of its length.
_OUTSIDE_SHARE = 0.2
_OVERLAP_SHARE = 0.15
# On the road, lanes run against each other from 120 degrees on.
_AGAINST_COSINE = -0.5


class ShapeCheck:
    """Checks the shapes of one camera; answers whether each can be used further."""

    def __init__(self, camera: CameraModel, scale: PictureScale, notes: Notes) -> None:
        self._fractions = reference_size(camera.coordinates) is None
        self._scale = scale
        self._notes = notes

    def inside(self, points: Sequence[Point], at: KeyPath) -> bool:
        """All points lie in the picture."""
        width, height = self._scale.extent
        outside = [p for p in points if not (0 <= p[0] <= width and 0 <= p[1] <= height)]
        if not outside:
            return True
        if self._fractions:
            message = f"{show(outside[0])} is outside the picture: fractions run from 0 to 1"
            hint = "keep it inside the picture"
            if max(max(p) for p in outside) > 2:
                hint = "are these pixels? set coordinates: {unit: pixels, reference_size: [w, h]}"
        else:
            message = f"{show(outside[0])} is outside the picture of {width:g}x{height:g}"
            hint = "keep it inside the picture, or correct coordinates.reference_size"
        if len(outside) > 1:
            message += f" ({len(outside)} points in all)"
        self._notes.error(at, message, hint)
        return False

    def polygon(self, points: Sequence[Point], at: KeyPath) -> bool:
        """A simple polygon with an area, inside the picture."""
        if not self.inside(points, at):
            return False
        shape = shapely.Polygon(self._scale.points_px(points))
        least = _LEAST_AREA_SHARE * self._scale.width_px * self._scale.height_px
        if shapely.convex_hull(shape).area < least:
            self._notes.error(at, "the polygon has no area" + self._unit_doubt(points), _CORNERS)
            return False
        if not shape.is_valid:
            self._notes.error(at, f"the polygon crosses itself{self._crossing(shape)}", _CORNERS)
            return False
        return True

    def line(self, points: Sequence[Point], at: KeyPath) -> bool:
        """A line with a length, inside the picture."""
        if not self.inside(points, at):
            return False
        if self._length_px(points) < self.least_length_px:
            self._notes.error(
                at, "the line has no length" + self._unit_doubt(points), "give two distinct ends"
            )
            return False
        return True

    def box(self, box: Box, at: KeyPath) -> bool:
        """A box with its corners in order, inside the picture."""
        if not self.inside((box[:2], box[2:]), at):
            return False
        if not (box[0] < box[2] and box[1] < box[3]):
            ordered = (*np.minimum(box[:2], box[2:]), *np.maximum(box[:2], box[2:]))
            message = f"the box {show(box)} is empty or its corners are in another order"
            hint = f"order: left, top, right, bottom; here {show(ordered)}?"
            if ordered[0] == ordered[2] or ordered[1] == ordered[3]:
                hint = "order: left, top, right, bottom; it needs a width and a height"
            self._notes.error(at, message, hint)
            return False
        return True

    def lane(self, lane: LaneModel, at: KeyPath) -> bool:
        """A lane whose direction runs inside it."""
        usable = self.polygon(lane.polygon, (*at, "polygon"))
        if not self.line(lane.direction, (*at, "direction")) or not usable:
            return False
        polygon = shapely.Polygon(self._scale.points_px(lane.polygon))
        drawn = shapely.LineString(without_repeats(self._scale.points_px(lane.direction)))
        if drawn.difference(polygon).length > _OUTSIDE_SHARE * drawn.length:
            self._notes.error(
                (*at, "direction"),
                "the direction does not run inside the lane's polygon",
                "draw it along the middle of the lane, in the direction of travel",
            )
            return False
        return True

    def lamps(self, lamps: LampsModel, at: KeyPath) -> bool:
        """A head box, or lamp boxes with at least red."""
        single = {"red": lamps.red, "yellow": lamps.yellow, "green": lamps.green}
        given = {name: box for name, box in single.items() if box is not None}
        hint = "give head: [left, top, right, bottom], or red, green and yellow boxes"
        if lamps.head is not None and given:
            message = f"both head and {', '.join(given)} are given for one signal head"
            self._notes.error(at, message, "keep head, or the lamps one by one")
        elif lamps.head is None and not given:
            self._notes.error(at, "no place in the picture is given for the lamps", hint)
        elif given and "red" not in given:
            self._notes.error(at, "the box of the red lamp is missing", "add red: [...]")
        if given and (lamps.swapped or lamps.layout != "vertical"):
            message = "layout and swapped say nothing where the lamps are given one by one"
            self._notes.warn(at, message, "remove them")
        boxes = {"head": lamps.head, **given}
        drawn = [self.box(box, (*at, name)) for name, box in boxes.items() if box is not None]
        return all(drawn) and (lamps.head is None) == ("red" in given)

    @property
    def least_length_px(self) -> float:
        """The length below which a line is a slip of the hand, in nominal pixels."""
        return _LEAST_LENGTH_SHARE * float(np.hypot(*self._scale.size_px))

    def _length_px(self, points: Sequence[Point]) -> float:
        line = self._scale.points_px(points)
        return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())

    def _unit_doubt(self, points: Sequence[Point]) -> str:
        if not self._fractions and max(max(p) for p in points) <= 1.0:
            return "; are these fractions, in a file with coordinates.unit: pixels?"
        return ""

    def _crossing(self, shape: shapely.Polygon) -> str:
        """Where a polygon crosses itself, in the units of the file."""
        reason = shapely.is_valid_reason(shape)
        if "[" not in reason:
            return ""
        where = np.array(reason[reason.index("[") + 1 : -1].split(), float)
        return f" near {show((where / self._scale.size_px * self._scale.extent).tolist())}"


_CORNERS = "list the corners in order, walking around it once"


def check_overlaps(
    lanes: Sequence[LaneModel],
    at: Sequence[KeyPath],
    scale: PictureScale,
    homography: Homography | None,
    notes: Notes,
) -> None:
    """Warn of lanes that share ground but not their direction: they make ghost drivers."""
    shapes = [shapely.Polygon(scale.points_px(lane.polygon)) for lane in lanes]
    ends_px = [scale.points_px((lane.direction[0], lane.direction[-1])) for lane in lanes]
    for i, first in enumerate(lanes):
        for j in range(i):
            smaller = min(shapes[i].area, shapes[j].area)
            shared = shapes[i].intersection(shapes[j]).area
            against = _run_against(ends_px[i], ends_px[j], homography)
            if shared > _OVERLAP_SHARE * smaller and against:
                notes.warn(
                    (*at[i], "polygon"),
                    f"lanes {first.id!r} and {lanes[j].id!r} run against each other and share "
                    f"{100 * shared / smaller:.0f} % of the smaller one",
                    "draw them side by side, or vehicles of one look like wrong-way drivers",
                )


def _run_against(first_px: Array, second_px: Array, homography: Homography | None) -> bool:
    """Whether two ways (2, 2), begin and end, run against each other.

    On the road where that is known: what crosses there at a right angle may seem to in the picture.
    """
    if homography is not None:
        ground = homography.to_ground(np.stack([first_px, second_px]))
        if np.isfinite(ground).all():
            first, second = ground[:, 1] - ground[:, 0]
            cosine = float(first @ second) / float(np.hypot(*first) * np.hypot(*second))
            return cosine < _AGAINST_COSINE
    return float((first_px[1] - first_px[0]) @ (second_px[1] - second_px[0])) < 0.0
