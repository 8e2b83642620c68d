"""What the red-light rule asks of a vehicle that crossed its line, and what it states of it."""

import numpy as np

from traffic_ai.core.signal import Aspect, SignalHistory, SignalState
from traffic_ai.core.track import Track
from traffic_ai.core.violation import (
    Condition,
    RedLightMeasurement,
    at_least,
    at_most,
    is_so,
    more_than,
)
from traffic_ai.rules.continuity import largest_leap, longest_gap_s, seen_share
from traffic_ai.rules.crossing import LONGEST_GAP_S
from traffic_ai.rules.parameters import RedLightParameters
from traffic_ai.rules.passage import FrontPassage, second_line_latest_s
from traffic_ai.rules.watched_line import FOLLOWED_S, Passing, WatchedLine

# A vehicle is seen in at least this share of the pictures, up to the crossing too: what is caught
# now and then there may be a part of it, whose edges tell no place.
MIN_SEEN_SHARE = 0.4


def red_light_conditions(
    watched: WatchedLine,
    track: Track,
    passage: FrontPassage,
    shown: tuple[SignalHistory, SignalState],
    state: Passing,
    parameters: RedLightParameters,
) -> list[Condition]:
    """What must hold of a vehicle that crossed, in the order in which a near miss names it.

    shown: what the signal showed, and the red in question.
    """
    signal, red = shown
    into_red_s = passage.front_earliest_s - red.since_s
    at_latest = signal.at(passage.front_latest_s)
    conditions = [
        is_so(
            "seen_before_line",
            _seen_before(passage),
            "yes",
            bool(np.isfinite(passage.front_earliest_s)),
        ),
        more_than("time_into_red", into_red_s, parameters.grace_s, "s"),
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
        second_s = _second_line_s(watched, track, state.beyond_s, parameters)
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


def red_light_measurement(
    passage: FrontPassage, red: SignalState, signal: SignalHistory, grace_s: float
) -> RedLightMeasurement:
    """What a record of the rule states."""
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
        grace_s=grace_s,
        yellow_duration_s=yellow_s,
    )


def _second_line_s(
    watched: WatchedLine, track: Track, beyond_s: float, parameters: RedLightParameters
) -> float:
    """When the vehicle was surely past the second line: its front is past before its rear."""
    beyond_m = watched.geometry.beyond_m(parameters.beyond_distance_m)
    if beyond_m is None:
        return beyond_s
    front_s = second_line_latest_s(track, watched.geometry, beyond_m)
    return beyond_s if front_s is None else min(beyond_s, front_s)


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


def _seen_before(passage: FrontPassage) -> str:
    if passage.by_motion:
        return "by its speed"
    return "yes" if np.isfinite(passage.front_earliest_s) else "no"
