"""What truly happened before a camera: violations, and where it is known every vehicle's boxes.

Times are those of the video, as its records give them. Truth states physics; what of it a run had
to report is `judging.py`'s to say.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.violation import ViolationKind

# Of a vehicle of which less is seen hardly anything is found by any detector.
HIDDEN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class TrueViolation:
    """A violation. What is not known is None, and "" for lane and class.

    t_s..until_s: when it lasted. tolerance_s: how exactly that is known. `certain` False: it
    counts neither way. box_px: the vehicle at t_s. standing_s, over_line_m: of a stop over the
    line. driven_m: against the direction. speed_kmh: over the watched stretch.
    """

    kind: ViolationKind
    t_s: float
    until_s: float
    vehicle: int | None = None
    road_user: str = ""
    lane_id: str = ""
    certain: bool = True
    tolerance_s: float | None = None
    box_px: tuple[float, float, float, float] | None = None
    time_into_red_s: float | None = None
    standing_s: float | None = None
    over_line_m: float | None = None
    driven_m: float | None = None
    speed_kmh: float | None = None
    limit_kmh: float | None = None


@dataclass(frozen=True, eq=False)
class TrueVehicle:
    """A vehicle in the frames first_frame ... first_frame + T - 1.

    box_px (T, 4), NaN where none of it is in the picture; visible (T,) the share of it that is
    seen; ground_m (T, 2) the middle of its rectangle on the road, NaN where that is not known.
    """

    id: int
    road_user: str
    lane_id: str
    deed: str
    first_frame: int
    box_px: Array
    visible: Array
    ground_m: Array

    def __len__(self) -> int:
        return len(self.box_px)

    @cached_property
    def driven_m(self) -> Array:
        """The way it has driven until each of its frames (T,), as far as its places are known."""
        steps = np.nan_to_num(np.linalg.norm(np.diff(self.ground_m, axis=0), axis=1))
        return np.concatenate([[0.0], np.cumsum(steps)])

    def boxes_at(self, frames: NDArray[np.int64]) -> Array:
        """Its boxes (N, 4) in frames (N,), NaN where it is not there."""
        index = frames - self.first_frame
        there = (index >= 0) & (index < len(self))
        boxes = np.full((len(frames), 4), np.nan)
        boxes[there] = self.box_px[index[there]]
        return boxes


@dataclass(frozen=True, eq=False)
class Truth:
    """What truly happened before one camera in one video.

    kinds: the kinds that were looked for; records of others are not judged. stamp_s (F,): when
    each frame is by the video, true_s (F,): when it was taken; both empty where vehicles are not
    known. camera_m (2,): the point on the road below the camera. picture_px: width and height.
    """

    name: str
    camera_id: str | None
    duration_s: float
    kinds: frozenset[ViolationKind]
    violations: tuple[TrueViolation, ...] = ()
    vehicles: tuple[TrueVehicle, ...] = ()
    stamp_s: Array = field(default_factory=lambda: np.zeros(0))
    true_s: Array = field(default_factory=lambda: np.zeros(0))
    camera_m: Array | None = None
    picture_px: tuple[int, int] | None = None

    @cached_property
    def _by_id(self) -> Mapping[int, TrueVehicle]:
        return {vehicle.id: vehicle for vehicle in self.vehicles}

    def vehicle(self, vehicle_id: int) -> TrueVehicle:
        """The vehicle of that id; raises KeyError."""
        return self._by_id[vehicle_id]

    @cached_property
    def _reach(self) -> Array:
        """First and last frame of each vehicle, and the box around all of its boxes (V, 6)."""
        rows = [
            [
                vehicle.first_frame,
                vehicle.first_frame + len(vehicle) - 1,
                *np.fmin.reduce(vehicle.box_px[:, :2], axis=0, initial=np.inf),
                *np.fmax.reduce(vehicle.box_px[:, 2:], axis=0, initial=-np.inf),
            ]
            for vehicle in self.vehicles
        ]
        return np.array(rows, float).reshape(-1, 6)

    def near(self, frames: NDArray[np.int64], xyxy_px: Array) -> list[TrueVehicle]:
        """The vehicles that boxes (N, 4) in frames (N,) may lie on; the others surely not."""
        low, high = xyxy_px[:, :2].min(axis=0), xyxy_px[:, 2:].max(axis=0)
        reach = self._reach
        met = (
            (reach[:, 0] <= frames.max())
            & (reach[:, 1] >= frames.min())
            & (reach[:, 2:4] <= high).all(axis=1)
            & (reach[:, 4:] >= low).all(axis=1)
        )
        return [self.vehicles[i] for i in np.flatnonzero(met)]

    def frames_at(self, t_s: Array) -> NDArray[np.int64]:
        """The frames (N,) whose stamps are nearest to moments (N,)."""
        after = np.clip(np.searchsorted(self.stamp_s, t_s), 1, len(self.stamp_s) - 1)
        nearer_before = t_s - self.stamp_s[after - 1] < self.stamp_s[after] - t_s
        return np.asarray(after - nearer_before, np.int64)

    def stamps_of(self, vehicle: TrueVehicle) -> Array:
        """The stamps (T,) of a vehicle's frames."""
        return self.stamp_s[vehicle.first_frame : vehicle.first_frame + len(vehicle)]

    def driven_m(self, vehicle: TrueVehicle, t_s: float) -> float:
        """The way a vehicle has driven at a moment of the video, as far as its places are known."""
        return float(np.interp(t_s, self.stamps_of(vehicle), vehicle.driven_m))

    def way_m(self, vehicle: TrueVehicle, start_s: float, end_s: float) -> float | None:
        """The way a vehicle drives from one moment of the video to another, negative to an earlier
        one; None where its place is not known all the while.
        """
        stamps = self.stamps_of(vehicle)
        first = np.searchsorted(stamps, min(start_s, end_s), side="right") - 1
        last = np.searchsorted(stamps, max(start_s, end_s), side="left")
        if np.isnan(vehicle.ground_m[max(first, 0) : last + 1]).any():
            return None
        return self.driven_m(vehicle, end_s) - self.driven_m(vehicle, start_s)

    def is_hidden(self, vehicle: TrueVehicle, start_s: float, end_s: float) -> bool:
        """Whether hardly anything of a vehicle could be seen from one moment to another."""
        stamps = self.stamps_of(vehicle)
        then = vehicle.visible[(stamps >= start_s) & (stamps <= end_s)]
        return bool(len(then)) and float(then.max()) < HIDDEN_SHARE

    def mean_speed_kmh(self, vehicle: TrueVehicle, start_s: float, end_s: float) -> float | None:
        """A vehicle's mean speed between two moments of the video; None where it is not there, or
        where its place is not known all the while.
        """
        stamps = self.stamps_of(vehicle)
        start_s, end_s = max(start_s, float(stamps[0])), min(end_s, float(stamps[-1]))
        if end_s <= start_s:
            return None
        way_m = self.way_m(vehicle, start_s, end_s)
        if way_m is None:
            return None
        begin_s, finish_s = np.interp([start_s, end_s], self.stamp_s, self.true_s)
        return way_m / float(finish_s - begin_s) * 3.6

    def distance_m(self, vehicle: TrueVehicle, t_s: float) -> float | None:
        """How far from the camera a vehicle is, None where either place is not known."""
        if self.camera_m is None:
            return None
        index = int(self.frames_at(np.array([t_s]))[0]) - vehicle.first_frame
        place_m = vehicle.ground_m[min(max(index, 0), len(vehicle) - 1)]
        distance_m = float(np.linalg.norm(place_m - self.camera_m))
        return distance_m if math.isfinite(distance_m) else None

    @property
    def vehicle_s(self) -> float:
        """Seconds of vehicles in the picture, all together."""
        if len(self.stamp_s) < 2:
            return 0.0
        lasts_s = np.append(np.diff(self.true_s), np.diff(self.true_s)[-1])
        return sum(
            float(lasts_s[v.first_frame : v.first_frame + len(v)][~np.isnan(v.box_px[:, 0])].sum())
            for v in self.vehicles
        )
