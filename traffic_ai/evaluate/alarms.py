"""How soon a wrong-way driver was told, from the moment at which he could be."""

from traffic_ai.core.violation import Violation, WrongWayMeasurement
from traffic_ai.evaluate.report import Alarm
from traffic_ai.evaluate.truth import TrueViolation, Truth
from traffic_ai.rules.parameters import WrongWayParameters


def alarm_of(
    record: Violation, true: TrueViolation, truth: Truth, parameters: WrongWayParameters
) -> Alarm | None:
    """The alarm of a record, from when its driver had gone the least distance for the least time.

    None where the truth does not know the way he drove until then.
    """
    if not isinstance(record.measurement, WrongWayMeasurement):
        return None
    if true.vehicle is None or not truth.vehicles:
        return None
    vehicle, confirmed_s = truth.vehicle(true.vehicle), record.measurement.confirmed_s
    least_m = truth.driven_m(vehicle, true.t_s) + parameters.min_distance_m
    far_s = truth.stamps_of(vehicle)[vehicle.driven_m >= least_m]
    driven_s = float(far_s[0]) if len(far_s) else true.until_s
    if truth.way_m(vehicle, true.t_s, driven_s) is None:
        return None
    confirmable_s = max(driven_s, true.t_s + parameters.min_duration_s)
    return Alarm(confirmed_s - confirmable_s, truth.way_m(vehicle, confirmable_s, confirmed_s))
