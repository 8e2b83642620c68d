"""How well the tracks follow the true vehicles: HOTA, IDF1 and MOTA by the package `trackers`.

A vehicle counts in a frame where at least COUNTED_VISIBLE of it is seen and its box is at least
COUNTED_PX high and wide. Elsewhere it may be followed or not: a track that fits it there is taken
out before counting, as MOTChallenge does with its distractors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from traffic_ai.core.errors import UsageError
from traffic_ai.core.geometry import Array
from traffic_ai.evaluate.boxes import BoxPath, overlap
from traffic_ai.evaluate.report import TrackScores
from traffic_ai.evaluate.truth import HIDDEN_SHARE, Truth
from traffic_ai.stores.track_log import FrameTracks

COUNTED_VISIBLE = HIDDEN_SHARE
COUNTED_PX = 16.0
MATCH_OVERLAP = 0.5

_Metric = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """One frame as it is counted: true_id (N,), track_id (M,), and overlap (N, M)."""

    true_id: NDArray[np.int64]
    track_id: NDArray[np.int64]
    overlap: Array


def box_paths(frames: Sequence[FrameTracks]) -> dict[int, BoxPath]:
    """The tracks by id."""
    points: dict[int, list[tuple[float, Array]]] = {}
    for frame in frames:
        for track_id, box in zip(frame.track_id, frame.xyxy_px, strict=True):
            points.setdefault(int(track_id), []).append((frame.t_s, box))
    return {
        track_id: BoxPath(np.array([t_s for t_s, _ in held]), np.array([box for _, box in held]))
        for track_id, held in points.items()
    }


def judged_frames(frames: Sequence[FrameTracks], truth: Truth) -> list[JudgedFrame]:
    """The frames of a run beside the truth, with what does not count taken out."""
    if len(truth.stamp_s) < 2:
        return []
    numbers = truth.frames_at(np.array([frame.t_s for frame in frames], float))
    return [
        _judged(frame, truth, int(number)) for frame, number in zip(frames, numbers, strict=True)
    ]


def _judged(frame: FrameTracks, truth: Truth, number: int) -> JudgedFrame:
    ids, boxes, counted = _true_boxes(truth, number)
    n, m = len(ids), len(frame.track_id)
    pairs = overlap(np.repeat(boxes, m, axis=0), np.tile(frame.xyxy_px, (n, 1))).reshape(n, m)
    kept = np.ones(m, bool)
    rows, columns = linear_sum_assignment(np.where(pairs >= MATCH_OVERLAP, -pairs, 0.0))
    for row, column in zip(rows, columns, strict=True):
        if pairs[row, column] >= MATCH_OVERLAP and not counted[row]:
            kept[column] = False
    return JudgedFrame(ids[counted], frame.track_id[kept], pairs[counted][:, kept])


def _true_boxes(truth: Truth, number: int) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Ids (N,), boxes (N, 4) and whether they count (N,) in a frame."""
    ids, boxes, counted = [], [], []
    for vehicle in truth.vehicles:
        index = number - vehicle.first_frame
        if not 0 <= index < len(vehicle) or np.isnan(vehicle.box_px[index, 0]):
            continue
        visible, box = float(vehicle.visible[index]), vehicle.box_px[index]
        if visible <= 0.0:
            continue
        size_px = float(min(box[2] - box[0], box[3] - box[1]))
        ids.append(vehicle.id)
        boxes.append(box)
        counted.append(visible >= COUNTED_VISIBLE and size_px >= COUNTED_PX)
    return np.array(ids, np.int64), np.array(boxes, float).reshape(-1, 4), np.array(counted, bool)


def score_tracks(frames: Sequence[FrameTracks], truth: Truth) -> TrackScores:
    """The usual scores. Raises UsageError where the package `trackers` is not installed."""
    compute_hota, compute_clear, compute_identity = _metrics()
    judged = judged_frames(frames, truth)
    given = (
        [frame.true_id for frame in judged],
        [frame.track_id for frame in judged],
        [frame.overlap for frame in judged],
    )
    hota, clear, identity = compute_hota(*given), compute_clear(*given), compute_identity(*given)
    return TrackScores(
        world=truth.name,
        hota=float(hota["HOTA"]),
        assa=float(hota["AssA"]),
        deta=float(hota["DetA"]),
        idf1=float(identity["IDF1"]),
        mota=float(clear["MOTA"]),
        id_switches=int(clear["IDSW"]),
        boxes=sum(len(frame.true_id) for frame in judged),
    )


def _metrics() -> tuple[_Metric, _Metric, _Metric]:
    try:
        from trackers.eval import (
            compute_clear_metrics,
            compute_hota_metrics,
            compute_identity_metrics,
        )
    except ImportError as error:
        raise UsageError(
            f"tracks are scored by the package `trackers` ({error}); "
            "install it with: pip install 'traffic-ai[evaluate]'"
        ) from None
    return compute_hota_metrics, compute_clear_metrics, compute_identity_metrics
