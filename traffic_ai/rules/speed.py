"""A vehicle's speed over its pass through the calibrated area, with its uncertainty.

The speeding rule and the benchmark against measured speeds call `estimate_speed`; the fit is in
`speed_fit.py`, the step from box to vehicle in `speed_reference.py`. Only presentation times and
places in metres enter, so dropped frames and a varying frame rate change nothing.

What is reported is the mean over the fastest steady stretch (`speed_stretch.py`), which for nearly
every vehicle is the whole pass.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.core.violation import Condition, VehicleEnd, at_least, at_most
from traffic_ai.rules import speed_points, speed_stretch
from traffic_ai.rules.box_size import least_width_m, may_be, measured_as, whole_of_one_size
from traffic_ai.rules.speed_fit import Motion, fit_motion
from traffic_ai.rules.speed_points import Samples
from traffic_ai.rules.speed_reference import Reference, correct

KMH = 3.6

# Two vehicles share a track when a second motion holds at least this share of its points, and
# this many.
_SWAP_SHARE = 0.15
_SWAP_POINTS = 4
_LEAST_INLIERS = 0.7
# Who is seen whole in fewer of the looks is mostly hidden, and what is seen of him is no edge of
# his own.
_LEAST_SEEN = 0.5
# A gap longer than this share of the pass, or this time, may hide another vehicle.
_GAP_SHARE = 0.5
_GAP_S = 2.0
# A part of the pass is taken for its certainty when it is this much less uncertain; with so many
# times the least points, which still show what noise there is.
_CLEARLY = 0.95
_POINTS_OF_PART = 3
# How far the fit's evidence for one shape or another counts: each stands for many vehicles, and
# what it says of them is not so sure as the points are.
_SHAPE_EVIDENCE = 0.5
# Noise above this share of the speed (95 %) says the model does not hold.
_POOR_FIT = 0.15
_UNCERTAIN_FROM_MPS = 100.0 / 3.6
# Containers round time stamps to a millisecond or less; oscillators of cameras are off by some
# tens of parts in a million.
_STAMP_SIGMA_S = 0.0005
CLOCK_RATE_SIGMA = 1e-4


class RefusalReason(StrEnum):
    """Why a pass gives no speed."""

    NOT_IN_AREA = "not_in_area"
    TOO_FEW_POINTS = "too_few_points"
    TOO_SHORT = "too_short"
    GAP = "gap"
    VEHICLE_SWAPPED = "vehicle_swapped"
    POOR_FIT = "poor_fit"
    MOSTLY_HIDDEN = "mostly_hidden"
    PART_OF_VEHICLE = "part_of_vehicle"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class SpeedRefusal:
    """No speed, why not, and a rough speed that may be wrong (None if there is none)."""

    reason: RefusalReason
    condition: Condition
    rough_kmh: float | None


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """Mean speed over [start_s, end_s].

    components_kmh: name and standard uncertainty of each part; standard_uncertainty_kmh is their
    root sum of squares. baseline_m: length of the path. residual_px: RMS distance of the points
    used from the path. seen_end is None where the camera's place is unknown.
    """

    speed_kmh: float
    standard_uncertainty_kmh: float
    components_kmh: tuple[tuple[str, float], ...]
    start_s: float
    end_s: float
    baseline_m: float
    point_count: int
    residual_px: float
    seen_end: VehicleEnd | None


@dataclass(frozen=True, slots=True)
class PassPoints:
    """Points of one track on the road plane, in time order.

    t_s (n,); anchor_px (n, 2); ground_m (n, 2), NaN where unknown; ground_cov_m2 (n, 2, 2), from
    the image noise alone; whole (n,), False where the box was cut short or another's; size_m
    (n, 2), width and height of the box on the road where it stands, NaN where there is no box;
    looks_s (m,): all the moments at which the vehicle was looked for.
    """

    t_s: Array
    anchor_px: Array
    ground_m: Array
    ground_cov_m2: Array
    whole: NDArray[np.bool_]
    size_m: Array
    looks_s: Array

    @classmethod
    def of_track(
        cls, track: Track, homography: Homography, start_s: float = -np.inf
    ) -> "PassPoints":
        """The grounded points of a track with a place on the road plane, from start_s on."""
        usable = track.grounded & ~np.isnan(track.ground_m[:, 0]) & (track.t_s >= start_s)
        anchor_px, boxes_px = track.anchor_px[usable], track.xyxy_px[usable]
        m_per_px = homography.m_per_px_across(anchor_px)
        return cls(
            track.t_s[usable],
            anchor_px,
            track.ground_m[usable],
            track.ground_cov_m2[usable],
            whole_of_one_size(boxes_px, m_per_px),
            (boxes_px[:, 2:] - boxes_px[:, :2]) * m_per_px[:, None],
            track.t_s,
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

    def measured_as(self, homography: Homography, road_user: RoadUser | None) -> RoadUser | None:
        """The class whose shape the boxes have, if there are boxes of a known camera."""
        height_m, foot_m = homography.camera_height_m, homography.camera_ground_m
        known = ~np.isnan(self.size_m[:, 0]) & ~np.isnan(self.ground_m[:, 0])
        if road_user is None or height_m is None or foot_m is None or not known.any():
            return road_user
        away_m = np.linalg.norm(self.ground_m[known] - foot_m, axis=1)
        return measured_as(road_user, self.size_m[known], np.arctan2(height_m, away_m))

    def doubt(self, fitted: "_Fitted", road_user: RoadUser | None) -> SpeedRefusal | None:
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
        least_m = 0.0 if road_user is None else least_width_m(road_user)
        if width_m < least_m:
            condition = at_least("width of the box", width_m, least_m, "m")
            return SpeedRefusal(RefusalReason.PART_OF_VEHICLE, condition, rough_kmh)
        return None


def estimate_speed(
    points: PassPoints,
    homography: Homography,
    road_user: RoadUser | None,
    min_baseline_m: float = 10.0,
    min_points: int = 5,
    max_uncertainty: float = np.inf,
) -> SpeedEstimate | SpeedRefusal:
    """The speed of one vehicle, or why there is none.

    max_uncertainty: of the pass by itself (95 %), as a share of the speed, below 100 km/h of that.
    `road_user` tells where on the vehicle the anchor lies; None for a point on the road itself.
    """
    road_user = points.measured_as(homography, road_user)
    usable = ~np.isnan(points.ground_m[:, 0])
    usable[usable] = homography.in_area(points.anchor_px[usable])
    samples = _samples(points, homography, usable)
    n = len(samples)
    if n < min_points:
        reason = RefusalReason.TOO_FEW_POINTS if n else RefusalReason.NOT_IN_AREA
        return SpeedRefusal(reason, _count(n, min_points), _rough_kmh(samples))
    start_s, end_s = speed_stretch.moving(samples, min_baseline_m)
    moving = np.flatnonzero((samples.t_s >= start_s) & (samples.t_s <= end_s))
    found = _one_vehicle(samples.take(moving))
    if isinstance(found, SpeedRefusal):
        return found
    # All points tell whether they are one vehicle's; those of its whole box are measured.
    found = moving[found]
    found = found[points.whole[usable][found]]
    one = _Pass(samples.take(found), points.anchor_px[usable][found], homography, road_user)
    refusal = one.refusal(min_points, min_baseline_m)
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
    fitted = _surest(fitted, min_points, min_baseline_m).as_it_may_be()
    return points.doubt(fitted, road_user) or fitted.result(min_baseline_m, max_uncertainty)


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
        return SpeedRefusal(RefusalReason.VEHICLE_SWAPPED, condition, _rough_kmh(samples))
    chain = np.sort(chains[0])
    good = chain
    if len(chain) >= 4:
        good = chain[speed_points.inliers(samples.take(chain))]
    if len(good) < _LEAST_INLIERS * n:
        condition = at_least("share of points on the path", len(good) / n, _LEAST_INLIERS, "")
        return SpeedRefusal(RefusalReason.POOR_FIT, condition, _rough_kmh(samples))
    return good


@dataclass(frozen=True, slots=True)
class _Pass:
    """Points of one vehicle, and what is needed to fit them."""

    samples: Samples
    anchor_px: Array
    homography: Homography
    road_user: RoadUser | None

    def between(self, start_s: float, end_s: float) -> "_Pass":
        inside = (self.samples.t_s >= start_s - 1e-9) & (self.samples.t_s <= end_s + 1e-9)
        return _Pass(
            self.samples.take(inside), self.anchor_px[inside], self.homography, self.road_user
        )

    def refusal(self, min_points: int, min_baseline_m: float) -> SpeedRefusal | None:
        """Why these points are too few, too short or too far apart."""
        n = len(self.samples)
        if n < min_points:
            return SpeedRefusal(
                RefusalReason.TOO_FEW_POINTS, _count(n, min_points), _rough_kmh(self.samples)
            )
        rough_kmh = _rough_kmh(self.samples)
        way_m = float(np.linalg.norm(self.samples.ground_m[-1] - self.samples.ground_m[0]))
        # The ends are noisy and the path may bend: the fitted length decides, if it is close.
        if way_m < 0.5 * min_baseline_m:
            return SpeedRefusal(
                RefusalReason.TOO_SHORT, _baseline(way_m, min_baseline_m), rough_kmh
            )
        duration_s = float(self.samples.t_s[-1] - self.samples.t_s[0])
        longest_s = min(_GAP_S, _GAP_SHARE * duration_s)
        gap_s = float(np.diff(self.samples.t_s).max())
        if gap_s > longest_s:
            condition = at_most("gap", gap_s, longest_s, "s")
            return SpeedRefusal(RefusalReason.GAP, condition, rough_kmh)
        return None

    def fit(self) -> "_Fitted":
        """With the reference points and the motion fitted to them."""
        samples = self._linearised()
        path_m, directions = speed_points.smooth_path(samples)
        steps_px = np.linalg.norm(np.diff(self.homography.to_image(path_m), axis=0), axis=1)
        reference = correct(samples.ground_m, directions, self.homography, self.road_user)
        moved = Samples(samples.t_s, reference.ground_m, samples.to_px, samples.sigma_px)
        calibration = self.homography.parameter_jacobian(self.anchor_px)
        shifts = np.dstack([calibration, *(shift for _, shift in reference.shifts_m)])
        return _Fitted(self, reference, fit_motion(moved, shifts, steps_px))

    def _linearised(self) -> Samples:
        """The samples with metres per pixel and noise taken on the path, not at the noisy points.

        Least squares in the image, by Gauss-Newton. At the points themselves one read too far
        would also count as noisier, which pulls speeds down; and errors that go with their own
        noise look smaller the farther a path leads past all of them.
        """
        samples = self.samples
        for _ in range(2):
            place_m, _ = speed_points.smooth_path(samples)
            place_px = self.homography.to_image(place_m)
            to_m = self.homography.jacobian(place_px)
            offset = np.einsum("nij,nj->ni", to_m, self.anchor_px - place_px)
            to_px = np.asarray(np.linalg.inv(to_m), float)
            px_per_m = 1.0 / np.linalg.norm(to_m[:, :, 0], axis=1)
            sigma_px = speed_points.along_scale(self.samples.sigma_px, px_per_m)
            samples = Samples(samples.t_s, place_m + offset, to_px, sigma_px)
        return samples


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A pass with its reference points and the motion fitted to them."""

    one: _Pass
    reference: Reference
    motion: Motion
    shape_mps: float = 0.0

    def as_it_may_be(self) -> "_Fitted":
        """Measured as everything that is called by its name, each as far as its shape explains
        the points; what they differ by goes into the uncertainty.
        """
        road_user = self.one.road_user
        chances = {} if road_user is None else may_be(road_user)
        if len(chances) < 2:
            return self
        each = [
            self if kind is road_user else replace(self.one, road_user=kind).fit()
            for kind in chances
        ]
        evidence = _SHAPE_EVIDENCE * np.array([one.motion.evidence for one in each])
        weight = np.array(list(chances.values())) * np.exp(evidence - evidence.max())
        weight /= weight.sum()
        speed = np.array([one.motion.speed_mps for one in each])
        mean = float(weight @ speed)
        spread = float(np.sqrt(weight @ (speed - mean) ** 2))
        likeliest = each[int(np.argmax(weight))]
        motion = replace(
            likeliest.motion,
            speed_mps=mean,
            length_m=likeliest.motion.length_m * mean / likeliest.motion.speed_mps,
        )
        return replace(likeliest, motion=motion, shape_mps=spread)

    def components_mps(self) -> dict[str, float]:
        """Standard uncertainties by cause."""
        homography, motion = self.one.homography, self.motion
        speed = motion.speed_mps
        elements, shifts = motion.sensitivity_mps[:8], motion.sensitivity_mps[8:]
        duration_s = motion.end_s - motion.start_s
        variance = {
            "fit": motion.noise_mps**2,
            "calibration": max(0.0, float(elements @ homography.covariance @ elements)),
            "reference_height": (self.reference.relative * speed) ** 2 + self.shape_mps**2,
            "vehicle_size": 0.0,
            "time": speed**2 * (CLOCK_RATE_SIGMA**2 + 2.0 * (_STAMP_SIGMA_S / duration_s) ** 2),
        }
        for (name, _), change in zip(self.reference.shifts_m, shifts, strict=True):
            variance[name] += float(change) ** 2
        return {name: float(np.sqrt(value)) for name, value in variance.items()}

    def uncertainty(self) -> float:
        """Standard uncertainty as a share of the speed."""
        return float(np.linalg.norm(list(self.components_mps().values()))) / self.motion.speed_mps

    def no_less_noisy_than(self, whole: "_Fitted") -> "_Fitted":
        """A part of a pass has no less noise than the whole; what looks so is chance, and to pick
        it would be to pick what is too small.
        """
        of_whole_mps = whole.motion.noise_mps / whole.motion.speed_mps * self.motion.speed_mps
        noise_mps = max(self.motion.noise_mps, of_whole_mps)
        return replace(self, motion=replace(self.motion, noise_mps=noise_mps))

    def own_uncertainty_mps(self) -> float:
        """Standard uncertainty of this pass, without what every pass before the camera shares: the
        calibration, and a camera whose place is not known.
        """
        of_vehicle = self.motion.sensitivity_mps[8:]
        return float(np.linalg.norm([self.motion.noise_mps, self.shape_mps, *of_vehicle]))

    def result(self, min_baseline_m: float, max_uncertainty: float) -> SpeedEstimate | SpeedRefusal:
        """The speed, unless the path is too short, the points too noisy or it too uncertain."""
        motion = self.motion
        speed = motion.speed_mps
        if motion.length_m < min_baseline_m:
            condition = _baseline(motion.length_m, min_baseline_m)
            return SpeedRefusal(RefusalReason.TOO_SHORT, condition, speed * KMH)
        noise_share = 2.0 * motion.noise_mps / speed
        if noise_share > _POOR_FIT:
            condition = at_most("noise of the fit", 100.0 * noise_share, 100.0 * _POOR_FIT, "%")
            return SpeedRefusal(RefusalReason.POOR_FIT, condition, speed * KMH)
        parts = self.components_mps()
        own_share = 2.0 * self.own_uncertainty_mps() / max(speed, _UNCERTAIN_FROM_MPS)
        if own_share > max_uncertainty:
            condition = at_most("uncertainty", 100.0 * own_share, 100.0 * max_uncertainty, "%")
            return SpeedRefusal(RefusalReason.UNCERTAIN, condition, speed * KMH)
        return SpeedEstimate(
            speed_kmh=speed * KMH,
            standard_uncertainty_kmh=float(np.linalg.norm(list(parts.values()))) * KMH,
            components_kmh=tuple((name, value * KMH) for name, value in parts.items()),
            start_s=motion.start_s,
            end_s=motion.end_s,
            baseline_m=motion.length_m,
            point_count=len(self.one.samples),
            residual_px=float(np.sqrt(np.mean(motion.residual_px**2))),
            seen_end=self.reference.seen_end,
        )


