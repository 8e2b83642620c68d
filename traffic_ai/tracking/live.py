"""The live tracks of one camera as a struct of arrays: their filter states, boxes and histories.

Between the tracker and what it computes; a row is a track, and rows only move when tracks end.
Arrays are kept as in `columns`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track, Tracks, append_points
from traffic_ai.tracking.columns import rows, zeros

Indices = NDArray[np.int64]


@dataclass(slots=True)
class LiveTracks:
    """N tracks.

    state (N, 4), covariance (N, 4, 4), on_ground (N,): as in `MotionPlanes`. box_px (N, 4): what
    was seen of each, or would be; whole_px (N, 4): its box if nothing covered it;
    across_m (N,): metres a pixel across the picture where that stands. guessed_s (N,): when
    that was last read from a box that does not show where the vehicle meets the road.
    last_observed_s, observed_count, confirmed (N,). sure (N,): whether a sure detection was
    among what was observed; only then it has a number. shown_px (N, 4), ground_m (N, 2), observed,
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
    across_m: Array
    guessed_s: Array
    last_observed_s: Array
    observed_count: NDArray[np.int64]
    confirmed: NDArray[np.bool_]
    sure: NDArray[np.bool_]
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
        across_m: Array,
        guessed_s: Array,
        t_s: float,
    ) -> "LiveTracks":
        """New tracks, without a point or a vote yet, whose boxes (N, 4) were seen at t_s."""
        n = len(tracks)
        return cls(
            list(tracks),
            np.array([track.track_id for track in tracks], np.int64),
            np.zeros(n, np.int64),
            state,
            covariance,
            on_ground,
            boxes.copy(order="K"),
            boxes.copy(order="K"),
            across_m,
            guessed_s,
            np.full(n, t_s),
            np.zeros(n, np.int64),
            np.zeros(n, bool),
            np.zeros(n, bool),
            zeros(n, 4),
            zeros(n, 2),
            np.zeros(n, bool),
            np.zeros(n, bool),
            zeros(n, 4) + np.nan,
        )

    @classmethod
    def none(cls) -> "LiveTracks":
        """No tracks."""
        nobody = np.zeros(0, bool)
        state, boxes = zeros(0, 4), zeros(0, 4)
        return cls.started([], state, zeros(0, 4, 4), nobody, boxes, zeros(0), zeros(0), 0.0)

    def __len__(self) -> int:
        return len(self.tracks)

    def move(self, anchors_px: Array, across_m: Array) -> None:
        """Move the boxes to other anchors (N, 2), where a pixel is so many metres across (N,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            nearer = np.minimum(np.maximum(self.across_m / across_m, 0.2), 5.0)
        scale = np.where(self.on_ground, nearer, 1.0)[:, None]
        old, self.across_m = self.whole_px, across_m
        size = old[:, 2:] - old[:, :2]
        new_size = size * scale
        half_width = new_size[:, 0] / 2.0
        x, y = anchors_px.T
        self.whole_px = np.array([x - half_width, y - new_size[:, 1], x + half_width, y]).T
        # What was seen of each keeps its place in the whole box.
        scale = new_size / np.maximum(size, 1e-6)
        seen = np.empty((4, len(self))).T
        for corner in (slice(0, 2), slice(2, 4)):
            inside = (self.box_px[:, corner] - old[:, :2]) * scale
            seen[:, corner] = self.whole_px[:, :2] + inside
        self.box_px = seen

    def vote(self, at: Indices, class_id: Indices, confidence: Array) -> None:
        """Count classes (K,) that were found of the tracks at K rows, as `Track.vote` does."""
        for row, c, v in zip(at.tolist(), class_id.tolist(), confidence.tolist(), strict=True):
            self.tracks[row].count(c, v)
        # Whose leading class was found again has no other.
        for row in at[class_id != self.class_id[at]].tolist():
            self.class_id[row] = self.tracks[row].elect()

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
        at = kept.nonzero()[0]
        self.tracks = [self.tracks[i] for i in at.tolist()]
        for name in _ARRAYS:
            setattr(self, name, rows(getattr(self, name), at))

    def take_over(self, row: int, other: int) -> None:
        """Let the track at `row` go on from the motion and the box of another."""
        for name in _MOTION:
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


_MOTION = ("state", "covariance", "on_ground", "box_px", "whole_px", "across_m", "guessed_s")
_ARRAYS = tuple(f.name for f in fields(LiveTracks) if f.name != "tracks")
