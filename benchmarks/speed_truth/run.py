"""Speed against truth: calibrates each session from its surveyed distances alone, measures every
matched vehicle with the product's own speed code, and compares with the roadside gate.

    python -m benchmarks.speed_truth [FOLDER] [--session NAME] [--out DIRECTORY]
"""

import argparse
import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.speed_truth.sessions import PICTURE_PX, Session, load, names
from traffic_ai.calibration.distances import fit_distances
from traffic_ai.rules.parameters import SpeedingParameters
from traffic_ai.rules.speed import PassPoints, estimate_speed
from traffic_ai.rules.speed_gates import gate_speed_kmh
from traffic_ai.rules.speed_result import SpeedRefusal

# The tracks hold a reference point on the road, whatever the vehicle: no box, so no class.
TRACK_NOISE_PX = 1.5
COVERAGE_FACTOR = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """How one session went. Errors are measured minus gate, km/h; coverage in percent.

    calibration_median_kmh: of the standard uncertainty, the part that all of a session's passes
    share. coverage_own_percent: how many errors about the session's median the rest covers.
    second_p99_percent: how far the product's second method differs from its first. withheld: how
    many speeds it would keep from being reported.
    """

    session: str
    gated: int
    matched: int
    measured: int
    refused: dict[str, int]
    error_mean_kmh: float
    error_median_kmh: float
    error_p95_kmh: float
    error_p99_kmh: float
    bias_mean_kmh: float
    bias_median_kmh: float
    coverage_percent: float
    standard_uncertainty_median_kmh: float
    calibration_median_kmh: float
    coverage_own_percent: float
    camera_height_m: float | None
    calibration_rms_m: float
    second_p99_percent: float
    withheld: int


def measure(session: Session, limit: int | None = None) -> Summary:
    """Measure the session's matched vehicles (the first `limit` of them)."""
    homography = fit_distances(session.distances, PICTURE_PX)
    pairs = session.matches()[:limit]
    refused: Counter[str] = Counter()
    errors, uncertainties, common, apart = [], [], [], []
    for car, track in pairs:
        points = PassPoints.of_image(track.t_s, track.place_px, homography, TRACK_NOISE_PX)
        result = estimate_speed(points, homography, None)
        if isinstance(result, SpeedRefusal):
            refused[result.reason.value] += 1
            continue
        errors.append(result.speed_kmh - car.speed_kmh)
        uncertainties.append(result.standard_uncertainty_kmh)
        common.append(dict(result.components_kmh)["calibration"])
        second_kmh = gate_speed_kmh(points, result, homography, None)
        apart.append(np.inf if second_kmh is None else abs(second_kmh / result.speed_kmh - 1.0))
    error, uncertainty = np.array(errors), np.array(uncertainties)
    size = np.abs(error)
    own = np.sqrt(uncertainty**2 - np.array(common) ** 2)
    covered_own = np.abs(error - np.median(error)) <= COVERAGE_FACTOR * own
    return Summary(
        session=session.name,
        gated=len(session.cars),
        matched=len(pairs),
        measured=len(error),
        refused=dict(refused),
        error_mean_kmh=float(size.mean()),
        error_median_kmh=float(np.median(size)),
        error_p95_kmh=float(np.quantile(size, 0.95)),
        error_p99_kmh=float(np.quantile(size, 0.99)),
        bias_mean_kmh=float(error.mean()),
        bias_median_kmh=float(np.median(error)),
        coverage_percent=float(100.0 * np.mean(size <= COVERAGE_FACTOR * uncertainty)),
        standard_uncertainty_median_kmh=float(np.median(uncertainty)),
        calibration_median_kmh=float(np.median(common)),
        coverage_own_percent=float(100.0 * np.mean(covered_own)),
        camera_height_m=homography.camera_height_m,
        calibration_rms_m=homography.rms_error_m,
        second_p99_percent=float(100.0 * np.quantile(apart, 0.99, method="lower")),
        withheld=int(np.sum(np.array(apart) > SpeedingParameters().max_gate_difference)),
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measured speeds against a roadside gate.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/speed_truth"))
    parser.add_argument("--session", action="append", help="only this session (may be repeated)")
    parser.add_argument(
        "--out", type=Path, default=Path("out/speed_truth"), help="one JSON file a session"
    )
    options = parser.parse_args(arguments)
    chosen = options.session or names(options.folder)
    if not chosen:
        parser.error(f"no *_gt.json.gz in {options.folder}; give the folder with the sessions")
    columns = ("matched", "measured", "mean", "median", "p95", "p99", "bias", "covered", "u")
    columns += ("u calib.", "own cov.", "2nd p99", "withheld")
    print(f"{'|error| in km/h':20}" + "".join(f"{name:>10}" for name in columns) + "  refused")
    for name in chosen:
        summary = measure(load(options.folder, name))
        print(_row(summary), flush=True)
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dataclasses.asdict(summary), indent=2)
        (options.out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return 0


def _row(s: Summary) -> str:
    errors = (s.error_mean_kmh, s.error_median_kmh, s.error_p95_kmh, s.error_p99_kmh)
    return (
        f"{s.session:20}{s.matched:10}{s.measured:10}"
        + "".join(f"{value:10.2f}" for value in (*errors, s.bias_median_kmh))
        + f"{s.coverage_percent:9.1f}%{s.standard_uncertainty_median_kmh:10.2f}"
        + f"{s.calibration_median_kmh:10.2f}{s.coverage_own_percent:9.1f}%"
        + f"{s.second_p99_percent:9.2f}%{s.withheld:10}  {s.refused}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
