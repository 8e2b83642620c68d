"""Measures how the default detector's boxes differ from exact ones: the numbers of
`traffic_ai/simulate/fast/measured.py`.

    python -m benchmarks.accuracy.box_errors [RUN ...] [--footage FOLDER] [--cache FOLDER]

RUN is a folder `traffic-ai simulate` wrote; without any, the sample junction is measured. With
FOLDER the jitter of boxes is set beside that of real footage, which needs no truth. Lengths are
pixels of the network's input, outward is positive.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks.accuracy.jitter import footage_jitter, jitter_lines, look_jitter
from benchmarks.accuracy.looks import Look, looks
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.simulate.fast.errors import HEIGHTS_PX

ENDS = ("front", "rear", "side")
EDGES = ((0, 2), (1,), (3,))
EDGE_NAMES = ("sides", "top", "bottom")
# Points nearer than this on a vehicle's way through the picture tell the same thing again.
STEP_PX = 2.0
LEAST_POINTS = 8
WAYS_PX = (0, 0.5, 1, 2, 4, 8, 12, 16, 24, 32, 64)


def thinned(look: Look) -> Look:
    """A look with one point a STEP_PX of way, so that who stands does not count for more."""
    if len(look.t_s) == 0:
        return look
    _, first = np.unique(np.floor(look.moved_px / STEP_PX), return_index=True)
    return look.take(first)


def clear(look: Look) -> Look:
    """The points of a look that nothing hides or cuts, with a detection."""
    return look.take((look.visible >= 0.97) & ~look.cut & ~np.isnan(look.found_px[:, 0]))


def line(x: Array, y: Array) -> tuple[float, float]:
    """Level and slope of y over x (Huber's weights, iterated)."""
    design = np.column_stack([np.ones(len(x)), x])
    weight = np.ones(len(x))
    beta = np.zeros(2)
    for _ in range(20):
        beta = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)[0]
        residual = np.abs(y - design @ beta)
        limit = 1.5 * 1.4826 * max(float(np.median(residual)), 1e-6)
        weight = np.sqrt(np.minimum(1.0, limit / np.maximum(residual, 1e-9)))
    return float(beta[0]), float(beta[1])


def spread_line(height: Array, residual: Array) -> tuple[float, float]:
    """Pixels and share of height of an SD, neither negative."""
    like = 1.0 + 0.02 * height
    size = 1.2533 * np.minimum(np.abs(residual), 10.0 * like) / like
    px, share = nnls(np.column_stack([np.ones(len(height)), height]) / like[:, None], size)[0]
    return float(px), float(share)


def edge_lines(group: Sequence[Look]) -> Iterator[str]:
    """Bias, SD from vehicle to vehicle and SD within a pass of each kind of edge."""
    for name, columns in zip(EDGE_NAMES, EDGES, strict=True):
        cells = [(look.height_px, look.outward_px[:, c]) for look in group for c in columns]
        height = np.concatenate([h for h, _ in cells])
        bias = line(height, np.concatenate([e for _, e in cells]))
        offsets, within, inner = [], [], []
        for h, errors in cells:
            rest = errors - bias[0] - bias[1] * h
            own = line(h, rest) if np.ptp(h) > 30 else (float(np.median(rest)), 0.0)
            offsets.append(abs(float(np.median(rest / (1.0 + 0.02 * h)))))
            within.append(rest - own[0] - own[1] * h)
            inner.append(h)
        vehicle = 1.2533 * float(np.mean(offsets))
        wander = spread_line(np.concatenate(inner), np.concatenate(within))
        yield (
            f"  {name:7} bias {bias[0]:+.2f} px {100 * bias[1]:+.1f} %   vehicle {vehicle:.2f} px "
            f"{2 * vehicle:.1f} %   wander {wander[0]:.2f} px {100 * wander[1]:.1f} %"
        )


def way_lines(group: Sequence[Look]) -> Iterator[str]:
    """How much errors of one vehicle are alike after a way in the picture, by edge."""
    way, alike, size = [], [], []
    for look in group:
        if len(look.t_s) < 4 * LEAST_POINTS:
            continue
        design = np.column_stack([np.ones(len(look.t_s)), look.height_px])
        rest = look.outward_px - design @ np.linalg.lstsq(design, look.outward_px, rcond=None)[0]
        for gap in (1, 2, 4, 8, 16):
            way.append(look.moved_px[gap:] - look.moved_px[:-gap])
            alike.append(rest[gap:] * rest[:-gap])
            size.append((rest[gap:] ** 2 + rest[:-gap] ** 2) / 2.0)
    if not way:
        return
    far, product, square = np.concatenate(way), np.concatenate(alike), np.concatenate(size)
    for low, high in pairwise(WAYS_PX):
        here = (far >= low) & (far < high)
        if here.sum() > 30:
            shares = product[here].mean(axis=0) / square[here].mean(axis=0)
            yield f"  {low:4g} to {high:3g} px: " + " ".join(f"{share:+.2f}" for share in shares)


