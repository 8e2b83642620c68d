"""What one picture says of a head or a group, and how the heads of a group are put together.

Between the lamps of each head (`lamps`) and the timeline of the group (`timeline`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from traffic_ai.core.signal import Aspect

LIT = frozenset({Aspect.RED, Aspect.RED_YELLOW, Aspect.YELLOW, Aspect.GREEN})
POOR_CONFIDENCE = 0.35
GOOD_CONFIDENCE = 0.7


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture's reading: RED, RED_YELLOW, YELLOW, GREEN, DARK (no lamp lit) or UNKNOWN.

    `confidence` 0..1, 0 for UNKNOWN.
    """

    aspect: Aspect
    confidence: float


UNREADABLE = Reading(Aspect.UNKNOWN, 0.0)


def fuse(readings: Sequence[Reading]) -> Reading:
    """The reading of a group from its heads, which all show the same aspect.

    Agreeing heads strengthen each other. A dark or unreadable head does not contradict a lit
    one: it may be turned away, faded or covered. Heads lit differently make UNKNOWN, unless one
    is poorly read and another well.
    """
    doubt: dict[Aspect, float] = {}
    for reading in readings:
        if reading.aspect in LIT:
            before = doubt.get(reading.aspect, 1.0)
            doubt[reading.aspect] = before * (1.0 - reading.confidence)
    if not doubt:
        dark = [1.0 - r.confidence for r in readings if r.aspect is Aspect.DARK]
        return Reading(Aspect.DARK, 1.0 - math.prod(dark)) if dark else UNREADABLE
    ranked = sorted(((1.0 - d, aspect) for aspect, d in doubt.items()), reverse=True)
    best, aspect = ranked[0]
    if len(ranked) > 1 and not (best >= GOOD_CONFIDENCE and ranked[1][0] <= POOR_CONFIDENCE):
        return UNREADABLE
    return Reading(aspect, best)
