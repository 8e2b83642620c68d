"""The site file of a world, computed from its exact camera.

Calibration points are where a surveyor would click them: in the picture as the lens shows it, to
a tenth of a pixel.
"""

from collections.abc import Iterator

import numpy as np
import shapely
import yaml

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.heads import HEAD_HEIGHT_M, HEAD_WIDTH_M
from traffic_ai.simulate.world import LampHead, RoadLane, RoadStopLine, World

# A head is read in the picture if it faces the camera within this and is this high.
_FACING = 0.5
_LEAST_HEAD_PX = 14.0
# The detector looks closely at the far lanes in a part of the picture this wide and high, where
# the picture is wide enough for that to show more.
_REGION_SHARE, _LEAST_WIDTH_PX = 0.5, 800
_LINE_KEYS = {"image", "ground_m", "head", "unit", "grace_s", "tolerance_kmh", "csv", "group"}
_HEADER = """# A simulated road: {name}. Computed from the exact camera.
# Positions are fractions of the picture, rightward and downward; ground positions are metres.
"""


def site_text(world: World, source: str, signals_csv: str) -> str:
    """The site file's YAML; source and signals_csv as seen from its folder."""
    content = {"version": 1, "cameras": [_camera(world, source, signals_csv)]}
    text = yaml.dump(content, Dumper=_FlowRows, sort_keys=False, width=200)
    return _HEADER.format(name=world.name) + text


