"""What truly happens in the scene: boxes, road positions, line crossings, phases, violations.

Written as compact JSON: for each vehicle one array a quantity over its frames, never keys a frame.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from traffic_ai.simulate import layout, scenario
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.scenario import Trip

NEAREST_DEPTH_M = 0.3


@dataclass
class VehicleRecord:
    """One vehicle's frames, from the first to the last in which any of it is in the picture."""

    first_frame: int
    ground_m: list[list[float]] = field(default_factory=list)
    speed_mps: list[float] = field(default_factory=list)
    box_px: list[list[float]] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)


def exact_box_px(trip: Trip, t_s: float, camera: Camera) -> tuple[Floats, float] | None:
    """A vehicle's box (x0, y0, x1, y1) cut to the picture, and the share of its area left."""
    world_m = trip.pose(t_s).to_world_m(trip.model.mesh.vertices_m)
    ahead = camera.to_camera_m(world_m)[:, 2] > NEAREST_DEPTH_M
    if not ahead.any():
        return None
    points_px = camera.project_px(world_m[ahead])
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    limit = np.array([camera.width_px, camera.height_px])
    cut_low, cut_high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    if (cut_high - cut_low).min() < 1.0:
        return None
    return np.concatenate([cut_low, cut_high]), float(
        np.prod(cut_high - cut_low) / np.prod(high - low)
    )


class TruthRecorder:
    """Collects every frame's vehicles and writes the truth."""

    def __init__(self, camera: Camera, seed: int) -> None:
        self._camera = camera
        self._seed = seed
        self._records: dict[int, VehicleRecord] = {}

    def add(
        self, index: int, t_s: float, trips: Sequence[Trip], unhidden: Mapping[int, float]
    ) -> None:
        """Record a frame; `unhidden` is each drawn vehicle's share not hidden by others."""
        for trip in trips:
            found = exact_box_px(trip, t_s, self._camera)
            if found is None:
                continue
            box_px, inside = found
            pose = trip.pose(t_s)
            record = self._records.setdefault(trip.id, VehicleRecord(index))
            record.ground_m.append([round(pose.x_m, 3), round(pose.y_m, 3)])
            record.speed_mps.append(round(trip.motion.speed_at_mps(t_s), 3))
            record.box_px.append([round(float(value), 1) for value in box_px])
            record.visible.append(round(inside * unhidden.get(trip.id, 0.0), 2))

    def document(self, times_s: Floats) -> dict[str, Any]:
        """The whole truth as plain values."""
        return {
            "format": "traffic-ai-truth/1",
            "conventions": CONVENTIONS,
            "seed": self._seed,
            "duration_s": float(times_s[-1]) + 1 / scenario.FRAMES_PER_SECOND,
            "frames_per_second": scenario.FRAMES_PER_SECOND,
            "frames": len(times_s),
            "camera": camera_values(self._camera),
            "scene": scene_values(),
            "signal_groups": {
                scenario.SIGNAL_GROUP: [
                    {"t_s": phase.start_s, "aspect": phase.aspect} for phase in scenario.PHASES
                ]
            },
            "violations": violations(scenario.trips()),
            "vehicles": [
                self._vehicle(trip) for trip in scenario.trips() if trip.id in self._records
            ],
        }

    def _vehicle(self, trip: Trip) -> dict[str, Any]:
        record = self._records[trip.id]
        model = trip.model
        return {
            "id": trip.id,
            "class": model.vehicle_class,
            "model": model.name,
            "lane": trip.lane_id,
            "length_m": round(model.length_m, 3),
            "width_m": model.width_m,
            "height_m": round(model.height_m, 3),
            "heading_deg": 180 if trip.turned else 0,
            "wrong_way": trip.wrong_way,
            "stop_line": line_passage(trip),
            "first_frame": record.first_frame,
            "ground_m": record.ground_m,
            "speed_mps": record.speed_mps,
            "box_px": record.box_px,
            "visible": record.visible,
        }


