"""A record explained: every condition in words, and what it rests on.

`explain_page` draws the same.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

from traffic_ai.audit.replay_package import Package
from traffic_ai.audit.verify_package import read_seal
from traffic_ai.config.site import CameraSite
from traffic_ai.core.decision import Decision
from traffic_ai.core.decision_text import read_decision
from traffic_ai.core.errors import ConfigError, EvidenceError, StoreError
from traffic_ai.core.recorded import finding_of
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.violation import (
    Measurement,
    NearMiss,
    RedLightMeasurement,
    SpeedMeasurement,
    StopOverLineMeasurement,
    Violation,
    WrongWayMeasurement,
)
from traffic_ai.evidence.condition_words import condition_words
from traffic_ai.evidence.keys import short_name
from traffic_ai.evidence.words import one_line, when


@dataclass(frozen=True, slots=True)
class Explained:
    """A package with what it says: the violation, the decision and the scene it was made in.

    decision and scene are None where the package does not hold them; `lacking` says why. time_zone:
    of the camera, UTC where it is not known.
    """

    package: Package
    violation: Violation
    decision: Decision | None
    scene: Scene | None
    lacking: str
    time_zone: tzinfo = UTC

    @property
    def signal(self) -> SignalHistory | None:
        """What the signal group of the violation's lane showed, as it was known at the decision."""
        if self.decision is None or self.scene is None:
            return None
        groups = [
            line.signal_group_id
            for line in self.scene.stop_lines
            if self.violation.lane_id in line.lane_ids
        ]
        known = self.decision.signals[-1]
        return next((known[g] for g in groups if g is not None and g in known), None)


def explain_package(folder: Path) -> Explained:
    """Read a package. Raises EvidenceError where it speaks of no violation."""
    package = Package.read(folder)
    try:
        violation = finding_of(json.dumps(package.violation), Violation)
    except StoreError as error:
        raise EvidenceError(f"{folder}: {error}") from error
    try:
        decision = read_decision(package.decision_text())
        info = decision.frames[0]
        site = CameraSite.of_text(package.site_text())
        scene = site.scene(info.width_px, info.height_px)
    except (EvidenceError, ConfigError) as error:
        return Explained(package, violation, None, None, str(error))
    return Explained(package, violation, decision, scene, "", site.time_zone)


def words(explained: Explained) -> list[str]:
    """The explanation, line by line."""
    return [
        one_line(explained.violation),
        "",
        "reported because all of this was so:",
        *_conditions(explained.violation),
        "",
        *(f"{name + ':':15}{value}" for name, value in facts(explained)),
    ]


def facts(explained: Explained) -> Iterator[tuple[str, str]]:
    """What the conditions do not tell: the figures behind them, and what the record rests on."""
    violation, manifest = explained.violation, explained.package.manifest
    yield from _measured(violation.measurement)
    yield from _seen(explained)
    calibration = manifest.get("calibration")
    if isinstance(calibration, dict) and isinstance(calibration.get("rms_error_m"), float):
        yield "calibration", f"residual {calibration['rms_error_m']:.3f} m (RMS)"
    clock = violation.occurred_at
    if clock is not None:
        source = clock.source.value.replace("_", " ")
        local = clock.utc.astimezone(explained.time_zone).isoformat(" ", "milliseconds")
        yield "wall clock", f"{local[:-6]} {local[-6:]}; {source}, good to {clock.bound_s:g} s"
    yield "camera", f"{violation.camera_id}, {manifest.get('place') or 'without a name'}"
    basis = violation.provenance
    yield "made by", f"rule {violation.rule_version}, software {basis.software_version}"
    yield "detector", f"model of SHA-256 {basis.model_hash}"
    yield "site", f"SHA-256 {basis.config_hash}"
    yield "seen in", f"source of SHA-256 {basis.source_hash}"
    said = manifest.get("decision")
    if isinstance(said, dict):
        same = said.get("reproduces") is True
        yield "made again", f"as it was written; {'the same' if same else 'NOT the same'} came out"
    yield "sealed", _sealed(explained.package.folder)
    yield "record", violation.id


