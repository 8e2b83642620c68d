"""The road as drivers know it: lanes by id, and the ways that lead on from each.

Between the scenario and the simulation; `roads` makes one for every kind of road.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.traffic.paths import Path


class Turn(StrEnum):
    """Where a way leads from its lane."""

    THROUGH = "through"
    LEFT = "left"
    RIGHT = "right"
    UTURN = "uturn"
    WRONG_WAY = "wrong_way"


@dataclass(frozen=True, slots=True)
class Way:
    """A line a driver follows from the lane it comes in on. line_m: where along the path the stop
    line is, with its signal group; None where there is none.
    """

    id: str
    lane_id: str
    turn: Turn
    path: Path
    line_m: float | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LaneLine:
    """A lane: its middle in the direction of travel, and its ways.

    marks_m, along_m (M,): distances from the camera's foot along the road, rising, and the places
    along the path they are at. neighbours: lanes of the same direction right beside it, and how
    far to the right their middles lie. kerb_m: from its middle to the edge of the road. right_m:
    from the middle of the innermost lane of its direction to its own.
    """

    id: str
    path: Path
    width_m: float
    marks_m: Floats
    along_m: Floats
    ways: dict[Turn, Way]
    neighbours: Mapping[str, float] = field(default_factory=dict)
    main: bool = True
    kerb_m: float = 0.0
    right_m: float = 0.0

    def is_beside(self, other: "LaneLine") -> bool:
        """Whether both lead the same way on the same road."""
        return self.id.rpartition("-")[0] == other.id.rpartition("-")[0]

    def along(self, mark_m: float) -> float:
        """Place along the path at a distance from the camera's foot."""
        low, high = self.marks_m[0], self.marks_m[-1]
        inside = float(np.interp(mark_m, self.marks_m, self.along_m))
        sign = 1.0 if self.along_m[-1] > self.along_m[0] else -1.0
        beyond_m = min(mark_m - float(low), 0.0) + max(mark_m - float(high), 0.0)
        return inside + sign * beyond_m

    @property
    def turned(self) -> bool:
        """Whether it leads toward smaller distances."""
        return bool(self.along_m[-1] < self.along_m[0])


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All lanes by id, and lines to paint along.

    reference: the middle of the main road, from the camera's foot outward at reference_from_m.
    """

    kind: str
    lanes: Mapping[str, LaneLine]
    reference: Path
    reference_from_m: float

    @property
    def ways(self) -> tuple[Way, ...]:
        """Every way of every lane."""
        return tuple(way for lane in self.lanes.values() for way in lane.ways.values())

    def right_of_middle(self, mark_m: Floats, right_m: Floats) -> Floats:
        """Road points (T, 2) at distances (T,) along and to the right (T,) of the middle."""
        s_m = mark_m - self.reference_from_m
        headings = self.reference.headings(s_m)
        normal = np.stack([np.cos(headings), -np.sin(headings)], axis=-1)
        return np.asarray(self.reference.points(s_m) + right_m[:, None] * normal)
