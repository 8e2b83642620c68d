"""When a vehicle's front passed a stop line: bounds from what is seen of it.

Seen from behind, the bottom edge of the box is the rear, and the front is hidden. Three bounds hold
without guessing: the front is inside the box, so it cannot cross before the box's upper edge does;
on a calibrated plane it is the vehicle's length ahead of the rear, no more than the longest of its
class; and there the upper edge, too, tells a place (`upper_edge.py`). The latest of the earliest
moments counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.core.track import Track
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules.crossing import crossing_interval, crossing_time
from traffic_ai.rules.run_up import RunUp
from traffic_ai.rules.seen_end import UNKNOWN, Slack, covered_points
from traffic_ai.rules.stop_line_geometry import StopLineGeometry, whole_boxes
from traffic_ai.rules.upper_edge import BORDER_PX, UpperEdge, edge_sigma_px

BUMPER_SHARE_OF_BOX = 0.12
# A two-wheeler of which only the rider was found: its front is this far ahead of him at most.
RIDER_BEHIND_FRONT_M = 1.3
MARGIN_SIGMAS = 2.0
# What the earliest crossing, and so the time charged, allows for: it may never be too late.
CHARGE_SIGMAS = 3.0
# Who was unseen for longer before the line may have been another vehicle until then.
ANOTHER_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class FrontPassage:
    """Bounds of the moment the front crossed, and the crossing of the end that is seen.

    front_earliest_s is -inf where the front may have crossed before the vehicle was seen;
    by_motion: it was not seen before the line, its speed tells that it came from there.
    """

    seen_end: VehicleEnd
    seen_crossing_s: float
    seen_bound_s: float
    front_earliest_s: float
    front_latest_s: float
    by_motion: bool = False


def front_passage(track: Track, geometry: StopLineGeometry) -> FrontPassage | None:
    """When the vehicle's front passed the line; None if its seen end was not seen to cross it.

    Uses grounded points of whole boxes, and others as far as they bound the place of the end
    (`seen_end.py`); the box's upper edge also from points that are only observed.
    """
    good = _whole_points(track, geometry)
    if len(good) < 2:
        return None
    slack = _slack(track, good, geometry)
    distance, ahead_px, behind_px = _seen_distance(track, slack, geometry)
    seen = crossing_interval(track.t_s[slack.at], distance, ahead_px, behind_px)
    if seen is None or not np.isfinite(seen[0]):
        return None
    is_over = geometry.seen_distance_px(track.xyxy_px[good[-1:]])[0] > 0.0
    if not is_over and not (distance > behind_px).any():
        return None
    earliest, latest = seen
    middle = crossing_time(track.t_s[slack.at], distance)
    bound = max(middle - earliest, latest - middle)
    front_earliest, front_latest, by_motion = _front_bounds(
        track, good, slack, geometry, earliest, latest
    )
    return FrontPassage(geometry.end, middle, bound, front_earliest, front_latest, by_motion)


def came_over(track: Track, geometry: StopLineGeometry) -> tuple[float, float] | None:
    """Bounds of the moment at which the front came over the line, also of one whose seen end did
    not; None where it may have been over it before it was seen.
    """
    good = _whole_points(track, geometry)
    if len(good) < 2:
        return None
    slack = _slack(track, good, geometry)
    seen: tuple[float, float] | None = (np.inf, np.inf)
    if geometry.end is not VehicleEnd.REAR:
        seen = crossing_interval(track.t_s[slack.at], *_seen_distance(track, slack, geometry))
    if seen is None:
        return None
    earliest, latest, _ = _front_bounds(track, good, slack, geometry, *seen)
    return (earliest, min(latest, float(track.t_s[-1]))) if np.isfinite(earliest) else None


def _seen_distance(
    track: Track, slack: Slack, geometry: StopLineGeometry
) -> tuple[Array, Array, Array]:
    """How far over the line the seen end is (N,), and how much farther and less it may be; px."""
    boxes = track.xyxy_px[slack.at]
    noise_px = MARGIN_SIGMAS * edge_sigma_px(boxes)
    ahead_px = noise_px + geometry.moved_px(track, slack.at, slack.ahead_m)
    behind_px = noise_px + geometry.moved_px(track, slack.at, -slack.behind_m)
    return geometry.seen_distance_px(boxes), ahead_px, behind_px


def _since(track: Track, geometry: StopLineGeometry) -> int:
    """Position of the point from which on it is surely the same vehicle: since it was last unseen
    for long before the line.
    """
    seen = np.flatnonzero(track.observed)
    again = seen[1:][np.diff(track.t_s[seen]) > ANOTHER_AFTER_S]
    again = again[geometry.seen_distance_px(track.xyxy_px[again]) < 0.0]
    return int(again[-1]) if len(again) else 0


def _whole_points(track: Track, geometry: StopLineGeometry) -> NDArray[np.int64]:
    """Positions of the grounded points of whole boxes of one vehicle."""
    seen = np.flatnonzero(track.observed)
    # One that is free between covered ones is so because what covers it was not found.
    free = track.grounded[seen]
    alone = free.copy()
    alone[1:] &= ~free[:-1]
    alone[:-1] &= ~free[1:]
    good = seen[free & ~alone]
    good = good[good >= _since(track, geometry)]
    # Of a front the lower edge tells all; a rear's bounds rest on the upper one too.
    times_s = track.t_s[good] if geometry.end is VehicleEnd.FRONT else None
    return good[whole_boxes(track.xyxy_px[good], geometry.scene.homography, times_s)]


def _slack(track: Track, good: NDArray[np.int64], geometry: StopLineGeometry) -> Slack:
    """The points that tell where the seen end was, in time order, and what they leave open."""
    none = np.zeros(len(good))
    parts = [Slack(good, none, none)]
    if geometry.end is not VehicleEnd.SIDE:
        ahead_seen = geometry.end is VehicleEnd.FRONT
        covered = covered_points(
            track, good, geometry.scene.homography, geometry.ground_line, ahead_seen=ahead_seen
        )
        parts.append(covered.take(covered.at >= _since(track, geometry)))
        rest = (
            _cut_after(track, good, geometry) if ahead_seen else _rear_before(track, good, geometry)
        )
        rest = np.setdiff1d(rest, covered.at)
        open_m, none = np.full(len(rest), UNKNOWN), np.zeros(len(rest))
        parts.append(Slack(rest, open_m, none) if ahead_seen else Slack(rest, none, open_m))
    return Slack.joined(parts)


def _rear_before(
    track: Track, good: NDArray[np.int64], geometry: StopLineGeometry
) -> NDArray[np.int64]:
    """Points before the line at which a vehicle's rear is not seen; needed where no good one is.

    What covers the lower edge leaves it too high in the picture: the rear is no farther ahead.
    """
    boxes = track.xyxy_px[good]
    clearly = geometry.seen_distance_px(boxes) < -MARGIN_SIGMAS * edge_sigma_px(boxes)
    if clearly.any():
        return np.zeros(0, np.int64)
    earlier = np.flatnonzero(track.observed & (track.t_s < track.t_s[good[0]]))
    return earlier[geometry.seen_distance_px(track.xyxy_px[earlier]) < 0.0]


def _cut_after(
    track: Track, good: NDArray[np.int64], geometry: StopLineGeometry
) -> NDArray[np.int64]:
    """Points after the last good one at which the border of what is seen cuts a front off: it is
    no less far than it seems.
    """
    boxes = track.xyxy_px
    left, _, right, bottom = geometry.scene.seen_px
    cut = (boxes[:, 0] <= left + BORDER_PX) | (boxes[:, 2] >= right - BORDER_PX)
    cut |= boxes[:, 3] >= bottom - BORDER_PX
    return np.flatnonzero(track.observed & cut & (track.t_s > track.t_s[good[-1]]))


def second_line_latest_s(track: Track, geometry: StopLineGeometry, beyond_m: float) -> float | None:
    """When the front was surely so far beyond the line; None where that cannot be told."""
    good = _whole_points(track, geometry)
    place_m, sigma_m = geometry.places_m(track)
    if len(good) < 2 or geometry.end is VehicleEnd.SIDE:
        return None
    slack = _slack(track, good, geometry)
    slack = slack.take(~np.isnan(place_m[slack.at]))
    if len(slack.at) < 2:
        return None
    ahead_m = geometry.hidden_length_m(track, good[~np.isnan(place_m[good])])[0] - beyond_m
    noise_m = MARGIN_SIGMAS * sigma_m[slack.at]
    interval = crossing_interval(
        track.t_s[slack.at],
        place_m[slack.at] + ahead_m,
        noise_m + slack.ahead_m,
        noise_m + slack.behind_m,
    )
    return interval[1] if interval is not None else None


def _front_bounds(
    track: Track,
    good: NDArray[np.int64],
    slack: Slack,
    geometry: StopLineGeometry,
    seen_earliest: float,
    seen_latest: float,
) -> tuple[float, float, bool]:
    """Bounds of the front's crossing, from the points of `slack`; and whether its speed told.

    good: those that show the whole vehicle.
    """
    place_m, sigma_m = geometry.places_m(track)
    slack = slack.take(~np.isnan(place_m[slack.at]))
    if geometry.end is VehicleEnd.FRONT:
        earliest = _front_seen(track, good, slack, (place_m, sigma_m), geometry, seen_earliest)
        return earliest, seen_latest, False
    earliest = _upper_edge_earliest(track, geometry)
    latest = seen_latest
    by_motion = False
    known = good[~np.isnan(place_m[good])]
    if geometry.end is VehicleEnd.REAR and geometry.ground_line is not None and len(known) >= 2:
        shortest_m, longest_m = geometry.hidden_length_m(track, known)
        measured = known[~np.isnan(track.ground_m[known, 0])]
        upper = UpperEdge.of(track, measured, geometry.scene.homography, geometry.ground_line)
        if upper is not None:
            earliest = max(earliest, *(_earliest(*bound) for bound in upper.front_bounds()))
            if not upper.may_be(track.road_user):
                longest_m = max(other.longest_m for other in SIZES.values())
        t_s, rear_m, noise_m = track.t_s[slack.at], place_m[slack.at], sigma_m[slack.at]
        at_most_m = CHARGE_SIGMAS * noise_m + slack.ahead_m
        earliest = max(earliest, _earliest(t_s, rear_m + longest_m, at_most_m))
        if not np.isfinite(earliest):
            rear = (track.t_s[known], place_m[known], sigma_m[known])
            earliest = _earliest_by_speed(rear, longest_m, upper, track.road_user)
            by_motion = bool(np.isfinite(earliest))
        likely_m = MARGIN_SIGMAS * noise_m
        sooner = crossing_interval(
            t_s, rear_m + shortest_m, likely_m + slack.ahead_m, likely_m + slack.behind_m
        )
        if sooner is not None and np.isfinite(sooner[0]):
            latest = min(latest, sooner[1])
    return min(earliest, latest), latest, by_motion


def _earliest_by_speed(
    rear: tuple[Array, Array, Array],
    longest_m: float,
    upper: UpperEdge | None,
    road_user: RoadUser,
) -> float:
    """From where the front was at most when it was first seen, and how fast the vehicle then was.

    rear: moments, places and their noise. The upper edge is seen sooner; it moves as the vehicle
    does, and tells no more speed than the rear has later.
    """
    t_s, rear_m, sigma_m = rear
    run_ups = [RunUp.of(t_s, rear_m, sigma_m, road_user)]
    at_most = [(t_s, rear_m + longest_m, CHARGE_SIGMAS * sigma_m)]
    if upper is not None:
        at_most += upper.front_bounds()
        way = upper.least_way()
        sooner = RunUp.of(*way, road_user) if way is not None else None
        mean_mps = float(rear_m[-1] - rear_m[0]) / max(float(t_s[-1] - t_s[0]), 1e-9)
        run_ups += [sooner.no_faster_than(mean_mps)] if sooner is not None else []
    return max(
        (
            run_up.crossed_since(float(at[0]), float(place_m[0] + margin_m[0]))
            for run_up in run_ups
            if run_up is not None
            for at, place_m, margin_m in at_most
        ),
        default=-np.inf,
    )


def _earliest(t_s: Array, value: Array, margin: Array) -> float:
    interval = crossing_interval(t_s, value, margin)
    return -np.inf if interval is None else interval[0]


def _front_seen(
    track: Track,
    good: NDArray[np.int64],
    slack: Slack,
    places: tuple[Array, Array],
    geometry: StopLineGeometry,
    seen_earliest: float,
) -> float:
    """Earliest crossing of a front that is seen: its bumper is nearer than its road projection."""
    if len(slack.at) >= 2:
        place_m, sigma_m = places
        nearer_m = place_m[slack.at] + geometry.bumper_allowance_m()
        nearer_m += RIDER_BEHIND_FRONT_M if track.road_user is RoadUser.PERSON else 0.0
        margin_m = CHARGE_SIGMAS * sigma_m[slack.at] + slack.ahead_m
        interval = crossing_interval(track.t_s[slack.at], nearer_m, margin_m)
    else:
        boxes = track.xyxy_px[good]
        raised = BUMPER_SHARE_OF_BOX * (boxes[:, 3] - boxes[:, 1])
        interval = crossing_interval(
            track.t_s[good],
            geometry.seen_distance_px(boxes) + raised,
            CHARGE_SIGMAS * edge_sigma_px(boxes),
        )
    return seen_earliest if interval is None else min(seen_earliest, interval[0])


def _upper_edge_earliest(track: Track, geometry: StopLineGeometry) -> float:
    """The moment before which even the farthest corner of the box was before the line."""
    boxes = track.xyxy_px
    whole = track.observed & (boxes[:, 1] > BORDER_PX)
    if whole.sum() < 2:
        return -np.inf
    boxes = boxes[whole]
    interval = crossing_interval(
        track.t_s[whole],
        geometry.foremost_distance_px(boxes),
        CHARGE_SIGMAS * edge_sigma_px(boxes),
    )
    return -np.inf if interval is None else interval[0]
