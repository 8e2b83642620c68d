"""The site file of the scene, computed from the exact camera."""

import numpy as np
import yaml

from traffic_ai.simulate import layout
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.furniture import head_corners_m
from traffic_ai.simulate.scenario import SIGNAL_GROUP

CALIBRATION_M = (
    (0.0, 13.0),
    (6.85, 13.0),
    (-6.85, 20.0),
    (6.8, 25.0),
    (0.25, 25.0),
    (-6.75, 29.4),
    (6.75, 45.1),
    (-6.8, 49.5),
    (0.0, 62.0),
    (6.85, 70.0),
    (-6.85, 70.0),
)
HEADER = """# The simulated junction of sample_videos/: a site file computed from the exact camera.
# Positions are fractions of the picture, rightward and downward; ground positions are metres.
"""


def site_text(camera: Camera) -> str:
    """The site file's YAML."""
    content = {"version": 1, "cameras": [_camera(camera)]}
    return HEADER + yaml.dump(content, Dumper=_FlowRows, sort_keys=False, width=200)


class _FlowRows(yaml.SafeDumper):
    """Numbers and points on one line, structure in blocks."""

    def flow_list(self, data: list[object]) -> yaml.Node:
        flow = not any(isinstance(item, dict) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    def flow_dict(self, data: dict[str, object]) -> yaml.Node:
        flow = (
            bool(data)
            and set(data) <= {"image", "ground_m", "head", "unit", "grace_s", "tolerance_kmh"}
        ) or not data
        return self.represent_mapping("tag:yaml.org,2002:map", data, flow_style=flow)


_FlowRows.add_representer(list, _FlowRows.flow_list)
_FlowRows.add_representer(dict, _FlowRows.flow_dict)


def _camera(camera: Camera) -> dict[str, object]:
    return {
        "id": "demo-junction",
        "name": "Simulated junction",
        "source": "../sample_videos/junction.mp4",
        "start_time": "2026-03-02T08:00:00+01:00",
        "time_zone": "Europe/Berlin",
        "coordinates": {"unit": "fraction"},
        "detection_regions": [[0.3, 0.18, 0.8, 0.68]],
        "calibration": {
            "points": [
                {"image": _ground(camera, point), "ground_m": list(point)}
                for point in CALIBRATION_M
            ],
            "image_sigma_px": 1.0,
        },
        "signal_groups": [
            {
                "id": SIGNAL_GROUP,
                "lamps": [{"head": _head(camera, corners)} for corners in head_corners_m()],
            }
        ],
        "lanes": [_lane(camera, lane) for lane in layout.LANES.values()],
        "stop_lines": [_stop_line(camera)],
        "rules": {
            "red_light": {"grace_s": 0.3},
            "stop_over_line": {},
            "wrong_way": {},
            "speeding": {"tolerance_kmh": 3},
        },
    }


def _fraction(camera: Camera, points_px: Floats) -> list[float]:
    u, v = points_px
    return [round(float(u) / camera.width_px, 5), round(float(v) / camera.height_px, 5)]


def _ground(camera: Camera, point_m: tuple[float, float]) -> list[float]:
    return _fraction(camera, camera.project_ground_px(np.array(point_m, float)))


def _head(camera: Camera, corners_m: Floats) -> list[float]:
    points_px = camera.project_px(corners_m)
    return _fraction(camera, points_px.min(axis=0)) + _fraction(camera, points_px.max(axis=0))


def _lane(camera: Camera, lane: layout.LaneStrip) -> dict[str, object]:
    near, far = layout.LANE_NEAR_Y_M, layout.LANE_FAR_Y_M
    outline = [
        (lane.left_x_m, near),
        (lane.right_x_m, near),
        (lane.right_x_m, far),
        (lane.left_x_m, far),
    ]
    ends = [(lane.centre_x_m, near), (lane.centre_x_m, far)]
    return {
        "id": lane.id,
        "polygon": [_ground(camera, point) for point in outline],
        "direction": [_ground(camera, point) for point in (ends[::-1] if lane.turned else ends)],
        "speed_limit_kmh": int(layout.SPEED_LIMIT_KMH),
    }


def _stop_line(camera: Camera) -> dict[str, object]:
    lanes = [layout.LANES[name] for name in layout.STOP_LINE_LANES]
    left, right = lanes[0].left_x_m, lanes[-1].right_x_m
    return {
        "id": "stop-north",
        "line": [_ground(camera, (x, layout.STOP_LINE_Y_M)) for x in (left, right)],
        "lanes": list(layout.STOP_LINE_LANES),
        "signal_group": SIGNAL_GROUP,
        "beyond_line": [_ground(camera, (x, layout.BEYOND_LINE_Y_M)) for x in (left, right)],
    }