def _sealed(package: Path) -> str:
    """What the package's seal says of itself; whether it holds is for `traffic-ai verify`."""
    try:
        entry = read_seal(package)
    except (OSError, ValueError):
        return "no"
    by = f"signed with {short_name(entry.public_key)}" if entry.public_key else "not signed"
    return f"entry {entry.sequence} of the chain of {entry.camera_id}, {entry.sealed_at}, {by}"


def near_miss_words(miss: NearMiss) -> list[str]:
    """Why a near miss was not reported, line by line."""
    return [
        near_miss_line(miss),
        f"not reported: {miss.reason.replace('_', ' ')}",
        "",
        "what was asked:",
        *_conditions(miss),
    ]


def near_miss_line(miss: NearMiss) -> str:
    """What a near miss was of, where and when."""
    kind = miss.kind.value.replace("_", " ")
    return f"no {kind}: {miss.road_user.label} in lane {miss.lane_id} at {when(miss)}"


def _conditions(finding: Violation | NearMiss) -> Iterator[str]:
    for condition in finding.explanation:
        told = condition_words(condition)
        yield f"  {'yes' if told.met else 'NO ':3}  {told.line}"


def _measured(measurement: Measurement) -> Iterator[tuple[str, str]]:
    match measurement:
        case SpeedMeasurement() as m:
            yield from _speed(m)
        case RedLightMeasurement() as m:
            yield (
                "crossing",
                f"{m.observed_end.value} at {m.observed_crossing_s:.2f} s "
                f"+- {m.observed_crossing_bound_s:.2f} s, "
                f"front between {m.front_earliest_s:.2f} and {m.front_latest_s:.2f} s",
            )
            yield "red", f"since {m.red_since_s:.2f} s, {_sooner(m.red_since_bound_s)}"
            if m.yellow_duration_s is not None:
                yield "yellow", f"{m.yellow_duration_s:.2f} s before that"
        case StopOverLineMeasurement() as m:
            yield "red", f"since {m.red_since_s:.2f} s; stood for {m.standing_s:.2f} s of it"
        case WrongWayMeasurement() as m:
            yield "way", f"{m.onset_s:.2f}..{m.confirmed_s:.2f} s, {m.lane_share:.0%} of the lane"


def _speed(m: SpeedMeasurement) -> Iterator[tuple[str, str]]:
    stretch = f"{m.baseline_m:.1f} m, {m.start_s:.2f}..{m.end_s:.2f} s"
    yield "speed", f"{m.speed_kmh:.1f} km/h over {stretch}, from {m.point_count} sightings"
    parts = ", ".join(f"{name.replace('_', ' ')} {u:.2f}" for name, u in m.components_kmh)
    standard = f"{m.coverage_factor:g} x {m.standard_uncertainty_kmh:.2f}"
    yield "uncertainty", f"{m.expanded_uncertainty_kmh:.2f} km/h = {standard} ({parts})"
    if m.gate_speed_kmh is not None:
        yield "second method", f"{m.gate_speed_kmh:.1f} km/h between two gates"
    if m.enforced_kmh is not None and m.deducted_kmh is not None:
        off = f"{m.deducted_kmh:.0f} km/h deducted ({m.deduction})"
        yield "enforced", f"{m.enforced_kmh:.0f} km/h, {off}"


def _sooner(bound_s: float) -> str:
    if not math.isfinite(bound_s):
        return "how much sooner is not known"
    return f"at most {bound_s:.2f} s sooner"


def _seen(explained: Explained) -> Iterator[tuple[str, str]]:
    """What the decision was made from."""
    decision, signal = explained.decision, explained.signal
    if decision is None:
        yield "decision", f"not kept: {explained.lacking}"
        return
    points = decision.vehicle.points
    span = f"{points.t_s[0]:.2f}..{points.t_s[-1]:.2f} s"
    sightings = f"{int(points.observed.sum())} in {len(decision.frames)} frames, {span}"
    gone = "" if decision.whole else "; it was in sight for longer than is kept"
    yield "sightings", sightings + gone
    if signal is not None and signal.states:
        states = ", ".join(
            f"{state.aspect.value.replace('_', ' ')} from {state.since_s:.2f} s"
            for state in signal.states[-4:]
        )
        yield f"signal {signal.group_id}", f"{states} (by {signal.states[-1].source.value})"
