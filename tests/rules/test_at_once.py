"""What is computed for many at once is what it is for each by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.road import HEIGHT_PX, WIDTH_PX
from traffic_ai.core.geometry import DirectedLine
from traffic_ai.core.scene import Lane, Scene, StopLine
from traffic_ai.core.track import Track, Tracks
from traffic_ai.rules.line_sides import LineSides
from traffic_ai.rules.medians import median, medians, piece_begins
from traffic_ai.rules.stop_line_geometry import StopLineGeometry

# Upright, upside down and across: the seen end is the rear, the front, a side.
LINES = (
    ((200.0, 500.0), (600.0, 480.0), (0.0, -1.0)),
    ((700.0, 300.0), (900.0, 310.0), (0.0, 1.0)),
    ((640.0, 100.0), (650.0, 700.0), (1.0, 0.0)),
)


@given(
    arrays(float, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 6),
)
def test_medians_of_pieces_are_those_of_numpy(values, pieces):
    pieces = min(pieces, len(values))
    found = medians(values, piece_begins(len(values), pieces))
    wanted = [np.median(piece, axis=0) for piece in np.array_split(values, pieces)]
    assert np.array_equal(found, np.array(wanted))
    assert median(values[:, 0]) == np.median(values[:, 0])


@given(arrays(float, (7, 4), elements=st.floats(0.0, 1200.0)))
def test_sides_of_all_lines_are_those_of_each(corners):
    boxes = np.column_stack(
        [np.sort(corners[:, [0, 2]], axis=1), np.sort(corners[:, [1, 3]], axis=1)]
    )[:, [0, 2, 1, 3]]
    n = len(boxes)
    seen = np.ones(n, bool)
    tracks = Tracks(np.arange(n), boxes, np.zeros(n, np.int64), np.zeros((n, 2)), seen, seen)
    geometries = _geometries()
    before, coming = LineSides(geometries).look(tracks)
    for row, geometry in enumerate(geometries):
        distance_px = geometry.seen_distance_px(boxes)
        clear = np.abs(distance_px) > 1e-6
        assert np.array_equal(before[row][clear], (distance_px < 0.0)[clear])
        within = geometry.within_ends(tracks.anchor_px)
        assert np.array_equal(coming[row], before[row] & within)
    lines, rows = np.divmod(np.arange(len(geometries) * n), n)
    anchors_px = tracks.anchor_px[rows]
    along = LineSides(geometries).places(lines, anchors_px)
    beyond = LineSides(geometries).beyond(lines, tracks, rows, 5.0)
    for row, geometry in enumerate(geometries):
        here = lines == row
        wanted = geometry.stop_line.line.position_along(tracks.anchor_px)
        assert along[here] == pytest.approx(wanted, abs=1e-9)
        wanted = geometry.is_beyond(tracks.anchor_px, tracks.ground_m, 5.0)
        assert np.array_equal(beyond[here], wanted)


@given(arrays(float, (5, 2), elements=st.floats(0.0, 1200.0)), arrays(bool, 5))
def test_a_track_came_over_the_lines_that_one_of_its_looks_was_before(anchors, observed):
    boxes = np.column_stack([anchors - np.array([20.0, 30.0]), anchors + np.array([20.0, 0.0])])
    track = Track(1, 0.0)
    for t_s, (box, seen) in enumerate(zip(boxes, observed, strict=True)):
        track.append(float(t_s), box, None, None, bool(seen), bool(seen))
    every = np.ones(len(boxes), bool)
    looks = Tracks(np.arange(5), boxes, np.zeros(5, np.int64), np.zeros((5, 2)), every, every)
    sides = LineSides(_geometries())
    _, coming = sides.look(looks)
    assert np.array_equal(sides.came(track), coming[:, observed].any(axis=1))


def _line(a, b, way, further_px=0.0):
    moved = further_px * np.array(way)
    return DirectedLine.towards(np.array(a) + moved, np.array(b) + moved, np.array(way))


def _geometries():
    lane = Lane(
        "lane", np.array([[0, 0], [9, 0], [9, 9]], float), np.array([[0, 0], [9, 9]], float)
    )
    lines = [
        StopLine(
            f"stop-{n}",
            _line(a, b, way),
            ("lane",),
            "main",
            None if n == 1 else _line(a, b, way, 50.0),
        )
        for n, (a, b, way) in enumerate(LINES)
    ]
    scene = Scene("cam", WIDTH_PX, HEIGHT_PX, (lane,), tuple(lines))
    return [StopLineGeometry(line, scene) for line in lines]
