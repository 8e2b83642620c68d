"""The live tracks of one camera as a struct of arrays: their filter states, boxes and histories.

Between the tracker and what it computes; a row is a track, and rows only move when tracks end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track, Tracks, append_points


@dataclass(slots=True)
class LiveTracks:
    """N tracks.

    state (N, 4), covariance (N, 4, 4), on_ground (N,): as in `MotionPlanes`. box_px (N, 4): what
    was seen of each, or would be; whole_px (N, 4): its box if nothing covered it.
    last_observed_s, observed_count, confirmed (N,). shown_px (N, 4), ground_m (N, 2), observed,
    grounded (N,): the latest point of each history. part (N, 4): where in the whole box,
    in its sizes, a part of the vehicle is found now and then, NaN if none is known.
    """

    tracks: list[Track]
    track_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    state: Array
    covariance: Array
    on_ground: NDArray[np.bool_]
    box_px: Array
    whole_px: Array
    last_observed_s: Array
    observed_count: NDArray[np.int64]
    confirmed: NDArray[np.bool_]
    shown_px: Array
    ground_m: Array
    observed: NDArray[np.bool_]
    grounded: NDArray[np.bool_]
    part: Array

    @classmethod
    def started(
        cls,
        tracks: Sequence[Track],
        state: Array,
        covariance: Array,
        on_ground: NDArray[np.bool_],
        boxes: Array,
        t_s: float,
    ) -> "LiveTracks":
        """New tracks, without a point yet, whose boxes (N, 4) were seen at t_s."""
        n = len(tracks)
        return cls(
            list(tracks),
            np.array([track.track_id for track in tracks], np.int64),
            np.array([track.road_user for track in tracks], np.int64),
            state.reshape(-1, 4),
            covariance.reshape(-1, 4, 4),
            on_ground,
            boxes.copy(),
            boxes.copy(),
            np.full(n, t_s),
            np.zeros(n, np.int64),
            np.zeros(n, bool),
            np.zeros((n, 4)),
            np.zeros((n, 2)),
            np.zeros(n, bool),
            np.zeros(n, bool),
            np.full((n, 4), np.nan),
        )

    @classmethod
    def none(cls) -> "LiveTracks":
        """No tracks."""
        empty = np.zeros(0)
        return cls.started([], empty, empty, np.zeros(0, bool), np.zeros((0, 4)), 0.0)

    def __len__(self) -> int:
        return len(self.tracks)

    def append(
        self,
        t_s: float,
        shown_px: Array,
        ground_m: Array,
        ground_cov_m2: Array,
        observed: NDArray[np.bool_],
        grounded: NDArray[np.bool_],
    ) -> None:
        """Give each track its point of this moment."""
        append_points(self.tracks, t_s, shown_px, ground_m, ground_cov_m2, observed, grounded)
        self.observed_count += observed
        self.shown_px, self.ground_m = shown_px, ground_m
        self.observed, self.grounded = observed, grounded

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Forget the tracks that are not kept (N,)."""
        self.tracks = [self.tracks[i] for i in np.flatnonzero(kept)]
        for name in _ARRAYS:
            setattr(self, name, getattr(self, name)[kept])

    def take_over(self, row: int, other: int) -> None:
        """Let the track at `row` go on from the motion and the box of another."""
        for name in ("state", "covariance", "on_ground", "box_px", "whole_px"):
            values = getattr(self, name)
            values[row] = values[other]
        self.last_observed_s[row] = max(self.last_observed_s[row], self.last_observed_s[other])

    def add(self, other: "LiveTracks") -> None:
        """Add the rows of others after one's own."""
        self.tracks += other.tracks
        for name in _ARRAYS:
            setattr(self, name, np.concatenate([getattr(self, name), getattr(other, name)]))

    def shown(self, ended: tuple[int, ...]) -> Tracks:
        """The confirmed tracks as everyone sees them."""
        chosen = slice(None) if self.confirmed.all() else self.confirmed
        return Tracks(
            track_id=self.track_id[chosen].copy(),
            xyxy_px=self.shown_px[chosen],
            class_id=self.class_id[chosen].copy(),
            ground_m=self.ground_m[chosen],
            observed=self.observed[chosen],
            grounded=self.grounded[chosen],
            ended=ended,
        )


_ARRAYS = tuple(f.name for f in fields(LiveTracks) if f.name != "tracks")
