"""A road for scenario tests: solid boxes driven in metres and seconds, seen by an exact camera.

The camera stands at the origin, `height_m` up, looking along +Y; X is to the right. Vehicles are
cuboids; their exact image boxes, with noise if wanted, go through the real tracker and the rules
under test. Nothing here knows the rules.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import CapturedAt, Frame, FrameInfo
from traffic_ai.core.geometry import DirectedLine, Homography
from traffic_ai.core.ports import Rule, SignalReader
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene, SignalGroup, StopLine
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState
from traffic_ai.core.violation import Finding, NearMiss, Provenance, Violation
from traffic_ai.pipeline import Session, Step
from traffic_ai.tracking import RoadPlaneTracker

WIDTH_PX, HEIGHT_PX = 1280, 720
PROVENANCE = Provenance("source", "config", "model", "0")
DIMENSIONS_M = {
    RoadUser.CAR: (4.3, 1.8, 1.5),
    RoadUser.MOTORCYCLE: (2.0, 0.7, 1.6),
    RoadUser.BUS: (12.0, 2.5, 3.1),
    RoadUser.TRUCK: (8.0, 2.4, 3.2),
    RoadUser.PERSON: (0.5, 0.5, 1.75),
}


class Camera:
    """A pinhole camera without distortion."""

    def __init__(
        self, height_m: float = 7.0, pitch_deg: float = 14.0, focal_px: float = 1100.0
    ) -> None:
        pitch = np.radians(pitch_deg)
        rotation = np.array(
            [
                [1.0, 0.0, 0.0],
                [0.0, -np.sin(pitch), -np.cos(pitch)],
                [0.0, np.cos(pitch), -np.sin(pitch)],
            ]
        )
        k = np.array([[focal_px, 0, WIDTH_PX / 2], [0, focal_px, HEIGHT_PX / 2], [0, 0, 1]])
        self.height_m = height_m
        self.matrix = k @ np.column_stack([rotation, rotation @ [0.0, 0.0, -height_m]])

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Image points (N, 2) of points (N, 3) in metres."""
        homogeneous = np.column_stack([points_m, np.ones(len(points_m))]) @ self.matrix.T
        return homogeneous[:, :2] / homogeneous[:, 2:]

    def road(self, points_m: Sequence[Sequence[float]]) -> np.ndarray:
        """Image points (N, 2) of points (N, 2) on the road plane."""
        flat = np.asarray(points_m, float)
        return self.project(np.column_stack([flat, np.zeros(len(flat))]))

    def homography(self, area_m: Sequence[Sequence[float]]) -> Homography:
        """The exact homography, valid within an area of the road."""
        to_image = self.matrix[:, [0, 1, 3]]
        to_ground = np.linalg.inv(to_image)
        return Homography(
            to_ground / to_ground[2, 2],
            np.zeros((8, 8)),
            0.0,
            self.road(area_m),
            self.height_m,
            np.zeros(2),
        )


Path = Callable[[float], tuple[float, float]]


@dataclass
class Vehicle:
    """A vehicle whose front middle is at `front(t)` while it is on the road.

    `heading` is the unit direction it points to; it may roll the other way. `called`: what the
    detector takes it for, by default what it is. `covered`: the share of its box that something
    not detected hides below.
    """

    front: Path
    road_user: RoadUser = RoadUser.CAR
    heading: tuple[float, float] = (0.0, 1.0)
    start_s: float = 0.0
    end_s: float = 1e9
    called: RoadUser | None = None
    covered: Callable[[float], float] = lambda t_s: 0.0

    def corners_m(self, t_s: float) -> np.ndarray:
        length_m, width_m, height_m = DIMENSIONS_M[self.road_user]
        ahead = np.asarray(self.heading)
        side = np.array([ahead[1], -ahead[0]])
        front = np.asarray(self.front(t_s))
        foot = [
            front - along * length_m * ahead + across * width_m / 2 * side
            for along in (0, 1)
            for across in (-1, 1)
        ]
        return np.array([[*p, z] for p in foot for z in (0.0, height_m)])


