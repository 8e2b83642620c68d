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
MIXED_S = 0.5
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
    """Shares in percent, counts as they are.

    ids: numbers given out to counted vehicles. mixed: tracks that followed a second vehicle for
    MIXED_S or longer, the error that puts one vehicle's deed on another's record.
    """

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
    mixed: float


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
    matches = _matches(clip, truth, answers)
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
        ids=len({match.track_id for match in matches}),
        mixed=_mixed(matches),
    )


def switches(clip: Clip, truth: dict[int, TrueFrame], answers: list[Numbered]) -> list[Switch]:
    """Every change of number, to be looked at."""
    last: dict[int, _Match] = {}
    found = []
    for match in _matches(clip, truth, answers):
        before = last.get(match.vehicle_id)
        if before is not None and before.track_id != match.track_id:
            change = (before.track_id, match.track_id, before.t_s, match.t_s)
            found.append(Switch(match.vehicle_id, *change))
        last[match.vehicle_id] = match
    return found


@dataclass(frozen=True, slots=True)
class _Match:
    """A counted vehicle with the box that is taken for it. lasts_s: until the next frame."""

    vehicle_id: int
    track_id: int
    t_s: float
    lasts_s: float


def _matches(clip: Clip, truth: dict[int, TrueFrame], answers: list[Numbered]) -> list[_Match]:
    """Counted vehicles matched frame by frame; who matched in the last frame goes on, if it can
    (as in CLEAR MOT).
    """
    found = []
    before: dict[int, int] = {}
    lasts_s = np.append(np.diff(clip.t_s), 0.0)
    for frame, t_s, step_s, (ids, boxes) in zip(
        clip.frame_index, clip.t_s, lasts_s, answers, strict=True
    ):
        true = truth.get(int(frame))
        now: dict[int, int] = {}
        if true is not None and len(ids):
            overlap = box_iou(true.xyxy_px, boxes, box_format="xyxy")
            goes_on = np.array([before.get(int(v), -1) for v in true.vehicle_id])[:, None] == ids
            score = np.where(overlap < MATCH_IOU, 0.0, overlap + 1000.0 * goes_on)
            for row, column in zip(*linear_sum_assignment(-score), strict=True):
                if score[row, column] > 0.0 and true.counted[row]:
                    now[int(true.vehicle_id[row])] = int(ids[column])
        found += [_Match(v, track, float(t_s), float(step_s)) for v, track in now.items()]
        before = now
    return found


def _mixed(matches: list[_Match]) -> int:
    """Tracks that followed a second vehicle for MIXED_S or longer."""
    spent: dict[int, dict[int, float]] = {}
    for match in matches:
        vehicles = spent.setdefault(match.track_id, {})
        vehicles[match.vehicle_id] = vehicles.get(match.vehicle_id, 0.0) + match.lasts_s
    return sum(sum(s >= MIXED_S for s in vehicles.values()) > 1 for vehicles in spent.values())


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
