"""What of the truth a run had to report, by the run's own parameters.

Truth states physics: a crossing 0.1 s after the onset of red is a crossing on red. Whether it had
to be reported depends on the grace time, the tolerance and the least distances of the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.truth import TrueViolation
from traffic_ai.rules.deduction import deduct
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)


class Duty(StrEnum):
    """Whether a true violation had to be reported. EITHER: it counts neither way, as where what
    truth itself may be off leaves it open.
    """

    REPORT = "report"
    EITHER = "either"
    NOT_REPORT = "not_report"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of the rules that ran, None for a rule that did not run, and the scene they ran
    on, None where it is not known: its lanes, limits, and whether distances could be measured.
    """

    red_light: RedLightParameters | None = None
    stop_over_line: StopOverLineParameters | None = None
    wrong_way: WrongWayParameters | None = None
    speeding: SpeedingParameters | None = None
    scene: Scene | None = None

    @classmethod
    def of(cls, rules: Mapping[str, object], scene: Scene | None = None) -> "Parameters":
        """From a camera's rules by name; rules of other packages are left out."""
        found = {name: rules.get(name) for name in ViolationKind}
        red_light, stop = found[ViolationKind.RED_LIGHT], found[ViolationKind.STOP_OVER_LINE]
        wrong_way, speeding = found[ViolationKind.WRONG_WAY], found[ViolationKind.SPEEDING]
        return cls(
            red_light if isinstance(red_light, RedLightParameters) else None,
            stop if isinstance(stop, StopOverLineParameters) else None,
            wrong_way if isinstance(wrong_way, WrongWayParameters) else None,
            speeding if isinstance(speeding, SpeedingParameters) else None,
            scene,
        )

    @property
    def kinds(self) -> frozenset[ViolationKind]:
        """The kinds that were judged."""
        return frozenset(kind for kind in ViolationKind if getattr(self, kind.value) is not None)

    def duty(self, true: TrueViolation) -> Duty:
        """Whether a true violation of a kind that was judged had to be reported."""
        if not true.certain or not self._watched(true):
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
        off_s, grace_s = true.tolerance_s or 0.0, self.red_light.grace_s
        if true.time_into_red_s - off_s > grace_s:
            return Duty.REPORT
        return Duty.NOT_REPORT if true.time_into_red_s + off_s <= grace_s else Duty.EITHER

    def _stop_over_line(self, true: TrueViolation) -> Duty:
        if self.stop_over_line is None:
            return Duty.REPORT
        least_s = self.stop_over_line.min_standing_s
        off_s = 2.0 * (true.tolerance_s or 0.0)  # both ends of the time may be off
        near = self._measured and _below(true.over_line_m, self.stop_over_line.min_distance_m)
        if near or _below(true.standing_s, least_s - off_s):
            return Duty.NOT_REPORT
        return Duty.EITHER if _below(true.standing_s, least_s + off_s) else Duty.REPORT

    def _wrong_way(self, true: TrueViolation) -> Duty:
        if self.wrong_way is None:
            return Duty.REPORT
        short = self._measured and _below(true.driven_m, self.wrong_way.min_distance_m)
        return Duty.NOT_REPORT if short else Duty.REPORT

    def _speeding(self, true: TrueViolation) -> Duty:
        limit_kmh = self._limit_kmh(true)
        if self.speeding is None or true.speed_kmh is None or limit_kmh is None:
            return Duty.REPORT
        if true.speed_kmh <= limit_kmh:
            return Duty.NOT_REPORT
        excused = true.speed_kmh <= limit_kmh + self.tolerance_kmh(true.road_user)
        deduction = deduct(self.speeding.deduction, true.speed_kmh)
        excused = excused or (deduction is not None and deduction.enforced_kmh <= limit_kmh)
        return Duty.EITHER if excused else Duty.REPORT

    @property
    def _measured(self) -> bool:
        """Whether distances were measured; without a road plane they say nothing."""
        return self.scene is None or self.scene.homography is not None

    def _lane(self, true: TrueViolation) -> Lane | None:
        lanes = self.scene.lanes if self.scene is not None else ()
        return next((lane for lane in lanes if lane.id == true.lane_id), None)

    def _watched(self, true: TrueViolation) -> bool:
        """Whether the run judged that class in that lane, as far as both are known."""
        if self.scene is None or not true.lane_id:
            return True
        lane, road_user = self._lane(true), _road_user(true.road_user)
        if lane is None:
            return False
        if true.kind is ViolationKind.SPEEDING and self._limit_kmh(true) is None:
            return False
        return lane.classes is None or road_user is None or road_user in lane.classes

    def _limit_kmh(self, true: TrueViolation) -> float | None:
        """The limit the run held it against; the truth's own where its lane is not known."""
        lane, road_user = self._lane(true), _road_user(true.road_user)
        if lane is None:
            return true.limit_kmh
        return lane.speed_limit_kmh if road_user is None else lane.limit_kmh(road_user)

    def tolerance_kmh(self, road_user: str) -> float:
        """What is added to the limit for a class of road user."""
        if self.speeding is None:
            return 0.0
        known = _road_user(road_user)
        if known is None:
            return self.speeding.tolerance_kmh
        return self.speeding.tolerance_of_kmh(known)


def _road_user(label: str) -> RoadUser | None:
    try:
        return RoadUser.from_label(label)
    except KeyError:
        return None


def _below(value: float | None, least: float) -> bool:
    """Whether a known value is below the least one."""
    return value is not None and value < least
