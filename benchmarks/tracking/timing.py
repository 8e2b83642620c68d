"""Milliseconds an update by the number of objects: a picture of vehicles that stay in it."""

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.contestants import Entry
from traffic_ai.core.detection import Detections
from traffic_ai.core.geometry import Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene

WIDTH_PX, HEIGHT_PX, RATE_HZ = 1920, 1080, 25.0
WARM_UP, TIMED, ROUNDS = 25, 50, 5
_CELL_PX = 120
_HALF_PX = np.array([30.0, 22.0])


def milliseconds(entry: Entry, counts: Sequence[int]) -> dict[int, float]:
    """The median over ROUNDS of the mean time of TIMED updates, by number of objects."""
    found = {}
    for count in counts:
        clip = _circling(count)
        rounds = []
        for _ in range(ROUNDS):
            contestant = entry.make(clip, _scene())
            frames = list(clip.frames())
            for info, detections in frames[:WARM_UP]:
                contestant.step(info, detections)
            start = time.process_time()
            for info, detections in frames[WARM_UP:]:
                contestant.step(info, detections)
            rounds.append(1000.0 * (time.process_time() - start) / TIMED)
        found[count] = float(np.median(rounds))
    return found


def _scene() -> Scene:
    """A camera that looks down on a road, 5 cm a pixel at the bottom, 20 cm at the top."""
    matrix = np.array([[0.05, 0.0, -48.0], [0.0, 0.05, 0.0], [0.0, 0.0007, 0.25]])
    border = [(0.0, 0.0), (WIDTH_PX, 0.0), (WIDTH_PX, HEIGHT_PX), (0.0, HEIGHT_PX)]
    plane = Homography(matrix / matrix[2, 2], np.zeros((8, 8)), 0.0, np.array(border))
    return Scene("cam", WIDTH_PX, HEIGHT_PX, homography=plane)


def _circling(count: int) -> Clip:
    """Vehicles on small circles, each in a cell of its own, boxes off by a pixel."""
    random = np.random.default_rng(count)
    across = WIDTH_PX // _CELL_PX
    cell = np.stack(np.divmod(np.arange(count), across)[::-1], axis=1) * _CELL_PX + _CELL_PX / 2
    phase = random.uniform(0.0, 2.0 * np.pi, count)
    t_s = np.arange(WARM_UP + TIMED) / RATE_HZ
    found = []
    for moment in t_s:
        turn = phase + moment
        middle = cell + 20.0 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        box = np.hstack([middle - _HALF_PX, middle + _HALF_PX])
        box += random.normal(0.0, 1.0, box.shape)
        found.append(
            Detections(
                box.astype(np.float32),
                np.full(count, 0.9, np.float32),
                np.full(count, RoadUser.CAR, np.int64),
            )
        )
    index = np.arange(len(t_s))
    return Clip("timing", WIDTH_PX, HEIGHT_PX, RATE_HZ, t_s, index, tuple(found))
