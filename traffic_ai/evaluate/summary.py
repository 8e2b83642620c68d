"""Figures of a report: shares with intervals, errors, rates; the same for one run or thousands."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.intervals import Rate, Share, Spread
from traffic_ai.evaluate.report import (
    FalseReason,
    Hit,
    Report,
    SpeedReading,
    TrackScores,
    Withheld,
)
from traffic_ai.rules.deduction import DeductionScheme, deduct

# Germany: +-3 km/h up to 100 km/h, +-3 % above, in service (PTB-A 12.01).
ALLOWED_KMH, ALLOWED_SHARE, UP_TO_KMH = 3.0, 0.03, 100.0
SPEED_BANDS_KMH = (0.0, 30.0, 50.0, 70.0, 100.0, 130.0, math.inf)
DISTANCE_BANDS_M = (0.0, 15.0, 30.0, 45.0, 60.0, math.inf)


def enforced_kmh(measured_kmh: float) -> float:
    """What is left of a speed by the German deduction: whole km/h less 3, above 100 less 3 %."""
    deduction = deduct(DeductionScheme.DE, measured_kmh)
    return measured_kmh if deduction is None else deduction.enforced_kmh


def within_allowance(measured_kmh: float, true_kmh: float) -> bool:
    """Whether a speed is within +-3 km/h up to 100 km/h, +-3 % above."""
    allowed = ALLOWED_KMH if true_kmh <= UP_TO_KMH else ALLOWED_SHARE * true_kmh
    return abs(measured_kmh - true_kmh) <= allowed


@dataclass(frozen=True, slots=True)
class SpeedFigures:
    """Errors of speeds, km/h, measured less true. within: the allowance. over_read: more than
    driven after the deduction. covered: the truth lies within the expanded uncertainty stated.
    """

    group: str
    error_kmh: Spread
    within: Share
    over_read: Share
    covered: Share

    @classmethod
    def of(cls, group: str, readings: Sequence[SpeedReading]) -> "SpeedFigures | None":
        """Of the readings whose true speed is known; None where there is none."""
        known = [(r, r.true_kmh) for r in readings if r.true_kmh is not None]
        errors = [reading.measured_kmh - true_kmh for reading, true_kmh in known]
        spread = Spread.of(errors)
        if spread is None:
            return None
        n = len(known)
        within = sum(within_allowance(r.measured_kmh, true_kmh) for r, true_kmh in known)
        over = sum(enforced_kmh(r.measured_kmh) > true_kmh for r, true_kmh in known)
        covered = sum(
            abs(error) <= reading.expanded_uncertainty_kmh
            for error, (reading, _) in zip(errors, known, strict=True)
        )
        shares = (Share.counted(count, n) for count in (within, over, covered))
        return cls(group, spread, *shares)


@dataclass(frozen=True, slots=True)
class RedFigures:
    """Chargeable time into red less the true one. over: charged more than true, by more than the
    truth may be off.

    bracketed: the truth lies between the chargeable and the longest possible time.
    """

    error_s: Spread
    over: Share
    bracketed: Share


@dataclass(frozen=True, slots=True)
class AlarmFigures:
    """Wrong-way alarms from the confirmable moment on. in_time: within 1 s and 15 m."""

    after_s: Spread
    after_m: Spread | None
    in_time: Share


@dataclass(frozen=True, slots=True)
class KindFigures:
    """How one kind fared. false_rate: false records a vehicle-hour, or an hour of footage where
    the truth knows no vehicles.
    """

    kind: ViolationKind
    due: int
    hits: int
    false_alarms: int
    hidden_misses: int
    duplicates: int
    neither_way: int
    precision: Share
    recall: Share
    false_rate: Rate
    time_error_s: Spread | None
    wrong_lane: int
    red: RedFigures | None
    alarm: AlarmFigures | None


@dataclass(frozen=True, slots=True)
class WithheldCount:
    """Near misses of one kind and reason, and how many were violations in truth."""

    kind: ViolationKind
    reason: str
    count: int
    violations: int
    nothing: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures. rate_unit: what a false rate is counted by."""

    worlds: int
    duration_s: float
    vehicles: int
    vehicle_hours: float
    rate_unit: str
    kinds: tuple[KindFigures, ...]
    speeds: SpeedFigures | None
    speeds_by_class: tuple[SpeedFigures, ...]
    speeds_by_speed: tuple[SpeedFigures, ...]
    speeds_by_distance: tuple[SpeedFigures, ...]
    speeds_without_truth: int
    withheld: tuple[WithheldCount, ...]
    tracks: tuple[TrackScores, ...]


