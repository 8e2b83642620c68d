import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.riders import RiderDetector, merge_riders

PX_PER_M = 40.0
PERSON, MOTORCYCLE, BICYCLE, CAR = (
    RoadUser.PERSON,
    RoadUser.MOTORCYCLE,
    RoadUser.BICYCLE,
    RoadUser.CAR,
)


def box(middle_m: float, width_m: float, top_m: float, bottom_m: float) -> list[float]:
    """A box by metres: its middle from the left, its edges' heights above the road."""
    left = (10 + middle_m - width_m / 2) * PX_PER_M
    right = (10 + middle_m + width_m / 2) * PX_PER_M
    return [left, (10 - top_m) * PX_PER_M, right, (10 - bottom_m) * PX_PER_M]


MOTORCYCLE_SIDE = box(0.0, 2.0, 1.1, 0.0)
MOTORCYCLE_BEHIND = box(0.0, 0.75, 1.1, 0.0)
RIDER_SIDE = box(0.0, 0.7, 1.65, 0.25)
RIDER_BEHIND = box(0.05, 0.6, 1.65, 0.25)


def detections(*rows: tuple[list[float], RoadUser, float]) -> Detections:
    return Detections(
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[2] for r in rows], np.float32),
        np.array([r[1] for r in rows], np.int64),
    )


@pytest.mark.parametrize("kind", [MOTORCYCLE, BICYCLE])
@pytest.mark.parametrize(
    ("vehicle", "rider"),
    [(MOTORCYCLE_SIDE, RIDER_SIDE), (MOTORCYCLE_BEHIND, RIDER_BEHIND)],
    ids=["from the side", "from behind"],
)
def test_a_rider_and_his_two_wheeler_are_one_vehicle(
    vehicle: list[float], rider: list[float], kind: RoadUser
) -> None:
    merged = merge_riders(detections((rider, PERSON, 0.8), (vehicle, kind, 0.4)))
    assert merged.class_id.tolist() == [kind]
    x0, y0, x1, y1 = merged.xyxy_px[0].tolist()
    assert (x0, x1) == (min(vehicle[0], rider[0]), max(vehicle[2], rider[2]))
    assert y0 == pytest.approx(rider[1])
    assert y1 == pytest.approx(vehicle[3])
    assert merged.confidence[0] == pytest.approx(0.8)


def test_the_bottom_stays_the_vehicles_even_where_the_riders_foot_is_on_the_road() -> None:
    standing = box(0.0, 0.7, 1.7, -0.05)
    merged = merge_riders(detections((MOTORCYCLE_SIDE, MOTORCYCLE, 0.9), (standing, PERSON, 0.5)))
    assert merged.xyxy_px[0, 3] == pytest.approx(MOTORCYCLE_SIDE[3])


def test_three_on_one_motorcycle_are_one_vehicle() -> None:
    people = [(box(x, 0.5, 1.6, 0.3), PERSON, 0.5) for x in (-0.5, 0.0, 0.4)]
    merged = merge_riders(detections(*people, (MOTORCYCLE_SIDE, MOTORCYCLE, 0.6)))
    assert merged.class_id.tolist() == [MOTORCYCLE]


@pytest.mark.parametrize(
    "pedestrian",
    [
        box(0.75, 0.5, 1.75, 0.0),
        box(-0.8, 0.5, 1.75, -0.1),
        box(3.0, 0.5, 1.75, 0.0),
    ],
    ids=["to its right", "to its left, a little nearer", "elsewhere"],
)
def test_a_pedestrian_beside_a_parked_motorcycle_stays_a_pedestrian(
    pedestrian: list[float],
) -> None:
    found = detections((pedestrian, PERSON, 0.8), (MOTORCYCLE_BEHIND, MOTORCYCLE, 0.8))
    assert sorted(merge_riders(found).class_id.tolist()) == [PERSON, MOTORCYCLE]


@pytest.mark.parametrize(
    "other",
    [box(0.0, 0.2, 1.5, 0.95), box(0.2, 1.6, 4.5, -1.2)],
    ids=["far behind it", "close to the camera"],
)
def test_a_person_of_another_distance_does_not_ride(other: list[float]) -> None:
    found = detections((other, PERSON, 0.8), (MOTORCYCLE_SIDE, MOTORCYCLE, 0.8))
    assert len(merge_riders(found)) == 2


def test_persons_and_cars_alone_are_left_as_they_are() -> None:
    found = detections((RIDER_SIDE, PERSON, 0.8), (box(0, 4.5, 1.5, 0), CAR, 0.9))
    assert merge_riders(found) is found


def test_a_weak_two_wheeler_makes_no_vehicle_of_a_pedestrian() -> None:
    found = detections((RIDER_SIDE, PERSON, 0.8), (MOTORCYCLE_SIDE, MOTORCYCLE, 0.12))
    assert merge_riders(found).class_id.tolist() == [PERSON, MOTORCYCLE]


def test_of_two_motorcycles_side_by_side_each_keeps_its_own_rider() -> None:
    rows = []
    for x in (0.0, 1.0):
        rows.append((box(x, 0.75, 1.1, 0.0), MOTORCYCLE, 0.5))
        rows.append((box(x + 0.05, 0.6, 1.65, 0.25), PERSON, 0.7))
    merged = merge_riders(detections(*rows))
    assert merged.class_id.tolist() == [MOTORCYCLE, MOTORCYCLE]
    widths_m = (merged.xyxy_px[:, 2] - merged.xyxy_px[:, 0]) / PX_PER_M
    assert (widths_m < 0.85).all()


def test_one_two_wheeler_found_with_and_without_its_rider_is_one_vehicle() -> None:
    whole = (box(0.0, 0.7, 1.7, 0.0), MOTORCYCLE, 0.5)
    wheels = (box(0.05, 0.6, 1.0, 0.0), MOTORCYCLE, 0.3)
    merged = merge_riders(detections(wheels, whole))
    assert merged.confidence.tolist() == [0.5]


def test_a_two_wheeler_behind_another_stays() -> None:
    near = (box(0.0, 0.7, 1.7, 0.0), MOTORCYCLE, 0.5)
    behind = (box(0.05, 0.6, 1.7, 0.5), MOTORCYCLE, 0.3)
    assert len(merge_riders(detections(near, behind))) == 2


@given(
    st.lists(
        st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.booleans()), max_size=12, unique=True
    )
)
def test_no_vehicle_is_lost_and_none_is_made(places: list[tuple[int, int, bool]]) -> None:
    rows = []
    for x, y, rides in places:
        here = RIDER_SIDE if rides else MOTORCYCLE_SIDE
        shift = [2 * x * PX_PER_M, 2 * y * PX_PER_M] * 2  # 2 m apart
        rows.append(
            (
                [a + b for a, b in zip(here, shift, strict=True)],
                PERSON if rides else MOTORCYCLE,
                0.5,
            )
        )
    found = detections(*rows)
    merged = merge_riders(found)
    assert (merged.class_id == MOTORCYCLE).sum() == (found.class_id == MOTORCYCLE).sum()
    assert (merged.class_id == PERSON).sum() <= (found.class_id == PERSON).sum()


def test_the_wrapper_merges_what_its_detector_finds() -> None:
    class Fixed:
        model_hash = "abc"

        def detect(self, image: np.ndarray) -> Detections:
            return detections((RIDER_SIDE, PERSON, 0.8), (MOTORCYCLE_SIDE, MOTORCYCLE, 0.4))

    wrapped = RiderDetector(Fixed())
    assert wrapped.model_hash == "abc"
    assert len(wrapped.detect(np.zeros((8, 8, 3), np.uint8))) == 1
