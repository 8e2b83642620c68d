import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.detectors.letterbox import GREY, Letterbox

SIDES = st.integers(1, 4000)


@pytest.mark.parametrize(
    ("picture_px", "input_px"),
    [
        ((1280, 720), (640, 384)),
        ((1920, 1080), (640, 384)),
        ((640, 480), (640, 480)),
        ((352, 288), (640, 544)),
        ((720, 1280), (384, 640)),
    ],
)
def test_a_wide_picture_costs_a_wide_input(
    picture_px: tuple[int, int], input_px: tuple[int, int]
) -> None:
    assert Letterbox.rectangular(picture_px, 640).input_px == input_px


@given(SIDES, SIDES, st.sampled_from([320, 640, 1280]))
def test_the_input_is_a_multiple_of_32_and_just_holds_the_picture(
    width: int, height: int, side: int
) -> None:
    box = Letterbox.rectangular((width, height), side)
    assert max(box.resized_px) == side
    for resized, padded, offset in zip(box.resized_px, box.input_px, box.offset_px, strict=True):
        assert padded % 32 == 0
        assert 0 <= padded - resized < 32
        assert 0 <= offset <= padded - resized - offset <= offset + 1


@given(SIDES, SIDES, st.booleans(), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_boxes_return_to_where_they_came_from(
    width: int, height: int, fixed: bool, where: list[float]
) -> None:
    picture = (width, height)
    box = Letterbox.fit(picture, (640, 640)) if fixed else Letterbox.rectangular(picture, 640)
    x, y = sorted(where[:2]), sorted(where[2:])
    boxes = np.array([[x[0] * width, y[0] * height, x[1] * width, y[1] * height]], np.float32)
    back = box.to_picture(box.to_input(boxes))
    # float32 positions in the input are good to 1e-4 px, times the enlargement back
    assert np.abs(back - boxes).max() <= 1e-4 * max(1.0, width / box.resized_px[0]) * 4 + (
        1e-4 * max(1.0, height / box.resized_px[1]) * 4
    )


@given(SIDES, SIDES, st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4))
def test_boxes_never_leave_the_picture(width: int, height: int, raw: list[float]) -> None:
    back = Letterbox.rectangular((width, height), 640).to_picture(np.array([raw], np.float32))
    assert (back >= 0).all()
    assert (back <= np.array([width, height, width, height], np.float32)).all()


@pytest.mark.parametrize("picture_px", [(200, 100), (100, 200), (1, 1), (3000, 10), (2000, 1500)])
def test_the_picture_lies_in_grey_where_the_mapping_says(picture_px: tuple[int, int]) -> None:
    box = Letterbox.rectangular(picture_px, 320)
    white = np.full((picture_px[1], picture_px[0], 3), 255, np.uint8)
    padded = box.apply(white)
    assert padded.shape == (box.input_px[1], box.input_px[0], 3)
    (x, y), (w, h) = box.offset_px, box.resized_px
    assert (padded[y : y + h, x : x + w] == 255).all()
    padded[y : y + h, x : x + w] = GREY
    assert (padded == GREY).all()


def test_an_edge_in_the_picture_is_found_at_the_mapped_place() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[:, 800:] = 255
    box = Letterbox.rectangular((1280, 720), 640)
    row = box.apply(picture)[190, :, 0].astype(float)
    mapped = box.to_input(np.array([[800, 0, 1280, 720]], np.float32))[0, 0]
    assert mapped == pytest.approx(np.argmax(row > 127), abs=0.5)
