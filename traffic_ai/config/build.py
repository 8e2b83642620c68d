"""From a validated camera of a site file to the scene the pipeline works with.

Last step of reading a site file; runs again for each picture size.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from traffic_ai.calibration.distances import KnownDistance, fit_distances
from traffic_ai.calibration.lonlat import to_metres
from traffic_ai.calibration.plane import fit_plane
from traffic_ai.config.picture import PictureScale
from traffic_ai.config.road_area import road_area
from traffic_ai.config.schema import (
    CalibrationModel,
    CameraModel,
    LampsModel,
    LaneModel,
    SignalGroupModel,
    SpeedSectionModel,
    StopLineModel,
)
from traffic_ai.config.values import Box
from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import (
    HeadLayout,
    Lane,
    Scene,
    SignalGroup,
    SignalHead,
    SpeedSection,
    StopLine,
)
from traffic_ai.core.signal import Aspect

_LEAST_SIGMA_M = 1e-3


def build_scene(camera: CameraModel, folder: Path, width_px: int, height_px: int) -> Scene:
    """The scene of a camera for a picture size.

    Raises ConfigError where the picture has another shape than the site file's reference size,
    CalibrationError where the road plane cannot be found.
    """
    scale = PictureScale.of(camera.coordinates, width_px, height_px)
    homography = build_homography(camera.calibration, scale) if camera.calibration else None
    lanes = tuple(build_lane(lane, scale, homography) for lane in camera.lanes)
    by_id = {lane.id: lane for lane in lanes}
    scene = Scene(
        camera_id=camera.id,
        width_px=width_px,
        height_px=height_px,
        lanes=lanes,
        stop_lines=tuple(build_stop_line(line, by_id, scale) for line in camera.stop_lines),
        signal_groups=tuple(_signal_group(g, folder, scale) for g in camera.signal_groups),
        speed_sections=tuple(build_section(s, by_id, scale) for s in camera.speed_sections),
        homography=homography,
        detection_regions_px=tuple(_region(box, scale) for box in camera.detection_regions),
    )
    if camera.detection_area == "picture" or camera.rules.model_extra:
        return scene  # nobody knows what a rule of another package needs
    measures_speed = "speeding" in camera.rules.model_fields_set
    return replace(scene, detection_area_px=road_area(scene, measures_speed=measures_speed))


def build_homography(calibration: CalibrationModel, scale: PictureScale) -> Homography:
    """The road plane; raises CalibrationError where it cannot be found."""
    sigma_px = calibration.image_sigma_px * scale.click_scale
    area = None if calibration.valid_area is None else scale.points_px(calibration.valid_area)
    if calibration.points is not None:
        points_px, ground_m = calibration_points(calibration, scale)
        return fit_plane(
            points_px,
            ground_m,
            scale.size_px,
            image_sigma_px=sigma_px,
            ground_sigma_m=calibration.ground_sigma_m,
            valid_area_px=area,
        )
    distances = []
    for distance in calibration.distances or ():
        (ax, ay), (bx, by) = scale.points_px(distance.image).tolist()
        distances.append(KnownDistance((ax, ay), (bx, by), distance.distance_m, distance.along))
    return fit_distances(
        distances,
        scale.size_px,
        image_sigma_px=sigma_px,
        distance_sigma_m=max(calibration.ground_sigma_m, _LEAST_SIGMA_M),
        valid_area_px=area,
    )


def calibration_points(calibration: CalibrationModel, scale: PictureScale) -> tuple[Array, Array]:
    """Image points (N, 2) in pixels and their places (N, 2) in metres."""
    points = calibration.points or ()
    points_px = scale.points_px([point.image for point in points])
    on_map = [point.lon_lat for point in points if point.lon_lat is not None]
    if on_map:
        return points_px, to_metres(on_map)[0]
    on_road = [point.ground_m for point in points if point.ground_m is not None]
    return points_px, np.array(on_road, float).reshape(-1, 2)


def build_lane(lane: LaneModel, scale: PictureScale, homography: Homography | None) -> Lane:
    """A lane; its centre line is the drawn direction, run on to both ends of the lane."""
    polygon_px = scale.points_px(lane.polygon)
    drawn_px = without_repeats(scale.points_px(lane.direction))
    centre_px = _run_on(drawn_px, polygon_px)
    if homography is not None and np.isnan(homography.to_ground(centre_px)).any():
        centre_px = drawn_px  # a lane drawn up to the horizon
    return Lane(
        id=lane.id,
        polygon_px=_fixed(polygon_px),
        centre_line_px=_fixed(centre_px),
        speed_limit_kmh=lane.speed_limit_kmh,
        speed_limit_by_class_kmh={
            RoadUser.from_label(label): limit
            for label, limit in lane.speed_limit_by_class_kmh.items()
        },
        classes=None
        if lane.classes is None
        else frozenset(RoadUser.from_label(label) for label in lane.classes),
    )


def without_repeats(line: Array) -> Array:
    """A polyline (M, 2) without a point that repeats the one before it."""
    moved = np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-9
    return np.asarray(line[np.concatenate([[True], moved])])


def _run_on(line_px: Array, polygon_px: Array) -> Array:
    """The line, its first and last piece lengthened to where they leave the polygon."""
    if len(line_px) < 2:
        return line_px
    shape = shapely.Polygon(polygon_px)
    head = _exit_point(line_px[-1], line_px[-1] - line_px[-2], shape)
    tail = _exit_point(line_px[0], line_px[0] - line_px[1], shape)
    return np.vstack([tail, line_px[1:-1], head])


def _exit_point(start_px: Array, along: Array, shape: shapely.Polygon) -> Array:
    """Where a ray from inside a polygon first leaves it; the start where it is not inside."""
    if not shape.is_valid or not shape.contains(shapely.Point(start_px)):
        return start_px
    reach = float(np.hypot(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1]))
    far_px = start_px + along / np.linalg.norm(along) * reach
    inside = shapely.LineString([start_px, far_px]).intersection(shape)
    pieces = getattr(inside, "geoms", [inside])
    near = min(pieces, key=lambda piece: piece.distance(shapely.Point(start_px)))
    return np.asarray(np.asarray(near.coords)[-1], float)


def crossing_direction(line_px: Array, lanes: Iterable[Lane]) -> Array:
    """Mean direction of travel (2,) of the lanes where they come nearest to a line (2, 2).

    The sum of the lanes' unit vectors; zero where they cancel.
    """
    target = shapely.LineString(line_px)
    total = np.zeros(2)
    for lane in lanes:
        centre_px = lane.centre_line_px
        steps = np.diff(centre_px, axis=0)
        apart = [
            shapely.LineString(centre_px[i : i + 2]).distance(target) for i in range(len(steps))
        ]
        step = steps[int(np.argmin(apart))]
        total += step / np.linalg.norm(step)
    return total


def build_stop_line(line: StopLineModel, lanes: dict[str, Lane], scale: PictureScale) -> StopLine:
    """A stop line whose forward side is where its lanes lead."""
    line_px = scale.points_px(line.line)
    direction = crossing_direction(line_px, [lanes[i] for i in line.lanes])
    beyond = None if line.beyond_line is None else scale.points_px(line.beyond_line)
    return StopLine(
        id=line.id,
        line=_directed(line_px, direction),
        lane_ids=line.lanes,
        signal_group_id=line.signal_group,
        beyond=None if beyond is None else _directed(beyond, direction),
        permitted_exits_px=tuple(_fixed(scale.points_px(p)) for p in line.permitted_exits),
    )


def build_section(
    section: SpeedSectionModel, lanes: dict[str, Lane], scale: PictureScale
) -> SpeedSection:
    """A speed section, both lines crossed in the direction of its lanes."""
    entry_px, exit_px = scale.points_px(section.entry), scale.points_px(section.exit)
    own = [lanes[i] for i in section.lanes]
    return SpeedSection(
        id=section.id,
        lane_ids=section.lanes,
        entry=_directed(entry_px, crossing_direction(entry_px, own)),
        exit=_directed(exit_px, crossing_direction(exit_px, own)),
        length_m=section.length_m,
        length_sigma_m=section.length_sigma_m,
    )


def _directed(line_px: Array, direction: Array) -> DirectedLine:
    return DirectedLine.towards(line_px[0], line_px[1], direction)


def _signal_group(group: SignalGroupModel, folder: Path, scale: PictureScale) -> SignalGroup:
    feed = group.feed
    return SignalGroup(
        id=group.id,
        heads=tuple(build_head(lamps, scale) for lamps in group.lamps or ()),
        feed_csv=None if feed is None else folder / feed.csv,
        feed_group=None if feed is None else feed.group or group.id,
    )


def build_head(lamps: LampsModel, scale: PictureScale) -> SignalHead:
    """A signal head with its boxes in pixels of the picture."""
    single: Sequence[tuple[Aspect, Box | None]] = (
        (Aspect.RED, lamps.red),
        (Aspect.YELLOW, lamps.yellow),
        (Aspect.GREEN, lamps.green),
    )
    return SignalHead(
        head_px=None if lamps.head is None else _fixed(scale.box_px(lamps.head)),
        layout=HeadLayout(lamps.layout),
        lamps_px={aspect: _fixed(scale.box_px(box)) for aspect, box in single if box is not None},
        swapped=lamps.swapped,
    )


def _region(box: Box, scale: PictureScale) -> tuple[int, int, int, int]:
    """A box in whole pixels, at least what was drawn, inside the picture."""
    left, top, right, bottom = scale.box_px(box)
    return (
        max(0, int(np.floor(left + 1e-6))),
        max(0, int(np.floor(top + 1e-6))),
        min(scale.width_px, int(np.ceil(right - 1e-6))),
        min(scale.height_px, int(np.ceil(bottom - 1e-6))),
    )


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array
