"""What a session keeps of its last frames, so that each decision can be handed out whole.

Used by the pipeline. Bounded: FRAME_LIMIT frames, and of each vehicle as many points.
"""

import pickle
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.decision import NOT_SHOWN, Decision, TrackPoints, VehicleRecord
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.ports import Observation
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import HISTORY_LIMIT, Track

FRAME_LIMIT = 2 * HISTORY_LIMIT
# Of the vehicles that a rule may remember, so many of the latest are enough to know one again.
REMEMBERED_LIMIT = 8
_HALF = HISTORY_LIMIT // 2
_PACKED_TOGETHER = 64

_Votes = tuple[float, ...]


class _Frame(NamedTuple):
    """A frame and what was shown in it: ids and classes of its tracks (N,), and those it ended."""

    info: FrameInfo
    signals: Mapping[str, SignalHistory]
    track_id: NDArray[np.int64]
    class_id: NDArray[np.int64]
    ended: tuple[int, ...]


class _Frames:
    """The last FRAME_LIMIT frames, all but the newest packed.

    As objects they would be tens of thousands that stay for minutes, which Python's collector of
    garbage goes through again and again: half a second at a time for six cameras, in which nobody
    is looked at.
    """

    def __init__(self) -> None:
        self._packed: deque[tuple[float, bytes]] = deque(maxlen=FRAME_LIMIT // _PACKED_TOGETHER)
        self._newest: list[_Frame] = []

    def add(self, observation: Observation) -> None:
        """Keep a frame."""
        info, tracks = observation.frame_info, observation.tracks
        signals = observation.signals
        self._newest.append(_Frame(info, signals, tracks.track_id, tracks.class_id, tracks.ended))
        if len(self._newest) < 2 * _PACKED_TOGETHER:
            return
        old = [f._replace(signals=dict(f.signals)) for f in self._newest[:_PACKED_TOGETHER]]
        self._packed.append((old[-1].info.t_s, pickle.dumps(old)))
        del self._newest[:_PACKED_TOGETHER]

    def since(self, t_s: float) -> list[_Frame]:
        """Those from a moment on."""
        packed = [data for last_t_s, data in self._packed if last_t_s >= t_s]
        found = [frame for data in packed for frame in pickle.loads(data)] + self._newest
        return [frame for frame in found[-FRAME_LIMIT:] if frame.info.t_s >= t_s]


class DecisionLog:
    """The last frames of one session, and the reported vehicles that have gone since."""

    def __init__(self) -> None:
        self._frames = _Frames()
        self._last: Observation | None = None
        self._closed = False
        self._older: dict[int, deque[TrackPoints]] = {}
        self._reported: dict[int, _Votes] = {}
        self._gone: deque[tuple[Track, TrackPoints, _Votes]] = deque(maxlen=REMEMBERED_LIMIT)

    def add(self, observation: Observation, closing: bool = False) -> None:
        """Keep what the rules are about to see; `closing`: of the last frame, for the last time."""
        for track_id in self._last.tracks.ended if self._last is not None else ():
            self._older.pop(track_id, None)
        self._last, self._closed = observation, closing
        if not closing:
            self._frames.add(observation)
        for track_id in observation.tracks.track_id.tolist():
            track = observation.histories[track_id]
            # The older half of a full history is dropped with the next point.
            if len(track) >= HISTORY_LIMIT:
                older = self._older.setdefault(track_id, deque(maxlen=FRAME_LIMIT // _HALF))
                older.append(TrackPoints.copied(track, _HALF))
        for track_id in observation.tracks.ended:
            if (votes := self._reported.pop(track_id, None)) is not None:
                self._remember(track_id, votes)

    def decision(self, track_id: int, remembers_s: float) -> Decision | None:
        """The decision just made on a vehicle; None where its track ended before this frame.

        remembers_s: how long the rule remembers vehicles that it reported before.
        """
        assert self._last is not None
        now_s = self._last.frame_info.t_s
        subject = self._last.histories.get(track_id)
        if subject is None:
            return None
        vehicles = [(subject, self._points(subject), subject.votes)]
        if remembers_s > 0.0:
            vehicles += [
                (track, points, votes)
                for track, points, votes in self._gone
                if track.track_id != track_id and now_s - float(points.t_s[-1]) <= remembers_s
            ]
            if track_id in self._last.tracks.ended:
                self._remember(track_id, subject.votes)
            else:
                self._reported[track_id] = subject.votes
        first_s = min(float(points.t_s[0]) for _, points, _ in vehicles)
        kept = self._frames.since(first_s)
        return Decision(
            frames=tuple(frame.info for frame in kept),
            signals=tuple(frame.signals for frame in kept),
            vehicles=tuple(_record(*vehicle, kept) for vehicle in vehicles),
            closed=self._closed,
            whole=all(
                track.first_t_s >= kept[0].info.t_s and track.first_t_s == points.t_s[0]
                for track, points, _ in vehicles
            ),
        )

    def _remember(self, track_id: int, votes: _Votes) -> None:
        """Keep a reported vehicle whose track ends, with the votes it was reported by."""
        assert self._last is not None
        track = self._last.histories[track_id]
        self._gone.append((track, self._points(track), votes))

    def _points(self, track: Track) -> TrackPoints:
        """All points of a track that are left, those dropped from its history too."""
        parts = [*self._older.get(track.track_id, ()), TrackPoints.copied(track)]
        if len(parts) > 1 and parts[-2].t_s[0] == parts[-1].t_s[0]:
            del parts[-2]  # a full history whose older half is still in it
        return TrackPoints.joined(parts)


def _record(track: Track, points: TrackPoints, votes: _Votes, kept: list[_Frame]) -> VehicleRecord:
    """A vehicle as the frames kept showed it."""
    ended_at = next(
        (i for i, frame in enumerate(kept) if track.track_id in frame.ended),
        None,
    )
    return VehicleRecord(
        track_id=track.track_id,
        first_t_s=track.first_t_s,
        observed_before=track.observed_count - int(points.observed.sum()),
        votes=votes,
        points=points,
        class_id=_classes(track, kept, ended_at),
        ended_at=ended_at,
    )


def _classes(track: Track, kept: list[_Frame], ended_at: int | None) -> NDArray[np.int64]:
    """The class at each frame; at the frame that ends a track, the one it ends with."""
    found = np.full(len(kept), NOT_SHOWN, np.int64)
    for position, frame in enumerate(kept):
        rows = np.flatnonzero(frame.track_id == track.track_id)
        if len(rows):
            found[position] = frame.class_id[rows[0]]
    if ended_at is not None:
        found[ended_at] = int(track.road_user)
    return found
