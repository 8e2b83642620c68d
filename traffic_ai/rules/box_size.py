"""Whether a track's boxes keep the size of one whole vehicle.

Used by `speed.py` and `passage.py`. What the detector does not know, such as a hedge, may cover a
vehicle's lower edge, and a track may pass to a neighbour. Either way the box becomes another at
once and stays so, and the points before and after are not one motion of one point.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import SIZES, RoadUser, SizeRange
from traffic_ai.rules.medians import column_medians


class Build(Enum):
    """What a vehicle is shaped like: as its class, or a van, which goes by many names."""

    PERSON = RoadUser.PERSON
    BICYCLE = RoadUser.BICYCLE
    CAR = RoadUser.CAR
    MOTORCYCLE = RoadUser.MOTORCYCLE
    BUS = RoadUser.BUS
    TRUCK = RoadUser.TRUCK
    VAN = "van"

    @property
    def size(self) -> SizeRange:
        """Plausible length and width."""
        return _VAN if isinstance(self.value, str) else SIZES[self.value]


# From car-derived vans to the longest panel vans.
_VAN = SizeRange(4.6, 5.6, 7.4, 2.0)

# A step of the box's size by this factor, between the medians of so many points on either side.
_STEP = float(np.log(1.2))
_REACH = 5
# The picture's upper border cuts off boxes that come so near.
AT_BORDER_PX = 1.0
# A run of this share of the points, and no fewer than the reach, tells the vehicle's own height.
_SHARE = 0.2
# Of a step in height the lower edge makes less than this where the upper one alone made it.
_LEAST_SHARE_BELOW = 0.25
# Boxes of whole vehicles are no narrower, metres on the road where they stand, but for riders, who
# are no higher than this.
_LEAST_WIDTH_M = {Build.CAR: 1.5, Build.VAN: 1.5, Build.TRUCK: 1.9, Build.BUS: 1.9}
_RIDER_M = 2.3
# Seen from above, a box holds so much of a vehicle's length besides its height; those of cars are
# then lower than the first of these, those of vans than the second, and those of buses and trucks
# higher (drawn: up to 1.8, 2.1 to 2.6, and 2.8 and more).
_ROOF_M, _VAN_HEIGHT_M, _HEAVY_M = 4.0, 1.9, 2.75
# Nothing that is shaped like a car is wider and longer; boxes are wider than what they hold by up
# to a share.
_WIDEST_M, _WIDER = (2.05, 5.6), 1.15
_HEAVY = (RoadUser.BUS, RoadUser.TRUCK)
# Trucks are often called buses and buses now and then trucks (drawn: 40 % and 7 % of looks), and
# there are more trucks on most roads: logarithms of the odds that it is a truck.
_TRUCK_ODDS: Mapping[Build, float] = {Build.BUS: 0.0, Build.TRUCK: 2.9}
# Who is called a bus and is none is called a truck now and then, and the other way round. The share
# of looks (of those that say truck or bus) at which either is as probable as without, and what adds
# one to the logarithm; no vehicle's looks tell more than `_MOST_TOLD`.
_TRUCK_SHARES: Mapping[Build, tuple[float, float]] = {
    Build.BUS: (0.08, 0.025),
    Build.TRUCK: (0.77, 0.06),
}
_MOST_TOLD = 2.0
# Medians of trembling boxes differ by chance: this many standard deviations of a single box.
_NOISE_SIGMAS = 4.0
# Who came nearer by this factor while he was not seen shows more of his length: what his box is
# higher or lower by then tells nothing.
_NEARER = float(np.log(1.25))


def measured_as(
    road_user: RoadUser, size_m: Array, elevation_rad: Array, askew_rad: Array
) -> Build:
    """The build whose shape boxes of that size have, for vehicles called by a wrong name.

    size_m (n, 2): width and height on the road where each box stands, heights NaN where the box is
    cut off above; elevation_rad (n,): how high the camera stands above the horizon from there;
    askew_rad (n,): between the line of sight and the way.
    """
    if road_user is not RoadUser.CAR and road_user not in _HEAVY:
        return Build(road_user)
    wide_m = _WIDEST_M[0] * np.abs(np.cos(askew_rad)) + _WIDEST_M[1] * np.abs(np.sin(askew_rad))
    if np.median(size_m[:, 0] - _WIDER * wide_m) > 0.0 and road_user is RoadUser.CAR:
        return Build.TRUCK
    known = ~np.isnan(size_m[:, 1])
    if not known.any():
        return Build(road_user)
    size_m, elevation_rad = size_m[known], elevation_rad[known]
    width_m, height_m = np.median(size_m, axis=0).tolist()
    upright_m = (size_m[:, 1] - _ROOF_M * np.sin(elevation_rad)) / np.cos(elevation_rad)
    tall_m = float(np.median(upright_m))
    if tall_m >= _HEAVY_M:
        return Build.TRUCK if road_user is RoadUser.CAR else Build(road_user)
    if width_m < _LEAST_WIDTH_M[Build.CAR] and height_m < _RIDER_M:
        return Build.MOTORCYCLE
    return Build.VAN if tall_m >= _VAN_HEIGHT_M else Build.CAR


def truck_share(votes: Sequence[float]) -> float | None:
    """Of the votes for truck or bus the share for truck, None without any."""
    truck, bus = votes[RoadUser.TRUCK], votes[RoadUser.BUS]
    return truck / (truck + bus) if truck + bus > 0.0 else None


def may_be(build: Build, share: float | None = None) -> Mapping[Build, float]:
    """What vehicles taken for that are, and how probably. share: as `truck_share` gives."""
    if build not in _TRUCK_ODDS:
        return {build: 1.0}
    log_odds = _TRUCK_ODDS[build]
    if share is not None:
        usual, one = _TRUCK_SHARES[build]
        log_odds += float(np.clip((share - usual) / one, -_MOST_TOLD, _MOST_TOLD))
    truck = 1.0 / (1.0 + float(np.exp(-log_odds)))
    return {Build.TRUCK: truck, Build.BUS: 1.0 - truck}


def least_width_m(build: Build) -> float:
    """How wide a box must be at the least to hold a whole vehicle of that build."""
    return _LEAST_WIDTH_M.get(build, 0.0)


def whole_of_one_size(t_s: Array, boxes: Array, m_per_px: Array) -> NDArray[np.bool_]:
    """Mask (n,) of the longest run of whole boxes (n, 4), in time order, between lasting steps, and
    of those before and after it that go on with its size.

    m_per_px (n,): metres a pixel across the picture where each box stands. Far away a box may hold
    another vehicle behind: where the upper edge alone steps, the lower one shows the same vehicle
    before and after. What is another box for a moment only is left out of the run.
    """
    kept = np.zeros(len(boxes), bool)
    runs, sizes = _whole_runs(boxes, m_per_px, t_s), _uncut(boxes, m_per_px)
    goes_on = [_goes_on(one, other, sizes) for one, other in pairwise(runs)]
    low = high = int(np.argmax([last - first for first, last in runs] or [0]))
    while low > 0 and goes_on[low - 1]:
        low -= 1
    while high < len(goes_on) and goes_on[high]:
        high += 1
    for first, last in runs[low : high + 1]:
        kept[first:last] = _like_its_neighbours(sizes[first:last])
    return kept


def _goes_on(one: tuple[int, int], other: tuple[int, int], log_sizes: Array) -> bool:
    """Whether the box is of one size in two runs [a, b), but that it was lower for a while at the
    end of one or at the beginning of the other.
    """
    if min(one[1] - one[0], other[1] - other[0]) < _REACH:
        return False
    before, after = (_medians(log_sizes[first:last]) for first, last in (one, other))
    as_high_before = np.flatnonzero(before[:, 1] >= after[0, 1])
    as_high_after = np.flatnonzero(after[:, 1] >= before[-1, 1])
    pairs = [(before[i], after[0]) for i in as_high_before[-1:]]
    pairs += [(before[-1], after[i]) for i in as_high_after[:1]]
    return any(bool((np.abs(a - b) < _STEP).all()) for a, b in pairs)


def whole(boxes: Array, m_per_px: Array, t_s: Array | None = None) -> NDArray[np.bool_]:
    """Mask (n,) of the boxes (n, 4), in time order, that nothing has cut shorter than others; with
    times (n,), shorter by the lower edge: a box may have held another vehicle behind.
    """
    kept = np.zeros(len(boxes), bool)
    for first, last in _whole_runs(boxes, m_per_px, t_s):
        kept[first:last] = True
    return kept


def _whole_runs(boxes: Array, m_per_px: Array, t_s: Array | None = None) -> list[tuple[int, int]]:
    """The runs [a, b) between lasting steps in which the box is not lower than it was or will be;
    with times, lower by its lower edge.

    What covers a vehicle only takes from its height. Heights are compared by the steps between
    them: that of a long vehicle changes steadily as it comes nearer.
    """
    n = len(boxes)
    if n < 2 * _REACH:
        return [(0, n)] if n else []
    log_sizes = _log_sizes(boxes, m_per_px)
    medians = _medians(log_sizes)
    comparable = _comparable(m_per_px)
    runs = _runs(*_excess(log_sizes, medians, comparable))
    levels = [0.0]
    for _, cut in runs[:-1]:
        before, after = max(cut - _REACH, 0), min(cut, n - _REACH)
        step = float(medians[after, 1] - medians[before, 1]) if comparable[cut] else 0.0
        from_above = t_s is not None and _share_of_lower_edge(t_s, boxes, cut) < _LEAST_SHARE_BELOW
        levels.append(levels[-1] + (0.0 if from_above else step))
    enough = [b - a >= max(_REACH, _SHARE * n) for a, b in runs]
    tallest = max((h for h, long in zip(levels, enough, strict=True) if long), default=-np.inf)
    found = []
    for run, h in zip(runs, levels, strict=True):
        kept: tuple[int, int] | None = run
        if h < tallest - _STEP:
            kept = _regained(run, medians[:, 1]) or _not_yet_lost(run, medians[:, 1])
        found += [kept] if kept is not None else []
    return found or runs


def _log_sizes(boxes: Array, m_per_px: Array) -> Array:
    """Logarithms (n, 2) of the boxes' widths and heights in metres."""
    return np.asarray(np.log(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0) * m_per_px[:, None]))


