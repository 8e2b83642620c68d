"""Tracks against the drawn scene's truth, by the evaluation of the package `trackers`.

A vehicle counts in a frame where at least COUNTED_VISIBLE of it is seen and its box is at least
COUNTED_PX high and wide. Elsewhere it may be tracked or not: a box that fits it is taken out
before counting (MOTChallenge's distractors), for every tracker alike.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from trackers.eval import box_iou, evaluate_mot_sequence

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.contestants import Numbered

COUNTED_VISIBLE = 0.3
COUNTED_PX = 16.0
MATCH_IOU = 0.5
# MOTChallenge's class column.
_COUNTED, _DISTRACTOR = 1, 8


@dataclass(frozen=True, slots=True)
class TrueFrame:
    """vehicle_id (N,), xyxy_px (N, 4), counted (N,)."""

    vehicle_id: NDArray[np.int64]
    xyxy_px: NDArray[np.float64]
    counted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares in percent, counts as they are. `ids`: numbers given out to counted vehicles."""

    HOTA: float
    AssA: float
    IDF1: float
    MOTA: float
    recall: float
    precision: float
    id_switches: float
    fragments: float
    mostly_tracked: float
    vehicles: float
    ids: float


@dataclass(frozen=True, slots=True)
class Switch:
    """A vehicle whose number changed between two moments."""

    vehicle_id: int
    from_id: int
    to_id: int
    last_s: float
    t_s: float


def true_frames(path: Path) -> dict[int, TrueFrame]:
    """Truth by frame of the video."""
    rows: dict[int, list[tuple[int, list[float], bool]]] = {}
    for vehicle in json.loads(path.read_text())["vehicles"]:
        seen = zip(vehicle["box_px"], vehicle["visible"], strict=True)
        for frame, (box, visible) in enumerate(seen, vehicle["first_frame"]):
            if box is None or not visible:
                continue
            size = min(box[2] - box[0], box[3] - box[1])
            counted = visible >= COUNTED_VISIBLE and size >= COUNTED_PX
            rows.setdefault(frame, []).append((vehicle["id"], box, counted))
    return {
        frame: TrueFrame(*(np.array(column) for column in zip(*held, strict=True)))
        for frame, held in rows.items()
    }


def score(clip: Clip, truth: dict[int, TrueFrame], answers: list[Numbered]) -> Scores:
    """The usual scores of a tracker's answers."""
    with tempfile.TemporaryDirectory() as folder:
        true_path, found_path = Path(folder) / "true.txt", Path(folder) / "found.txt"
        true_path.write_text(_true_text(clip, truth))
        found_path.write_text(_found_text(answers))
        result = evaluate_mot_sequence(true_path, found_path, ["CLEAR", "HOTA", "Identity"])
    clear, hota, identity = result.CLEAR, result.HOTA, result.Identity
    if clear is None or hota is None or identity is None:
        raise RuntimeError("trackers.eval left out a family of scores it was asked for")
    return Scores(
        HOTA=100 * hota.HOTA,
        AssA=100 * hota.AssA,
        IDF1=100 * identity.IDF1,
        MOTA=100 * clear.MOTA,
        recall=100 * clear.CLR_Re,
        precision=100 * clear.CLR_Pr,
        id_switches=clear.IDSW,
        fragments=clear.Frag,
        mostly_tracked=clear.MT,
        vehicles=clear.MT + clear.PT + clear.ML,
        ids=len({track for _, track, _ in _matches(clip, truth, answers)}),
    )


def switches(clip: Clip, truth: dict[int, TrueFrame], answers: list[Numbered]) -> list[Switch]:
    """Every change of number, to be looked at."""
    last: dict[int, tuple[int, float]] = {}
    found = []
    for vehicle, track, t_s in _matches(clip, truth, answers):
        before = last.get(vehicle)
        if before is not None and before[0] != track:
            found.append(Switch(vehicle, before[0], track, before[1], t_s))
        last[vehicle] = (track, t_s)
    return found


def _matches(
    clip: Clip, truth: dict[int, TrueFrame], answers: list[Numbered]
) -> list[tuple[int, int, float]]:
    """(vehicle, track, time) of every counted vehicle with its best box."""
    found = []
    for frame, t_s, (ids, boxes) in zip(clip.frame_index, clip.t_s, answers, strict=True):
        true = truth.get(int(frame))
        if true is None or not len(ids):
            continue
        overlap = box_iou(true.xyxy_px, boxes, box_format="xyxy")
        overlap[overlap < MATCH_IOU] = 0.0
        for row, column in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, column] > 0.0 and true.counted[row]:
                found.append((int(true.vehicle_id[row]), int(ids[column]), float(t_s)))
    return found


def _true_text(clip: Clip, truth: dict[int, TrueFrame]) -> str:
    lines = []
    for number, frame in enumerate(clip.frame_index, 1):
        true = truth.get(int(frame))
        if true is None:
            continue
        for vehicle, box, counted in zip(true.vehicle_id, true.xyxy_px, true.counted, strict=True):
            kind = _COUNTED if counted else _DISTRACTOR
            lines.append(f"{number},{vehicle},{_xywh(box)},{int(counted)},{kind},1")
    return "\n".join(lines) + "\n"


def _found_text(answers: list[Numbered]) -> str:
    lines = [
        f"{number},{track},{_xywh(box)},1,-1,-1,-1"
        for number, (ids, boxes) in enumerate(answers, 1)
        for track, box in zip(ids, boxes, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _xywh(box: NDArray[np.float64]) -> str:
    return f"{box[0]:.2f},{box[1]:.2f},{box[2] - box[0]:.2f},{box[3] - box[1]:.2f}"
