"""What the site file describes, in pixels of the camera's picture and metres on the road."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, DirectedLine, Homography, polygon_mask
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect


@dataclass(frozen=True, slots=True)
class Lane:
    """A strip of road with one direction of travel.

    polygon_px (K, 2); centre_line_px (M, 2), ordered in the direction of travel. A limit of None
    means no speeding rule here. `classes`: road users that are judged here, None for all vehicles.
    """

    id: str
    polygon_px: Array
    centre_line_px: Array
    speed_limit_kmh: float | None = None
    speed_limit_by_class_kmh: Mapping[RoadUser, float] = field(default_factory=dict)
    classes: frozenset[RoadUser] | None = None

    def contains(self, points_px: Array) -> NDArray[np.bool_]:
        """Which of the image points (N, 2) lie in the lane."""
        return polygon_mask(self.polygon_px, points_px)

    def limit_kmh(self, road_user: RoadUser) -> float | None:
        """The limit for a class of road user, None if there is none."""
        return self.speed_limit_by_class_kmh.get(road_user, self.speed_limit_kmh)


@dataclass(frozen=True, slots=True)
class StopLine:
    """Where vehicles of some lanes must stop when their signal group is red.

    `line` and `beyond` are in the image; their forward side is the direction of travel. `beyond`
    is the second line a violator passes too. `permitted_exits_px`: polygons; a vehicle that leaves
    through one of them made a permitted turn.
    """

    id: str
    line: DirectedLine
    lane_ids: tuple[str, ...]
    signal_group_id: str | None
    beyond: DirectedLine | None = None
    permitted_exits_px: tuple[Array, ...] = ()


class HeadLayout(StrEnum):
    """How the lamps of a head are ordered."""

    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"


@dataclass(frozen=True, slots=True)
class SignalHead:
    """One head in the picture.

    head_px: box (4,) x0, y0, x1, y1 around all lamps, red on top (or left), or None where the
    lamps are given one by one in `lamps_px` (aspect -> box). `swapped`: red at the bottom or right.
    """

    head_px: Array | None
    layout: HeadLayout = HeadLayout.VERTICAL
    lamps_px: Mapping[Aspect, Array] = field(default_factory=dict)
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class SignalGroup:
    """Heads that always show the same aspect, or a recorded controller feed in their place."""

    id: str
    heads: tuple[SignalHead, ...] = ()
    feed_csv: Path | None = None
    feed_group: str | None = None


@dataclass(frozen=True, slots=True)
class SpeedSection:
    """Two lines a surveyed distance apart: speed without a calibrated plane."""

    id: str
    lane_ids: tuple[str, ...]
    entry: DirectedLine
    exit: DirectedLine
    length_m: float
    length_sigma_m: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One camera's view of the road, for pictures of width_px x height_px.

    detection_area_px: box (x0, y0, x1, y1) of the picture outside which no road user is looked for;
    None where all of it is looked at.
    """

    camera_id: str
    width_px: int
    height_px: int
    lanes: tuple[Lane, ...] = ()
    stop_lines: tuple[StopLine, ...] = ()
    signal_groups: tuple[SignalGroup, ...] = ()
    speed_sections: tuple[SpeedSection, ...] = ()
    homography: Homography | None = None
    detection_regions_px: tuple[tuple[int, int, int, int], ...] = ()
    detection_area_px: tuple[int, int, int, int] | None = None

    @property
    def seen_px(self) -> tuple[int, int, int, int]:
        """The box (x0, y0, x1, y1) whose border cuts vehicles: detection area, or picture."""
        return self.detection_area_px or (0, 0, self.width_px, self.height_px)

    def lane(self, lane_id: str) -> Lane:
        """The lane of that id; raises KeyError."""
        for lane in self.lanes:
            if lane.id == lane_id:
                return lane
        raise KeyError(lane_id)
