"""Records and true violations, one to one.

A record may stand for a true violation of its kind that happened within the measurement's own
bounds and a tolerance, and that the same vehicle did: by the boxes where both know them, else by
lane and class as far as they are known. Among all ways to pair them, most pairs count first and
then how well they fit (the assignment problem).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import (
    RedLightMeasurement,
    SpeedMeasurement,
    StopOverLineMeasurement,
    Violation,
    ViolationKind,
    WrongWayMeasurement,
)
from traffic_ai.evaluate.boxes import LEAST_OVERLAP, BoxPath, candidates, overlap
from traffic_ai.evaluate.judging import Duty
from traffic_ai.evaluate.truth import TrueViolation, Truth

TOLERANCE_S = 1.0
# No pair that may be costs as much; so the solver leaves out as few as it can.
_IMPOSSIBLE = 1e6
_TWO_WHEELS = frozenset({RoadUser.BICYCLE.label, RoadUser.MOTORCYCLE.label, RoadUser.PERSON.label})


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding as it is matched: when, where, which class, and the vehicles it may be of.

    vehicles: id and overlap; None where the truth knows no vehicles or the finding no boxes.
    """

    kind: ViolationKind
    start_s: float
    end_s: float
    lane_id: str
    road_user: str
    path: BoxPath
    vehicles: dict[int, float] | None

    @property
    def vehicle(self) -> int | None:
        """The vehicle it lies on best, None for none."""
        return next(iter(self.vehicles), None) if self.vehicles else None

    def gap_s(self, true: TrueViolation) -> float:
        """The time between claim and true violation, 0 where they overlap."""
        return max(0.0, true.t_s - self.end_s, self.start_s - true.until_s)


def window_s(record: Violation) -> tuple[float, float]:
    """When the violation was, by the measurement's own bounds."""
    match record.measurement:
        case RedLightMeasurement() as m:
            return m.front_earliest_s, m.front_latest_s
        case StopOverLineMeasurement() as m:
            return record.t_s, record.t_s + m.standing_s
        case WrongWayMeasurement() as m:
            return m.onset_s, m.confirmed_s
        case SpeedMeasurement() as m:
            return m.start_s, m.end_s


def claim_of(record: Violation, truth: Truth) -> Claim:
    """A record as a claim."""
    start_s, end_s = window_s(record)
    path = BoxPath.of_points(record.trajectory)
    vehicles = candidates(path, truth) if truth.vehicles and len(path.t_s) else None
    return Claim(
        record.kind, start_s, end_s, record.lane_id, record.road_user.label, path, vehicles
    )


def may_be(claim: Claim, true: TrueViolation, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether a claim may stand for a true violation."""
    allowed_s = tolerance_s if true.tolerance_s is None else true.tolerance_s
    if claim.kind is not true.kind or claim.gap_s(true) > allowed_s:
        return False
    if claim.vehicles is not None and true.vehicle is not None:
        return true.vehicle in claim.vehicles
    if true.box_px is not None:
        box_px = claim.path.box_at(true.t_s)
        if box_px is not None:
            return bool(overlap(box_px[None], np.array([true.box_px]))[0] >= LEAST_OVERLAP)
    if true.lane_id and claim.lane_id != true.lane_id:
        return False
    return not true.road_user or _alike(claim.road_user, true.road_user)


def pairs(
    claims: Sequence[Claim],
    truths: Sequence[TrueViolation],
    duties: Sequence[Duty],
    tolerance_s: float = TOLERANCE_S,
) -> tuple[dict[int, int], NDArray[np.bool_]]:
    """Which claim stands for which true violation (by position), and which may have (C, T)."""
    possible = np.zeros((len(claims), len(truths)), bool)
    cost = np.full((len(claims), len(truths)), _IMPOSSIBLE)
    for row, claim in enumerate(claims):
        for column, true in enumerate(truths):
            if may_be(claim, true, tolerance_s):
                possible[row, column] = True
                cost[row, column] = _cost(claim, true, duties[column], tolerance_s)
    if not possible.any():
        return {}, possible
    chosen = zip(*linear_sum_assignment(cost), strict=True)
    return {int(r): int(c) for r, c in chosen if possible[r, c]}, possible


def _cost(claim: Claim, true: TrueViolation, duty: Duty, tolerance_s: float) -> float:
    """How badly a pair fits. What had to be reported goes before what had not."""
    middle_s = abs((claim.start_s + claim.end_s) - (true.t_s + true.until_s)) / 2.0
    far = claim.gap_s(true) / max(tolerance_s, 1e-3) + 0.01 * min(middle_s, 60.0)
    unlike = 1.0
    if claim.vehicles is not None and true.vehicle is not None:
        unlike = 1.0 - claim.vehicles.get(true.vehicle, 0.0)
    elif claim.lane_id == true.lane_id:
        unlike = 0.0 if claim.road_user == true.road_user else 0.5
    return far + unlike + (0.0 if duty is Duty.REPORT else 0.5)


def _alike(found: str, true: str) -> bool:
    """Whether a detector may call the one class the other: four wheels and two it tells apart."""
    return (found in _TWO_WHEELS) == (true in _TWO_WHEELS)