def box_of(camera: Camera, vehicle: Vehicle, t_s: float) -> np.ndarray | None:
    """The exact box (4,) in the picture, None where most of it is outside or behind."""
    corners = vehicle.corners_m(t_s)
    if corners[:, 1].min() < 1.0:
        return None
    points = camera.project(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    size = [WIDTH_PX, HEIGHT_PX]
    shown_low, shown_high = np.clip(low, 0, size), np.clip(high, 0, size)
    if (shown_high - shown_low).min() < 5.0:
        return None
    if (shown_high - shown_low).prod() < 0.4 * (high - low).prod():
        return None
    shown_high[1] -= vehicle.covered(t_s) * (shown_high[1] - shown_low[1])
    return np.concatenate([shown_low, shown_high])


def straight(x_m: float, speed_mps: float, at_m: float, at_s: float = 0.0) -> Path:
    """Along Y at constant speed, the front at `at_m` at the moment `at_s`."""
    return lambda t_s: (x_m, at_m + speed_mps * (t_s - at_s))


def through(x_m: float, *knots: tuple[float, float]) -> Path:
    """Along Y through (time, y) knots, smoothly (monotone cubic)."""
    from scipy.interpolate import PchipInterpolator

    times, places = zip(*knots, strict=True)
    curve = PchipInterpolator(times, places)
    return lambda t_s: (x_m, float(curve(np.clip(t_s, times[0], times[-1]))))


class ScriptedSignals:
    """A signal reader that tells what the test wrote: group -> (since_s, aspect), in order."""

    def __init__(
        self,
        phases: Mapping[str, Sequence[tuple[float, Aspect]]],
        blind_s: tuple[float, float] | None = None,
    ) -> None:
        self._phases = phases
        self._blind_s = blind_s

    def _bound_s(self, since_s: float) -> float:
        """A change seen after a blind time may have happened anywhere within it."""
        if self._blind_s is not None and since_s == self._blind_s[1]:
            return self._blind_s[1] - self._blind_s[0]
        return 0.04

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        t_s = frame.info.t_s
        blind = self._blind_s is not None and self._blind_s[0] <= t_s < self._blind_s[1]
        settled_s = self._blind_s[0] if self._blind_s is not None and blind else t_s
        return {
            group: SignalHistory(
                group,
                tuple(
                    SignalState(group, aspect, since, self._bound_s(since), SignalSource.FEED)
                    for since, aspect in phases
                    if since <= t_s
                ),
                settled_s,
            )
            for group, phases in self._phases.items()
        }


@dataclass
class Road:
    """Camera and scene of a test."""

    camera: Camera = field(default_factory=Camera)
    calibrated: bool = True
    lanes: Sequence[tuple[str, float, float, int]] = (("up", 0.0, 3.5, 1),)
    limit_kmh: float | None = 50.0
    stop_y_m: float | None = 25.0
    beyond_m: float | None = 6.0
    exits_m: Sequence[Sequence[Sequence[float]]] = ()
    near_m: float = 14.0
    far_m: float = 80.0

    def scene(self) -> Scene:
        """Lanes are (id, left x, right x, +1 away from or -1 towards the camera)."""
        lanes = tuple(self._lane(*lane) for lane in self.lanes)
        area = [(-20, self.near_m), (20, self.near_m), (20, self.far_m), (-20, self.far_m)]
        return Scene(
            "cam",
            WIDTH_PX,
            HEIGHT_PX,
            lanes=lanes,
            stop_lines=() if self.stop_y_m is None else (self._stop_line(self.stop_y_m),),
            signal_groups=(SignalGroup("main"),),
            homography=self.camera.homography(area) if self.calibrated else None,
        )

    def _lane(self, lane_id: str, left_m: float, right_m: float, way: int) -> Lane:
        near, far = self.near_m, self.far_m
        polygon = self.camera.road([(left_m, near), (right_m, near), (right_m, far), (left_m, far)])
        middle = (left_m + right_m) / 2
        ends = [(middle, near), (middle, far)][::way]
        return Lane(lane_id, polygon, self.camera.road(ends), self.limit_kmh)

    def _stop_line(self, y_m: float) -> StopLine:
        way = self.lanes[0][3]
        left, right = min(lane[1] for lane in self.lanes), max(lane[2] for lane in self.lanes)
        direction = np.diff(self.camera.road([(left, y_m), (left, y_m + 1.0 * way)]), axis=0)[0]

        def line(at_m: float) -> DirectedLine:
            a, b = self.camera.road([(left, at_m), (right, at_m)])
            return DirectedLine.towards(a, b, direction)

        return StopLine(
            "line",
            line(y_m),
            tuple(lane[0] for lane in self.lanes),
            "main",
            None if self.beyond_m is None else line(y_m + way * self.beyond_m),
            tuple(self.camera.road(polygon) for polygon in self.exits_m),
        )


def drive(
    road: Road,
    vehicles: Sequence[Vehicle],
    rules: Callable[[Scene], Sequence[Rule]],
    **options: Any,
) -> list[Finding]:
    """Everything the rules found when the vehicles drove, through the real tracker."""
    return [f for step in steps(road, vehicles, rules, **options) for f in step.findings]


def steps(
    road: Road,
    vehicles: Sequence[Vehicle],
    rules: Callable[[Scene], Sequence[Rule]],
    *,
    seconds: float,
    fps: float = 25.0,
    phases: Mapping[str, Sequence[tuple[float, Aspect]]] | None = None,
    noise_px: float = 0.0,
    seed: int = 0,
    blind_s: tuple[float, float] | None = None,
    times_s: Sequence[float] | None = None,
    missed: float = 0.0,
    damaged: Callable[[int], bool] = lambda index: False,
    began_at: CapturedAt | None = None,
    signals: SignalReader | None = None,
) -> Iterator[Step]:
    """What each frame brought, the end of the session last.

    missed: share of the boxes that the detector misses. damaged: which frames are. began_at: the
    wall-clock time of the first moment. signals: who reads them, if not those of `phases` show.
    """
    scene = road.scene()
    random = np.random.default_rng(seed)
    reader = signals or ScriptedSignals(phases or {"main": [(0.0, Aspect.GREEN)]}, blind_s)
    session = Session(RoadPlaneTracker(scene), reader, rules(scene))
    empty = np.zeros((1, 1, 3), np.uint8)
    moments = np.arange(0.0, seconds, 1.0 / fps) if times_s is None else np.asarray(times_s)
    for index, t_s in enumerate(moments.tolist()):
        boxes, classes = [], []
        for vehicle in vehicles:
            if not vehicle.start_s <= t_s <= vehicle.end_s:
                continue
            box = box_of(road.camera, vehicle, t_s)
            if box is not None and not (missed and random.random() < missed):
                boxes.append(box + random.normal(0.0, noise_px, 4) if noise_px else box)
                called = vehicle.road_user if vehicle.called is None else vehicle.called
                classes.append(int(called))
        detections = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.9, np.float32),
            np.array(classes, np.int64),
        )
        at = None if began_at is None else _later(began_at, t_s)
        info = FrameInfo("cam", index, t_s, at, WIDTH_PX, HEIGHT_PX, damaged(index))
        yield session.process(Frame(info, empty), detections)
    last = session.close()
    if last is not None:
        yield last


def _later(moment: CapturedAt, t_s: float) -> CapturedAt:
    return replace(moment, utc=moment.utc + timedelta(seconds=t_s))


def violations(findings: Sequence[Finding]) -> list[Violation]:
    return [f for f in findings if isinstance(f, Violation)]


def near_misses(findings: Sequence[Finding]) -> list[NearMiss]:
    return [f for f in findings if isinstance(f, NearMiss)]
