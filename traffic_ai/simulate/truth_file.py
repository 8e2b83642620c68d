"""The truth of a world as a file: everything that is so, whether or not a camera can tell.

Compact JSON: for each vehicle one array a quantity over its frames, never keys a frame.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.boxes import exact_box_px
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.event import Event
from traffic_ai.simulate.events import violations
from traffic_ai.simulate.world import RoadMap, Vehicle, World

FORMAT = "traffic-ai-truth/2"
_CONVENTIONS = {
    "world": "metres; X right, Y along the road away from the camera, Z up; Z = 0 is the road",
    "picture": "pixels; u right, v down; the picture spans [0, width] x [0, height]",
    "t_s": "true moment of each frame, from the first one; stamps_s: what the video says instead",
    "heading_deg": "clockwise from +Y: 0 away from the camera, 180 toward it",
    "arrays": "one entry a frame from first_frame on; null where nothing is in the picture",
    "ground_m": "middle of the rectangle (length_m x width_m) the vehicle covers on the road",
    "contacts_m": "where its tyres touch the road: right, ahead of its middle; on the road at "
    "ground_m + (right cos h + ahead sin h, ahead cos h - right sin h), h = heading_deg",
    "box_px": "x0, y0, x1, y1 of the projected body, hidden parts too, cut at the picture's edges",
    "visible": "share of its projected pixels that lie in the picture and that nothing hides",
    "front": "a vehicle's front and rear are the ends of its rectangle along its heading",
}
_DIGITS = 4


def truth_document(world: World, visible: Sequence[Mapping[int, float]] = ()) -> dict[str, Any]:
    """The whole truth as plain values.

    visible: for each frame, the share of every drawn vehicle's pixels that lie in the picture and
    that nothing hides. Without pictures nothing is known of hiding: the share in the picture.
    """
    timing = world.timing
    cameras: Camera | list[Camera] = world.camera
    if world.sway is not None:
        cameras = [world.camera_at(float(t)) for t in timing.t_s]
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": world.name,
        "seed": world.seed,
        "camera_id": world.name,
        "conventions": _CONVENTIONS,
        "duration_s": round(float(timing.t_s[-1]) + float(np.median(np.diff(timing.t_s))), 6),
        "frames": len(timing.t_s),
        "declared_fps": timing.declared_fps,
        "t_s": timing.t_s.tolist(),
    }
    if not np.array_equal(timing.t_s, timing.stamps_s):
        document["stamps_s"] = timing.stamps_s.tolist()
    document |= {
        "camera": camera_values(world.camera),
        "scene": _scene(world.road),
        "signal_groups": {
            program.group_id: [
                {"t_s": phase.start_s, "aspect": phase.aspect.value} for phase in program.phases
            ]
            for program in world.signals
        },
        "violations": [_event(event) for event in violations(world)],
        "vehicles": [
            entry
            for vehicle in world.vehicles
            if (entry := _vehicle(vehicle, timing.t_s, cameras, visible)) is not None
        ],
    }
    return document


def write_truth(document: Mapping[str, Any], path: Path) -> None:
    """Write the truth: top-level keys and the entries of their lists on a line each."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n  ".join(_packed(item) for item in value)
            lines.append(f" {json.dumps(key)}:[\n  {rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}:{_packed(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _packed(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _event(event: Event) -> dict[str, Any]:
    figures = {
        key: value if isinstance(value, str) else round(value, _DIGITS)
        for key, value in event.figures.items()
    }
    return {
        "kind": event.kind.value,
        "vehicle": event.vehicle.id,
        "class": event.vehicle.body.road_user.label,
        "lane": event.lane_id,
        "t_s": round(event.t_s, _DIGITS),
        "until_s": round(event.until_s, _DIGITS),
        "certain": event.certain,
        **figures,
    }


def _vehicle(
    vehicle: Vehicle,
    t_s: Floats,
    cameras: Camera | Sequence[Camera],
    visible: Sequence[Mapping[int, float]],
) -> dict[str, Any] | None:
    """A vehicle's frames from the first to the last in which any of it is in the picture."""
    there = np.flatnonzero(vehicle.course.present(t_s))
    if len(there) == 0:
        return None
    poses = vehicle.course.poses(t_s[there])
    own = cameras if isinstance(cameras, Camera) else [cameras[i] for i in there.tolist()]
    boxes = exact_box_px(vehicle.body, poses, own)
    seen = np.flatnonzero(boxes.seen)
    if len(seen) == 0:
        return None
    kept = slice(int(seen[0]), int(seen[-1]) + 1)
    share = boxes.inside[kept]
    if visible:
        share = np.array([visible[i].get(vehicle.id, 0.0) for i in there[kept].tolist()])
    body = vehicle.body
    heading_deg = np.degrees(poses.heading_rad[kept]) % 360.0
    return {
        "id": vehicle.id,
        "class": body.road_user.label,
        "model": body.model,
        "lane": vehicle.lane_id,
        "deed": vehicle.deed,
        "length_m": round(body.length_m, 3),
        "width_m": round(body.width_m, 3),
        "height_m": round(body.height_m, 3),
        "contacts_m": np.round(body.contacts_m, 3).tolist(),
        "first_frame": int(there[kept][0]),
        "ground_m": np.round(poses.middle_m[kept], 3).tolist(),
        "heading_deg": (np.round(heading_deg, 2) % 360.0).tolist(),
        "speed_mps": (np.round(poses.speed_mps[kept], 3) + 0.0).tolist(),
        "box_px": [
            None if np.isnan(box[0]) else np.round(box, 1).tolist() for box in boxes.xyxy_px[kept]
        ],
        "visible": np.round(share, 2).tolist(),
    }


def camera_values(camera: Camera) -> dict[str, Any]:
    """The camera, with its projection matrix where the lens does not bend: point ~ P (X, Y, Z, 1).

    With k1, k2 the matrix gives the undistorted point.
    """
    middle = camera.centre_px
    intrinsic = np.array(
        [[camera.focal_px, 0, middle[0]], [0, camera.focal_px, middle[1]], [0, 0, 1]]
    )
    shift = -camera.rotation @ np.asarray(camera.position_m)
    projection = intrinsic @ np.concatenate([camera.rotation, shift[:, None]], axis=1)
    return {
        "position_m": list(camera.position_m),
        "yaw_deg": camera.yaw_deg,
        "pitch_deg": camera.pitch_deg,
        "roll_deg": camera.roll_deg,
        "focal_px": camera.focal_px,
        "k1": camera.k1,
        "k2": camera.k2,
        "width_px": camera.width_px,
        "height_px": camera.height_px,
        "projection": [[float(f"{value:.10g}") for value in row] for row in projection],
    }


def _scene(road: RoadMap) -> dict[str, Any]:
    """Lanes and stop lines in metres."""
    return {
        "kind": road.kind,
        "lanes": [
            {
                "id": lane.id,
                "watched": lane.watched,
                "limit_kmh": lane.limit_kmh,
                "centre_m": np.round(lane.centre_m, 3).tolist(),
                "polygon_m": np.round(lane.polygon_m, 3).tolist(),
            }
            for lane in road.lanes
        ],
        "stop_lines": [
            {
                "id": line.id,
                "ends_m": np.round(line.ends_m, 3).tolist(),
                "lanes": list(line.lane_ids),
                "signal_group": line.group_id,
                "exits_m": [np.round(exit_m, 3).tolist() for exit_m in line.exits_m],
            }
            for line in road.stop_lines
        ],
    }