class _FlowRows(yaml.SafeDumper):
    """Numbers and points on one line, structure in blocks."""

    def flow_list(self, data: list[object]) -> yaml.Node:
        flow = not any(isinstance(item, dict) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    def flow_dict(self, data: dict[str, object]) -> yaml.Node:
        flow = not data or set(data) <= _LINE_KEYS
        return self.represent_mapping("tag:yaml.org,2002:map", data, flow_style=flow)

    def ignore_aliases(self, data: object) -> bool:
        return True


_FlowRows.add_representer(list, _FlowRows.flow_list)
_FlowRows.add_representer(dict, _FlowRows.flow_dict)


def _camera(world: World, source: str, signals_csv: str) -> dict[str, object]:
    camera, road = world.camera, world.road
    found: dict[str, object] = {
        "id": world.name,
        "name": f"Simulated: {world.name}",
        "source": source,
        "start_time": "2026-03-02T08:00:00+01:00",
        "time_zone": "Europe/Berlin",
        "coordinates": {"unit": "fraction"},
        "detection_regions": detection_regions(world),
        "calibration": {
            "points": [
                {"image": _point(camera, point), "ground_m": point.tolist()}
                for point in road.survey_m
            ],
            "image_sigma_px": 1.0,
        },
        "signal_groups": [
            _group(world, group_id, signals_csv)
            for group_id in dict.fromkeys(line.group_id for line in road.stop_lines)
        ],
        "lanes": [_lane(camera, lane) for lane in road.lanes if lane.watched],
        "stop_lines": [_stop_line(camera, line) for line in road.stop_lines],
        "rules": _rules(world),
    }
    found = {key: value for key, value in found.items() if value != []}
    return found | dict(world.site)


def _rules(world: World) -> dict[str, object]:
    rules: dict[str, object] = {"wrong_way": {}}
    if world.road.stop_lines:
        rules = {"red_light": {"grace_s": 0.3}, "stop_over_line": {}, **rules}
    if any(lane.watched and lane.limit_kmh is not None for lane in world.road.lanes):
        rules["speeding"] = {"tolerance_kmh": 3}
    return rules


def detection_regions(world: World) -> list[list[float]]:
    """The part of the picture with the far half of the lanes, as fractions; none where the
    picture is small.
    """
    camera = world.camera
    if camera.width_px < _LEAST_WIDTH_PX:
        return []
    corners_m = np.concatenate([lane.polygon_m for lane in world.road.lanes if lane.watched])
    points_px = camera.project_ground_px(corners_m)
    top = float(points_px[:, 1].min()) / camera.height_px
    far = points_px[points_px[:, 1] < np.quantile(points_px[:, 1], 0.5)]
    middle = float((far[:, 0].min() + far[:, 0].max()) / 2) / camera.width_px
    share = _REGION_SHARE
    left = float(np.clip(middle - share / 2, 0.0, 1.0 - share))
    above = float(np.clip(top - 0.1, 0.0, 1.0 - share))
    return [[round(left, 3), round(above, 3), round(left + share, 3), round(above + share, 3)]]


def _point(camera: Camera, ground_m: Floats) -> list[float]:
    """A road point's place in the picture, as fractions of pixels rounded to a tenth."""
    u, v = np.round(camera.project_ground_px(np.asarray(ground_m, float)), 1)
    size = camera.width_px, camera.height_px
    return [round(float(u) / size[0], 6), round(float(v) / size[1], 6)]


def _group(world: World, group_id: str, signals_csv: str) -> dict[str, object]:
    """Its heads that can be read in the picture, else the controller's log."""
    boxes = [] if world.signal_log else list(head_boxes(world, group_id))
    if not boxes:
        return {"id": group_id, "feed": {"csv": signals_csv, "group": group_id}}
    return {"id": group_id, "lamps": [{"head": box} for box in boxes]}


def head_boxes(world: World, group_id: str) -> Iterator[list[float]]:
    """Boxes around the lamps of a group's heads that face the camera, as fractions."""
    camera = world.camera
    size_px = np.array([camera.width_px, camera.height_px])
    for head in world.road.heads:
        if head.group_id != group_id or not _faces(head, camera):
            continue
        points_px = camera.project_px(_corners_m(head))
        low, high = points_px.min(axis=0), points_px.max(axis=0)
        inside = (low >= 0).all() and (high <= size_px).all()
        if inside and high[1] - low[1] >= _LEAST_HEAD_PX:
            yield np.round(np.concatenate([low / size_px, high / size_px]), 5).tolist()


def _faces(head: LampHead, camera: Camera) -> bool:
    to_camera = np.asarray(camera.position_m) - np.asarray(head.middle_m)
    faces = np.radians(head.faces_deg)
    ahead = np.array([np.sin(faces), np.cos(faces), 0.0])
    before = float(camera.to_camera_m(np.asarray(head.middle_m))[2]) > 1.0
    return before and bool(to_camera @ ahead > _FACING * np.linalg.norm(to_camera))


def _corners_m(head: LampHead) -> Floats:
    """Corners (4, 3) of a head's housing face."""
    faces = np.radians(head.faces_deg)
    across = np.array([np.cos(faces), -np.sin(faces), 0.0]) * HEAD_WIDTH_M / 2
    up = np.array([0.0, 0.0, HEAD_HEIGHT_M / 2])
    return np.array([head.middle_m + i * across + j * up for i in (-1, 1) for j in (-1, 1)])


def _lane(camera: Camera, lane: RoadLane) -> dict[str, object]:
    found: dict[str, object] = {
        "id": lane.id,
        "polygon": [_point(camera, point) for point in lane.polygon_m],
        "direction": [_point(camera, point) for point in lane.centre_m],
    }
    if lane.limit_kmh is not None:
        limit = lane.limit_kmh
        found["speed_limit_kmh"] = int(limit) if limit == int(limit) else limit
    return found


def _stop_line(camera: Camera, line: RoadStopLine) -> dict[str, object]:
    found: dict[str, object] = {
        "id": line.id,
        "line": [_point(camera, point) for point in line.ends_m],
        "lanes": list(line.lane_ids),
        "signal_group": line.group_id,
    }
    if line.beyond_m is not None:
        found["beyond_line"] = [_point(camera, point) for point in line.beyond_m]
    exits = [_cut(camera, exit_m) for exit_m in line.exits_m]
    if any(exits):
        found["permitted_exits"] = [polygon for polygon in exits if polygon]
    return found


def _cut(camera: Camera, polygon_m: Floats) -> list[list[float]]:
    """What of a polygon on the road is in the picture, as fractions; empty where nothing is."""
    steps = np.linspace(0.0, 1.0, 9)[:-1, None]
    after = np.roll(polygon_m, -1, axis=0)
    outline_m = np.concatenate([a + steps * (b - a) for a, b in zip(polygon_m, after, strict=True)])
    flat = np.concatenate([outline_m, np.zeros((len(outline_m), 1))], axis=1)
    if (camera.to_camera_m(flat)[:, 2] < 0.5).any():
        return []
    points = camera.project_px(flat) / [camera.width_px, camera.height_px]
    seen = shapely.Polygon(points).buffer(0).intersection(shapely.box(0, 0, 1, 1))
    if not isinstance(seen, shapely.Polygon) or seen.area < 1e-4:
        return []
    return [[round(x, 6), round(y, 6)] for x, y in seen.exterior.coords[:-1]]


def signal_rows(world: World) -> Iterator[tuple[str, str, str]]:
    """Rows of the controller's log: time, group and aspect, in order of time."""
    changes = [
        (phase.start_s, program.group_id, phase.aspect.value)
        for program in world.signals
        for phase in program.phases
    ]
    return ((f"{at_s:.3f}", group, aspect) for at_s, group, aspect in sorted(changes))
