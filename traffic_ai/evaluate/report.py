"""What the comparison of a run with the truth gives: one row an outcome.

Reports of many runs add up. Figures are made of them by `summary.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from traffic_ai.core.violation import ViolationKind


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when something was, or was reported. `world`: the truth's name.

    t_s..until_s: how long it lasted. vehicle: the true vehicle, None where none is known. road_user
    and lane_id: of the truth where it knows them, else of the record.
    """

    world: str
    kind: ViolationKind
    t_s: float
    until_s: float
    lane_id: str
    road_user: str
    vehicle: int | None


@dataclass(frozen=True, slots=True)
class RedTimes:
    """Time into red: the chargeable one, the longest that is possible, and the true one, which is
    known to true_bound_s.
    """

    chargeable_s: float
    latest_s: float
    true_s: float
    true_bound_s: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """When a wrong-way driver was reported, counted from the moment he had driven the least
    distance: seconds, and metres he drove on; None where the truth does not know his way.
    """

    after_s: float
    after_m: float | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A true violation that was reported. found_s: its bounds in time by the record.

    time_error_s: the record's moment less the true one (of a crossing, an onset, a stop); for a
    speed 0 where the measured stretch meets the true one, else the time between them.
    """

    place: Place
    record_id: str
    found_s: tuple[float, float]
    time_error_s: float
    wrong_lane: bool
    red: RedTimes | None = None
    alarm: Alarm | None = None


class FalseReason(StrEnum):
    """Why a record is false."""

    NO_VIOLATION = "no_violation"
    BELOW_THRESHOLD = "below_threshold"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A record without a true violation. `deed`: what its vehicle was told to do, if known."""

    place: Place
    record_id: str
    why: FalseReason
    deed: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A true violation that was not reported. `near_miss`: the reason of the near miss that was
    logged of it, "" for none. `detail`: the figure that says how grave it was. `hidden`: hardly
    anything of the vehicle could be seen all the while (`truth.HIDDEN_SHARE`).
    """

    place: Place
    detail: str
    near_miss: str
    deed: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class NeitherWay:
    """A true violation that counts neither way, and whether it was reported."""

    place: Place
    reported: bool


class Withheld(StrEnum):
    """What a near miss was in truth, the gravest first.

    VIOLATION: one that had to be reported and was not. REPORTED: one that was reported all the
    same. BELOW_THRESHOLD: one that the run's parameters excuse.
    """

    VIOLATION = "violation"
    REPORTED = "reported"
    NEITHER_WAY = "neither_way"
    BELOW_THRESHOLD = "below_threshold"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class WithheldRecord:
    """A near miss, its reason, and what it was in truth."""

    place: Place
    reason: str
    of: Withheld


@dataclass(frozen=True, slots=True)
class SpeedReading:
    """A measured speed beside the true mean speed of that vehicle over the same time.

    true_kmh is None where the reading lies on no vehicle whose speed is known. distance_m: of the
    vehicle from the camera in the middle of the stretch. expanded_uncertainty_kmh: the standard one
    by the coverage factor of the site. `reported`: it made a record.
    """

    place: Place
    record_id: str
    measured_kmh: float
    standard_uncertainty_kmh: float
    expanded_uncertainty_kmh: float
    true_kmh: float | None
    distance_m: float | None
    baseline_m: float
    reported: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """How much was looked at. vehicle_s is 0 where the truth knows no vehicles."""

    world: str
    duration_s: float
    vehicles: int
    vehicle_s: float


@dataclass(frozen=True, slots=True)
class TrackScores:
    """Scores of the tracks of one world, shares of 1; counts as they are."""

    world: str
    hota: float
    assa: float
    deta: float
    idf1: float
    mota: float
    id_switches: int
    boxes: int


@dataclass(frozen=True, slots=True)
class Report:
    """Every outcome of one run or of many. `kinds`: those that were judged."""

    kinds: frozenset[ViolationKind]
    hits: tuple[Hit, ...] = ()
    false_alarms: tuple[FalseAlarm, ...] = ()
    misses: tuple[Miss, ...] = ()
    neither_way: tuple[NeitherWay, ...] = ()
    withheld: tuple[WithheldRecord, ...] = ()
    speeds: tuple[SpeedReading, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    tracks: tuple[TrackScores, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def merge(cls, reports: Iterable["Report"]) -> "Report":
        """All outcomes together; a note said twice is kept once."""
        given = list(reports)
        rows = {
            field.name: tuple(row for report in given for row in getattr(report, field.name))
            for field in fields(cls)
            if field.name not in ("kinds", "notes")
        }
        notes = dict.fromkeys(note for report in given for note in report.notes)
        kinds = frozenset(kind for report in given for kind in report.kinds)
        return cls(kinds=kinds, notes=tuple(notes), **rows)
