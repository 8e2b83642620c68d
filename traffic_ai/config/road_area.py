"""The part of the picture that the rules need: the rest is not shown to the detector.

Once a scene is built. What is needed is where vehicles are judged and, around each such place, the
box of a vehicle that stands there.
"""

import numpy as np
import shapely

from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene

CELLS = 20
"""The area is as wide and high as a number of cells, of which the picture's longer side has so
many: 32 pixels each for a network that sees it at 640, so that nothing of its input is wasted."""

TALLEST_M = 4.2  # trucks and double-deck coaches
HALF_LONGEST_M = 6.0  # of a coach that is seen from the side
BELOW_M = 0.4  # a detector ends a box that the border cuts a little before it
_LEAST_MARGIN_SHARE = 0.02  # of the picture's height
_LANE_WIDTH_M = 3.0  # taken for a pixel's size where there is no calibration
_STEPS = 16  # points on each side of an outline
_ROUNDING = 1e-6

Box = tuple[int, int, int, int]


def road_area(scene: Scene, *, measures_speed: bool) -> Box | None:
    """The box (x0, y0, x1, y1) in whole pixels that holds what the rules need; None where that
    takes the detector as much work as the whole picture.

    measures_speed: whether the calibrated area is needed too, not only lanes, lines and exits.
    """
    outlines = _outlines(scene, measures_speed)
    if not outlines:
        return None
    boxes = [_with_margins(outline, scene) for outline in outlines]
    boxes += [np.array(region, float) for region in scene.detection_regions_px]
    size_px = np.array([scene.width_px, scene.height_px], float)
    low = np.clip(np.min([box[:2] for box in boxes], axis=0), 0.0, size_px)
    high = np.clip(np.max([box[2:] for box in boxes], axis=0), 0.0, size_px)
    cell_px = size_px.max() / CELLS
    if (_cells(high - low, cell_px) == _cells(size_px, cell_px)).all():
        return None
    return _grown(low, high, cell_px, size_px)


def _outlines(scene: Scene, measures_speed: bool) -> list[Array]:
    """Polygons and lines (K, 2) at which vehicles are judged."""
    found = [lane.polygon_px for lane in scene.lanes]
    for stop in scene.stop_lines:
        lines = [stop.line, *([stop.beyond] if stop.beyond is not None else [])]
        found += [np.array([line.a, line.b]) for line in lines]
        found += stop.permitted_exits_px
    for section in scene.speed_sections:
        found += [np.array([line.a, line.b]) for line in (section.entry, section.exit)]
    if measures_speed and scene.homography is not None:
        found.append(scene.homography.valid_area_px)
    return found


def _with_margins(outline: Array, scene: Scene) -> Array:
    """The box (4,) around an outline and the boxes of the vehicles that stand on it."""
    points = _along(outline)
    px_per_m = _px_per_m(points, outline, scene)
    least_px = _LEAST_MARGIN_SHARE * scene.height_px
    aside, above, below = (
        np.maximum(metres * px_per_m, least_px) for metres in (HALF_LONGEST_M, TALLEST_M, BELOW_M)
    )
    x, y = points.T
    return np.array([(x - aside).min(), (y - above).min(), (x + aside).max(), (y + below).max()])


def _along(outline: Array) -> Array:
    """Points (N, 2) all along an outline."""
    steps = np.linspace(0.0, 1.0, _STEPS, endpoint=False)[:, None]
    sides = zip(outline, np.roll(outline, -1, axis=0), strict=True)
    return np.concatenate([a + steps * (b - a) for a, b in sides])


def _px_per_m(points: Array, outline: Array, scene: Scene) -> Array:
    """Pixels of a metre across the picture (N,) at points of an outline.

    Without a calibration a lane as wide as the outline's chord is taken for a narrow one, which
    makes the margins too large rather than too small.
    """
    if scene.homography is not None:
        m_per_px = scene.homography.m_per_px_across(points)
        return np.where(m_per_px > 0.0, 1.0 / np.maximum(m_per_px, _ROUNDING), 0.0)  # NaN: horizon
    return _chords(points, outline) / _LANE_WIDTH_M


def _chords(points: Array, outline: Array) -> Array:
    """Length (N,) of the outline's horizontal section at each point."""
    low, high = outline[:, 0].min() - 1.0, outline[:, 0].max() + 1.0
    if len(outline) < 3:
        return np.full(len(points), high - low)
    area = shapely.make_valid(shapely.Polygon(outline))
    return np.array(
        [shapely.LineString([(low, y), (high, y)]).intersection(area).length for y in points[:, 1]]
    )


def _cells(length_px: Array, cell_px: float) -> Array:
    """In how many cells lengths lie, (...)."""
    return np.asarray(np.ceil(length_px / cell_px - _ROUNDING))


def _grown(low: Array, high: Array, cell_px: float, size_px: Array) -> Box:
    """A box between two corners (2,), grown to whole cells as far as the picture reaches."""
    wanted = np.minimum(_cells(high - low, cell_px) * cell_px, size_px)
    start = np.clip(low - (wanted - (high - low)) / 2.0, 0.0, size_px - wanted)
    start = np.floor(start + _ROUNDING)
    x0, y0 = start.astype(int).tolist()
    x1, y1 = (
        np.floor(start + wanted + _ROUNDING).astype(int).tolist()
    )  # a pixel more may be a cell more
    return x0, y0, x1, y1
