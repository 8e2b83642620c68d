"""Every speed that was measured, reported or not, beside the true speed."""

from collections.abc import Mapping, Sequence

from traffic_ai.core.violation import Finding, SpeedMeasurement, Violation, ViolationKind
from traffic_ai.evaluate.boxes import BoxPath, candidates
from traffic_ai.evaluate.report import Place, SpeedReading
from traffic_ai.evaluate.truth import Truth


def speed_readings(
    findings: Sequence[Finding],
    truth: Truth,
    tracks: Mapping[int, BoxPath],
    matched_kmh: Mapping[str, float],
) -> list[SpeedReading]:
    """The measured speeds of the findings.

    Where the truth knows the vehicle's places, the true speed is the mean over the very time that
    was measured; else it is that of the true violation the record was matched to (matched_kmh, by
    id).
    """
    return [
        _reading(finding, finding.measurement, truth, tracks, matched_kmh)
        for finding in findings
        if isinstance(finding.measurement, SpeedMeasurement)
    ]


def _reading(
    finding: Finding,
    measured: SpeedMeasurement,
    truth: Truth,
    tracks: Mapping[int, BoxPath],
    matched_kmh: Mapping[str, float],
) -> SpeedReading:
    record_id = finding.id if isinstance(finding, Violation) else ""
    path = tracks.get(finding.track_id)
    if isinstance(finding, Violation):
        path = BoxPath.of_points(finding.trajectory)
    of = None
    if path is not None and truth.vehicles:
        of = next(iter(candidates(path.within(measured.start_s, measured.end_s), truth)), None)
    middle_s = (measured.start_s + measured.end_s) / 2.0
    true_kmh, distance_m = matched_kmh.get(record_id), None
    lane_id, road_user = finding.lane_id, finding.road_user.label
    if of is not None:
        vehicle = truth.vehicle(of)
        mean_kmh = truth.mean_speed_kmh(vehicle, measured.start_s, measured.end_s)
        true_kmh = true_kmh if mean_kmh is None else mean_kmh
        distance_m = truth.distance_m(vehicle, middle_s)
        lane_id, road_user = vehicle.lane_id or lane_id, vehicle.road_user
    return SpeedReading(
        place=Place(
            truth.name,
            ViolationKind.SPEEDING,
            measured.start_s,
            measured.end_s,
            lane_id,
            road_user,
            of,
        ),
        record_id=record_id,
        measured_kmh=measured.speed_kmh,
        standard_uncertainty_kmh=measured.standard_uncertainty_kmh,
        expanded_uncertainty_kmh=measured.expanded_uncertainty_kmh,
        true_kmh=true_kmh,
        distance_m=distance_m,
        baseline_m=measured.baseline_m,
        reported=isinstance(finding, Violation),
    )
