"""The red-light rule: crossed the stop line on red and went on.

A vehicle is reported when its front crossed its stop line later than the onset of red plus the
grace time, by the earliest moment the front can have crossed and the latest moment red can have
begun, and the vehicle passed a second line beyond while the same red still showed.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from traffic_ai.core.geometry import Array, Polygons
from traffic_ai.core.ports import Observation
from traffic_ai.core.scene import Lane, Scene, StopLine
from traffic_ai.core.signal import Aspect, SignalHistory, SignalState
from traffic_ai.core.track import Track
from traffic_ai.core.violation import (
    Condition,
    Finding,
    NearMiss,
    Provenance,
    RedLightMeasurement,
    VehicleEnd,
    ViolationKind,
    at_least,
    at_most,
    is_so,
)
from traffic_ai.rules.continuity import largest_leap, longest_gap_s, seen_share
from traffic_ai.rules.findings import Reporter, anchor_at
from traffic_ai.rules.lanes import is_judged, lane_of_points
from traffic_ai.rules.line_sides import LineSides
from traffic_ai.rules.own_room import room
from traffic_ai.rules.parameters import RedLightParameters
from traffic_ai.rules.passage import (
    LONGEST_GAP_S,
    FrontPassage,
    StopLineGeometry,
    front_passage,
    second_line_latest_s,
)
from traffic_ai.rules.rider import is_carried, may_ride, rides_at, taken_for
from traffic_ai.rules.unfollowed import unseen_crossing

RULE_VERSION = "red-light-7"
TURN_WAIT_S = 8.0
STILL_LEAD_S = 1.0
# The vehicle is followed from this long before its crossing, with no longer time unseen after it
# than LONGEST_GAP_S, and seen in at least this share of the pictures, up to the crossing too: what
# is caught now and then there may be a part of it, whose edges tell no place.
FOLLOWED_S = 1.0
MIN_SEEN_SHARE = 0.4
# Who drives behind another keeps this much of the room that he takes. Of the latest reported, so
# many may still be followed under another number.
DRIVING_ROOM = 1.5
REPORTED_LIMIT = 8
# Tracks that crossed, to know one again that was lost after it: so many of the latest, so near in
# time, and along the line in shares of it.
CROSSINGS_LIMIT = 64
CROSSED_S, CROSSED_SHARE = 0.7, 0.1
# The second line counts as passed when the vehicle was observed beyond it this often.
BEYOND_OBSERVATIONS = 2


@dataclass(slots=True)
class _Passing:
    """What is remembered of a track at one stop line."""

    seen_before: bool = False
    crossed: bool = False
    grounded_over: bool = False
    beyond_s: float | None = None
    beyond_count: int = 0
    turned: bool = False
    postponed: bool = False


@dataclass(slots=True)
class _Watched:
    """A stop line with its geometry and the tracks at it."""

    line: StopLine
    group_id: str
    geometry: StopLineGeometry
    exits: Polygons
    passing: dict[int, _Passing] = field(default_factory=dict)
    decided: set[int] = field(default_factory=set)
    crossings: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=CROSSINGS_LIMIT)
    )
    reported: deque[Track] = field(default_factory=lambda: deque(maxlen=REPORTED_LIMIT))

    def has_crossed(self, t_s: float, place_px: Array) -> bool:
        """Whether a track was followed over the line at about that time and place."""
        along = float(self.line.line.position_along(place_px))
        return any(
            abs(t_s - then_s) <= CROSSED_S and abs(along - there) <= CROSSED_SHARE
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
            if found is not None and found.measured < DRIVING_ROOM * found.least:
                return True
        return False


class RedLight:
    """Red-light rule of one camera session."""

    def __init__(
        self, scene: Scene, provenance: Provenance, parameters: RedLightParameters
    ) -> None:
        self._parameters = parameters
        self._report = Reporter(scene.camera_id, ViolationKind.RED_LIGHT, RULE_VERSION, provenance)
        self._watched = [
            _Watched(
                line,
                line.signal_group_id,
                StopLineGeometry(line, scene),
                Polygons(line.permitted_exits_px),
            )
            for line in scene.stop_lines
            if line.signal_group_id is not None
        ]
        self._shown: set[int] = set()
        self._sides = LineSides([watched.geometry for watched in self._watched])

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings that became certain with this frame."""
        findings: list[Finding] = []
        self._follow(observation)
        for watched in self._watched:
            findings += self._decide_ready(watched, observation)
            for track_id in observation.tracks.ended:
                finding = self._decide_ended(watched, track_id, observation)
                findings += [finding] if finding else []
                watched.passing.pop(track_id, None)
                watched.decided.discard(track_id)
        return findings

    def close(self) -> Sequence[Finding]:
        """Nothing is left: the tracker ends every track before the rules close."""
        return ()

    # -- following ----------------------------------------------------------------------------

    def _follow(self, observation: Observation) -> None:
        """Note which tracks are before, over and beyond each line, and which turned off."""
        tracks = observation.tracks
        if len(tracks) == 0:
            return
        before, coming = self._sides.look(tracks)
        coming &= tracks.observed
        row_of = {track_id: i for i, track_id in enumerate(tracks.track_id.tolist())}
        new = [observation.histories[track_id] for track_id in row_of.keys() - self._shown]
        self._shown = set(row_of)
        for line, watched in enumerate(self._watched):
            for i in np.flatnonzero(coming[line]).tolist():
                watched.passing.setdefault(int(tracks.track_id[i]), _Passing()).seen_before = True
            for track in new:
                # It has a past: tracks are shown once they are seen often enough.
                if watched.geometry.is_coming(track):
                    watched.passing.setdefault(track.track_id, _Passing()).seen_before = True
            over: list[tuple[int, _Passing]] = []
            for track_id, state in watched.passing.items():
                row = row_of.get(track_id)
                if row is None or not tracks.observed[row] or track_id in watched.decided:
                    continue
                if before[line, row]:
                    state.crossed, state.beyond_s, state.beyond_count = False, None, 0
                    state.grounded_over = False
                else:
                    over.append((row, state))
            if over:
                self._note_over(watched, over, observation)

    def _note_over(
        self, watched: _Watched, over: list[tuple[int, _Passing]], observation: Observation
    ) -> None:
        """Take in the tracks (row of this frame's, state) whose seen end is over the line."""
        tracks = observation.tracks
        beyond = self._is_beyond(watched, observation)
        turned = np.asarray(watched.exits.holds(tracks.anchor_px).any(axis=1))
        along = watched.line.line.position_along(tracks.anchor_px)
        for row, state in over:
            if not state.crossed:
                watched.crossings.append((observation.frame_info.t_s, float(along[row])))
            state.crossed = True
            state.grounded_over = state.grounded_over or bool(tracks.grounded[row])
            state.turned = state.turned or bool(turned[row])
            state.beyond_count += bool(beyond[row])
            if state.beyond_s is None and state.beyond_count >= BEYOND_OBSERVATIONS:
                state.beyond_s = observation.frame_info.t_s

    def _is_beyond(self, watched: _Watched, observation: Observation) -> np.ndarray:
        tracks = observation.tracks
        return watched.geometry.is_beyond(
            tracks.anchor_px, tracks.ground_m, self._parameters.beyond_distance_m
        )

    # -- deciding -----------------------------------------------------------------------------

    def _decide_ready(self, watched: _Watched, observation: Observation) -> list[Finding]:
        """Decide the tracks that passed the second line, once signal and turn are settled."""
        findings: list[Finding] = []
        signal = observation.signals.get(watched.group_id)
        now_s = observation.frame_info.t_s
        for track_id, state in watched.passing.items():
            if state.beyond_s is None or track_id in watched.decided:
                continue
            if track_id not in observation.histories or signal is None:
                continue
            if signal.settled_until_s < state.beyond_s:
                continue
            waits = watched.line.permitted_exits_px and not state.turned
            if waits and now_s < state.beyond_s + TURN_WAIT_S:
                continue
            # Covered since before the line: its crossing is known when it is seen again.
            if not state.grounded_over or state.postponed:
                continue
            track = observation.histories[track_id]
            finding = self._decide(watched, track, state, signal, observation)
            if isinstance(finding, NearMiss) and _may_be_known_later(watched.geometry, finding):
                state.postponed = True
                continue
            watched.decided.add(track_id)
            findings += [finding] if finding else []
        return findings

    def _decide_ended(
        self, watched: _Watched, track_id: int, observation: Observation
    ) -> Finding | None:
        """Decide a track that ends before it was decided."""
        state = watched.passing.get(track_id)
        signal = observation.signals.get(watched.group_id)
        if signal is None or track_id in watched.decided:
            return None
        track = observation.histories[track_id]
        if state is not None and state.crossed:
            return self._decide(watched, track, state, signal, observation)
        return self._not_followed(watched, track, signal, observation)

    def _decide(
        self,
        watched: _Watched,
        track: Track,
        state: _Passing,
        signal: SignalHistory,
        observation: Observation,
    ) -> Finding | None:
        if not _red_since(signal, float(track.t_s[0])):
            return None
        passage = front_passage(track, watched.geometry)
        lane = watched.geometry.lane_of(track)
        if passage is None:
            if lane is None:
                return self._not_followed(watched, track, signal, observation)
            at_s = float(track.t_s[-1]) if state.beyond_s is None else state.beyond_s
            return self._log_unseen(watched, track, lane, at_s, "crossing_seen", observation)
        if lane is None:
            return None
        measured = watched.geometry.ground_line is not None
        road_user = taken_for(track, lane, in_metres=measured)
        if not is_judged(lane, road_user):
            return None
        place_px = np.array([anchor_at(track, passage.seen_crossing_s)])
        if not watched.geometry.within_ends(place_px)[0]:
            return None  # it passed beside the line, which holds for other lanes
        red = _red_at(signal, (passage.front_latest_s, passage.seen_crossing_s))
        if red is None:
            return None  # nothing that looks like a violation
        conditions = self._conditions(watched, track, passage, red, signal, state)
        if road_user is not track.road_user:
            rides = rides_at(track, passage.seen_crossing_s)
            others = observation.histories.values()
            on_foot = not may_ride(rides)
            if on_foot or is_carried(track, others, passage.seen_crossing_s):
                return None
            conditions += rides
        info = observation.frame_info
        if all(c.met for c in conditions) and watched.is_reported(track, passage.seen_crossing_s):
            conditions.append(is_so("reported under another track", "yes", "no", met=False))
        failed = [c for c in conditions if not c.met]
        if failed:
            return self._report.near_miss(
                track, lane.id, info, passage.seen_crossing_s, failed[0].name, conditions
            )
        watched.reported.append(track)
        crossing_s = passage.front_earliest_s
        at_s = passage.seen_crossing_s
        beyond_s = state.beyond_s if state.beyond_s is not None else at_s
        violation = self._report.violation(
            track,
            lane.id,
            info,
            crossing_s,
            (min(self._before_s(track, red, crossing_s), at_s), at_s, max(beyond_s, at_s + 0.5)),
            self._measurement(passage, red, signal),
            conditions,
        )
        return replace(violation, road_user=road_user)

    def _not_followed(
        self, watched: _Watched, track: Track, signal: SignalHistory, observation: Observation
    ) -> NearMiss | None:
        """Of one that was first seen over the line or last seen before it, and by its motion
        crossed it on red.
        """
        crossed = unseen_crossing(track, watched.geometry)
        if crossed is None or watched.has_crossed(crossed.t_s, crossed.before_px):
            return None
        lane = lane_of_points(watched.geometry.lanes, crossed.before_px[None])
        was_before = watched.geometry.lane_of(track) is not None
        reason = "crossing_seen" if was_before else "seen_before_line"
        if lane is None:
            return None
        return self._log_unseen(watched, track, lane, crossed.t_s, reason, observation)

    def _log_unseen(
        self,
        watched: _Watched,
        track: Track,
        lane: Lane,
        at_s: float,
        reason: str,
        observation: Observation,
    ) -> NearMiss | None:
        """Of one that was not seen to cross, what is logged if red showed at that moment."""
        measured = watched.geometry.ground_line is not None
        road_user = taken_for(track, lane, in_metres=measured)
        times_s = (at_s, float(track.t_s[0]), float(track.t_s[-1]))
        rides = [c for t_s in times_s for c in rides_at(track, t_s)]
        on_foot = road_user is not track.road_user and not may_ride(rides)
        signal = observation.signals[watched.group_id]
        if not is_judged(lane, road_user) or on_foot or _red_at(signal, (at_s,)) is None:
            return None
        not_seen = is_so(reason, "no", "yes", met=False)
        return self._report.near_miss(
            track, lane.id, observation.frame_info, at_s, reason, (not_seen,)
        )

    @staticmethod
    def _before_s(track: Track, red: SignalState, crossing_s: float) -> float:
        """A moment with the vehicle before the line facing red, a second earlier if it can be."""
        between = (red.since_s + crossing_s) / 2.0
        return max(crossing_s - STILL_LEAD_S, between, float(track.t_s[0]))

    def _conditions(
        self,
        watched: _Watched,
        track: Track,
        passage: FrontPassage,
        red: SignalState,
        signal: SignalHistory,
        state: _Passing,
    ) -> list[Condition]:
        into_red_s = passage.front_earliest_s - red.since_s
        at_latest = signal.at(passage.front_latest_s)
        conditions = [
            is_so(
                "seen_before_line",
                _seen_before(passage),
                "yes",
                bool(np.isfinite(passage.front_earliest_s)),
            ),
            _more_than("time_into_red", into_red_s, self._parameters.grace_s, "s"),
            is_so(
                "red_at_latest_crossing",
                at_latest.aspect.value if at_latest else Aspect.UNKNOWN.value,
                Aspect.RED.value,
                signal.surely(red, passage.front_latest_s),
            ),
            is_so(
                "passed_second_line",
                "yes" if state.beyond_s is not None else "no",
                "yes",
                state.beyond_s is not None,
            ),
        ]
        if state.beyond_s is not None:
            second_s = self._second_line_s(watched, track, state.beyond_s)
            at_beyond = signal.at(second_s)
            conditions.append(
                is_so(
                    "red_at_second_line",
                    at_beyond.aspect.value if at_beyond else Aspect.UNKNOWN.value,
                    Aspect.RED.value,
                    signal.surely(red, second_s),
                )
            )
            conditions += _as_one_vehicle(track, passage.seen_crossing_s, state.beyond_s)
        conditions.append(
            is_so("permitted_turn", "yes" if state.turned else "no", "no", not state.turned)
        )
        return conditions

    def _second_line_s(self, watched: _Watched, track: Track, beyond_s: float) -> float:
        """When the vehicle was surely past the second line: its front is past before its rear."""
        beyond_m = watched.geometry.beyond_m(self._parameters.beyond_distance_m)
        if beyond_m is None:
            return beyond_s
        front_s = second_line_latest_s(track, watched.geometry, beyond_m)
        return beyond_s if front_s is None else min(beyond_s, front_s)

    def _measurement(
        self, passage: FrontPassage, red: SignalState, signal: SignalHistory
    ) -> RedLightMeasurement:
        before = signal.before(red)
        yellow_s = (
            red.since_s - before.since_s
            if before is not None
            and before.aspect is Aspect.YELLOW
            and signal.before(before) is not None
            else None
        )
        return RedLightMeasurement(
            observed_end=passage.seen_end,
            observed_crossing_s=passage.seen_crossing_s,
            observed_crossing_bound_s=passage.seen_bound_s,
            front_earliest_s=passage.front_earliest_s,
            front_latest_s=passage.front_latest_s,
            red_since_s=red.since_s,
            red_since_bound_s=red.since_bound_s,
            time_into_red_s=passage.front_earliest_s - red.since_s,
            time_into_red_latest_s=passage.front_latest_s - (red.since_s - red.since_bound_s),
            grace_s=self._parameters.grace_s,
            yellow_duration_s=yellow_s,
        )


