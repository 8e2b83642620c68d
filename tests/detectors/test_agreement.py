"""Whether two engines find the same, and what is told where they do not."""

from dataclasses import replace

import numpy as np
import pytest

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.agreement import Limits, compare


def road(count: int = 60, confidence: float = 0.8) -> Detections:
    """Cars 40 px wide and 30 high, side by side."""
    left = 50.0 * np.arange(count)
    boxes = np.column_stack([left, np.full(count, 100.0), left + 40, np.full(count, 130.0)])
    return Detections(
        boxes.astype(np.float32),
        np.full(count, confidence, np.float32),
        np.full(count, int(RoadUser.CAR), np.int64),
    )


def moved(found: Detections, by_px: tuple[float, float, float, float]) -> Detections:
    return replace(found, xyxy_px=found.xyxy_px + np.array(by_px, np.float32))


def test_the_same_detections_agree() -> None:
    found = compare([road(), road(3)], [road(), road(3)])
    assert (found.sure, found.recall, found.precision) == (63, 1.0, 1.0)
    assert found.largest_shift == found.bottom_bias == 0.0
    assert found.problems() == []


def test_what_is_not_found_counts_against_recall_and_what_is_made_up_against_precision() -> None:
    fewer = compare([road(60)], [road(57)])
    assert (fewer.recall, fewer.precision) == (pytest.approx(57 / 60), 1.0)
    assert [p.split()[0] for p in fewer.problems()] == ["recall"]
    more = compare([road(57)], [road(60)])
    assert (more.recall, more.precision) == (1.0, pytest.approx(57 / 60))
    assert [p.split()[0] for p in more.problems()] == ["precision"]


def test_a_box_that_is_only_less_sure_is_found_still() -> None:
    assert compare([road(confidence=0.41)], [road(confidence=0.3)]).recall == 1.0
    assert compare([road(confidence=0.41)], [road(confidence=0.2)]).recall == 0.0


def test_a_vehicle_is_not_found_by_a_person() -> None:
    persons = replace(road(), class_id=np.full(60, int(RoadUser.PERSON), np.int64))
    assert compare([road()], [persons]).recall == 0.0
    trucks = replace(road(), class_id=np.full(60, int(RoadUser.TRUCK), np.int64))
    assert compare([road()], [trucks]).problems() == []


def test_a_lower_edge_that_is_off_to_one_side_is_refused_though_boxes_overlap() -> None:
    found = compare([road()], [moved(road(), (0, 0, 0, 0.3))])
    assert found.bottom_bias == pytest.approx(0.01, rel=1e-3)
    assert found.typical_shift == pytest.approx(0.01, rel=1e-3)
    assert found.problems() == ["bottom bias 0.0100 of the height, at most 0.005"]


def test_edges_that_jump_to_and_fro_are_refused_though_their_mean_is_right() -> None:
    shaken = road()
    shift = np.zeros((60, 4), np.float32)
    shift[::2, 3], shift[1::2, 3] = 6, -6
    found = compare([shaken], [replace(shaken, xyxy_px=shaken.xyxy_px + shift)])
    assert found.bottom_bias == pytest.approx(0.0, abs=1e-6)
    assert [p.split(" 0")[0] for p in found.problems()] == ["typical shift", "largest shift"]
    assert found.problems(Limits(typical_shift=0.3, largest_shift=0.3)) == []


def test_too_little_to_compare_is_refused() -> None:
    assert compare([road(10)], [road(10)]).problems() == ["only 10 boxes to compare, wanted 50"]
    nothing = compare([], []).problems()
    assert len(nothing) == 6
    assert compare([road()], [road(0)]).recall == 0.0
