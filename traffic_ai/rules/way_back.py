"""How far each vehicle has come back from the farthest point it reached along each lane.

Used by the wrong-way rule to tell, for all vehicles of a frame at once, which ones are worth a
closer look: nobody's way against a lane's direction is longer than this.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.core.track import Track, Tracks
from traffic_ai.rules.lanes import LaneMap
from traffic_ai.rules.track_rows import TrackRows, grown


class WayBack:
    """Keeps, of every track and lane, the farthest and the latest progress of its grounded points.

    Progress is in the plane of the lane's axis, of points in the lane and with a place in that
    plane.
    """

    def __init__(self, scene: Scene, lanes: LaneMap) -> None:
        self._lanes = lanes
        self._count = len(scene.lanes)
        self._rows = TrackRows(self._grow)
        self._farthest = np.zeros((0, self._count))
        self._latest = np.zeros((0, self._count))

    def _grow(self, rows: int) -> None:
        self._farthest, self._latest = grown(self._farthest, rows), grown(self._latest, rows)

    def follow(
        self, tracks: Tracks, histories: Mapping[int, Track]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Way back (N, L) of this frame's tracks, -inf without a point in the lane; and in which
        lanes they are now (N, L).
        """
        rows, new = self._rows.of(tracks.track_id)
        points: Sequence[Tracks | Track] = (tracks,)
        of = rows
        if new:
            self._farthest[rows[new]], self._latest[rows[new]] = -np.inf, np.inf
            # What they did before they were first shown.
            past = [histories[track_id] for track_id in tracks.track_id[new].tolist()]
            points = (*past, tracks)
            of = np.concatenate([np.repeat(rows[new], [len(track) for track in past]), rows])
        anchors_px = np.concatenate([p.anchor_px for p in points])
        ground_m = np.concatenate([p.ground_m for p in points])
        grounded = np.concatenate([p.grounded for p in points])
        inside = self._lanes.holds(anchors_px) & grounded[:, None]
        self._note(of, inside, anchors_px, ground_m)
        return self._farthest[rows] - self._latest[rows], inside[len(inside) - len(rows) :]

    def end(self, track_id: int) -> Array:
        """Forget a track; its way back (L,)."""
        row = self._rows.drop(track_id)
        if row is None:
            return np.full(self._count, np.inf)
        return np.asarray(self._farthest[row] - self._latest[row])

    def _note(
        self,
        rows: NDArray[np.int64],
        inside: NDArray[np.bool_],
        anchors_px: Array,
        ground_m: Array,
    ) -> None:
        """Take in points (N,) of tracks at `rows` that lie in some lanes (N, L), in time order."""
        point, lane = np.nonzero(inside)
        places = ground_m[point]
        if not self._lanes.in_metres.all():
            places = np.where(self._lanes.in_metres[lane][:, None], places, anchors_px[point])
        known = ~np.isnan(places[:, 0])
        if not known.any():
            return
        if not known.all():
            point, lane, places = point[known], lane[known], places[known]
        progress = self._lanes.progress(lane, places)
        np.maximum.at(self._farthest, (rows[point], lane), progress)
        self._latest[rows[point], lane] = progress
