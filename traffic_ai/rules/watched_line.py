"""Which tracks are before, over and beyond each stop line: what the red-light rule remembers."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from traffic_ai.core.geometry import Array, Polygons
from traffic_ai.core.ports import Observation
from traffic_ai.core.scene import Scene, StopLine
from traffic_ai.core.track import Track
from traffic_ai.rules.line_sides import LineSides
from traffic_ai.rules.own_room import room
from traffic_ai.rules.stop_line_geometry import StopLineGeometry

# The vehicle is followed from this long before its crossing.
FOLLOWED_S = 1.0
# Who drives behind another keeps this much of the room that he takes. Of the latest reported, so
# many may still be followed under another number.
_DRIVING_ROOM = 1.5
_REPORTED_LIMIT = 8
# Tracks that crossed, to know one again that was lost after it: so many of the latest, so near in
# time, and along the line in shares of it.
_CROSSINGS_LIMIT = 64
_CROSSED_S, _CROSSED_SHARE = 0.7, 0.1
# The second line counts as passed when the vehicle was observed beyond it this often.
_BEYOND_OBSERVATIONS = 2


@dataclass(slots=True)
class Passing:
    """What is remembered of a track that was seen before one stop line."""

    crossed: bool = False
    grounded_over: bool = False
    beyond_s: float | None = None
    beyond_count: int = 0
    turned: bool = False
    postponed: bool = False

    def is_before_again(self) -> None:
        """It is seen before the line, whatever was seen until now."""
        self.crossed, self.beyond_s, self.beyond_count = False, None, 0
        self.grounded_over = False


@dataclass(slots=True)
class WatchedLine:
    """A stop line with its geometry and the tracks at it."""

    line: StopLine
    group_id: str
    geometry: StopLineGeometry
    exits: Polygons
    passing: dict[int, Passing] = field(default_factory=dict)
    decided: set[int] = field(default_factory=set)
    crossings: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=_CROSSINGS_LIMIT)
    )
    reported: deque[Track] = field(default_factory=lambda: deque(maxlen=_REPORTED_LIMIT))

    def has_crossed(self, t_s: float, place_px: Array) -> bool:
        """Whether a track was followed over the line at about that time and place."""
        along = float(self.line.line.position_along(place_px))
        return any(
            abs(t_s - then_s) <= _CROSSED_S and abs(along - there) <= _CROSSED_SHARE
            for then_s, there in self.crossings
        )

    def is_reported(self, track: Track, crossing_s: float) -> bool:
        """Whether another track on the same vehicle was reported for this crossing.

        Two that drive one behind the other are farther apart than one is long.
        """
        line = self.geometry.ground_line
        since_s = crossing_s - FOLLOWED_S
        for other in self.reported:
            found = room(track, (other,), since_s, line.forward if line is not None else None)
            if found is not None and found.measured < _DRIVING_ROOM * found.least:
                return True
        return False

    @classmethod
    def of(cls, line: StopLine, group_id: str, scene: Scene) -> "WatchedLine":
        """A stop line of a scene and the signal group that holds for it."""
        return cls(line, group_id, StopLineGeometry(line, scene), Polygons(line.permitted_exits_px))

    def remember_before(self, track_id: int) -> None:
        """Note that a track was seen before the line."""
        self.passing.setdefault(track_id, Passing())

    def forget(self, track_id: int) -> None:
        """Forget a track that ended."""
        self.passing.pop(track_id, None)
        self.decided.discard(track_id)

    def note_over(
        self, over: Sequence[tuple[int, Passing]], observation: Observation, beyond_m: float
    ) -> None:
        """Take in the tracks (row of this look's, state) whose seen end is over the line.

        beyond_m: how far beyond the line the second one is where the scene has none.
        """
        tracks = observation.tracks
        beyond = self.geometry.is_beyond(tracks.anchor_px, tracks.ground_m, beyond_m)
        turned = np.asarray(self.exits.holds(tracks.anchor_px).any(axis=1))
        along = self.line.line.position_along(tracks.anchor_px)
        for row, state in over:
            if not state.crossed:
                self.crossings.append((observation.frame_info.t_s, float(along[row])))
            state.crossed = True
            state.grounded_over = state.grounded_over or bool(tracks.grounded[row])
            state.turned = state.turned or bool(turned[row])
            state.beyond_count += bool(beyond[row])
            if state.beyond_s is None and state.beyond_count >= _BEYOND_OBSERVATIONS:
                state.beyond_s = observation.frame_info.t_s


class LineWatch:
    """The stop lines of a scene that a signal group holds for, and the tracks at them."""

    def __init__(self, scene: Scene, beyond_m: float) -> None:
        self.lines = [
            WatchedLine.of(line, line.signal_group_id, scene)
            for line in scene.stop_lines
            if line.signal_group_id is not None
        ]
        self._beyond_m = beyond_m
        self._shown: set[int] = set()
        self._sides = LineSides([watched.geometry for watched in self.lines])

    def follow(self, observation: Observation) -> None:
        """Note which tracks are before, over and beyond each line, and which turned off."""
        tracks = observation.tracks
        if len(tracks) == 0:
            return
        before, coming = self._sides.look(tracks)
        coming &= tracks.observed
        row_of = {track_id: i for i, track_id in enumerate(tracks.track_id.tolist())}
        new = [observation.histories[track_id] for track_id in row_of.keys() - self._shown]
        self._shown = set(row_of)
        for line, watched in enumerate(self.lines):
            for i in np.flatnonzero(coming[line]).tolist():
                watched.remember_before(int(tracks.track_id[i]))
            for track in new:
                # It has a past: tracks are shown once they are seen often enough.
                if watched.geometry.is_coming(track):
                    watched.remember_before(track.track_id)
            over: list[tuple[int, Passing]] = []
            for track_id, state in watched.passing.items():
                row = row_of.get(track_id)
                if row is None or not tracks.observed[row] or track_id in watched.decided:
                    continue
                if before[line, row]:
                    state.is_before_again()
                else:
                    over.append((row, state))
            if over:
                watched.note_over(over, observation, self._beyond_m)
