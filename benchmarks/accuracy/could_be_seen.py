"""Which of the violations a camera in that place could see: by the truth, whatever was found.

A crossing and a stop at a line are decided at a moment: at least 30 % of the vehicle was in view,
not hidden and inside the picture, at some moment within half a second of the crossing, or while it
stood. What is measured over a way (a speed, driving against the direction) takes that much of it
for a second in all.
"""

from dataclasses import replace

import numpy as np

from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.report import Place, Report
from traffic_ai.evaluate.truth import HIDDEN_SHARE, Truth

AROUND_S, LEAST_S = 0.5, 1.0
_AT_A_MOMENT = (ViolationKind.RED_LIGHT, ViolationKind.STOP_OVER_LINE)


def of_those_seen(report: Report, truth: Truth) -> Report:
    """The report with those violations alone, found and missed, whose vehicle could be seen."""
    hits = tuple(hit for hit in report.hits if could_be_seen(hit.place, truth))
    misses = tuple(miss for miss in report.misses if could_be_seen(miss.place, truth))
    return replace(report, hits=hits, misses=misses)


def could_be_seen(place: Place, truth: Truth) -> bool:
    """Whether enough of a violation's vehicle was in view when it was decided."""
    if place.vehicle is None:
        return True
    vehicle = truth.vehicle(place.vehicle)
    stamps_s = truth.stamps_of(vehicle)
    shown = (vehicle.visible >= HIDDEN_SHARE) & ~np.isnan(vehicle.box_px[:, 0])
    if place.kind in _AT_A_MOMENT:
        until_s = place.t_s if place.kind is ViolationKind.RED_LIGHT else place.until_s
        near = (stamps_s >= place.t_s - AROUND_S) & (stamps_s <= until_s + AROUND_S)
        return bool((shown & near).any())
    within = (stamps_s >= place.t_s) & (stamps_s <= place.until_s)
    return bool(np.diff(stamps_s)[(shown & within)[:-1]].sum() >= LEAST_S)
