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
        self.grounded_over = self.turned = self.postponed = False

    def is_beyond(self, t_s: float) -> None:
        """It is seen beyond the second line."""
        self.beyond_count += 1
        if self.beyond_s is None and self.beyond_count >= _BEYOND_OBSERVATIONS:
            self.beyond_s = t_s


@dataclass(slots=True)
class WatchedLine:
    """A stop line with its geometry and the tracks at it: those passing, until they are decided."""

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
        if track_id not in self.decided:
            self.passing.setdefault(track_id, Passing())

    def is_decided(self, track_id: int) -> None:
        """Note that nothing more is to be told of a track."""
        self.decided.add(track_id)
        self.passing.pop(track_id, None)

    def forget(self, track_id: int) -> None:
        """Forget a track that ended."""
        self.passing.pop(track_id, None)
        self.decided.discard(track_id)

    def is_over(self, state: Passing, t_s: float, along: float, *, grounded: bool) -> None:
        """Take in a look at a track whose seen end is over the line, so far along it."""
        if not state.crossed:
            self.crossings.append((t_s, along))
        state.crossed = True
        state.grounded_over = state.grounded_over or grounded


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
        ids = tracks.track_id.tolist()
        row_of = {track_id: row for row, track_id in enumerate(ids)}
        lines, rows = (coming & tracks.observed).nonzero()
        for line, row in zip(lines.tolist(), rows.tolist(), strict=True):
            self.lines[line].remember_before(ids[row])
        for track_id in row_of.keys() - self._shown:
            # It has a past: tracks are shown once they are seen often enough.
            came = self._sides.came(observation.histories[track_id])
            for line in came.nonzero()[0].tolist():
                self.lines[line].remember_before(track_id)
        self._shown = set(row_of)
        over: list[tuple[int, int, Passing]] = []
        for line, watched in enumerate(self.lines):
            for track_id, state in watched.passing.items():
                place = row_of.get(track_id)
                if place is None or not tracks.observed[place]:
                    continue
                if before[line, place]:
                    state.is_before_again()
                else:
                    over.append((line, place, state))
        if over:
            self._note_over(over, observation)

    def _note_over(
        self, over: Sequence[tuple[int, int, Passing]], observation: Observation
    ) -> None:
        """Take in the tracks (line, row of this look's, state) whose seen end is over a line."""
        tracks, t_s = observation.tracks, observation.frame_info.t_s
        anchors_px = tracks.anchor_px
        lines, rows = np.array([(line, row) for line, row, _ in over]).T
        places = self._sides.places(lines, anchors_px[rows])
        beyond = self._sides.beyond(lines, tracks, rows, self._beyond_m)
        for number, (line, row, state) in enumerate(over):
            watched = self.lines[line]
            grounded = bool(tracks.grounded[row])
            watched.is_over(state, t_s, float(places[number]), grounded=grounded)
            if beyond[number]:
                state.is_beyond(t_s)
            if watched.line.permitted_exits_px and not state.turned:
                state.turned = bool(watched.exits.holds(anchors_px[row : row + 1]).any())
