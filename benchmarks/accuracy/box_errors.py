"""Measures how the default detector's boxes differ from exact ones: the numbers of
`traffic_ai/simulate/fast/errors.py`.

    python -m benchmarks.accuracy.box_errors [RUN ...] [--footage FOLDER] [--cache FOLDER]

RUN is a folder `traffic-ai simulate` wrote; without any, the sample junction is measured.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.looks import Look, looks
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser

GROUPS = {
    "car": (RoadUser.CAR,),
    "heavy": (RoadUser.BUS, RoadUser.TRUCK),
    "two-wheeler": (RoadUser.MOTORCYCLE, RoadUser.BICYCLE),
}
ENDS = ("front", "rear", "side")
# Points nearer than this on a vehicle's way through the picture tell the same thing again.
STEP_PX = 2.0


def thinned(look: Look) -> Look:
    """A look with one point a STEP_PX of way, so that who stands does not count for more."""
    if len(look.t_s) == 0:
        return look
    _, first = np.unique(np.floor(look.moved_px / STEP_PX), return_index=True)
    return look.take(first)


def clear(look: Look) -> Look:
    """The points of a look that nothing hides or cuts, with a detection."""
    return look.take((look.visible >= 0.97) & ~look.cut & ~np.isnan(look.found_px[:, 0]))


def sides(errors: Array) -> Array:
    """(T, 4) as left, top, right, bottom -> (3 lists): left and right, top, bottom."""
    return errors


def line(x: Array, y: Array) -> tuple[float, float]:
    """Level and slope of y over x, robust (Huber by reweighting)."""
    design = np.column_stack([np.ones(len(x)), x])
    weight = np.ones(len(x))
    beta = np.zeros(2)
    for _ in range(20):
        beta = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)[0]
        residual = np.abs(y - design @ beta)
        limit = 1.5 * 1.4826 * max(float(np.median(residual)), 1e-6)
        weight = np.sqrt(np.minimum(1.0, limit / np.maximum(residual, 1e-9)))
    return float(beta[0]), float(beta[1])


def spread_line(height: Array, size: Array) -> tuple[float, float]:
    """Pixels and share of height of an SD, from absolute residuals; neither negative."""
    from scipy.optimize import nnls

    design = np.column_stack([np.ones(len(height)), height]) / (1.0 + 0.02 * height)[:, None]
    px, share = nnls(design, size / (1.0 + 0.02 * height))[0]
    return float(px), float(share)


def measure_edges(group: Sequence[Look]) -> dict[str, Array]:
    """bias, vehicle and wander of each kind of edge, (3 sides, px and share)."""
    out: dict[str, Array] = {k: np.zeros((3, 2)) for k in ("bias", "vehicle", "wander")}
    for side, columns in enumerate(((0, 2), (1,), (3,))):
        heights, errors, owner = [], [], []
        for number, look in enumerate(group):
            for column in columns:
                heights.append(look.height_px)
                errors.append(look.outward_px[:, column])
                owner.append(np.full(len(look.t_s), 2 * number + (column == 2)))
        h, e, o = np.concatenate(heights), np.concatenate(errors), np.concatenate(owner)
        out["bias"][side] = line(h, e)
        rest = e - out["bias"][side] @ np.array([np.ones(len(h)), h])
        offsets, means, inner, inner_h = [], [], [], []
        for one in np.unique(o):
            r, hh = rest[o == one], h[o == one]
            if len(r) < 8:
                continue
            px, share = line(hh, r) if np.ptp(hh) > 30 else (float(np.median(r)), 0.0)
            offsets.append(abs(float(np.median(r / (1 + 0.02 * hh)))))
            means.append(float(hh.mean()))
            inner.append(r - px - share * hh)
            inner_h.append(hh)
        v = 1.2533 * float(np.mean(offsets))
        out["vehicle"][side] = v, 0.02 * v
        x, hh = np.concatenate(inner), np.concatenate(inner_h)
        out["wander"][side] = spread_line(
            hh, 1.2533 * np.abs(np.clip(x, -10 - 0.1 * hh, 10 + 0.1 * hh))
        )
    return out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Errors of the detector's boxes.")
    parser.add_argument("run", nargs="*", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("out/tracking"))
    options = parser.parse_args(arguments)
    found = list(_looks(options.run, options.cache))
    for name, users in GROUPS.items():
        for end in range(3):
            group = [
                c
                for look in found
                if look.road_user in users
                and len((c := thinned(clear(look.take(look.end == end)))).t_s) >= 8
            ]
            if not group:
                continue
            m = measure_edges(group)
            print(f"{name:12}{ENDS[end]:6}{len(group):4} vehicles {sum(len(g.t_s) for g in group)}")
            for k, v in m.items():
                print("   ", k, "px", v[:, 0].round(2).tolist(), "share", v[:, 1].round(4).tolist())
    return 0


def _looks(runs: Sequence[Path], cache: Path) -> Iterator[Look]:
    if not runs:
        folder = Path("sample_videos")
        yield from looks(
            folder / "junction.mp4",
            folder / "junction.truth.json",
            Path("configs/demo.yaml"),
            cache,
        )
    for run in runs:
        yield from looks(run / "video.mp4", run / "truth.json", run / "site.yaml", cache)


if __name__ == "__main__":
    raise SystemExit(main())
