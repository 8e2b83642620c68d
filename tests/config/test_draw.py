"""A scene drawn over its picture: every part where it belongs, at every size."""

import numpy as np
import pytest
from numpy.typing import NDArray

from traffic_ai.core.frame import Image
from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.scene import Lane, Scene, SignalGroup, SignalHead, SpeedSection, StopLine
from traffic_ai.core.signal import Aspect
from traffic_ai.evidence.draw import draw_scene

SIZES = [(352, 288), (640, 480), (1280, 720), (3840, 2160)]
GREY = 90
UP = np.array([0.0, -1.0])


class Sheet:
    """Places by their share of the picture's width and height."""

    def __init__(self, width: int, height: int) -> None:
        self.size = np.array([width, height], float)
        self.image: Image = np.full((height, width, 3), GREY, np.uint8)

    def at(self, *points: tuple[float, float]) -> Array:
        return np.array(points) * self.size

    def box(self, left: float, top: float, right: float, bottom: float) -> Array:
        return self.at((left, top), (right, bottom)).ravel()

    def line(self, a: tuple[float, float], b: tuple[float, float], way: Array) -> DirectedLine:
        ends = self.at(a, b)
        return DirectedLine.towards(ends[0], ends[1], way)

    def scene(self, **parts: object) -> Scene:
        width, height = self.size.astype(int).tolist()
        return Scene("c", width, height, **parts)  # type: ignore[arg-type]

    def lane(self) -> Lane:
        corners = self.at((0.2, 0.9), (0.6, 0.9), (0.6, 0.3), (0.2, 0.3))
        return Lane("one", corners, self.at((0.4, 0.9), (0.4, 0.3)), 50.0)

    def plane(self, metres_across: float = 32.0) -> Homography:
        """A view straight down on a road, with a border that is not calibrated."""
        scale = metres_across / self.size[0]
        area = self.at((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
        return Homography(np.diag([scale, scale, 1.0]), np.zeros((8, 8)), 0.0, area)

    def drawn(self, grid: bool = True, **parts: object) -> Image:
        return draw_scene(self.image, self.scene(**parts), grid)


def touched(drawn: Image) -> NDArray[np.bool_]:
    return (drawn != GREY).any(axis=2)


def share(mask: NDArray[np.bool_], left: float, top: float, right: float, bottom: float) -> float:
    """How much of a part of the picture is touched."""
    height, width = mask.shape
    part = mask[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]
    return float(part.mean())


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def sheet(request: pytest.FixtureRequest) -> Sheet:
    return Sheet(*request.param)


def test_empty_scene_changes_nothing_and_the_picture_given_stays(sheet: Sheet) -> None:
    assert not touched(sheet.drawn()).any()
    sheet.drawn(lanes=(sheet.lane(),))
    assert not touched(sheet.image).any()


def test_picture_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"640x480.*352x288"):
        draw_scene(Sheet(640, 480).image, Sheet(352, 288).scene())


def test_lane_is_tinted_inside_and_nothing_is_drawn_outside(sheet: Sheet) -> None:
    mask = touched(sheet.drawn(lanes=(sheet.lane(),)))
    assert share(mask, 0.21, 0.31, 0.59, 0.89) == 1.0
    assert share(mask, 0.65, 0.0, 1.0, 1.0) == 0.0
    assert share(mask, 0.0, 0.0, 1.0, 0.25) == 0.0


def test_road_stays_visible_under_a_lane(sheet: Sheet) -> None:
    sheet.image[:, ::8] = 200  # markings
    drawn = sheet.drawn(lanes=(sheet.lane(),)).astype(int)
    row, left, right = (
        round(0.35 * sheet.size[1]),
        *(sheet.size[0] * np.array([0.22, 0.36])).astype(int),
    )
    stretch = drawn[row, left:right].mean(axis=1)
    assert stretch.max() - stretch.min() > 0.6 * (200 - GREY)


def test_lanes_differ_in_colour(sheet: Sheet) -> None:
    other = Lane(
        "two", sheet.at((0.7, 0.9), (0.9, 0.9), (0.8, 0.3)), sheet.at((0.8, 0.8), (0.8, 0.4))
    )
    drawn = sheet.drawn(lanes=(sheet.lane(), other)).astype(int)
    places = [(0.33 * sheet.size).astype(int), (np.array([0.78, 0.6]) * sheet.size).astype(int)]
    first, second = (drawn[y, x] for x, y in places)
    assert np.abs(first - second).max() > 10


def test_stop_line_is_red_from_end_to_end(sheet: Sheet) -> None:
    line = StopLine("stop", sheet.line((0.2, 0.6), (0.8, 0.6), UP), (), None)
    drawn = sheet.drawn(stop_lines=(line,)).astype(int)
    middle_row = drawn[round(0.6 * sheet.size[1])]
    red = (middle_row[:, 2] > 200) & (middle_row[:, 0] < 120)
    columns = np.flatnonzero(red) / sheet.size[0]
    assert columns.min() == pytest.approx(0.2, abs=0.01)
    assert columns.max() == pytest.approx(0.8, abs=0.01)


def red_beside(sheet: Sheet, way: Array) -> tuple[float, float]:
    """Shares of red before and behind the middle of a stop line crossed in a direction."""
    line = StopLine("stop", sheet.line((0.2, 0.5), (0.8, 0.5), way), (), None)
    drawn = sheet.drawn(stop_lines=(line,)).astype(int)
    red = (drawn[:, :, 2] > 200) & (drawn[:, :, 0] < 120)
    return share(red, 0.47, 0.42, 0.53, 0.48), share(red, 0.47, 0.52, 0.53, 0.58)


def test_arrow_shows_the_way_a_stop_line_is_crossed(sheet: Sheet) -> None:
    above, below = red_beside(sheet, UP)
    assert above > 0.02
    assert below == 0.0
    above, below = red_beside(sheet, -UP)
    assert below > 0.02
    assert above == 0.0


def test_beyond_line_exits_and_sections_are_drawn(sheet: Sheet) -> None:
    line = StopLine(
        "stop",
        sheet.line((0.2, 0.6), (0.6, 0.6), UP),
        (),
        None,
        sheet.line((0.2, 0.3), (0.6, 0.3), UP),
        (sheet.at((0.7, 0.4), (0.8, 0.4), (0.8, 0.5), (0.7, 0.5)),),
    )
    section = SpeedSection(
        "gate",
        (),
        sheet.line((0.1, 0.8), (0.3, 0.8), UP),
        sheet.line((0.6, 0.8), (0.9, 0.8), UP),
        20,
        0.1,
    )
    mask = touched(sheet.drawn(stop_lines=(line,), speed_sections=(section,)))
    assert 0.3 < share(mask, 0.2, 0.3, 0.6, 0.302 + 1 / sheet.size[1]) < 1.0  # dashed
    assert share(mask, 0.71, 0.41, 0.79, 0.49) == 1.0
    assert share(mask, 0.1, 0.8, 0.3, 0.801 + 1 / sheet.size[1]) == 1.0
    assert share(mask, 0.6, 0.8, 0.9, 0.801 + 1 / sheet.size[1]) == 1.0


def test_boxes_of_lamps_leave_the_lamps_visible(sheet: Sheet) -> None:
    head = SignalHead(sheet.box(0.3, 0.4, 0.36, 0.6))
    lamp = SignalHead(None, lamps_px={Aspect.RED: sheet.box(0.7, 0.4, 0.76, 0.5)})
    groups = (SignalGroup("main", (head,)), SignalGroup("single", (lamp,)))
    mask = touched(sheet.drawn(signal_groups=groups))
    assert share(mask, 0.29, 0.39, 0.37, 0.61) > 0.1
    assert share(mask, 0.32, 0.5, 0.34, 0.58) == 0.0
    assert share(mask, 0.69, 0.39, 0.77, 0.51) > 0.1
    assert share(mask, 0.72, 0.43, 0.74, 0.47) == 0.0


def test_signal_group_with_a_log_has_nothing_to_draw(sheet: Sheet) -> None:
    assert not touched(sheet.drawn(signal_groups=(SignalGroup("logged"),))).any()


def test_grid_lies_on_whole_metres_inside_the_calibrated_area(sheet: Sheet) -> None:
    drawn = sheet.drawn(homography=sheet.plane()).astype(int)
    brightness = drawn.mean(axis=2) - GREY
    metre_px = sheet.size[0] / 32.0
    row = round((0.5 * sheet.size[1] // metre_px + 0.5) * metre_px)  # between two lines
    on = [
        brightness[row, round(m * metre_px) - 2 : round(m * metre_px) + 2].max()
        for m in range(6, 27, 2)
    ]
    between = [brightness[row, round((m + 0.5) * metre_px)] for m in range(6, 27, 2)]
    assert min(on) > 15
    assert np.median(between) == 0
    assert share(touched(drawn.astype(np.uint8)), 0.0, 0.0, 0.03, 1.0) == 0.0


def test_grid_takes_larger_steps_on_a_larger_road(sheet: Sheet) -> None:
    for metres in (10.0, 100.0, 1000.0):
        mask = touched(sheet.drawn(homography=sheet.plane(metres)))
        assert 0.02 < share(mask, 0.2, 0.2, 0.8, 0.8) < 0.6


def test_grid_can_be_left_out(sheet: Sheet) -> None:
    assert not touched(sheet.drawn(grid=False, homography=sheet.plane())).any()


def test_grid_ends_at_the_horizon() -> None:
    """A camera 6 m up, looking a little down, with an area that reaches near its horizon."""
    sheet = Sheet(1280, 720)
    ground = np.array([[1 / 1000, 0, -0.64], [0, 0, 1.0], [0, 1 / 1000, -0.2]])
    image_to_ground = np.diag([6.0, 6.0, 1.0]) @ ground
    image_to_ground /= image_to_ground[2, 2]
    area = sheet.at((0.2, 0.9), (0.8, 0.9), (0.6, 0.29), (0.4, 0.29))
    road = Homography(image_to_ground, np.zeros((8, 8)), 0.0, area)
    mask = touched(sheet.drawn(homography=road))
    assert share(mask, 0.0, 0.0, 1.0, 0.25) == 0.0
    assert share(mask, 0.35, 0.6, 0.65, 0.85) > 0.03


def test_marks_are_drawn_where_they_stand(sheet: Sheet) -> None:
    (point,) = sheet.at((0.3, 0.7))
    drawn = draw_scene(sheet.image, sheet.scene(), marks=[(point, "7")])
    mask = touched(drawn)
    assert share(mask, 0.29, 0.68, 0.31, 0.72) > 0.1
    assert share(mask, 0.6, 0.0, 1.0, 1.0) == 0.0


def test_names_do_not_cover_each_other(sheet: Sheet) -> None:
    """The dark plates of two lanes in one place must be as large as of two apart."""
    lane = sheet.lane()
    twice = (lane, Lane("two", lane.polygon_px, lane.centre_line_px, 50.0))
    dark = [
        int((sheet.drawn(lanes=lanes).max(axis=2) < 0.5 * GREY).sum()) for lanes in ((lane,), twice)
    ]
    assert dark[1] > 1.6 * dark[0]