def _surest(whole: _Fitted, min_points: int, min_baseline_m: float) -> _Fitted:
    """The pass, or its part near the camera where that is clearly more certain."""
    foot_m = whole.one.homography.camera_ground_m
    if foot_m is None:
        return whole
    best, least = whole, _CLEARLY * whole.uncertainty()
    for start_s, end_s in speed_stretch.nearer(whole.one.samples, foot_m):
        part = whole.one.between(start_s, end_s)
        if part.refusal(_POINTS_OF_PART * min_points, min_baseline_m) is not None:
            break
        fitted = part.fit().no_less_noisy_than(whole)
        share = fitted.uncertainty()
        if share < least and fitted.motion.length_m >= min_baseline_m:
            best, least = fitted, share
    return best


def _rough_kmh(samples: Samples) -> float | None:
    """Net way by time, for judging whether a refusal is worth telling."""
    if len(samples) < 2:
        return None
    way_m = float(np.linalg.norm(samples.ground_m[-1] - samples.ground_m[0]))
    return way_m / float(samples.t_s[-1] - samples.t_s[0]) * KMH


def _count(n: int, least: int) -> Condition:
    return at_least("points in the calibrated area", float(n), float(least), "")


def _baseline(length_m: float, least_m: float) -> Condition:
    return at_least("baseline", length_m, least_m, "m")
