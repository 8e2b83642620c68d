"""The tables of docs/accuracy.md, from outcomes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.accuracy.suite import Outcome, words
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.intervals import Share
from traffic_ai.evaluate.report import Place, Report, SpeedReading
from traffic_ai.evaluate.summary import (
    KindFigures,
    SpeedFigures,
    summarize,
    within_allowance,
)
from traffic_ai.rules.deduction import DeductionScheme, deduct

_SCHEMES = (
    DeductionScheme.NONE,
    DeductionScheme.DE,
    DeductionScheme.VIC,
    DeductionScheme.CH_RADAR,
)
WORDS = {
    ViolationKind.RED_LIGHT: "red light",
    ViolationKind.STOP_OVER_LINE: "over the line",
    ViolationKind.WRONG_WAY: "wrong way",
    ViolationKind.SPEEDING: "speeding",
}


def case_table(outcomes: Sequence[Outcome]) -> str:
    """One row a case: found of due, and what was false."""
    head = ("case", "vehicles", *WORDS.values(), "speeds measured")
    rows = []
    for outcome in outcomes:
        figures = outcome.summary
        cells = [outcome.case.name, str(figures.vehicles)]
        cells += [words(figures, kind) for kind in WORDS]
        rows.append([*cells, _speeds(figures.speeds)])
    return table(head, rows)


def _speeds(speeds: SpeedFigures | None) -> str:
    if speeds is None:
        return ""
    worst = speeds.error_kmh.largest
    outside = speeds.within.of - speeds.within.count
    return f"{speeds.within.of}, {outside} outside, worst {worst:.1f}"


def kind_table(groups: Mapping[str, Report]) -> str:
    """Recall and precision, one row a group and kind, then what else is to be said."""
    head = ("", "vehicles", "true", "found", "false", "recall", "precision", "near misses")
    rows, said = [], []
    for name, report in groups.items():
        figures = summarize(report)
        for one in figures.kinds:
            cells = (f"{name}: {WORDS[one.kind]}", figures.vehicles, one.due, one.hits)
            shares = (one.false_alarms, percent(one.recall), percent(one.precision))
            rows.append([*map(str, (*cells, *shares)), withheld_words(report, one.kind)])
            said += [f"{name}: {line}" for line in _notes(one)]
    return "\n".join([table(head, rows), *(f"\n{line}" for line in said)])


def _notes(one: KindFigures) -> list[str]:
    said = []
    if one.red is not None:
        said.append(
            f"Time into red: chargeable less true {one.red.error_s.mean:+.2f} s on average; "
            f"above the true one {percent(one.red.over)}."
        )
    if one.alarm is not None:
        after = one.alarm.after_s
        said.append(
            f"Alarm after it could be confirmed: median {after.median:.2f} s, 95 % within "
            f"{after.p95:.2f} s; within 1 s and 15 m {percent(one.alarm.in_time)}."
        )
    if one.duplicates:
        said.append(f"{one.duplicates} of the false records are second records of true ones.")
    return said


def differences(outcomes: Sequence[Outcome]) -> str:
    """A line for every verdict and speed that is not as it should be, for whoever mends it."""
    return "\n".join(
        f"- {outcome.case.name}: {line}"
        for outcome in outcomes
        for line in _differs(outcome.report)
    )


def _differs(report: Report) -> Iterator[str]:
    for miss in report.misses:
        why = miss.near_miss or ("hidden by others" if miss.hidden else "no near miss")
        yield f"{_who(miss.place)} not found ({why}; {miss.detail})"
    for false in report.false_alarms:
        yield f"{_who(false.place)} is false ({false.why.value})"
    for reading in report.speeds:
        if reading.true_kmh is None:
            yield f"{_who(reading.place)}: {reading.measured_kmh:.1f} km/h of no known vehicle"
        elif not within_allowance(reading.measured_kmh, reading.true_kmh):
            yield (
                f"{_who(reading.place)}: {reading.measured_kmh:.1f} km/h +- "
                f"{reading.expanded_uncertainty_kmh:.1f}, truly {reading.true_kmh:.1f}"
            )


def _who(place: Place) -> str:
    vehicle = "an unknown vehicle" if place.vehicle is None else f"vehicle {place.vehicle}"
    return f"{WORDS[place.kind]} at {place.t_s:.1f} s by {place.road_user} ({vehicle})"


def withheld_words(report: Report, kind: ViolationKind) -> str:
    """Why something that looked like a violation was not reported, most often first."""
    reasons = Counter(one.reason for one in report.withheld if one.place.kind is kind)
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())


def speed_table(groups: Mapping[str, Report]) -> str:
    """Errors of speeds, one row a group of passes."""
    head = (
        "passes of",
        "vehicles",
        "measured",
        "bias",
        "p50",
        "p95",
        "p99",
        "worst",
        "within +-3 km/h, 3 %",
        *(f"over-read, {scheme.value}" for scheme in _SCHEMES),
        "covered by 2 u",
        "2 u, median",
        "withheld",
    )
    rows = []
    for name, report in groups.items():
        figures = summarize(report)
        cells = [name, str(figures.vehicles)]
        cells += _speed_cells(figures.speeds, report.speeds)
        rows.append([*cells, withheld_words(report, ViolationKind.SPEEDING)])
    return table(head, rows)


def _speed_cells(speeds: SpeedFigures | None, readings: Sequence[SpeedReading]) -> list[str]:
    if speeds is None:
        return ["0", *[""] * (8 + len(_SCHEMES))]
    error = speeds.error_kmh
    known = [r.measured_kmh - r.true_kmh for r in readings if r.true_kmh is not None]
    sizes = (float(np.median(np.abs(known))), error.p95, error.p99, error.largest)
    numbers = [f"{error.mean:+.2f}", *(f"{size:.2f}" for size in sizes)]
    over = [str(over_reads(readings, scheme)) for scheme in _SCHEMES]
    shares = [r.expanded_uncertainty_kmh / r.measured_kmh for r in readings]
    typical = f"{100.0 * float(np.median(shares)):.1f} %"
    return [
        str(error.count),
        *numbers,
        percent(speeds.within),
        *over,
        percent(speeds.covered),
        typical,
    ]


def over_reads(readings: Sequence[SpeedReading], scheme: DeductionScheme) -> int:
    """How many speeds are above the true one after what is taken off: by the scheme, as the rule
    does it, or the expanded uncertainty alone.
    """
    return sum(
        _left_kmh(scheme, r.measured_kmh, r.expanded_uncertainty_kmh) > r.true_kmh
        for r in readings
        if r.true_kmh is not None
    )


def _left_kmh(scheme: DeductionScheme, speed_kmh: float, expanded_kmh: float) -> float:
    taken = deduct(scheme, speed_kmh, expanded_kmh)
    return speed_kmh - expanded_kmh if taken is None else taken.enforced_kmh


def percent(share: Share) -> str:
    """A share with its 95 % interval."""
    if share.value is None:
        return "-"
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f}-{100 * share.high:.1f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
