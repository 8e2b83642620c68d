"""On which side of each stop line the vehicles of a frame are: all lines and vehicles at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track, Tracks
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules.stop_line_geometry import StopLineGeometry

Indices = NDArray[np.int64]


class LineSides:
    """The stop lines of a scene, to be asked frame by frame; says what each geometry says."""

    def __init__(self, geometries: Sequence[StopLineGeometry]) -> None:
        self._geometries = tuple(geometries)
        lines = [geometry.stop_line.line for geometry in geometries]
        self._start = np.array([line.a for line in lines]).reshape(-1, 2)
        along = np.array([line.b - line.a for line in lines]).reshape(-1, 2)
        self._along = along / (along * along).sum(axis=1, keepdims=True)
        self._forward = np.array([line.forward for line in lines]).reshape(-1, 2)
        second = [geometry.stop_line.beyond for geometry in geometries]
        self._has_second = np.array([line is not None for line in second], bool)
        nowhere = np.full(2, np.nan)
        self._second = np.array([nowhere if line is None else line.a for line in second])
        self._onward = np.array([nowhere if line is None else line.forward for line in second])

    def look(self, tracks: Tracks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of L lines and N vehicles: whose seen end is before the line (L, N), and who of them is
        within its ends, seen along it (L, N).
        """
        return self._look(tracks.anchor_px, tracks.xyxy_px)

    def came(self, track: Track) -> NDArray[np.bool_]:
        """Before which lines a track was seen, between their ends, (L,)."""
        _, coming = self._look(track.anchor_px, track.xyxy_px)
        return np.asarray((coming & track.observed).any(axis=1))

    def places(self, lines: Indices, anchor_px: Array) -> Array:
        """Where along the lines at positions (K,) anchors (K, 2) are: 0 at `a`, 1 at `b`, (K,)."""
        return np.asarray(((anchor_px - self._start[lines]) * self._along[lines]).sum(axis=1))

    def beyond(
        self, lines: Indices, tracks: Tracks, rows: Indices, at_least_m: float
    ) -> NDArray[np.bool_]:
        """Which tracks at rows (K,) are past the second lines of those at positions (K,), or as
        `StopLineGeometry.is_beyond` says where a line has none, (K,).
        """
        anchor_px = tracks.anchor_px[rows]
        past = ((anchor_px - self._second[lines]) * self._onward[lines]).sum(axis=1) > 0.0
        for k in (~self._has_second[lines]).nonzero()[0].tolist():
            ground_m = tracks.ground_m[rows[k] : rows[k] + 1]
            geometry = self._geometries[lines[k]]
            past[k] = geometry.is_beyond(anchor_px[k : k + 1], ground_m, at_least_m)[0]
        return np.asarray(past)

    def _look(
        self, anchor_px: Array, xyxy_px: Array, slack: float = 0.05
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        x, y = anchor_px.T[:, None] - self._start.T[:, :, None]
        (forward_x, forward_y), (along_x, along_y) = self._forward.T, self._along.T
        before = x * forward_x[:, None] + y * forward_y[:, None] < 0.0
        for row, geometry in enumerate(self._geometries):
            if geometry.end is VehicleEnd.SIDE:
                before[row] = geometry.seen_distance_px(xyxy_px) < 0.0
        along = x * along_x[:, None] + y * along_y[:, None]
        return before, before & (along > -slack) & (along < 1.0 + slack)
