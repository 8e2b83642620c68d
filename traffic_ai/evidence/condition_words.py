"""Conditions in plain words: what was asked, what was measured, what it had to be, by how much."""

import math
from dataclasses import dataclass

from traffic_ai.core.violation import Condition

# What each condition measures, as a phrase before a colon. A rule of another package brings names
# of its own, which are then shown as they are.
_PHRASES = {
    # red light
    "seen_before_line": "seen before the stop line",
    "crossing_seen": "seen while it crossed the stop line",
    "time_into_red": "red had been shown when the front crossed at the earliest",
    "red_at_latest_crossing": "signal when the front crossed at the latest",
    "passed_second_line": "went on past the second line",
    "red_at_second_line": "signal when it passed the second line",
    "leap": "largest leap between sightings, against what one vehicle can do",
    "longest_time_unseen": "longest time unseen after the line",
    "permitted_turn": "left by a permitted turn",
    # stop over line
    "distance_over_line": "front over the stop line, at the least",
    "standing": "stood there",
    "movement": "moved meanwhile",
    "came_over_on": "signal when it came over the line",
    "room_to_the_next": "room before the next vehicle, which it may be a part of",
    # wrong way
    "distance_against_less_uncertainty": "way against the direction, less its uncertainty",
    "duration": "drove against the direction",
    "share_of_way_against": "share of the way that leads against the direction",
    "share_of_way_without_longest_step": "share of the way left without its longest step",
    "share_of_way_in_fastest_third": "share of the way in the fastest third of the time",
    "residual_of_even_motion": "deviation from even motion, as a share of the way",
    "share_clear_of_lanes_of_its_direction": "share of the way outside lanes that lead its way",
    "share_of_pictures_it_was_seen_in": "share of the pictures it was seen in",
    "distance_of_a_rider": "way of a two-wheeler of which only the rider was found",
    "speed_of_a_rider": "speed of a two-wheeler of which only the rider was found",
    # speeding
    "speed": "speed",
    "speed less its uncertainty": "speed less its uncertainty",
    "speed after deduction": "speed after the authority's deduction",
    "difference of the second method": "difference of the second method (two gates)",
    "baseline": "measured over",
    "points": "sightings measured from",
    "rough speed, not measured": "rough speed, not a measurement",
    "reported under another track": "the same vehicle was reported already",
}
# These must be exceeded; a value at the threshold is not enough.
_STRICT = frozenset(
    {
        "time_into_red",
        "speed",
        "speed less its uncertainty",
        "speed after deduction",
        "rough speed, not measured",
    }
)
# Units as they are read, where that is not as they are written.
_UNITS = {"of possible": "times"}
_DIGITS = {"s": 2, "m": 2, "km/h": 1, "%": 1, "px": 1}


@dataclass(frozen=True, slots=True)
class ConditionWords:
    """A condition as words. margin: by how much it is met or missed, "" where that is no number."""

    what: str
    measured: str
    asked: str
    margin: str
    met: bool

    @property
    def line(self) -> str:
        """All of it in one line."""
        margin = f"; {self.margin}" if self.margin else ""
        return f"{self.what}: {self.measured} (asked: {self.asked}{margin})"


def condition_words(condition: Condition) -> ConditionWords:
    """A condition in plain words."""
    what = _PHRASES.get(condition.name, condition.name.replace("_", " "))
    measured = _value(condition.measured, condition.unit)
    threshold = _value(condition.threshold, condition.unit)
    if condition.margin is None:
        return ConditionWords(what, measured, threshold, "", condition.met)
    spare = _value(abs(condition.margin), condition.unit)
    return ConditionWords(
        what,
        measured,
        f"{_relation(condition)} {threshold}",
        f"{spare} to spare" if condition.met else f"{spare} short",
        condition.met,
    )


def _relation(condition: Condition) -> str:
    if condition.name in _STRICT:
        return "more than"
    measured, threshold, margin = condition.measured, condition.threshold, condition.margin
    if isinstance(measured, str) or isinstance(threshold, str) or margin is None:
        return "at least"
    return "at most" if (measured > threshold) != (margin > 0.0) else "at least"


def _value(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value.replace("_", " ")
    if not math.isfinite(value):
        return "not known"
    if unit in _DIGITS:
        return f"{value:.{_DIGITS[unit]}f} {unit}"
    text = f"{value:.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.2f}"
    return f"{text} {_UNITS.get(unit, unit)}".rstrip()