CONVENTIONS = {
    "world": "metres; X right, Y along the road away from the camera, Z up; Z = 0 is the road",
    "picture": "pixels; u right, v down; the picture spans [0, width] x [0, height]",
    "t_s": "seconds from the first frame's presentation time; frame i is at i / frames_per_second",
    "heading_deg": "clockwise from +Y: 0 away from the camera, 180 toward it",
    "arrays": "ground_m, speed_mps, box_px and visible hold one entry a frame from first_frame on",
    "ground_m": "middle of the rectangle (length_m x width_m) the vehicle covers on the road",
    "box_px": "x0, y0, x1, y1 of the projected body, hidden parts too, cut at the picture's edges",
    "visible": "share of the box inside the picture, times the share of its pixels nothing hides",
    "distance": "a vehicle's front and rear are the ends of its rectangle along its heading",
}


def camera_values(camera: Camera) -> dict[str, Any]:
    """The camera with its projection matrix: picture point ~ P (X, Y, Z, 1)."""
    intrinsic = np.array(
        [
            [camera.focal_px, 0, camera.width_px / 2],
            [0, camera.focal_px, camera.height_px / 2],
            [0, 0, 1],
        ]
    )
    shift = -camera.rotation @ np.asarray(camera.position_m)
    projection = intrinsic @ np.concatenate([camera.rotation, shift[:, None]], axis=1)
    return {
        "position_m": list(camera.position_m),
        "yaw_deg": camera.yaw_deg,
        "pitch_deg": camera.pitch_deg,
        "focal_px": camera.focal_px,
        "width_px": camera.width_px,
        "height_px": camera.height_px,
        "projection": [[float(f"{value:.10g}") for value in row] for row in projection],
    }


def scene_values() -> dict[str, Any]:
    """Lanes and lines in metres."""
    return {
        "speed_limit_kmh": layout.SPEED_LIMIT_KMH,
        "lanes": [
            {
                "id": lane.id,
                "x_m": [lane.left_x_m, lane.right_x_m],
                "heading_deg": 180 if lane.turned else 0,
            }
            for lane in layout.LANES.values()
        ],
        "stop_line": {
            "y_m": layout.STOP_LINE_Y_M,
            "lanes": list(layout.STOP_LINE_LANES),
            "beyond_y_m": layout.BEYOND_LINE_Y_M,
        },
    }


def line_passage(trip: Trip) -> dict[str, Any] | None:
    """When a vehicle of the watched approach passes the stop line, and the signal at that time."""
    if trip.lane_id not in layout.STOP_LINE_LANES:
        return None
    line_m, length_m = layout.STOP_LINE_Y_M, trip.model.length_m
    front_s = trip.motion.time_at_s(line_m, -30.0, scenario.DURATION_S + 30.0)
    rear_s = trip.motion.time_at_s(line_m + length_m, -30.0, scenario.DURATION_S + 30.0)
    return {
        "front_s": round(front_s, 4),
        "rear_s": round(rear_s, 4),
        "aspect_at_front": scenario.aspect_at(front_s)
        if 0 <= front_s < scenario.DURATION_S
        else None,
        "speed_at_front_kmh": round(3.6 * trip.motion.speed_at_mps(front_s), 2),
    }


def violations(trips: Sequence[Trip]) -> list[dict[str, Any]]:
    """Every violation in the scene, found from the motions, in order of time."""
    found: list[dict[str, Any]] = []
    for trip in trips:
        found += [
            one for one in (_red_line(trip), _speeding(trip), _wrong_way(trip)) if one is not None
        ]
    return sorted(found, key=lambda one: float(one["t_s"]))


def _base(kind: str, trip: Trip, t_s: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "vehicle": trip.id,
        "class": trip.model.vehicle_class,
        "lane": trip.lane_id,
        "t_s": round(t_s, 4),
    }


