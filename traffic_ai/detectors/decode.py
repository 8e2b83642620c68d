"""Decoding: a network's numbers into boxes, for the cells that matter only."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.detectors.classes import ClassColumns

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeadMaps:
    """One scale's maps of an anchor-free head.

    stride_px: input pixels a cell; distances (4 * bins, h, w): for left, top, right, bottom a
    distribution over 0..bins-1 cells, before softmax; classes (count, h, w): before the sigmoid.
    """

    stride_px: int
    distances: Map
    classes: Map


def decode_maps(maps: list[HeadMaps], classes: ClassColumns, min_confidence: float) -> Detections:
    """Boxes of the cells whose best road-user class reaches min_confidence.

    The distances are the expectation of their distribution (Li et al. 2020, Generalized Focal
    Loss, eq. 3), from the cell's middle. The threshold is applied before the sigmoid, so that the
    other cells, nearly all, cost one comparison.
    """
    least = math.log(min_confidence / (1.0 - min_confidence)) if min_confidence > 0.0 else -np.inf
    boxes, scores, users = [], [], []
    for scale in maps:
        wanted = scale.classes[classes.columns]
        best = wanted.max(axis=0)
        y, x = np.nonzero(best >= least)
        centre = np.column_stack([x, y]) + 0.5
        bins = scale.distances[:, y, x].T.reshape(len(y), 4, len(scale.distances) // 4)
        weights = np.exp(bins - bins.max(axis=2, keepdims=True))
        reach = (weights @ np.arange(bins.shape[2], dtype=np.float32)) / weights.sum(axis=2)
        boxes.append(np.hstack([centre - reach[:, :2], centre + reach[:, 2:]]) * scale.stride_px)
        scores.append(1.0 / (1.0 + np.exp(-best[y, x].astype(np.float64))))
        users.append(classes.road_users[wanted[:, y, x].argmax(axis=0)])
    return Detections(
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores).astype(np.float32),
        np.concatenate(users).astype(np.int64),
    )


def decode_table(table: Map, classes: ClassColumns, min_confidence: float) -> Detections:
    """Boxes of a whole graph's output (4 + count, N): middle, width, height, class scores."""
    wanted = table[4 + classes.columns]
    kept = np.nonzero(wanted.max(axis=0) >= min_confidence)[0]
    middle, half = table[:2, kept].T, table[2:4, kept].T / 2.0
    return Detections(
        np.hstack([middle - half, middle + half]).astype(np.float32),
        wanted[:, kept].max(axis=0).astype(np.float32),
        classes.road_users[wanted[:, kept].argmax(axis=0)],
    )


def decode_rows(rows: Map, classes: ClassColumns, min_confidence: float) -> Detections:
    """Boxes of an end-to-end graph's output (N, 6): x0, y0, x1, y1, confidence, class."""
    number = rows[:, 5].astype(np.int64)
    match = number[:, None] == classes.columns[None, :]
    kept = match.any(axis=1) & (rows[:, 4] >= min_confidence)
    return Detections(
        rows[kept, :4].astype(np.float32),
        rows[kept, 4].astype(np.float32),
        classes.road_users[match[kept].argmax(axis=1)],
    )
