"""Truth documents and findings of a road seen from above, 10 px a metre, 10 frames a second.

Vehicles drive along Y (up in the picture is far, drawn as growing v), lanes are 4 m apart in X.
"""

import dataclasses

import numpy as np

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import TrackPoint
from traffic_ai.core.violation import (
    NearMiss,
    Provenance,
    RedLightMeasurement,
    SpeedMeasurement,
    SpeedMethod,
    StopOverLineMeasurement,
    VehicleEnd,
    Violation,
    ViolationKind,
    WrongWayMeasurement,
)
from traffic_ai.evaluate.boxes import BoxPath
from traffic_ai.evaluate.judging import Parameters
from traffic_ai.evaluate.truth_document import truth_of
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)

FRAME_S = 0.1
PROVENANCE = Provenance("5" * 64, "c" * 64, "d" * 64, "0.1.0")
PARAMETERS = Parameters(
    RedLightParameters(),
    StopOverLineParameters(),
    WrongWayParameters(),
    SpeedingParameters(tolerance_kmh=3.0),
)


def box_px(x_m, y_m):
    """A car's box with its middle at a place."""
    return [10.0 * (x_m - 0.9), 10.0 * (y_m - 2.2), 10.0 * (x_m + 0.9), 10.0 * (y_m + 2.2)]


def vehicle(number, x_m=2.0, speed_mps=15.0, start_s=0.0, lasts_s=6.0, **changes):
    """A vehicle of a truth document that drives on from y = 0 at an even speed."""
    first, count = round(start_s / FRAME_S), round(lasts_s / FRAME_S)
    y_m = [speed_mps * i * FRAME_S for i in range(count)]
    return {
        "id": number,
        "class": "car",
        "model": "saloon",
        "lane": f"lane-{x_m:.0f}",
        "deed": "",
        "first_frame": first,
        "ground_m": [[x_m, y] for y in y_m],
        "heading_deg": [0.0] * count,
        "speed_mps": [speed_mps] * count,
        "box_px": [box_px(x_m, y) for y in y_m],
        "visible": [1.0] * count,
    } | changes


def red_light(number, t_s, into_s=1.0, **changes):
    """A crossing of a truth document."""
    return {
        "kind": "red_light",
        "vehicle": number,
        "class": "car",
        "lane": "lane-2",
        "t_s": t_s,
        "signal_group": "main",
        "red_onset_s": t_s - into_s,
        "front_crosses_s": t_s,
        "time_into_red_s": into_s,
    } | changes


def speeding(number, t_s, speed_kmh, limit_kmh=50.0, lasts_s=2.0, **changes):
    """A speed of a truth document."""
    return {
        "kind": "speeding",
        "vehicle": number,
        "class": "car",
        "lane": "lane-2",
        "t_s": t_s,
        "until_s": t_s + lasts_s,
        "speed_kmh": speed_kmh,
        "limit_kmh": limit_kmh,
    } | changes


def document(violations=(), vehicles=(), duration_s=60.0, **changes):
    """A truth document."""
    frames = round(duration_s / FRAME_S)
    return {
        "format": "traffic-ai-truth/2",
        "name": "made",
        "seed": 1,
        "camera_id": "gate",
        "duration_s": duration_s,
        "frames": frames,
        "t_s": [round(i * FRAME_S, 4) for i in range(frames)],
        "camera": {"position_m": [2.0, -10.0, 6.0]},
        "violations": list(violations),
        "vehicles": list(vehicles),
    } | changes


def truth(violations=(), vehicles=(), **changes):
    """The truth of such a document."""
    return truth_of(document(violations, vehicles, **changes))


def hand_made(violations=(), **changes):
    """Truth as a person notes it down: no vehicles."""
    held = {"format": "traffic-ai-truth/2", "duration_s": 60.0, "violations": list(violations)}
    return truth_of(held | changes)


def path(true, start_s=-np.inf, end_s=np.inf, shift_px=1.0):
    """Where a detector sees a vehicle of a document, a little beside the truth."""
    t_s = (true["first_frame"] + np.arange(len(true["box_px"]))) * FRAME_S
    return BoxPath(t_s, np.array(true["box_px"], float) + shift_px).within(start_s, end_s)


def trajectory(seen):
    """The points of a track."""
    return tuple(
        TrackPoint(
            float(t_s), tuple(map(float, box)), (0.0, 0.0), None, None, observed=True, grounded=True
        )
        for t_s, box in zip(seen.t_s, seen.xyxy_px, strict=True)
    )


def red_record(t_s, true=None, into_s=0.9, **changes):
    """A record of a crossing whose front crossed within 0.2 s of t_s."""
    measured = RedLightMeasurement(
        VehicleEnd.REAR, t_s + 0.3, 0.02, t_s, t_s + 0.2, t_s - into_s, 0.04, into_s, into_s + 0.24,
        0.3, 3.0,
    )  # fmt: skip
    return _record(ViolationKind.RED_LIGHT, t_s, measured, true, **changes)


def speed_record(start_s, end_s, speed_kmh, true=None, sigma_kmh=0.5, limit_kmh=50.0, **changes):
    """A record of a speed."""
    measured = speed(start_s, end_s, speed_kmh, sigma_kmh, limit_kmh)
    return _record(ViolationKind.SPEEDING, (start_s + end_s) / 2, measured, true, **changes)


def wrong_way_record(onset_s, confirmed_s, true=None, **changes):
    """A record of a wrong-way driver."""
    measured = WrongWayMeasurement(onset_s, confirmed_s, 9.0, 0.3, 0.3, confirmed_s - onset_s)
    return _record(ViolationKind.WRONG_WAY, onset_s, measured, true, **changes)


def stop_record(t_s, standing_s=3.0, true=None, **changes):
    """A record of a stop over the line."""
    measured = StopOverLineMeasurement(10.0, 0.8, 0.1, standing_s, t_s - 1.0)
    return _record(ViolationKind.STOP_OVER_LINE, t_s, measured, true, **changes)


def speed(start_s, end_s, speed_kmh, sigma_kmh=0.5, limit_kmh=50.0):
    """A measured speed."""
    return SpeedMeasurement(
        speed_kmh, sigma_kmh, 2 * sigma_kmh, 2.0, (("fit", sigma_kmh),), SpeedMethod.PLANE_FIT,
        start_s, end_s, 20.0, 20, limit_kmh, 3.0,
    )  # fmt: skip


def near_miss(kind, t_s, reason, **changes):
    """Something that was not reported."""
    made = NearMiss(
        kind=kind,
        camera_id="gate",
        lane_id="lane-2",
        track_id=1,
        road_user=RoadUser.CAR,
        t_s=t_s,
        occurred_at=None,
        reason=reason,
        explanation=(),
        rule_version="1",
    )
    return dataclasses.replace(made, **changes)


def _record(kind, t_s, measurement, true, **changes):
    seen = path(true, t_s - 2.0, t_s + 2.0) if true is not None else BoxPath.of_points(())
    made = Violation(
        id=f"{kind}-{t_s:.3f}",
        kind=kind,
        camera_id="gate",
        lane_id="lane-2",
        track_id=1,
        road_user=RoadUser.CAR,
        t_s=t_s,
        occurred_at=None,
        measurement=measurement,
        explanation=(),
        rule_version="1",
        provenance=PROVENANCE,
        stills_s=(t_s, t_s, t_s),
        trajectory=trajectory(seen),
    )
    return dataclasses.replace(made, **changes)
