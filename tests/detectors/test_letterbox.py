import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.detectors.letterbox import GREY, Canvas, Letterbox

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
    canvas = Canvas(box)
    canvas.draw(white)
    assert canvas.blob.shape == (1, 3, box.input_px[1], box.input_px[0])
    (x, y), (w, h) = box.offset_px, box.resized_px
    assert (canvas.blob[:, :, y : y + h, x : x + w] == 1.0).all()
    canvas.blob[:, :, y : y + h, x : x + w] = np.float32(GREY / 255)
    assert np.allclose(canvas.blob, GREY / 255)


def test_an_edge_in_the_picture_is_found_at_the_mapped_place() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[:, 800:] = 255
    box = Letterbox.rectangular((1280, 720), 640)
    canvas = Canvas(box)
    canvas.draw(picture)
    row = 255 * canvas.blob[0, 0, 190]
    mapped = box.to_input(np.array([[800, 0, 1280, 720]], np.float32))[0, 0]
    assert mapped == pytest.approx(np.argmax(row > 127), abs=0.5)


@pytest.mark.parametrize("picture_px", [(1280, 720), (352, 288), (640, 384), (1920, 1080)])
def test_the_blob_is_what_opencv_makes_of_the_padded_picture(picture_px: tuple[int, int]) -> None:
    box = Letterbox.rectangular(picture_px, 640)
    canvas = Canvas(box)
    shape = (picture_px[1], picture_px[0], 3)
    for seed in range(3):  # nothing of one picture stays for the next
        picture = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
        canvas.draw(picture)
    method = cv2.INTER_AREA if picture_px[0] > 2 * box.resized_px[0] else cv2.INTER_LINEAR
    (x, y), (w, h) = box.offset_px, box.resized_px
    padded = np.full((box.input_px[1], box.input_px[0], 3), GREY, np.uint8)
    padded[y : y + h, x : x + w] = cv2.resize(picture, (w, h), interpolation=method)
    wanted = cv2.dnn.blobFromImage(padded, 1.0 / 255.0, swapRB=True)
    assert np.allclose(canvas.blob[0], wanted[0], atol=1e-7)


@pytest.mark.parametrize("size_px", [96, 256, 640])
def test_a_part_of_a_picture_is_drawn_like_a_picture_of_its_own(size_px: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    part = picture[40:232, 100:356]
    box = Letterbox.rectangular((256, 192), size_px)
    one, other = Canvas(box), Canvas(box)
    one.draw(part)
    other.draw(np.ascontiguousarray(part))
    assert np.array_equal(one.blob, other.blob)
