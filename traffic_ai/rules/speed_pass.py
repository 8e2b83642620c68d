"""One vehicle's pass fitted: its motion, and what makes its speed uncertain.

Used by `speed.py`, which decides which points and which stretch are measured.
"""

from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.violation import at_most
from traffic_ai.rules import speed_points, speed_stretch
from traffic_ai.rules.box_size import Build, may_be
from traffic_ai.rules.speed_fit import Motion, fit_motion
from traffic_ai.rules.speed_models import PRIOR_WEIGHT
from traffic_ai.rules.speed_points import Samples
from traffic_ai.rules.speed_reference import Reference, correct
from traffic_ai.rules.speed_result import (
    CLOCK_RATE_SIGMA,
    KMH,
    RefusalReason,
    SpeedEstimate,
    SpeedRefusal,
    baseline_condition,
    count_condition,
)

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
# Containers round time stamps to a millisecond or less.
_STAMP_SIGMA_S = 0.0005


@dataclass(frozen=True, slots=True)
class Pass:
    """Points of one vehicle, and what is needed to fit them.

    tall_m (n,): heights of the boxes, in metres where they stand, NaN where they are not known.
    truck_share: of its votes for truck or bus, None where there are none.
    """

    samples: Samples
    anchor_px: Array
    tall_m: Array
    homography: Homography
    build: Build | None
    truck_share: float | None = None

    def between(self, start_s: float, end_s: float) -> "Pass":
        """The part within these moments."""
        inside = (self.samples.t_s >= start_s - 1e-9) & (self.samples.t_s <= end_s + 1e-9)
        return replace(
            self,
            samples=self.samples.take(inside),
            anchor_px=self.anchor_px[inside],
            tall_m=self.tall_m[inside],
        )

    def refusal(self, min_points: int, min_baseline_m: float) -> SpeedRefusal | None:
        """Why these points are too few, too short or too far apart."""
        n = len(self.samples)
        if n < min_points:
            return SpeedRefusal(
                RefusalReason.TOO_FEW_POINTS,
                count_condition(n, min_points),
                self.samples.rough_kmh(),
            )
        rough_kmh = self.samples.rough_kmh()
        way_m = float(np.linalg.norm(self.samples.ground_m[-1] - self.samples.ground_m[0]))
        # The ends are noisy and the path may bend: the fitted length decides, if it is close.
        if way_m < 0.5 * min_baseline_m:
            return SpeedRefusal(
                RefusalReason.TOO_SHORT, baseline_condition(way_m, min_baseline_m), rough_kmh
            )
        gap_s, longest_s = float(np.diff(self.samples.t_s).max()), self._longest_gap_s()
        if gap_s > longest_s:
            condition = at_most("gap", gap_s, longest_s, "s")
            return SpeedRefusal(RefusalReason.GAP, condition, rough_kmh)
        return None

    def beside_gaps(self) -> "Pass":
        """Its part with the most points that no gap interrupts."""
        t_s = self.samples.t_s
        breaks = np.flatnonzero(np.diff(t_s) > self._longest_gap_s())
        first, last = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(t_s) - 1]])
        most = int(np.argmax(last - first))
        return self.between(float(t_s[first[most]]), float(t_s[last[most]]))

    def _longest_gap_s(self) -> float:
        duration_s = float(self.samples.t_s[-1] - self.samples.t_s[0])
        return min(_GAP_S, _GAP_SHARE * duration_s)

    def fit(self) -> "Fitted":
        """With the reference points and the motion fitted to them."""
        samples = self._linearised()
        path_m, directions = speed_points.smooth_path(samples)
        path_px = self.homography.to_image(path_m)
        steps_px = np.linalg.norm(np.diff(path_px, axis=0), axis=1)
        # On the path: shifts at the noisy points would go with their noise, and be found in it.
        reference = correct(path_m, directions, self.homography, self.build, self.tall_m)
        place_m = samples.ground_m + reference.ground_m - path_m
        moved = Samples(samples.t_s, place_m, samples.to_px, samples.sigma_px)
        calibration = self.homography.parameter_jacobian(path_px)
        shifts = np.dstack([calibration, *(shift for _, shift in reference.shifts_m)])
        return Fitted(self, reference, fit_motion(moved, shifts, calibration.shape[2], steps_px))

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
class Fitted:
    """A pass with its reference points and the motion fitted to them.

    shape_mps: standard uncertainty for the vehicle may be built otherwise than it is called.
    """

    one: Pass
    reference: Reference
    motion: Motion
    shape_mps: float = 0.0

    def as_it_may_be(self) -> "Fitted":
        """Measured as everything that is called by its name, each as far as its shape explains
        the points; what they differ by goes into the uncertainty.
        """
        build = self.one.build
        chances = {} if build is None else may_be(build, self.one.truck_share)
        if len(chances) < 2:
            return self
        each = [
            self if kind is build else replace(self.one, build=kind).fit().no_less_noisy_than(self)
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

    def no_less_noisy_than(self, whole: "Fitted") -> "Fitted":
        """A part of a pass, or another look at it, has no less noise than the whole; what looks so
        is chance, and to pick it would be to pick what is too small.
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

    def own_share(self) -> float:
        """Expanded uncertainty (95 %) of this pass by itself, as a share of the speed, below 100
        km/h of that.

        Few points do not tell their noise well, so Student's t counts: with the freedom of one
        image axis, which the speed mostly rests on, and more as far as it is not noise that makes
        the speed uncertain (Welch-Satterthwaite, JCGM 100:2008 G.4).
        """
        own_mps, motion = self.own_uncertainty_mps(), self.motion
        freedom = len(self.one.samples) + PRIOR_WEIGHT / 2.0 - 2.0
        freedom *= (own_mps / motion.noise_mps) ** 4
        return _expanded(freedom) * own_mps / max(motion.speed_mps, _UNCERTAIN_FROM_MPS)

    def result(self, min_baseline_m: float, max_uncertainty: float) -> SpeedEstimate | SpeedRefusal:
        """The speed, unless the path is too short, the points too noisy or it too uncertain."""
        motion = self.motion
        speed = motion.speed_mps
        if motion.length_m < min_baseline_m:
            condition = baseline_condition(motion.length_m, min_baseline_m)
            return SpeedRefusal(RefusalReason.TOO_SHORT, condition, speed * KMH)
        noise_share = 2.0 * motion.noise_mps / speed
        if noise_share > _POOR_FIT:
            condition = at_most("noise of the fit", 100.0 * noise_share, 100.0 * _POOR_FIT, "%")
            return SpeedRefusal(RefusalReason.POOR_FIT, condition, speed * KMH)
        parts = self.components_mps()
        own_share = self.own_share()
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


def _expanded(freedom: float) -> float:
    """What Student's t covers as much with as a normal distribution does with twice its sigma:
    Abramowitz and Stegun 26.7.5, off by less than 0.01 from four degrees of freedom on.
    """
    return 2.0 + 2.5 / freedom + 3.06 / freedom**2 + 2.86 / freedom**3


def surest(whole: Fitted, min_points: int, min_baseline_m: float) -> Fitted:
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