def _red_line(trip: Trip) -> dict[str, Any] | None:
    """Front over the line at red: red light if the vehicle goes on, stop over line if it stays."""
    passage = line_passage(trip)
    if passage is None or passage["aspect_at_front"] != "red":
        return None
    front_s, rear_s = passage["front_s"], passage["rear_s"]
    crossing = {
        "signal_group": scenario.SIGNAL_GROUP,
        "red_onset_s": scenario.RED_ONSET_S,
        "front_crosses_s": front_s,
        "rear_crosses_s": rear_s,
        "time_into_red_s": round(front_s - scenario.RED_ONSET_S, 4),
        "speed_kmh": passage["speed_at_front_kmh"],
    }
    if scenario.aspect_at(rear_s) == "red":
        beyond_s = trip.motion.time_at_s(layout.BEYOND_LINE_Y_M, front_s, front_s + 60)
        return (
            _base("red_light", trip, front_s)
            | crossing
            | {"front_crosses_beyond_line_s": round(beyond_s, 4)}
        )
    stand_s = trip.motion.start_s + trip.motion.legs[0].duration_s
    leave_s = stand_s + trip.motion.legs[1].duration_s
    over_m = trip.motion.distance_m(stand_s) - layout.STOP_LINE_Y_M
    return (
        _base("stop_over_line", trip, front_s)
        | crossing
        | {
            "stands_from_s": round(stand_s, 4),
            "stands_until_s": round(leave_s, 4),
            "front_over_line_m": round(over_m, 3),
        }
    )


def _speeding(trip: Trip) -> dict[str, Any] | None:
    """A top speed above the limit within the picture's lanes."""
    speed_kmh = 3.6 * max(trip.motion.speed_mps, *(leg.speed_mps for leg in trip.motion.legs), 0.0)
    if speed_kmh <= layout.SPEED_LIMIT_KMH:
        return None
    near_m, far_m = layout.LANE_NEAR_Y_M, layout.LANE_FAR_Y_M
    start_m, end_m = (-far_m, -near_m) if trip.turned else (near_m, far_m)
    start_s, end_s = (trip.motion.time_at_s(at_m, -60.0, 120.0) for at_m in (start_m, end_m))
    return _base("speeding", trip, start_s) | {
        "until_s": round(end_s, 4),
        "speed_kmh": round(speed_kmh, 2),
        "limit_kmh": layout.SPEED_LIMIT_KMH,
    }


def _wrong_way(trip: Trip) -> dict[str, Any] | None:
    """From the moment the whole vehicle is in the lane's visible part."""
    if not trip.wrong_way:
        return None
    onset_s = trip.motion.time_at_s(layout.LANE_NEAR_Y_M + trip.model.length_m, -60.0, 120.0)
    end_s = min(trip.motion.time_at_s(layout.LANE_FAR_Y_M, -60.0, 120.0), scenario.DURATION_S)
    driven_m = trip.motion.distance_m(end_s) - trip.motion.distance_m(onset_s)
    return _base("wrong_way", trip, onset_s) | {
        "until_s": round(end_s, 4),
        "driven_m": round(driven_m, 2),
        "speed_kmh": round(3.6 * trip.motion.speed_at_mps(onset_s), 2),
    }


def write_truth(document: Mapping[str, Any], path: Path) -> None:
    """Write the truth: short arrays on a line, without spaces."""
    if not all(math.isfinite(one["t_s"]) for one in document["violations"]):
        raise ValueError("a violation has no time: its motion never reaches the line")
    path.write_text(_by_lines(document) + "\n", encoding="utf-8")


def _by_lines(document: Mapping[str, Any]) -> str:
    """Top-level keys and the entries of lists on a line each."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list):
            rows = ",\n  ".join(json.dumps(item, separators=(",", ":")) for item in value)
            lines.append(f" {json.dumps(key)}:[\n  {rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}")
    return "{\n" + ",\n".join(lines) + "\n}"
