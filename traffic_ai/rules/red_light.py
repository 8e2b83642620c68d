"""The red-light rule: crossed the stop line on red and went on.

A vehicle is reported when its front crossed its stop line later than the onset of red plus the
grace time, by the earliest moment the front can have crossed and the latest moment red can have
begun, and the vehicle passed a second line beyond while the same red still showed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.ports import Observation
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.signal import Aspect, SignalHistory, SignalState
from traffic_ai.core.track import HISTORY_LIMIT, Track
from traffic_ai.core.violation import (
    Finding,
    NearMiss,
    Provenance,
    VehicleEnd,
    ViolationKind,
    is_so,
)
from traffic_ai.rules.findings import Reporter, anchor_at
from traffic_ai.rules.lanes import is_judged, lane_of_points
from traffic_ai.rules.parameters import RedLightParameters
from traffic_ai.rules.passage import front_passage
from traffic_ai.rules.red_light_case import red_light_conditions, red_light_measurement
from traffic_ai.rules.rider import is_carried, may_ride, rides_at, taken_for
from traffic_ai.rules.stop_line_geometry import StopLineGeometry
from traffic_ai.rules.unfollowed import HOLDS_S, unseen_crossing
from traffic_ai.rules.watched_line import LineWatch, Passing, WatchedLine

RULE_VERSION = "red-light-12"
TURN_WAIT_S = 8.0
STILL_LEAD_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Ended:
    """A track over a line that ended before it was settled what the signal showed until until_s."""

    watched: WatchedLine
    track: Track
    state: Passing
    until_s: float
    observation: Observation


class RedLight:
    """Red-light rule of one camera session."""

    def __init__(
        self, scene: Scene, provenance: Provenance, parameters: RedLightParameters
    ) -> None:
        self._parameters = parameters
        self._report = Reporter(scene.camera_id, ViolationKind.RED_LIGHT, RULE_VERSION, provenance)
        self._watch = LineWatch(scene, parameters.beyond_distance_m)
        self._unsettled: list[_Ended] = []

    def update(self, observation: Observation) -> Sequence[Finding]:
        """Findings that became certain with this frame."""
        self._watch.follow(observation)
        findings = self._decide_settled(observation)
        for watched in self._watch.lines:
            if watched.passing:
                findings += self._decide_ready(watched, observation)
            for track_id in observation.tracks.ended:
                finding = self._decide_ended(watched, track_id, observation)
                findings += [finding] if finding else []
                watched.forget(track_id)
        return findings

    def close(self) -> Sequence[Finding]:
        """Near misses of tracks that ended while it was not settled what their signal showed."""
        findings = [self._decide_now(ended, ended.observation) for ended in self._unsettled]
        self._unsettled = []
        return [finding for finding in findings if finding is not None]

    def _decide_settled(self, observation: Observation) -> list[Finding]:
        """Decide the tracks that ended, once it is settled what their signal showed."""
        ready = [
            ended
            for ended in self._unsettled
            if (signal := observation.signals.get(ended.watched.group_id)) is not None
            and signal.settled_until_s >= ended.until_s
        ]
        self._unsettled = [ended for ended in self._unsettled if ended not in ready]
        findings = [self._decide_now(ended, observation) for ended in ready]
        return [finding for finding in findings if finding is not None]

    def _decide_now(self, ended: _Ended, observation: Observation) -> Finding | None:
        """Decide a track that ended, by what an observation tells of its signal."""
        signals = {**ended.observation.signals, **observation.signals}
        then = replace(ended.observation, signals=signals)
        signal = signals[ended.watched.group_id]
        return self._decide(ended.watched, ended.track, ended.state, signal, then)

    def _decide_ready(self, watched: WatchedLine, observation: Observation) -> list[Finding]:
        """Decide the tracks that passed the second line, once signal and turn are settled."""
        findings: list[Finding] = []
        signal = observation.signals.get(watched.group_id)
        now_s = observation.frame_info.t_s
        for track_id, state in list(watched.passing.items()):
            if track_id not in observation.histories or signal is None:
                continue
            track = observation.histories[track_id]
            # The older half of a full history is dropped with the next point.
            is_full = state.crossed and len(track) >= HISTORY_LIMIT
            if not is_full and not _is_ready(watched, state, signal, now_s):
                continue
            finding = self._decide(watched, track, state, signal, observation)
            if not is_full and _may_be_known_later(watched.geometry, finding):
                state.postponed = True
                continue
            watched.is_decided(track_id)
            findings += [finding] if finding else []
        return findings

    def _decide_ended(
        self, watched: WatchedLine, track_id: int, observation: Observation
    ) -> Finding | None:
        """Decide a track that ends before it was decided."""
        state = watched.passing.get(track_id)
        signal = observation.signals.get(watched.group_id)
        if signal is None or track_id in watched.decided:
            return None
        track = observation.histories[track_id]
        if state is None or not state.crossed:
            return self._not_followed(watched, track, signal, observation)
        until_s = float(track.t_s[-1]) if state.beyond_s is None else state.beyond_s
        if signal.settled_until_s >= until_s:
            return self._decide(watched, track, state, signal, observation)
        then = replace(observation, histories=dict(observation.histories))
        self._unsettled.append(_Ended(watched, track, state, until_s, then))
        return None

    def _decide(
        self,
        watched: WatchedLine,
        track: Track,
        state: Passing,
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
        conditions = red_light_conditions(
            watched, track, passage, (signal, red), state, self._parameters
        )
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
            red_light_measurement(passage, red, signal, self._parameters.grace_s),
            conditions,
        )
        return replace(violation, road_user=road_user)

    def _not_followed(
        self, watched: WatchedLine, track: Track, signal: SignalHistory, observation: Observation
    ) -> NearMiss | None:
        """Of one that was first seen over the line or last seen before it, and by its motion
        crossed it on red.
        """
        if not _red_since(signal, float(track.t_s[0]) - HOLDS_S):
            return None
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
        watched: WatchedLine,
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


def _is_ready(watched: WatchedLine, state: Passing, signal: SignalHistory, now_s: float) -> bool:
    """Whether a track passed the second line, and signal and turn are settled."""
    if state.beyond_s is None or signal.settled_until_s < state.beyond_s:
        return False
    may_turn = bool(watched.line.permitted_exits_px) and not state.turned
    if may_turn and now_s < state.beyond_s + TURN_WAIT_S:
        return False
    # Covered since before the line: its crossing is known when it is seen again.
    return state.grounded_over and not state.postponed


def _may_be_known_later(geometry: StopLineGeometry, finding: Finding | None) -> bool:
    """Whether it failed only for want of knowing where the hidden front was, or a covered end.

    The longer a vehicle is seen, the better its size is known.
    """
    if not isinstance(finding, NearMiss):
        return False
    hidden = geometry.end is VehicleEnd.REAR and geometry.ground_line is not None
    failed = {c.name for c in finding.explanation if not c.met}
    return failed == {"crossing_seen"} or (
        hidden and failed <= {"seen_before_line", "time_into_red"}
    )