def confidence_lines(group: Sequence[Look]) -> Iterator[str]:
    """Log-odds of confidences by height of the box, spread between and within vehicles."""
    middles = np.sqrt(np.array(HEIGHTS_PX[:-1]) * np.array(HEIGHTS_PX[1:]))
    bounds = [0.0, *middles, np.inf]
    for height, low, high in zip(HEIGHTS_PX, bounds, bounds[1:], strict=False):
        means, spreads, given = [], [], []
        for look in map(thinned, group):
            whole = (look.visible >= 0.97) & ~look.cut
            here = whole & (look.height_px >= low) & (look.height_px < high)
            if here.sum() < 3:
                continue
            odds = logit(look.confidence[here])
            means.append(odds.mean())
            spreads.append(odds.std())
            given.append(np.mean(look.confidence[here] > 0.0))
        if len(means) > 1:
            yield (
                f"  {height:4g} px high: {np.mean(means):+.2f}, between {np.std(means):.2f}, "
                f"within {np.mean(spreads):.2f}, found {100 * np.mean(given):.0f} % "
                f"({len(means)} vehicles)"
            )


def hidden_lines(group: Sequence[Look]) -> Iterator[str]:
    """What hiding takes off the log-odds, and how many are still found."""
    rows = []
    for look in map(thinned, group):
        whole = (look.visible >= 0.97) & ~look.cut
        if whole.sum() < LEAST_POINTS:
            continue
        usual = float(np.median(logit(look.confidence[whole])))
        usable = ~look.cut & (look.height_px > 20.0)
        rows += list(
            zip(
                look.visible[usable],
                logit(look.confidence[usable]) - usual,
                look.confidence[usable] > 0.0,
                strict=True,
            )
        )
    table = np.array(rows, float).reshape(-1, 3)
    for low, high in zip(np.arange(0.0, 0.91, 0.15), np.arange(0.15, 1.06, 0.15), strict=True):
        here = (table[:, 0] >= low) & (table[:, 0] < min(high, 0.97))
        if here.sum() > 10:
            yield (
                f"  {low:.2f} to {high:.2f} seen: {np.median(table[here, 1]):+.2f}, found "
                f"{100 * table[here, 2].mean():.0f} % ({here.sum()})"
            )


def class_lines(group: Sequence[Look]) -> Iterator[str]:
    """What vehicles are taken for, and how often two looks at one far apart agree."""
    found = [thinned(look.take(look.class_id >= 0)) for look in group]
    count = Counter(int(c) for look in found for c in look.class_id)
    every = max(1, sum(count.values()))
    said = ", ".join(f"{RoadUser(c).label} {n / every:.2f}" for c, n in count.most_common())
    half = [
        (look.class_id[: len(look.t_s) // 2], look.class_id[-(len(look.t_s) // 2) :])
        for look in found
    ]
    agree = np.concatenate([np.zeros(0), *(a == b for a, b in half if len(a) == len(b))])
    yield f"  taken for {said}; half a pass apart alike {agree.mean():.2f}"


def part_lines(group: Sequence[Look]) -> Iterator[str]:
    """Second boxes on parts of vehicles."""
    parts = [part for look in group for part in look.parts]
    frames = sum(int((look.height_px > 20.0).sum()) for look in group)
    if not parts:
        return
    sure = sum(part.confidence >= 0.3 for part in parts)
    quartiles = np.percentile([part.box for part in parts], [25, 50, 75], axis=0).round(2).tolist()
    classes = Counter(RoadUser(part.class_id).label for part in parts).most_common(4)
    yield f"  in {len(parts) / frames:.3f} of frames, confidence 0.3 in {sure / frames:.3f}"
    yield f"  boxes, quartiles {quartiles}; taken for {classes}"


def logit(confidence: Array) -> Array:
    """Log-odds, of what was not found those of 0.05."""
    share = np.clip(confidence, 0.05, 0.98)
    return np.asarray(np.log(share / (1.0 - share)))


def kind_name(look: Look) -> str:
    return "van" if "van" in look.model else look.road_user.label


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="*", type=Path)
    parser.add_argument("--footage", type=Path, help="folder with real clips")
    parser.add_argument("--cache", type=Path, default=Path("out/tracking"))
    options = parser.parse_args(arguments)
    every = list(_looks(options.run, options.cache))
    for kind in dict.fromkeys(kind_name(look) for look in every):
        _show_kind(kind, [look for look in every if kind_name(look) == kind])
    print("\nsize of jitter of the four edges by way between pictures, drawn:")
    print("\n".join(jitter_lines(look_jitter(every))))
    for clip in sorted(options.footage.iterdir()) if options.footage else ():
        if clip.suffix in (".mp4", ".avi"):
            print(f"{clip.name}:")
            print("\n".join(jitter_lines(footage_jitter(clip, options.cache))), flush=True)
    return 0


def _show_kind(kind: str, group: Sequence[Look]) -> None:
    for number, end in enumerate(ENDS):
        seen = [clear(look.take(look.end == number)) for look in group]
        points = [one for look in seen if len((one := thinned(look)).t_s) >= LEAST_POINTS]
        if points:
            print(
                f"\n{kind}, {end}: {len(points)} vehicles, {sum(len(p.t_s) for p in points)} points"
            )
            print("\n".join(edge_lines(points)))
            print(" alike after a way of", *way_lines(seen), sep="\n")
    print(f"\n{kind}: confidence", *confidence_lines(group), sep="\n")
    print(" of the hidden", *hidden_lines(group), sep="\n")
    print(" classes", *class_lines(group), sep="\n")
    print(" parts", *part_lines(group), sep="\n")


def _looks(runs: Sequence[Path], cache: Path) -> Iterator[Look]:
    if not runs:
        folder, site = Path("sample_videos"), Path("configs/demo.yaml")
        yield from looks(folder / "junction.mp4", folder / "junction.truth.json", site, cache)
    for run in runs:
        yield from looks(run / "video.mp4", run / "truth.json", run / "site.yaml", cache)


if __name__ == "__main__":
    raise SystemExit(main())
