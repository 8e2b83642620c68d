"""On which side of each stop line the vehicles of a frame are: all lines and vehicles at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.track import Tracks
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules.stop_line_geometry import StopLineGeometry


class LineSides:
    """The stop lines of a scene, to be asked frame by frame; says what each geometry says."""

    def __init__(self, geometries: Sequence[StopLineGeometry]) -> None:
        self._geometries = tuple(geometries)
        lines = [geometry.stop_line.line for geometry in geometries]
        self._start = np.array([line.a for line in lines]).reshape(-1, 1, 2)
        along = np.array([line.b - line.a for line in lines]).reshape(-1, 1, 2)
        self._along = along / (along * along).sum(axis=2, keepdims=True)
        self._forward = np.array([line.forward for line in lines]).reshape(-1, 1, 2)

    def look(
        self, tracks: Tracks, slack: float = 0.05
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of L lines and N vehicles: whose seen end is before the line (L, N), and who of them is
        within its ends, seen along it (L, N).
        """
        offset = tracks.anchor_px - self._start
        before = np.asarray((offset * self._forward).sum(axis=2) < 0.0)
        for row, geometry in enumerate(self._geometries):
            if geometry.end is VehicleEnd.SIDE:
                before[row] = geometry.seen_distance_px(tracks.xyxy_px) < 0.0
        along = (offset * self._along).sum(axis=2)
        return before, before & (along > -slack) & (along < 1.0 + slack)
