"""What can be said of tracks without truth.

None of these is a count of errors. A handover is a track that begins where another one, carried
on at its last velocity, would be: most are one vehicle given a second number, some are two
vehicles. A jump is a step no vehicle makes: most are two vehicles that swapped numbers, some are
a box that grew over its neighbour.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from trackers.eval import box_iou

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.contestants import SURE, Numbered

HANDOVER_S = 1.0
HANDOVER_IOU = 0.3
VELOCITY_S = 0.5
# A jump: off the place expected from the last half second by this many of the box's shorter
# sides, within a step of at most JUMP_S. A vehicle that brakes or turns as hard as it can is off
# by less than 0.1 m in 0.2 s; its shorter side is 1.5 m or more.
JUMP_SIDES = 0.6
JUMP_S = 0.2


@dataclass(frozen=True, slots=True)
class Account:
    """tracks: numbers given out. gaps: times a track was unobserved for a frame or more.
    assigned: percent of the detections of SURE confidence that got a number.
    """

    tracks: float
    median_life_s: float
    mean_life_s: float
    shorter_than_1_s: float
    gaps: float
    handovers: float
    jumps: float
    assigned: float


@dataclass(frozen=True, slots=True)
class _Line:
    """One track: t_s (N,), xyxy_px (N, 4)."""

    t_s: NDArray[np.float64]
    xyxy_px: NDArray[np.float64]

    def moved(self, end: int, t_s: float) -> NDArray[np.float64]:
        """The box before `end`, carried on to t_s at the velocity of the last VELOCITY_S."""
        last = end - 1
        first = int(np.searchsorted(self.t_s, self.t_s[last] - VELOCITY_S))
        if first == last:
            return self.xyxy_px[last]
        span_s = self.t_s[last] - self.t_s[first]
        velocity = (self.xyxy_px[last] - self.xyxy_px[first]) / span_s
        middle = np.tile((velocity[:2] + velocity[2:]) / 2.0, 2)
        return np.asarray(self.xyxy_px[last] + middle * (t_s - self.t_s[last]))


def account(clip: Clip, answers: list[Numbered]) -> Account:
    """What the tracks look like from outside."""
    lines = _lines(clip, answers)
    lives = np.array([line.t_s[-1] - line.t_s[0] for line in lines])
    sure = sum(int((found.confidence >= SURE).sum()) for found in clip.detections)
    held = sum(
        _held(found.xyxy_px[found.confidence >= SURE], boxes)
        for found, (_, boxes) in zip(clip.detections, answers, strict=True)
    )
    return Account(
        tracks=len(lines),
        median_life_s=float(np.median(lives)),
        mean_life_s=float(lives.mean()),
        shorter_than_1_s=int((lives < 1.0).sum()),
        gaps=sum(int((np.diff(line.t_s) > 1.5 / clip.rate_hz).sum()) for line in lines),
        handovers=_handovers(lines),
        jumps=sum(_jumps(line) for line in lines),
        assigned=100.0 * held / sure,
    )


def _lines(clip: Clip, answers: list[Numbered]) -> list[_Line]:
    points = defaultdict(list)
    for t_s, (ids, boxes) in zip(clip.t_s, answers, strict=True):
        for track, box in zip(ids, boxes, strict=True):
            points[int(track)].append((t_s, box))
    return [
        _Line(np.array([t for t, _ in held]), np.array([box for _, box in held]))
        for held in points.values()
    ]


def _held(found: NDArray[np.float32], boxes: NDArray[np.float64]) -> int:
    if not len(found) or not len(boxes):
        return 0
    near = np.abs(found[:, None] - boxes[None]).max(axis=2) < 1e-2
    return int(near.any(axis=1).sum())


def _handovers(lines: list[_Line]) -> int:
    """Tracks that take over from one that ended up to HANDOVER_S before, one to one."""
    overlap = np.zeros((len(lines), len(lines)))
    for i, old in enumerate(lines):
        for j, new in enumerate(lines):
            if 0.0 < new.t_s[0] - old.t_s[-1] <= HANDOVER_S:
                carried = old.moved(len(old.t_s), new.t_s[0])
                overlap[i, j] = box_iou(carried[None], new.xyxy_px[:1], box_format="xyxy")[0, 0]
    overlap[overlap < HANDOVER_IOU] = 0.0
    rows, columns = linear_sum_assignment(-overlap)
    return int((overlap[rows, columns] > 0.0).sum())


def _jumps(line: _Line) -> int:
    count = 0
    for i in range(2, len(line.t_s)):
        if line.t_s[i] - line.t_s[i - 1] > JUMP_S:
            continue
        expected, box = line.moved(i, float(line.t_s[i])), line.xyxy_px[i]
        off = np.hypot(*((box[:2] + box[2:]) / 2.0 - (expected[:2] + expected[2:]) / 2.0))
        side = min(expected[2] - expected[0], expected[3] - expected[1])
        count += bool(off > JUMP_SIDES * max(side, 8.0))
    return count
