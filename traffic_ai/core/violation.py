"""What the rules find: violations with their measurement and explanation, and near misses."""

import dataclasses
import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any

from traffic_ai.core.frame import CapturedAt, FrameInfo
from traffic_ai.core.kinds import ViolationKind as ViolationKind
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import TrackPoint


class VehicleEnd(StrEnum):
    """Which end of the vehicle stands at the bottom of its box."""

    FRONT = "front"
    REAR = "rear"
    SIDE = "side"


@dataclass(frozen=True, slots=True)
class RedLightMeasurement:
    """When the vehicle's front crossed the stop line, and how long the signal had been red.

    The observed end crosses at `observed_crossing_s` +- `observed_crossing_bound_s`; the front
    crosses within [front_earliest_s, front_latest_s]. Red came within [red_since_s -
    red_since_bound_s, red_since_s]. `time_into_red_s` is the chargeable one: the earliest
    crossing less the latest onset.
    """

    observed_end: VehicleEnd
    observed_crossing_s: float
    observed_crossing_bound_s: float
    front_earliest_s: float
    front_latest_s: float
    red_since_s: float
    red_since_bound_s: float
    time_into_red_s: float
    time_into_red_latest_s: float
    grace_s: float
    yellow_duration_s: float | None


@dataclass(frozen=True, slots=True)
class StopOverLineMeasurement:
    """How far over the line the vehicle's front stands at the least, and for how long.

    `distance_over_m` is None where the road plane is not known; `distance_over_px` is in the
    image, square to the line.
    """

    distance_over_px: float
    distance_over_m: float | None
    distance_standard_uncertainty_m: float | None
    standing_s: float
    red_since_s: float


@dataclass(frozen=True, slots=True)
class WrongWayMeasurement:
    """Net way against the lane's direction.

    `distance_m` is None without a road plane; `lane_share` is the way as a share of the lane's
    length, on the road plane or in the picture. `onset_s`: when the way against the direction
    began.
    """

    onset_s: float
    confirmed_s: float
    distance_m: float | None
    distance_standard_uncertainty_m: float | None
    lane_share: float
    duration_s: float


class SpeedMethod(StrEnum):
    """How a speed was measured."""

    PLANE_FIT = "plane_fit"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class SpeedMeasurement:
    """A speed with its uncertainty, and the limit it is held against.

    `expanded_uncertainty_kmh` = coverage_factor * standard_uncertainty_kmh. `components_kmh`: the
    parts the standard uncertainty is made of (their root sum of squares). The vehicle is reported
    when speed_kmh - expanded_uncertainty_kmh > limit_kmh + tolerance_kmh.

    gate_speed_kmh: by the second method, None where there is none. deduction: the scheme by which
    deducted_kmh is taken off the whole km/h measured, which leaves enforced_kmh; None without one.
    """

    speed_kmh: float
    standard_uncertainty_kmh: float
    expanded_uncertainty_kmh: float
    coverage_factor: float
    components_kmh: tuple[tuple[str, float], ...]
    method: SpeedMethod
    start_s: float
    end_s: float
    baseline_m: float
    point_count: int
    limit_kmh: float
    tolerance_kmh: float
    gate_speed_kmh: float | None = None
    deduction: str = "none"
    deducted_kmh: float | None = None
    enforced_kmh: float | None = None


Measurement = RedLightMeasurement | StopOverLineMeasurement | WrongWayMeasurement | SpeedMeasurement


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing a rule asked, what was measured, and what it had to be.

    `margin` is measured minus threshold with the sign that makes positive "met"; None where the
    condition is not a number.
    """

    name: str
    measured: float | str
    threshold: float | str
    unit: str
    met: bool
    margin: float | None = None


def at_least(name: str, measured: float, threshold: float, unit: str) -> Condition:
    """A condition that a value reaches a threshold."""
    return Condition(name, measured, threshold, unit, measured >= threshold, measured - threshold)


def more_than(name: str, measured: float, threshold: float, unit: str) -> Condition:
    """A condition that a value exceeds a threshold: at the very edge the driver is right."""
    return Condition(name, measured, threshold, unit, measured > threshold, measured - threshold)


def at_most(name: str, measured: float, threshold: float, unit: str) -> Condition:
    """A condition that a value does not exceed a threshold."""
    return Condition(name, measured, threshold, unit, measured <= threshold, threshold - measured)


def is_so(name: str, measured: str, wanted: str, met: bool) -> Condition:
    """A condition that is not a number."""
    return Condition(name, measured, wanted, "", met)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a decision rests on. `source_hash`: SHA-256 of a file, or a live session's identity."""

    source_hash: str
    config_hash: str
    model_hash: str
    software_version: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A reported violation; everything in it is derived from what was seen, so a rerun gives
    the same one, id included.

    `t_s` and `occurred_at` are the moment of the violation (crossing, onset, middle of the
    measured stretch). `stills_s`: moments of the pictures before, at and after it.
    `trajectory`: the vehicle's points around it, at most a few hundred.
    """

    id: str
    kind: ViolationKind
    camera_id: str
    lane_id: str
    track_id: int
    road_user: RoadUser
    t_s: float
    occurred_at: CapturedAt | None
    measurement: Measurement
    explanation: tuple[Condition, ...]
    rule_version: str
    provenance: Provenance
    stills_s: tuple[float, float, float]
    trajectory: tuple[TrackPoint, ...]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something that looked like a violation and was not reported, with the reason.

    `reason` is a short stable word such as "grace_period"; the failed conditions say the rest.
    `measurement`: what was measured all the same, None where nothing was.
    """

    kind: ViolationKind
    camera_id: str
    lane_id: str
    track_id: int
    road_user: RoadUser
    t_s: float
    occurred_at: CapturedAt | None
    reason: str
    explanation: tuple[Condition, ...]
    rule_version: str
    measurement: Measurement | None = None


Finding = Violation | NearMiss


def violation_id(
    provenance: Provenance,
    rule_version: str,
    kind: ViolationKind,
    lane_id: str,
    t_s: float,
    place_px: tuple[float, float],
) -> str:
    """Deterministic id, 32 hex digits: a hash of what was seen, never of a track number.

    Time enters to a tenth of a second and place to 16 pixels.
    """
    text = "|".join(
        (
            provenance.source_hash,
            provenance.config_hash,
            rule_version,
            kind.value,
            lane_id,
            f"{t_s:.1f}",
            f"{place_px[0] / 16.0:.0f},{place_px[1] / 16.0:.0f}",
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def captured_at(info: FrameInfo, t_s: float) -> CapturedAt | None:
    """Wall-clock time of the moment t_s, from a frame of the same session."""
    known = info.captured_at
    if known is None:
        return None
    moment = known.utc + timedelta(seconds=t_s - info.t_s)
    return CapturedAt(moment, known.source, known.bound_s)


def document(value: object) -> Any:
    """The value as JSON types: dataclasses become objects, enums their values, times ISO 8601.

    Road users become their names; numbers that are not finite become null.
    """
    if isinstance(value, RoadUser):
        return value.label
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: document(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(document(k)): document(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [document(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")