def _as_one_vehicle(track: Track, crossing_s: float, beyond_s: float) -> list[Condition]:
    """That the track followed one vehicle, from before its crossing until it was beyond."""
    start_s = crossing_s - FOLLOWED_S
    seen = min(seen_share(track, start_s, end_s) for end_s in (crossing_s, beyond_s))
    return [
        at_most("leap", largest_leap(track, start_s, beyond_s), 1.0, "of possible"),
        at_most(
            "longest_time_unseen", longest_gap_s(track, crossing_s, beyond_s), LONGEST_GAP_S, "s"
        ),
        at_least("share_of_pictures_it_was_seen_in", seen, MIN_SEEN_SHARE, ""),
    ]


def _red_since(signal: SignalHistory, t_s: float) -> bool:
    """Whether red showed at t_s or later; nobody who was first seen then crossed on red else."""
    first = max(signal.index_at(t_s), 0)
    return any(state.aspect is Aspect.RED for state in signal.states[first:])


def _red_at(signal: SignalHistory, times_s: Sequence[float]) -> SignalState | None:
    """The first red in force at one of the moments."""
    for t_s in times_s:
        state = signal.at(t_s)
        if state is not None and state.aspect is Aspect.RED:
            return state
    return None


def _seen_before(passage: FrontPassage) -> str:
    if passage.by_motion:
        return "by its speed"
    return "yes" if np.isfinite(passage.front_earliest_s) else "no"


def _may_be_known_later(geometry: StopLineGeometry, finding: NearMiss) -> bool:
    """Whether it failed only for want of knowing where the hidden front was, or a covered end.

    The longer a vehicle is seen, the better its size is known.
    """
    hidden = geometry.end is VehicleEnd.REAR and geometry.ground_line is not None
    failed = {c.name for c in finding.explanation if not c.met}
    return failed == {"crossing_seen"} or (
        hidden and failed <= {"seen_before_line", "time_into_red"}
    )


def _more_than(name: str, measured: float, threshold: float, unit: str) -> Condition:
    """A condition that a value exceeds a threshold: at the very edge the driver is right."""
    condition = at_least(name, measured, threshold, unit)
    if measured > threshold:
        return condition
    return Condition(name, measured, threshold, unit, False, condition.margin)
