"""A vehicle's speed over its pass through the calibrated area, with its uncertainty.

The speeding rule and the benchmark against measured speeds call `estimate_speed`; the fit is in
`speed_pass.py` and `speed_fit.py`, the step from box to vehicle in `speed_reference.py`. Only
presentation times and places in metres enter, so dropped frames and a varying frame rate change
nothing.

What is reported is the mean over the fastest steady stretch (`speed_stretch.py`), which for nearly
every vehicle is the whole pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.core.violation import at_least, at_most
from traffic_ai.rules import speed_points, speed_stretch
from traffic_ai.rules.box_size import (
    AT_BORDER_PX,
    Build,
    least_width_m,
    measured_as,
    truck_share,
    whole_of_one_size,
)
from traffic_ai.rules.speed_pass import Fitted, Pass, surest
from traffic_ai.rules.speed_points import Samples
from traffic_ai.rules.speed_result import (
    KMH,
    RefusalReason,
    SpeedEstimate,
    SpeedRefusal,
    count_condition,
)

# Two vehicles share a track when a second motion holds at least this share of its points, and
# this many.
_SWAP_SHARE = 0.15
_SWAP_POINTS = 4
_LEAST_INLIERS = 0.7
# Who is seen whole in fewer of the looks is mostly hidden, and what is seen of him is no edge of
# his own.
_LEAST_SEEN = 0.5
# Nothing is found faster than so many times the highest speed of a smooth path through the points
# (drawn, made and real vehicles: 1.03 times at most), if there are so many of them.
_AT_MOST, _AT_MOST_POINTS = 1.1, 10


@dataclass(frozen=True, slots=True)
class PassPoints:
    """Points of one track on the road plane, in time order.

    t_s (n,); anchor_px (n, 2); ground_m (n, 2), NaN where unknown; ground_cov_m2 (n, 2, 2), from
    the image noise alone; whole (n,), False where the box was cut short or another's; size_m
    (n, 2), width and height of the box on the road where it stands, NaN where there is no box and
    heights of those that the picture's upper border cuts off;
    looks_s (m,): all the moments at which the vehicle was looked for. truck_share: of its votes for
    truck or bus, None where there are none.
    """

    t_s: Array
    anchor_px: Array
    ground_m: Array
    ground_cov_m2: Array
    whole: NDArray[np.bool_]
    size_m: Array
    looks_s: Array
    truck_share: float | None = None

    @classmethod
    def of_track(
        cls, track: Track, homography: Homography, start_s: float = -np.inf
    ) -> "PassPoints":
        """The grounded points of a track with a place on the road plane, from start_s on."""
        usable = track.grounded & ~np.isnan(track.ground_m[:, 0]) & (track.t_s >= start_s)
        t_s, boxes_px, anchor_px = track.t_s[usable], track.xyxy_px[usable], track.anchor_px[usable]
        m_per_px = homography.m_per_px_across(anchor_px)
        return cls(
            t_s,
            anchor_px,
            track.ground_m[usable],
            track.ground_cov_m2[usable],
            whole_of_one_size(t_s, boxes_px, m_per_px),
            _sizes_m(boxes_px, m_per_px),
            track.t_s,
            truck_share(track.votes),
        )

    @classmethod
    def of_image(
        cls, t_s: Array, anchor_px: Array, homography: Homography, sigma_px: float
    ) -> "PassPoints":
        """Image points with one noise for all."""
        cov = homography.ground_covariance(anchor_px, sigma_px**2 * np.eye(2))
        every = np.ones(len(t_s), bool)
        unknown = np.full((len(t_s), 2), np.nan)
        return cls(t_s, anchor_px, homography.to_ground(anchor_px), cov, every, unknown, t_s)

    def measured_as(self, homography: Homography, road_user: RoadUser | None) -> Build | None:
        """The build whose shape the boxes have, if there are boxes of a known camera."""
        height_m, foot_m = homography.camera_height_m, homography.camera_ground_m
        known = ~np.isnan(self.size_m[:, 0]) & ~np.isnan(self.ground_m[:, 0])
        if road_user is None:
            return None
        if height_m is None or foot_m is None or not known.any():
            return Build(road_user)
        sight = self.ground_m[known] - foot_m
        away_m = np.linalg.norm(sight, axis=1)
        way = sight[-1] - sight[0]
        askew = np.arctan2(sight[:, 0], sight[:, 1]) - np.arctan2(way[0], way[1])
        return measured_as(road_user, self.size_m[known], np.arctan2(height_m, away_m), askew)

    def doubt(self, fitted: Fitted, build: Build | None) -> SpeedRefusal | None:
        """Why the boxes measured do not show the whole of a vehicle, if so."""
        start_s, end_s = fitted.motion.start_s - 1e-9, fitted.motion.end_s + 1e-9
        looks = int(((self.looks_s >= start_s) & (self.looks_s <= end_s)).sum())
        share = len(fitted.one.samples) / max(looks, 1)
        rough_kmh = fitted.motion.speed_mps * KMH
        if share < _LEAST_SEEN:
            condition = at_least("share of looks that show it whole", share, _LEAST_SEEN, "")
            return SpeedRefusal(RefusalReason.MOSTLY_HIDDEN, condition, rough_kmh)
        inside = (self.t_s >= start_s) & (self.t_s <= end_s)
        width_m = float(np.median(self.size_m[inside, 0]))
        least_m = 0.0 if build is None else least_width_m(build)
        if width_m < least_m:
            condition = at_least("width of the box", width_m, least_m, "m")
            return SpeedRefusal(RefusalReason.PART_OF_VEHICLE, condition, rough_kmh)
        return None


def box_sizes_m(boxes_px: Array, homography: Homography) -> Array:
    """Width and height (n, 2) of boxes (n, 4) on the road where they stand, metres; NaN for the
    heights of those that the picture's upper border cuts off.
    """
    foot_px = np.column_stack([boxes_px[:, ::2].mean(axis=1), boxes_px[:, 3]])
    return _sizes_m(boxes_px, homography.m_per_px_across(foot_px))


def _sizes_m(boxes_px: Array, m_per_px: Array) -> Array:
    size_m = (boxes_px[:, 2:] - boxes_px[:, :2]) * m_per_px[:, None]
    size_m[boxes_px[:, 1] <= AT_BORDER_PX, 1] = np.nan
    return np.asarray(size_m)


def estimate_speed(
    points: PassPoints,
    homography: Homography,
    road_user: RoadUser | None,
    min_baseline_m: float = 10.0,
    min_points: int = 5,
    max_uncertainty: float = np.inf,
    matters_kmh: float = 0.0,
) -> SpeedEstimate | SpeedRefusal:
    """The speed of one vehicle, or why there is none.

    max_uncertainty: of the pass by itself (95 %), as a share of the speed, below 100 km/h of that.
    matters_kmh: who surely drives slower is not measured any closer.
    `road_user` tells where on the vehicle the anchor lies; None for a point on the road itself.
    """
    build = points.measured_as(homography, road_user)
    usable = ~np.isnan(points.ground_m[:, 0])
    usable[usable] = homography.in_area(points.anchor_px[usable])
    samples = _samples(points, homography, usable)
    n = len(samples)
    if n < min_points:
        reason = RefusalReason.TOO_FEW_POINTS if n else RefusalReason.NOT_IN_AREA
        return SpeedRefusal(reason, count_condition(n, min_points), samples.rough_kmh())
    start_s, end_s = speed_stretch.moving(samples, min_baseline_m)
    moving = np.flatnonzero((samples.t_s >= start_s) & (samples.t_s <= end_s))
    found = _one_vehicle(samples.take(moving))
    if isinstance(found, SpeedRefusal):
        return found
    # All points tell whether they are one vehicle's; those of its whole box are measured.
    found = moving[found]
    found = found[points.whole[usable][found]]
    one = Pass(
        samples.take(found),
        points.anchor_px[usable][found],
        points.size_m[usable][found, 1],
        homography,
        build,
        points.truck_share,
    )
    refusal = one.refusal(min_points, min_baseline_m)
    if refusal is not None and refusal.reason is RefusalReason.GAP:
        part = one.beside_gaps()
        if part.refusal(min_points, min_baseline_m) is None:
            one, refusal = part, None
    refusal = refusal or _slow(one.samples, matters_kmh)
    if refusal is not None:
        return refusal
    fitted = one.fit()
    for _ in range(2):
        stretch = speed_stretch.steady(fitted.motion, min_baseline_m)
        if stretch is None:
            break
        part = one.between(*stretch)
        if part.refusal(min_points, min_baseline_m) is not None:
            break
        one = part
        fitted = one.fit()
    fitted = surest(fitted, min_points, min_baseline_m).as_it_may_be()
    return points.doubt(fitted, build) or fitted.result(min_baseline_m, max_uncertainty)


def _slow(samples: Samples, matters_kmh: float) -> SpeedRefusal | None:
    """Refused where the vehicle is surely slower than matters; most are, and a fit costs most."""
    if matters_kmh <= 0.0 or len(samples) < _AT_MOST_POINTS:
        return None
    fastest_kmh = speed_points.fastest_mps(samples) * KMH
    if _AT_MOST * fastest_kmh >= matters_kmh:
        return None
    condition = at_least("fastest it may be", _AT_MOST * fastest_kmh, matters_kmh, "km/h")
    return SpeedRefusal(RefusalReason.SLOW, condition, fastest_kmh)


def _samples(points: PassPoints, homography: Homography, usable: NDArray[np.bool_]) -> Samples:
    to_m = homography.jacobian(points.anchor_px[usable])
    to_px = np.asarray(np.linalg.inv(to_m), float)
    cov_px2 = to_px @ points.ground_cov_m2[usable] @ np.swapaxes(to_px, 1, 2)
    variance_px2 = np.diagonal(cov_px2, axis1=1, axis2=2)
    sigma_px = np.asarray(np.sqrt(np.maximum(variance_px2, 1e-4)), float)
    return Samples(points.t_s[usable], points.ground_m[usable], to_px, sigma_px)


def _one_vehicle(samples: Samples) -> NDArray[np.int64] | SpeedRefusal:
    """Positions of the samples that are no outliers; refused where two vehicles share them."""
    n = len(samples)
    if n < 2:
        return np.arange(n)
    chains = speed_points.vehicle_chains(samples)
    second = len(chains[1]) if len(chains) > 1 else 0
    most = max(_SWAP_POINTS - 1.0, _SWAP_SHARE * n)
    if second > most:
        condition = at_most("points of another motion", float(second), most, "")
        return SpeedRefusal(RefusalReason.VEHICLE_SWAPPED, condition, samples.rough_kmh())
    chain = np.sort(chains[0])
    good = chain
    if len(chain) >= 4:
        good = chain[speed_points.inliers(samples.take(chain))]
    if len(good) < _LEAST_INLIERS * n:
        condition = at_least("share of points on the path", len(good) / n, _LEAST_INLIERS, "")
        return SpeedRefusal(RefusalReason.POOR_FIT, condition, samples.rough_kmh())
    return good