def _uncut(boxes: Array, m_per_px: Array) -> Array:
    """`_log_sizes`; heights that the picture's upper border cuts off are those of the nearest
    points that tell them.
    """
    log_sizes = _log_sizes(boxes, m_per_px)
    told = np.flatnonzero(boxes[:, 1] > AT_BORDER_PX)
    every = np.arange(len(boxes))
    log_sizes[:, 1] = np.interp(every, told, log_sizes[told, 1]) if len(told) else 0.0
    return log_sizes


def _like_its_neighbours(log_sizes: Array) -> NDArray[np.bool_]:
    """Mask (n,) of the boxes that are no others for a moment, shorter than what makes a run."""
    kept = np.ones(len(log_sizes), bool)
    while kept.sum() > _REACH:
        those = np.flatnonzero(kept)
        odd = _odd(log_sizes[those])
        if not odd.any():
            break
        kept[those[odd]] = False
    return kept


def _odd(log_sizes: Array) -> NDArray[np.bool_]:
    """Which boxes (n,) differ from the medians of those before and of those after them; at the ends
    there is only one of the two. More of them than the reach.
    """
    n = len(log_sizes)
    medians, allowed = _medians(log_sizes), _allowed(log_sizes)
    turning = np.abs(log_sizes[_REACH - 1 :] - log_sizes[: n - _REACH + 1])
    like = np.zeros(n, bool)
    # The medians from i on are of those after i - 1, and of those before i + reach.
    for points, of in (
        (slice(0, n - _REACH), slice(1, None)),
        (slice(_REACH, n), slice(0, n - _REACH)),
    ):
        beyond = np.abs(log_sizes[points] - medians[of]) - allowed - turning[of]
        like[points] |= (beyond <= 0.0).all(axis=1)
    told = np.arange(n) < n - _REACH
    told |= told[::-1]
    return np.asarray(told & ~like)


