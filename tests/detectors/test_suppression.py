import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.suppression import areas, intersections, suppress


def detections(*rows: tuple[list[float], float, RoadUser]) -> Detections:
    return Detections(
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[2] for r in rows], np.int64),
    )


def test_a_car_taken_for_a_truck_too_is_one_vehicle_of_the_surer_class() -> None:
    kept = suppress(
        detections(
            ([100, 100, 200, 180], 0.4, RoadUser.TRUCK), ([102, 98, 201, 181], 0.6, RoadUser.CAR)
        )
    )
    assert kept.class_id.tolist() == [RoadUser.CAR]


def test_a_rider_does_not_wipe_out_his_motorcycle() -> None:
    kept = suppress(
        detections(
            ([100, 100, 140, 190], 0.9, RoadUser.PERSON),
            ([98, 110, 142, 200], 0.3, RoadUser.MOTORCYCLE),
        )
    )
    assert len(kept) == 2


def test_two_cars_in_a_queue_stay_two() -> None:
    kept = suppress(
        detections(
            ([100, 100, 200, 180], 0.8, RoadUser.CAR), ([105, 130, 210, 220], 0.7, RoadUser.CAR)
        )
    )
    assert len(kept) == 2


def test_nothing_stays_nothing() -> None:
    assert len(suppress(Detections.empty())) == 0


def test_equal_confidences_keep_their_order() -> None:
    found = detections(([0, 0, 10, 10], 0.5, RoadUser.CAR), ([50, 0, 60, 10], 0.5, RoadUser.BUS))
    assert suppress(found).class_id.tolist() == [RoadUser.CAR, RoadUser.BUS]


@given(
    arrays(np.float32, (12, 4), elements=st.floats(0, 100, width=32)),
    arrays(np.float32, 12, elements=st.floats(0, 1, width=32)),
    st.sampled_from([0.3, 0.6, 0.9]),
)
def test_no_two_that_stay_overlap_and_each_that_goes_had_a_surer_rival(
    corners: np.ndarray, confidence: np.ndarray, iou_limit: float
) -> None:
    low = np.minimum(corners[:, :2], corners[:, 2:])
    boxes = np.hstack([low, np.maximum(corners[:, :2], corners[:, 2:]) + 1])
    found = Detections(boxes, confidence.copy(), np.full(12, RoadUser.CAR, np.int64))
    kept = suppress(found, iou_limit)
    overlap = iou(kept.xyxy_px, kept.xyxy_px)
    np.fill_diagonal(overlap, 0)
    assert overlap.max(initial=0.0) <= iou_limit + 1e-5
    assert (np.diff(kept.confidence) <= 0).all()
    rival = (iou(found.xyxy_px, kept.xyxy_px) > iou_limit) & (
        kept.confidence[None, :] >= found.confidence[:, None]
    )
    stays = (found.xyxy_px[:, None, :] == kept.xyxy_px[None, :, :]).all(axis=2).any(axis=1)
    assert (rival.any(axis=1) | stays).all()


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    shared = intersections(a, b)
    return shared / (areas(a)[:, None] + areas(b)[None, :] - shared)


def test_intersections_are_those_of_the_textbook() -> None:
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[5, 5, 15, 15], [10, 0, 20, 10], [2, 2, 4, 4]], np.float32)
    assert intersections(a, b).tolist() == [[25.0, 0.0, 4.0]]
    assert areas(b).tolist() == pytest.approx([100.0, 100.0, 4.0])
