"""What is covered in a picture that is handed out, and what stays to be seen."""

import numpy as np
import pytest

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.evidence.covering import covered, covers, moved

CAR, PERSON, BUS = RoadUser.CAR, RoadUser.PERSON, RoadUser.BUS
MOTORCYCLE, TRUCK = RoadUser.MOTORCYCLE, RoadUser.TRUCK
SUBJECT = (200.0, 100.0, 300.0, 200.0)


def found(*boxes):
    """Detections of (label, box) pairs."""
    return Detections(
        np.array([box for _, box in boxes], np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.3, np.float32),
        np.array([int(label) for label, _ in boxes], np.int64),
    )


def is_covered(label, box, subject=CAR, subject_px=SUBJECT):
    return len(covers(found((label, box)), subject_px, subject)) == 1


@pytest.mark.parametrize(
    ("label", "box", "subject", "expected"),
    [
        (CAR, (10, 100, 90, 180), CAR, True),
        (PERSON, (10, 100, 30, 180), CAR, True),
        (CAR, (202, 98, 303, 199), CAR, False),  # the vehicle itself
        (TRUCK, (198, 103, 299, 203), CAR, False),  # the same under another name
        (CAR, (210, 110, 250, 150), CAR, True),  # a small one before a large one
        (PERSON, (240, 110, 260, 150), CAR, False),  # behind the windscreen
        (PERSON, (240, 110, 260, 195), CAR, True),  # walks in front of it
        (PERSON, (240, 80, 260, 150), CAR, True),  # stands behind it
        (PERSON, (240, 110, 260, 150), BUS, True),  # a passenger
        (PERSON, (240, 110, 260, 190), MOTORCYCLE, False),  # rides it
        (PERSON, (180, 90, 270, 160), MOTORCYCLE, True),  # walks beside it
        (PERSON, (195, 95, 280, 150), MOTORCYCLE, False),  # rides it, with arms outstretched
        (MOTORCYCLE, (220, 150, 280, 205), MOTORCYCLE, False),  # the bike without its rider
        (MOTORCYCLE, (220, 150, 280, 205), CAR, True),  # a motorcycle before a car
        (MOTORCYCLE, (280, 100, 360, 200), MOTORCYCLE, True),  # another beside it
        (PERSON, (290, 110, 320, 190), MOTORCYCLE, True),  # stands beside it
    ],
)
def test_everybody_but_who_the_record_is_about_is_covered(label, box, subject, expected):
    assert is_covered(label, box, subject) is expected


def test_where_the_vehicle_is_not_known_everybody_is_covered():
    boxes = found((CAR, SUBJECT), (PERSON, (240, 110, 260, 150)))
    assert len(covers(boxes, None, CAR)) == 2


def grain(height_px=240, width_px=400):
    return np.random.default_rng(0).integers(0, 255, (height_px, width_px, 3), np.uint8)


def same(image, other, box):
    x0, y0, x1, y1 = box
    return np.array_equal(image[y0:y1, x0:x1], other[y0:y1, x0:x1])


def detail(image, box):
    """How many colours there are in a box."""
    x0, y0, x1, y1 = box
    return len(np.unique(image[y0:y1, x0:x1].reshape(-1, 3), axis=0))


def test_a_covered_box_holds_no_more_than_a_few_tiles_and_nothing_else_changes():
    image = grain()
    before = image.copy()
    box = (20, 40, 100, 160)
    chosen = covers(found((PERSON, box)), SUBJECT, CAR)
    result = covered(image, chosen, SUBJECT)
    assert np.array_equal(image, before)
    assert detail(result, (12, 28, 108, 172)) <= 8 * 8  # with the margin
    outside = np.ones(image.shape[:2], bool)
    outside[20:180, 8:112] = False
    assert np.array_equal(result[outside], image[outside])


def test_a_vehicle_behind_is_covered_but_for_what_the_record_shows_of_its_own():
    image = grain()
    behind = (180, 60, 260, 160)
    result = covered(image, covers(found((CAR, behind)), SUBJECT, CAR), SUBJECT)
    assert same(result, image, (200, 100, 300, 200))
    assert detail(result, (180, 60, 260, 99)) < 80


def test_a_vehicle_in_front_is_covered_whole():
    image = grain()
    front = (250, 150, 350, 230)
    result = covered(image, covers(found((CAR, front)), SUBJECT, CAR), SUBJECT)
    assert detail(result, (250, 150, 350, 230)) <= 8 * 8
    assert same(result, image, (200, 100, 238, 140))


@pytest.mark.parametrize(
    "box", [(-50, -50, 20, 20), (380, 220, 500, 400), (-10, -10, 500, 500), (5, 5, 5, 5)]
)
def test_boxes_over_the_border_are_covered_as_far_as_there_is_a_picture(box):
    image = grain()
    result = covered(image, covers(found((PERSON, box)), SUBJECT, CAR), SUBJECT)
    assert result.shape == image.shape
    assert not np.array_equal(result, image)


def test_an_enlarged_picture_is_covered_at_the_same_places():
    image = grain(480, 800)
    chosen = covers(found((PERSON, (20, 40, 100, 160))), SUBJECT, CAR)
    result = covered(image, chosen, SUBJECT, scale=2.0)
    assert detail(result, (40, 80, 200, 320)) <= 8 * 8
    assert same(result, image, (400, 200, 600, 400))


# -- what moved between the stills -----------------------------------------------------------------


def stills(*places, size=(240, 320)):
    """A picture each with a bright block at a place (x, y, width, height), or none."""
    made = []
    for place in places:
        image = np.full((*size, 3), 60, np.uint8)
        if place is not None:
            x, y, width, height = place
            image[y : y + height, x : x + width] = 220
        made.append(image)
    return made


def test_what_came_in_between_the_stills_is_covered_where_it_is():
    pictures = stills(None, None, (200, 120, 80, 100))
    assert moved(pictures, 0, None) == moved(pictures, 1, None) == []
    [cover] = moved(pictures, 2, (20.0, 20.0, 60.0, 60.0))
    assert cover.xyxy_px == pytest.approx((200, 120, 280, 220), abs=8)
    assert cover.over


@pytest.mark.parametrize(
    ("place", "subject_px", "why"),
    [
        ((200, 120, 8, 20), None, "a signal that changed"),
        ((0, 0, 320, 200), None, "another light on everything"),
        ((200, 120, 80, 100), (210.0, 130.0, 270.0, 210.0), "the vehicle of the record"),
    ],
)
def test_what_is_small_or_everything_or_the_vehicle_itself_is_left(place, subject_px, why):
    assert moved(stills(None, None, place), 2, subject_px) == [], why


def test_stills_that_cannot_be_compared_say_nothing():
    pictures = stills(None, (200, 120, 80, 100))
    assert moved(pictures, 1, None) == []
    assert moved([*pictures, *stills(None, size=(200, 320))], 1, None) == []
