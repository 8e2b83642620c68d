"""What of the truth a run had to report, by the run's own parameters.

Truth states physics: a crossing 0.1 s after the onset of red is a crossing on red. Whether it had
to be reported depends on the grace time, the tolerance and the least distances of the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.truth import TrueViolation
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)


class Duty(StrEnum):
    """Whether a true violation had to be reported. EITHER: it counts neither way."""

    REPORT = "report"
    EITHER = "either"
    NOT_REPORT = "not_report"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of the rules that ran; None for a rule that did not run.

    lanes: ids of the lanes that were watched, None where that is not known. measured: whether the
    road plane was known, without which distances say nothing.
    """

    red_light: RedLightParameters | None = None
    stop_over_line: StopOverLineParameters | None = None
    wrong_way: WrongWayParameters | None = None
    speeding: SpeedingParameters | None = None
    lanes: frozenset[str] | None = None
    measured: bool = True

    @classmethod
    def of(
        cls,
        rules: Mapping[str, object],
        lanes: frozenset[str] | None = None,
        measured: bool = True,
    ) -> "Parameters":
        """From a camera's rules by name; rules of other packages are left out."""
        found = {name: rules.get(name) for name in ViolationKind}
        red_light, stop = found[ViolationKind.RED_LIGHT], found[ViolationKind.STOP_OVER_LINE]
        wrong_way, speeding = found[ViolationKind.WRONG_WAY], found[ViolationKind.SPEEDING]
        return cls(
            red_light if isinstance(red_light, RedLightParameters) else None,
            stop if isinstance(stop, StopOverLineParameters) else None,
            wrong_way if isinstance(wrong_way, WrongWayParameters) else None,
            speeding if isinstance(speeding, SpeedingParameters) else None,
            lanes,
            measured,
        )

    @property
    def kinds(self) -> frozenset[ViolationKind]:
        """The kinds that were judged."""
        return frozenset(kind for kind in ViolationKind if getattr(self, kind.value) is not None)

    def duty(self, true: TrueViolation) -> Duty:
        """Whether a true violation of a kind that was judged had to be reported."""
        unwatched = self.lanes is not None and true.lane_id and true.lane_id not in self.lanes
        if not true.certain or unwatched:
            return Duty.EITHER
        match true.kind:
            case ViolationKind.RED_LIGHT:
                return self._red_light(true)
            case ViolationKind.STOP_OVER_LINE:
                return self._stop_over_line(true)
            case ViolationKind.WRONG_WAY:
                return self._wrong_way(true)
            case ViolationKind.SPEEDING:
                return self._speeding(true)

    def _red_light(self, true: TrueViolation) -> Duty:
        if self.red_light is None or true.time_into_red_s is None:
            return Duty.REPORT
        late = true.time_into_red_s > self.red_light.grace_s
        return Duty.REPORT if late else Duty.NOT_REPORT

    def _stop_over_line(self, true: TrueViolation) -> Duty:
        if self.stop_over_line is None:
            return Duty.REPORT
        brief = _below(true.standing_s, self.stop_over_line.min_standing_s)
        near = self.measured and _below(true.over_line_m, self.stop_over_line.min_distance_m)
        return Duty.NOT_REPORT if brief or near else Duty.REPORT

    def _wrong_way(self, true: TrueViolation) -> Duty:
        if self.wrong_way is None:
            return Duty.REPORT
        short = self.measured and _below(true.driven_m, self.wrong_way.min_distance_m)
        return Duty.NOT_REPORT if short else Duty.REPORT

    def _speeding(self, true: TrueViolation) -> Duty:
        if self.speeding is None or true.speed_kmh is None or true.limit_kmh is None:
            return Duty.REPORT
        over_kmh = true.speed_kmh - true.limit_kmh
        if over_kmh <= 0.0:
            return Duty.NOT_REPORT
        return Duty.REPORT if over_kmh > self.tolerance_kmh(true.road_user) else Duty.EITHER

    def tolerance_kmh(self, road_user: str) -> float:
        """What is added to the limit for a class of road user."""
        if self.speeding is None:
            return 0.0
        try:
            known = RoadUser.from_label(road_user)
        except KeyError:
            return self.speeding.tolerance_kmh
        return self.speeding.tolerance_by_class_kmh.get(known, self.speeding.tolerance_kmh)


def _below(value: float | None, least: float) -> bool:
    """Whether a known value is below the least one."""
    return value is not None and value < least