def summarize(report: Report) -> Summary:
    """The figures of a report."""
    vehicle_h = sum(one.vehicle_s for one in report.exposures) / 3600.0
    duration_s = sum(one.duration_s for one in report.exposures)
    known = vehicle_h > 0.0
    hours = vehicle_h if known else duration_s / 3600.0
    return Summary(
        worlds=len(report.exposures),
        duration_s=duration_s,
        vehicles=sum(one.vehicles for one in report.exposures),
        vehicle_hours=vehicle_h,
        rate_unit="vehicle-hour" if known else "hour of footage",
        kinds=tuple(
            _kind_figures(report, kind, hours) for kind in ViolationKind if kind in report.kinds
        ),
        speeds=SpeedFigures.of("all", report.speeds),
        speeds_by_class=_grouped(report.speeds, lambda r: r.place.road_user),
        speeds_by_speed=_banded(report.speeds, SPEED_BANDS_KMH, "km/h", lambda r: r.true_kmh),
        speeds_by_distance=_banded(report.speeds, DISTANCE_BANDS_M, "m", lambda r: r.distance_m),
        speeds_without_truth=sum(r.true_kmh is None for r in report.speeds),
        withheld=_withheld(report),
        tracks=report.tracks,
    )


def _kind_figures(report: Report, kind: ViolationKind, hours: float) -> KindFigures:
    hits = [hit for hit in report.hits if hit.place.kind is kind]
    false = [one for one in report.false_alarms if one.place.kind is kind]
    due = len(hits) + sum(miss.place.kind is kind for miss in report.misses)
    return KindFigures(
        kind=kind,
        due=due,
        hits=len(hits),
        false_alarms=len(false),
        hidden_misses=sum(one.hidden for one in report.misses if one.place.kind is kind),
        duplicates=sum(one.why is FalseReason.DUPLICATE for one in false),
        neither_way=sum(one.place.kind is kind for one in report.neither_way),
        precision=Share.counted(len(hits), len(hits) + len(false)),
        recall=Share.counted(len(hits), due),
        false_rate=Rate.counted(len(false), hours),
        time_error_s=Spread.of([hit.time_error_s for hit in hits]),
        wrong_lane=sum(hit.wrong_lane for hit in hits),
        red=_red_figures(hits),
        alarm=_alarm_figures(hits),
    )


def _red_figures(hits: Sequence[Hit]) -> RedFigures | None:
    times = [hit.red for hit in hits if hit.red is not None]
    spread = Spread.of([red.chargeable_s - red.true_s for red in times])
    if spread is None:
        return None
    over = sum(red.chargeable_s > red.true_s + red.true_bound_s for red in times)
    held = sum(
        red.chargeable_s - red.true_bound_s <= red.true_s <= red.latest_s + red.true_bound_s
        for red in times
    )
    return RedFigures(spread, Share.counted(over, len(times)), Share.counted(held, len(times)))


def _alarm_figures(hits: Sequence[Hit]) -> AlarmFigures | None:
    alarms = [hit.alarm for hit in hits if hit.alarm is not None]
    after_s = Spread.of([alarm.after_s for alarm in alarms])
    if after_s is None:
        return None
    after_m = Spread.of([alarm.after_m for alarm in alarms if alarm.after_m is not None])
    in_time = sum(a.after_s <= 1.0 and (a.after_m is None or a.after_m <= 15.0) for a in alarms)
    return AlarmFigures(after_s, after_m, Share.counted(in_time, len(alarms)))


def _grouped(
    readings: Sequence[SpeedReading], name_of: Callable[[SpeedReading], str]
) -> tuple[SpeedFigures, ...]:
    names = sorted({name_of(reading) for reading in readings})
    figures = (SpeedFigures.of(name, [r for r in readings if name_of(r) == name]) for name in names)
    return tuple(one for one in figures if one is not None)


def _banded(
    readings: Sequence[SpeedReading],
    edges: Sequence[float],
    unit: str,
    value_of: Callable[[SpeedReading], float | None],
) -> tuple[SpeedFigures, ...]:
    """Figures by band [low, high)."""
    found = []
    for low, high in pairwise(edges):
        inside = [r for r in readings if (value := value_of(r)) is not None and low <= value < high]
        name = f"{low:.0f}-{high:.0f} {unit}" if np.isfinite(high) else f"over {low:.0f} {unit}"
        found.append(SpeedFigures.of(name, inside))
    return tuple(one for one in found if one is not None)


def _withheld(report: Report) -> tuple[WithheldCount, ...]:
    """Near misses by kind and reason, the commonest first."""
    counts = Counter((one.place.kind, one.reason, one.of) for one in report.withheld)
    groups = {(kind, reason) for kind, reason, _ in counts}
    rows = [
        WithheldCount(
            kind,
            reason,
            sum(counts[kind, reason, of] for of in Withheld),
            counts[kind, reason, Withheld.VIOLATION],
            counts[kind, reason, Withheld.NOTHING],
        )
        for kind, reason in groups
    ]
    order = list(ViolationKind)
    return tuple(sorted(rows, key=lambda row: (order.index(row.kind), -row.count, row.reason)))