def _allowed(log_sizes: Array) -> Array:
    """By how much sizes (2,) may differ by noise alone."""
    noise = 1.05 * column_medians(np.abs(log_sizes[1:] - log_sizes[:-1]))
    return np.asarray(np.maximum(_STEP, _NOISE_SIGMAS * noise))


def _share_of_lower_edge(t_s: Array, boxes: Array, cut: int) -> float:
    """How much of the step in height before a position the lower edge made.

    By what each edge jumps besides moving on as it did before and does after.
    """
    there = []
    middle_s = float(t_s[cut - 1] + t_s[cut]) / 2.0
    for part in (slice(max(cut - _REACH, 0), cut), slice(cut, cut + _REACH)):
        edges, of_s = boxes[part, 1::2], t_s[part]
        if len(of_s) < _REACH:
            return 1.0
        px_per_s = np.median(np.diff(edges, axis=0) / np.diff(of_s)[:, None], axis=0)
        there.append(np.median(edges + px_per_s * (middle_s - of_s)[:, None], axis=0))
    upper_px, lower_px = there[1] - there[0]
    height_px = lower_px - upper_px
    return float(lower_px / height_px) if height_px != 0.0 else 1.0


def _regained(run: tuple[int, int], heights: Array) -> tuple[int, int] | None:
    """The part of a run, begun by a step down, from where the box is as high again as before the
    step: what covered it has gone little by little. heights: medians of points from each on.
    """
    begin, end = run
    if begin < _REACH:
        return None
    again = np.flatnonzero(heights[begin : max(end - _REACH + 1, begin)] >= heights[begin - _REACH])
    return (begin + int(again[0]), end) if len(again) else None


