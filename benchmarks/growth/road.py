"""Made traffic in any amount: a road of many lanes seen by an exact camera, no pictures.

Vehicles drive evenly along their lanes, leave the picture at its top and come again as others at
its bottom; the boxes are off by about a pixel. Those of a lane keep their distance. Each lane is a
zone with a stop line and a limit. Everybody keeps to the rules, or, where it is lawless, every
fourth lane is driven too fast and red lights, which show half of the time, stop nobody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene, SignalGroup, StopLine
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState

WIDTH_PX, HEIGHT_PX = 1920, 1080
NEAR_M, FAR_M, STOP_M = 12.0, 150.0, 40.0
LANE_M = 3.0
PHASE_S = 20.0
MOST_A_LANE_HZ = 0.5  # vehicles: where they stand closer, they drive slower
_HEIGHT_M, _PITCH_DEG, _FOCAL_PX = 12.0, 20.0, 1100.0
_CAR_M = (1.8, 1.5)  # width, height of its rear
_NOISE_PX = 1.0


def _to_image() -> Array:
    """Road plane (x to the right, y ahead, metres) to the picture, (3, 3)."""
    pitch = np.radians(_PITCH_DEG)
    rotation = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.0, -np.sin(pitch), -np.cos(pitch)],
            [0.0, np.cos(pitch), -np.sin(pitch)],
        ]
    )
    k = np.array([[_FOCAL_PX, 0, WIDTH_PX / 2], [0, _FOCAL_PX, HEIGHT_PX / 2], [0, 0, 1]])
    matrix: Array = k @ np.column_stack([rotation[:, :2], rotation @ [0.0, 0.0, -_HEIGHT_M]])
    return matrix


def road_scene(zones: int) -> Scene:
    """So many lanes side by side, each with a stop line and a limit."""
    to_ground = np.linalg.inv(_to_image())
    half_m = LANE_M * zones / 2.0
    border = _px([[-half_m, NEAR_M], [-half_m, FAR_M], [half_m, FAR_M], [half_m, NEAR_M]])
    plane = Homography(to_ground / to_ground[2, 2], np.zeros((8, 8)), 0.0, border, _HEIGHT_M)
    lanes, lines = [], []
    for number in range(zones):
        left = LANE_M * number - half_m
        right = left + LANE_M
        middle = left + LANE_M / 2.0
        polygon = _px([[left, NEAR_M], [left, FAR_M], [right, FAR_M], [right, NEAR_M]])
        lanes.append(Lane(f"lane-{number}", polygon, _px([[middle, NEAR_M], [middle, FAR_M]]), 50))
        stop, beyond = (
            DirectedLine.towards(*_px([[left, y], [right, y]]), np.array([0.0, -1.0]))
            for y in (STOP_M, STOP_M + 8.0)
        )
        lines.append(StopLine(f"stop-{number}", stop, (f"lane-{number}",), "main", beyond))
    groups = (SignalGroup("main"),)
    return Scene("made", WIDTH_PX, HEIGHT_PX, tuple(lanes), tuple(lines), groups, homography=plane)


def _px(points_m: object) -> Array:
    points = np.asarray(points_m, float)
    out = np.column_stack([points, np.ones(len(points))]) @ _to_image().T
    return np.asarray(out[:, :2] / out[:, 2:])


class MadeSignals:
    """The signal of every lane; implements `core.ports.SignalReader`."""

    def __init__(self, lawless: bool) -> None:
        self._turns = 2 if lawless else 1
        self._states: tuple[SignalState, ...] = ()

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        """The last phases."""
        phase = int(frame.info.t_s // PHASE_S)
        if not self._states or self._states[-1].since_s < phase * PHASE_S:
            aspect = Aspect.RED if phase % self._turns else Aspect.GREEN
            state = SignalState("main", aspect, phase * PHASE_S, 0.0, SignalSource.FEED)
            self._states = (*self._states[-7:], state)
        return {"main": SignalHistory("main", self._states, frame.info.t_s)}


@dataclass(frozen=True, slots=True)
class Traffic:
    """So many vehicles on so many lanes at any moment, looked at `rate_hz` times a second."""

    vehicles: int
    zones: int
    lawless: bool = False
    rate_hz: float = 10.0
    seed: int = 0

    def frames(self, seconds: float) -> Iterator[tuple[Frame, Detections]]:
        """Frames with an empty picture, and what a detector would find in them."""
        random = np.random.default_rng(self.seed)
        lane = np.arange(self.vehicles) % self.zones
        speed_mps = np.where(self.lawless & (lane % 4 == 3), 18.0, 11.0 + lane % 2)
        row = np.arange(self.vehicles) // self.zones
        rows = max(1, -(-self.vehicles // self.zones))
        way_m = FAR_M - NEAR_M
        speed_mps = np.minimum(speed_mps, MOST_A_LANE_HZ * way_m / rows)
        start_m = (row + 0.37 * (lane % 3)) / rows * way_m
        x_m = LANE_M * (lane + 0.5 - self.zones / 2.0)
        nothing = np.zeros((9, 16, 3), np.uint8)
        for index in range(round(seconds * self.rate_hz)):
            t_s = index / self.rate_hz
            y_m = NEAR_M + (start_m + speed_mps * t_s) % way_m
            rear = np.column_stack([x_m, y_m])
            anchor, side = _px(rear), _px(rear + np.array([_CAR_M[0] / 2.0, 0.0]))
            half_px = side[:, 0] - anchor[:, 0]
            size = np.column_stack([half_px, 2.0 * half_px * _CAR_M[1] / _CAR_M[0]])
            box = np.column_stack(
                [
                    anchor[:, 0] - size[:, 0],
                    anchor[:, 1] - size[:, 1],
                    anchor[:, 0] + size[:, 0],
                    anchor[:, 1],
                ]
            )
            box += random.normal(0.0, _NOISE_PX, box.shape)
            inside = (box[:, 2] > 0) & (box[:, 0] < WIDTH_PX) & (box[:, 1] < HEIGHT_PX)
            n = int(inside.sum())
            info = FrameInfo("made", index, t_s, None, WIDTH_PX, HEIGHT_PX)
            found = Detections(
                box[inside].astype(np.float32),
                np.full(n, 0.9, np.float32),
                np.full(n, RoadUser.CAR, np.int64),
            )
            yield Frame(info, nothing), found
