"""Judges the findings of one run by the truth. Pure: no file, no clock, no picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from traffic_ai.core.violation import (
    Finding,
    NearMiss,
    RedLightMeasurement,
    SpeedMeasurement,
    Violation,
    ViolationKind,
)
from traffic_ai.evaluate.alarms import alarm_of
from traffic_ai.evaluate.boxes import BoxPath, candidates
from traffic_ai.evaluate.judging import Duty, Parameters
from traffic_ai.evaluate.matching import TOLERANCE_S, Claim, claim_of, may_be, pairs
from traffic_ai.evaluate.readings import speed_readings
from traffic_ai.evaluate.report import (
    Exposure,
    FalseAlarm,
    FalseReason,
    Hit,
    Miss,
    NeitherWay,
    Place,
    RedTimes,
    Report,
    SpeedReading,
    Withheld,
    WithheldRecord,
)
from traffic_ai.evaluate.truth import TrueViolation, Truth

# What truth that is exact is rounded to.
ROUNDING_S = 0.0005
# A near miss is timed at what the rule looked at last; its vehicle is sought this far around it.
_AROUND_S = 3.0
# A violator is hidden who cannot be seen from so long before its violation until so long after it.
_SEEN_AROUND_S = 0.5


def evaluate(
    records: Sequence[Violation],
    near_misses: Sequence[NearMiss],
    truth: Truth,
    parameters: Parameters,
    tracks: Mapping[int, BoxPath] | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> Report:
    """The outcomes of one run.

    Kinds that the truth does not look for, or whose rule did not run, are left out. tracks: the
    run's tracks by id, which tell the vehicle of a near miss; without them its lane and time do.
    """
    return _Comparison(records, near_misses, truth, parameters, tracks or {}, tolerance_s).report()


@dataclass(frozen=True, slots=True)
class _NearClaim:
    miss: NearMiss
    claim: Claim


class _Comparison:
    """One run beside its truth."""

    def __init__(
        self,
        records: Sequence[Violation],
        near_misses: Sequence[NearMiss],
        truth: Truth,
        parameters: Parameters,
        tracks: Mapping[int, BoxPath],
        tolerance_s: float,
    ) -> None:
        self._kinds = truth.kinds & parameters.kinds
        self._truth = truth
        self._parameters = parameters
        self._tracks = tracks
        self._tolerance_s = tolerance_s
        self._records = [record for record in records if record.kind in self._kinds]
        self._claims = [claim_of(record, truth) for record in self._records]
        self._true = [true for true in truth.violations if true.kind in self._kinds]
        self._duties = [parameters.duty(true) for true in self._true]
        self._near = [
            _NearClaim(miss, self._claim_of_near_miss(miss))
            for miss in near_misses
            if miss.kind in self._kinds
        ]

    def report(self) -> Report:
        """Every outcome."""
        chosen, possible = pairs(self._claims, self._true, self._duties, self._tolerance_s)
        hits: list[Hit] = []
        false: list[FalseAlarm] = []
        true_elsewhere: list[NeitherWay] = []
        for row in range(len(self._records)):
            column = chosen.get(row)
            if column is None:
                twice = bool(possible[row].any())
                reason = FalseReason.DUPLICATE if twice else FalseReason.NO_VIOLATION
                if not twice and self._was_too_fast(row):
                    claim = self._claims[row]
                    place = self._place(claim, claim.lane_id, claim.road_user)
                    true_elsewhere.append(NeitherWay(place, reported=True))
                elif not (twice and self._only_either(possible[row])):
                    false.append(self._false(row, reason))
            elif self._duties[column] is Duty.REPORT:
                hits.append(self._hit(row, self._true[column]))
            elif self._duties[column] is Duty.NOT_REPORT:
                false.append(self._false(row, FalseReason.BELOW_THRESHOLD))
        found = set(chosen.values())
        misses, neither = self._unfound(found)
        exposure = Exposure(
            self._truth.name,
            self._truth.duration_s,
            len(self._truth.vehicles),
            self._truth.vehicle_s,
        )
        return Report(
            kinds=self._kinds,
            hits=tuple(hits),
            false_alarms=tuple(false),
            misses=tuple(misses),
            neither_way=(*neither, *true_elsewhere),
            withheld=tuple(self._withheld(near, found) for near in self._near),
            speeds=tuple(self._speeds(chosen)),
            exposures=(exposure,),
        )

    def _only_either(self, possible: Sequence[bool]) -> bool:
        """Whether a second record stands for nothing but what counts neither way."""
        return all(
            duty is Duty.EITHER for duty, may in zip(self._duties, possible, strict=True) if may
        )

    def _was_too_fast(self, row: int) -> bool:
        """Whether a vehicle that was reported as speeding truly was, in the time it was measured.

        Truth calls speeding what was too fast in the mean over all of the watched stretch.
        """
        measured, vehicle = self._records[row].measurement, self._claims[row].vehicle
        if not isinstance(measured, SpeedMeasurement) or vehicle is None:
            return False
        true_kmh = self._truth.mean_speed_kmh(
            self._truth.vehicle(vehicle), measured.start_s, measured.end_s
        )
        return true_kmh is not None and true_kmh > measured.limit_kmh

    # -- records ------------------------------------------------------------------------------

    def _hit(self, row: int, true: TrueViolation) -> Hit:
        record, claim = self._records[row], self._claims[row]
        rule = self._parameters.wrong_way
        alarm = None if rule is None else alarm_of(record, true, self._truth, rule)
        return Hit(
            place=self._true_place(true),
            record_id=record.id,
            found_s=(claim.start_s, claim.end_s),
            time_error_s=_time_error_s(record, claim, true),
            wrong_lane=bool(true.lane_id) and record.lane_id != true.lane_id,
            red=_red_times(record, true),
            alarm=alarm,
        )

    def _false(self, row: int, why: FalseReason) -> FalseAlarm:
        record, claim = self._records[row], self._claims[row]
        lane_id, road_user, deed = record.lane_id, record.road_user.label, ""
        if claim.vehicle is not None:
            vehicle = self._truth.vehicle(claim.vehicle)
            road_user, deed = vehicle.road_user, vehicle.deed
        place = self._place(claim, lane_id, road_user)
        return FalseAlarm(place, record.id, why, deed)

    def _speeds(self, chosen: Mapping[int, int]) -> list[SpeedReading]:
        matched = {
            self._records[row].id: speed_kmh
            for row, column in chosen.items()
            if (speed_kmh := self._true[column].speed_kmh) is not None
        }
        findings: list[Finding] = [*self._records, *(near.miss for near in self._near)]
        return speed_readings(findings, self._truth, self._tracks, matched)

    # -- truth --------------------------------------------------------------------------------

    def _unfound(self, found: set[int]) -> tuple[list[Miss], list[NeitherWay]]:
        misses, neither = [], []
        for column, (true, duty) in enumerate(zip(self._true, self._duties, strict=True)):
            place = self._true_place(true)
            if duty is Duty.EITHER:
                neither.append(NeitherWay(place, column in found))
            elif duty is Duty.REPORT and column not in found:
                misses.append(
                    Miss(
                        place,
                        _detail(true),
                        self._reason(true),
                        self._deed(true),
                        self._is_hidden(true),
                    )
                )
        return misses, neither

    def _true_place(self, true: TrueViolation) -> Place:
        return Place(
            self._truth.name,
            true.kind,
            true.t_s,
            true.until_s,
            true.lane_id,
            true.road_user,
            true.vehicle,
        )

    def _place(self, claim: Claim, lane_id: str, road_user: str) -> Place:
        name, when = self._truth.name, (claim.start_s, claim.end_s)
        return Place(name, claim.kind, *when, lane_id, road_user, claim.vehicle)

    def _deed(self, true: TrueViolation) -> str:
        if true.vehicle is None or not self._truth.vehicles:
            return ""
        return self._truth.vehicle(true.vehicle).deed

    def _is_hidden(self, true: TrueViolation) -> bool:
        if true.vehicle is None or not self._truth.vehicles:
            return False
        around_s = (true.t_s - _SEEN_AROUND_S, true.until_s + _SEEN_AROUND_S)
        return self._truth.is_hidden(self._truth.vehicle(true.vehicle), *around_s)

    # -- near misses --------------------------------------------------------------------------

    def _claim_of_near_miss(self, miss: NearMiss) -> Claim:
        start_s = end_s = miss.t_s
        if isinstance(miss.measurement, SpeedMeasurement):
            start_s, end_s = miss.measurement.start_s, miss.measurement.end_s
        whole = self._tracks.get(miss.track_id)
        path, vehicles = BoxPath.of_points(()), None
        if whole is not None:
            path = whole.within(start_s - _AROUND_S, end_s + _AROUND_S)
            if self._truth.vehicles and len(path.t_s):
                vehicles = candidates(path, self._truth)
        return Claim(miss.kind, start_s, end_s, miss.lane_id, miss.road_user.label, path, vehicles)

    def _reason(self, true: TrueViolation) -> str:
        """The reason of the near miss that was logged of a true violation."""
        tolerance_s = max(self._tolerance_s, _AROUND_S)
        possible = [near for near in self._near if may_be(near.claim, true, tolerance_s)]
        nearest = min(possible, key=lambda near: near.claim.gap_s(true), default=None)
        return nearest.miss.reason if nearest is not None else ""

    def _was(self, column: int, found: set[int]) -> Withheld:
        """What the near miss of a true violation was."""
        if self._duties[column] is Duty.EITHER:
            return Withheld.NEITHER_WAY
        if self._duties[column] is Duty.NOT_REPORT:
            return Withheld.BELOW_THRESHOLD
        return Withheld.REPORTED if column in found else Withheld.VIOLATION

    def _withheld(self, near: _NearClaim, found: set[int]) -> WithheldRecord:
        tolerance_s = max(self._tolerance_s, _AROUND_S)
        truths = [
            self._was(column, found)
            for column, true in enumerate(self._true)
            if may_be(near.claim, true, tolerance_s)
        ]
        of = min(truths, key=list(Withheld).index, default=Withheld.NOTHING)
        miss = near.miss
        road_user = miss.road_user.label
        if near.claim.vehicle is not None:
            road_user = self._truth.vehicle(near.claim.vehicle).road_user
        place = self._place(near.claim, miss.lane_id, road_user)
        return WithheldRecord(place, miss.reason, of)


def _red_times(record: Violation, true: TrueViolation) -> RedTimes | None:
    measured = record.measurement
    if not isinstance(measured, RedLightMeasurement) or true.time_into_red_s is None:
        return None
    return RedTimes(
        measured.time_into_red_s,
        measured.time_into_red_latest_s,
        true.time_into_red_s,
        true.tolerance_s or ROUNDING_S,
    )


def _time_error_s(record: Violation, claim: Claim, true: TrueViolation) -> float:
    """Record less truth; a speed is right in time anywhere within the true stretch."""
    if true.kind is ViolationKind.SPEEDING:
        return claim.gap_s(true) if claim.start_s > true.t_s else -claim.gap_s(true)
    return record.t_s - true.t_s


def _detail(true: TrueViolation) -> str:
    """How grave a violation was."""
    figures = (
        (true.time_into_red_s, "{:.2f} s into red"),
        (true.over_line_m, "{:.2f} m over the line"),
        (true.driven_m, "{:.1f} m against the direction"),
        (true.speed_kmh, "{:.1f} km/h"),
        (true.limit_kmh, "limit {:.0f} km/h"),
    )
    return ", ".join(text.format(value) for value, text in figures if value is not None)