def _not_yet_lost(run: tuple[int, int], heights: Array) -> tuple[int, int] | None:
    """The part of a run, ended by a step up, until the box was last as high as after the step: what
    covered it came little by little. heights: medians of points from each on.
    """
    begin, end = run
    if end >= len(heights):
        return None
    still = np.flatnonzero(heights[begin : max(end - _REACH + 1, begin)] >= heights[end])
    return (begin, begin + int(still[-1]) + _REACH) if len(still) else None


def _runs(excess: Array, upward: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs [a, b) between the steps, each at its greatest excess.

    Near a step nothing else is one, but for the way back of a box that was another for a moment.
    """
    n = len(excess)
    cuts = [0, n]
    rest = excess.copy()
    while rest.size and float(rest.max()) > 0.0:
        cut = int(np.argmax(rest))
        cuts.append(cut)
        away = np.abs(np.arange(n) - cut)
        rest[(away <= _REACH // 2) | ((away <= _REACH) & (upward == upward[cut]))] = 0.0
    return list(pairwise(sorted(cuts)))


def _medians(log_sizes: Array) -> Array:
    """Medians (n - reach + 1, 2) of so many points from each on."""
    n = len(log_sizes) - _REACH + 1
    windows = np.array([log_sizes[i : i + n] for i in range(_REACH)])
    return np.asarray(np.sort(windows, axis=0)[_REACH // 2])


def _comparable(m_per_px: Array) -> NDArray[np.bool_]:
    """Before which points (n,) the vehicle stood about as far away, as medians around them tell."""
    far = np.log(m_per_px)
    nearer = np.abs(far[1:] - far[:-1]) > _NEARER
    if not nearer.any():
        return np.ones(len(far), bool)
    around = np.ones(2 * (_REACH // 2) + 1)
    return np.asarray(np.convolve(np.concatenate([[False], nearer]), around, "same") < 0.5)


def _excess(
    log_sizes: Array, medians: Array, comparable: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """By how much the step before each point (n,) exceeds what noise and a steady change allow,
    and whether the box grew there (n,); by its width alone where heights are not comparable.
    """
    n = len(log_sizes)
    excess, upward = np.zeros(n), np.zeros(n, bool)
    allowed = _allowed(log_sizes)
    # A box that turns with its vehicle changes all the time.
    ends = (log_sizes[_REACH - 2 : n - 1] + log_sizes[_REACH - 1 :]) / 2.0
    starts = (log_sizes[: n - _REACH + 1] + log_sizes[1 : n - _REACH + 2]) / 2.0
    turning = np.abs(ends - starts)
    before, after = slice(None, -_REACH), slice(_REACH, None)
    step = medians[after] - medians[before]
    room = allowed + 2.0 * np.maximum(turning[before], turning[after])
    beyond = np.abs(step) - room
    inner = slice(_REACH, n - _REACH + 1)
    beyond[~comparable[inner], 1] = -np.inf
    excess[inner] = beyond.max(axis=1)
    upward[inner] = np.take_along_axis(step, beyond.argmax(axis=1)[:, None], axis=1)[:, 0] > 0.0
    return excess, upward
