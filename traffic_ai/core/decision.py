"""A decision: what the rules saw of one vehicle, frame by frame, exactly enough to decide again.

The pipeline keeps it (`decision_log`), evidence stores it (`decision_text`), replay feeds it to the
rules once more (`replay`). Rules decide on one vehicle at a time, so its own history, the signals
and the frames are all that is needed; where a rule remembers vehicles it reported before, those
are in it too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import Track, Tracks

NOT_SHOWN = -1


@dataclass(frozen=True, slots=True)
class TrackPoints:
    """Points of a track: t_s (N,), xyxy_px (N, 4), ground_m (N, 2), ground_cov_m2 (N, 2, 2),
    observed and grounded (N,), as in `Track`.
    """

    t_s: Array
    xyxy_px: Array
    ground_m: Array
    ground_cov_m2: Array
    observed: NDArray[np.bool_]
    grounded: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.t_s)

    @classmethod
    def copied(cls, track: Track, count: int | None = None) -> "TrackPoints":
        """A copy of a track's first `count` points, by default of all it has."""
        part = slice(count)
        return cls(
            track.t_s[part].copy(),
            track.xyxy_px[part].copy(),
            track.ground_m[part].copy(),
            track.ground_cov_m2[part].copy(),
            track.observed[part].copy(),
            track.grounded[part].copy(),
        )

    @classmethod
    def joined(cls, parts: Sequence["TrackPoints"]) -> "TrackPoints":
        """The points of several stretches of one track, in their order."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def append_to(self, track: Track, start: int, end: int) -> None:
        """Give a track the points in [start, end)."""
        for i in range(start, end):
            track.append(
                float(self.t_s[i]),
                self.xyxy_px[i],
                self.ground_m[i],
                self.ground_cov_m2[i],
                bool(self.observed[i]),
                bool(self.grounded[i]),
            )


@dataclass(frozen=True, slots=True)
class VehicleRecord:
    """One vehicle in a decision.

    first_t_s and observed_before: when its track began, and how many observed points it had before
    the first one kept. votes: for each class, as they were when it was decided on. class_id (F,):
    its voted class at each frame of the decision, NOT_SHOWN where it is not among the frame's
    tracks: before it was confirmed and after it ended. ended_at: position of the frame that ended
    its track, None if none did.
    """

    track_id: int
    first_t_s: float
    observed_before: int
    votes: tuple[float, ...]
    points: TrackPoints
    class_id: NDArray[np.int64]
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was seen from a vehicle's first appearance to the decision on it.

    frames and signals have one entry a frame. vehicles: the one decided on, then those reported
    before that the rule may remember. closed: the decision was made as the session ended, after
    its last frame. whole: nothing of it was too long ago to be kept.
    """

    frames: tuple[FrameInfo, ...]
    signals: tuple[Mapping[str, SignalHistory], ...]
    vehicles: tuple[VehicleRecord, ...]
    closed: bool
    whole: bool

    @property
    def vehicle(self) -> VehicleRecord:
        """The vehicle decided on."""
        return self.vehicles[0]

    def observations(self) -> Iterator[Observation]:
        """What the rules were shown, of these vehicles alone."""
        shown = [_Shown(record) for record in self.vehicles]
        for position, (info, signals) in enumerate(zip(self.frames, self.signals, strict=True)):
            for vehicle in shown:
                vehicle.advance(position, info.t_s)
            yield _observation(info, shown, signals)
            shown = [vehicle for vehicle in shown if not vehicle.has_ended]
        if self.closed:
            for vehicle in shown:
                vehicle.end()
            yield _observation(self.frames[-1], shown, self.signals[-1])


class _Shown:
    """A recorded vehicle on its way through the frames.

    is_known: confirmed, so that its history can be read. is_shown: among this frame's tracks.
    """

    def __init__(self, record: VehicleRecord) -> None:
        self._record = record
        self._count = 0
        self.track = Track(record.track_id, record.first_t_s)
        self.track.observed_count = record.observed_before
        self.track.recall(record.votes)
        self.is_known = self.is_shown = self.has_ended = False

    def advance(self, position: int, t_s: float) -> None:
        """Go on to a frame: the points up to it are added, those before the first at once."""
        class_id = int(self._record.class_id[position])
        self.is_shown = class_id != NOT_SHOWN
        if not self.is_shown:
            return
        points = self._record.points
        end = int(np.searchsorted(points.t_s, t_s, "right"))
        points.append_to(self.track, self._count, end)
        self._count = end
        self.track.road_user = RoadUser(class_id)
        self.is_known = True
        if self._record.ended_at == position:
            self.end()

    def end(self) -> None:
        """End the track."""
        self.is_shown, self.has_ended = False, True


def _observation(
    info: FrameInfo, vehicles: list[_Shown], signals: Mapping[str, SignalHistory]
) -> Observation:
    known = [vehicle for vehicle in vehicles if vehicle.is_known]
    histories = {vehicle.track.track_id: vehicle.track for vehicle in known}
    ended = tuple(vehicle.track.track_id for vehicle in known if vehicle.has_ended)
    live = [vehicle.track for vehicle in known if vehicle.is_shown]
    if not live:
        return Observation(info, Tracks.empty(ended), histories, signals)
    tracks = Tracks(
        track_id=np.array([track.track_id for track in live], np.int64),
        xyxy_px=np.array([track.xyxy_px[-1] for track in live]),
        class_id=np.array([int(track.road_user) for track in live], np.int64),
        ground_m=np.array([track.ground_m[-1] for track in live]),
        observed=np.array([track.observed[-1] for track in live]),
        grounded=np.array([track.grounded[-1] for track in live]),
        ended=ended,
    )
    return Observation(info, tracks, histories, signals)
