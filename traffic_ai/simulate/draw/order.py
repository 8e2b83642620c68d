"""Which of two things hides the other: far ones are drawn first.

Things on a road do not reach into each other, so some line on the ground parts any two of them; the
one on the camera's side of it can hide the other and never the reverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats

_TOUCH_M = 0.05


@dataclass(frozen=True)
class Extent:
    """The room a thing takes: a convex footprint (K, 2), counter-clockwise, between two heights.

    window_px: left, top, right, bottom of the picture it is drawn in.
    """

    footprint_m: Floats
    low_m: float
    high_m: float
    window_px: tuple[int, int, int, int]


def far_to_near(extents: Sequence[Extent], eye_m: Floats) -> list[int]:
    """The numbers of the extents in the order they are drawn."""
    distance = [float(np.linalg.norm(e.footprint_m.mean(axis=0) - eye_m[:2])) for e in extents]
    behind: list[set[int]] = [set() for _ in extents]
    for i, first in enumerate(extents):
        for j in range(i):
            if _overlap(first.window_px, extents[j].window_px):
                nearer = _first_nearer(first, extents[j], eye_m)
                if nearer is None:
                    nearer = distance[i] < distance[j]
                behind[i if nearer else j].add(j if nearer else i)
    remaining = sorted(range(len(extents)), key=lambda i: (-distance[i], i))
    drawn: list[int] = []
    while remaining:
        # Three things can hide each other in a ring; then the farthest goes first.
        ready = next((i for i in remaining if not behind[i] & set(remaining)), remaining[0])
        remaining.remove(ready)
        drawn.append(ready)
    return drawn


def _overlap(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def _first_nearer(first: Extent, second: Extent, eye_m: Floats) -> bool | None:
    """Whether the first can hide the second; None where nothing parts them."""
    best, nearer = -_TOUCH_M, None
    for one, other, own in ((first, second, True), (second, first, False)):
        ring = one.footprint_m
        along = np.roll(ring, -1, axis=0) - ring
        outward = np.stack([along[:, 1], -along[:, 0]], axis=-1)
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        edge = np.einsum("ki,ki->k", outward, ring)
        gap = (outward @ other.footprint_m.T).min(axis=1) - edge
        k = int(gap.argmax())
        if gap[k] > best:
            best = float(gap[k])
            beyond = float(outward[k] @ eye_m[:2] - edge[k]) > best / 2
            nearer = beyond != own
    if nearer is not None:
        return nearer
    for one, other, own in ((first, second, True), (second, first, False)):
        if one.low_m >= other.high_m - _TOUCH_M:
            return bool((eye_m[2] > one.low_m) == own)
    return None
