"""A recording whose camera is turned: nothing is judged by lanes that lie elsewhere."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.batch.runs import analyse
from tests.blocks import WIDTH_PX, Block, rows_of, write_site

ZOOM = 4
TURNED_AT_S, BACK_AT_S, SECONDS = 12.0, 26.0, 42.0
BEFORE, AWAY, AFTER = Block(8.0), Block(20.0), Block(38.0)


def street():
    """Houses above and below the road, on a larger picture than the view."""
    rng = np.random.default_rng(5)
    picture = np.full((108 * ZOOM + 80, WIDTH_PX * ZOOM + 80, 3), 60, np.uint8)
    for _ in range(320):
        x, y = rng.integers(0, (picture.shape[1], picture.shape[0]))
        w, h = rng.integers(12, 60, 2)
        colour = rng.integers(20, 150, 3).tolist()
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), colour, -1)
    return picture


def shift_px(t_s, turned_px):
    return turned_px if TURNED_AT_S <= t_s < BACK_AT_S else 0


def write_turned(path, turned_px):
    """A video whose camera looks `turned_px` to the right for a while, with a block driven
    against the lane before, meanwhile and afterwards.
    """
    ground = street()
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX * ZOOM, 108 * ZOOM, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for stamp in range(0, round(SECONDS * 1000), 80):
            t_s = stamp / 1000
            left = 40 + shift_px(t_s, turned_px)
            image = ground[40 : 40 + stream.height, left : left + stream.width].copy()
            for block in (BEFORE, AWAY, AFTER):
                if (box := block.box(t_s)) is not None:
                    x0, y0, x1, y1 = (side * ZOOM for side in box)
                    image[y0:y1, x0:x1] = 250
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("turned_px", [4, 24])
def test_what_a_turned_camera_sees_is_no_violation(tmp_path, turned_px):
    video = write_turned(tmp_path / "turned.mp4", turned_px)
    [outcome] = analyse(write_site(tmp_path / "site.yaml"), tmp_path / "out", [video])
    found = sorted(row["t_s"] for row in rows_of(tmp_path / "out")["violations"])
    assert len(found) == 2
    assert found[0] < TURNED_AT_S
    assert found[1] > BACK_AT_S
    [note] = [note for note in outcome.notes if "nothing was judged" in note]
    numbers = [float(word) for word in note.split() if word.replace(".", "").isdigit()]
    begin_s, end_s = numbers[:2]
    assert TURNED_AT_S < begin_s < AWAY.at_s
    assert BACK_AT_S < end_s < AFTER.at_s


def test_a_camera_that_stays_is_judged_all_along(tmp_path):
    video = write_turned(tmp_path / "steady.mp4", 0)
    [outcome] = analyse(write_site(tmp_path / "site.yaml"), tmp_path / "out", [video])
    assert len(rows_of(tmp_path / "out")["violations"]) == 3
    assert outcome.notes == []
