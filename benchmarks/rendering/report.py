"""The tables: recall, box edges, false boxes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.rendering.measure import Sample, road_user_of
from traffic_ai.simulate.arrays import Floats

DISTANCES_M = ((15, 30), (30, 45), (45, 60))
JUDGED_M = (15, 45)  # where the targets hold
WHOLE_VEHICLE = 0.98  # visible share from which a vehicle counts as seen without hindrance
EDGES = ("left", "top", "right", "bottom")


def summary_table(samples: Sequence[Sample], detector: str) -> list[str]:
    """The table of docs/simulated-pictures.md: recall by kind and distance, and the lower edge."""
    head = ["", *(f"{a}-{b} m" for a, b in (*DISTANCES_M, JUDGED_M)), "lower edge, px: mean, SD"]
    lines = [f"{detector}: recall by distance; lower edge at {JUDGED_M[0]}-{JUDGED_M[1]} m", ""]
    lines += ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head))]
    chosen = [s for s in samples if s.detector == detector and s.visible >= WHOLE_VEHICLE]
    for kind in dict.fromkeys(s.kind for s in samples):
        rows, cells = [s for s in chosen if s.kind == kind], [kind]
        for low, high in (*DISTANCES_M, JUDGED_M):
            near = [s for s in rows if low <= s.distance_m < high]
            hits = [s for s in near if s.label >= 0]
            cells.append(f"{100 * len(hits) / max(1, len(near)):.1f} % of {len(near)}")
        cells.append(_edges(hits)[3] if hits else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def recall_table(samples: Sequence[Sample], detector: str) -> list[str]:
    """Recall of vehicles seen whole, by kind, view and distance; the share named as what it is."""
    lines = [
        f"recall, {detector}",
        f"{'kind':<12}{'view':<7}"
        + "".join(f"{f'{a}-{b} m':>18}" for a, b in DISTANCES_M)
        + "   called (all distances)",
    ]
    chosen = [s for s in samples if s.detector == detector and s.visible >= WHOLE_VEHICLE]
    for kind in dict.fromkeys(s.kind for s in samples):
        for view in ("front", "rear"):
            rows = [s for s in chosen if s.kind == kind and s.view == view]
            cells = []
            for low, high in DISTANCES_M:
                near = [s for s in rows if low <= s.distance_m < high]
                hit = sum(s.label >= 0 for s in near)
                share = f"{hit / len(near):.3f}" if near else "-"
                cells.append(f"{f'{share} ({hit}/{len(near)})':>18}")
            lines.append(f"{kind:<12}{view:<7}{''.join(cells)}   {_names(rows)}")
    return lines


def model_table(samples: Sequence[Sample], detector: str) -> list[str]:
    """Recall by model and view between 15 and 45 m."""
    lines = [f"recall by model, {detector}, 15-45 m"]
    chosen = [
        s
        for s in samples
        if s.detector == detector and s.visible >= WHOLE_VEHICLE and 15 <= s.distance_m < 45
    ]
    for model in dict.fromkeys(s.model for s in samples):
        cells = []
        for view in ("front", "rear"):
            rows = [s for s in chosen if s.model == model and s.view == view]
            hit = sum(s.label >= 0 for s in rows)
            cells.append(f"{view} {hit / max(1, len(rows)):.2f} of {len(rows):<4} {_names(rows)}")
        lines.append(f"  {model:<18}" + "   ".join(f"{cell:<50}" for cell in cells))
    return lines


def edge_table(samples: Sequence[Sample], detector: str) -> list[str]:
    """How far detected edges lie outside the exact ones, px: mean, SD, and SD within a passage."""
    lines = [
        f"box edges, {detector}: detected minus exact, px, outward positive; mean SD"
        " (SD within a passage)",
        f"{'kind':<12}{'view':<7}{'distance':<11}{'n':>5}" + "".join(f"{e:>22}" for e in EDGES),
    ]
    chosen = [
        s for s in samples if s.detector == detector and s.visible >= WHOLE_VEHICLE and s.label >= 0
    ]
    for kind in dict.fromkeys(s.kind for s in samples):
        for view in ("front", "rear"):
            for low, high in DISTANCES_M:
                rows = [
                    s
                    for s in chosen
                    if s.kind == kind and s.view == view and low <= s.distance_m < high
                ]
                if len(rows) >= 5:
                    lines.append(
                        f"{kind:<12}{view:<7}{f'{low}-{high} m':<11}{len(rows):>5}"
                        + "".join(f"{cell:>22}" for cell in _edges(rows))
                    )
    return lines


def correlation_table(samples: Sequence[Sample], detector: str) -> list[str]:
    """How alike an edge's error is to itself a moment later, within a passage."""
    lags_s = (0.04, 0.08, 0.16, 0.32, 0.64)
    lines = [f"correlation of the bottom edge's error with itself later, {detector}"]
    lines.append("lag        " + "".join(f"{lag:>8.2f} s" for lag in lags_s))
    passages: dict[tuple[str, int], list[Sample]] = {}
    for s in samples:
        if s.detector == detector and s.visible >= WHOLE_VEHICLE and s.label >= 0:
            passages.setdefault((s.world, s.vehicle), []).append(s)
    for kind in dict.fromkeys(s.kind for s in samples):
        cells = []
        for lag in lags_s:
            pairs = [
                pair
                for rows in passages.values()
                if rows[0].kind == kind
                for pair in _later(rows, lag)
            ]
            cells.append(f"{_correlation(pairs):>10}")
        lines.append(f"{kind:<11}{''.join(cells)}")
    return lines


def save(samples: Iterable[Sample], path: Path) -> None:
    """All samples as arrays, one entry each."""
    rows = list(samples)
    np.savez_compressed(
        path,
        world=np.array([s.world for s in rows]),
        detector=np.array([s.detector for s in rows]),
        kind=np.array([s.kind for s in rows]),
        model=np.array([s.model for s in rows]),
        vehicle=np.array([s.vehicle for s in rows]),
        view=np.array([s.view for s in rows]),
        t_s=np.array([s.t_s for s in rows]),
        distance_m=np.array([s.distance_m for s in rows]),
        exact_px=np.array([s.exact_px for s in rows]),
        inside=np.array([s.inside for s in rows]),
        visible=np.array([s.visible for s in rows]),
        detected_px=np.array([s.detected_px for s in rows]),
        confidence=np.array([s.confidence for s in rows]),
        label=np.array([s.label for s in rows]),
    )


def _names(rows: Sequence[Sample]) -> str:
    hits = [s for s in rows if s.label >= 0]
    if not hits:
        return ""
    counts = {label: sum(s.label == label for s in hits) for label in {s.label for s in hits}}
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{road_user_of(label)} {n / len(hits):.2f}" for label, n in ranked)


def _errors(rows: Sequence[Sample]) -> Floats:
    outward = np.array([-1.0, -1.0, 1.0, 1.0])
    return np.array([(s.detected_px - s.exact_px) * outward for s in rows])


def _edges(rows: Sequence[Sample]) -> list[str]:
    errors = _errors(rows)
    keys = np.array([f"{s.world} {s.vehicle}" for s in rows])
    within = errors.copy()
    for key in np.unique(keys):
        within[keys == key] -= within[keys == key].mean(axis=0)
    return [
        f"{errors[:, i].mean():+.1f} {errors[:, i].std():.1f} ({within[:, i].std():.1f})"
        for i in range(4)
    ]


def _later(rows: Sequence[Sample], lag_s: float) -> list[tuple[float, float]]:
    """Pairs of bottom-edge errors so far apart, the passage's mean taken off."""
    errors = _errors(rows)[:, 3]
    errors = errors - errors.mean()
    t_s = np.array([s.t_s for s in rows])
    found = []
    for i, moment in enumerate(t_s):
        j = int(np.abs(t_s - moment - lag_s).argmin())
        if j > i and abs(t_s[j] - moment - lag_s) < 0.005:
            found.append((float(errors[i]), float(errors[j])))
    return found


def _correlation(pairs: Sequence[tuple[float, float]]) -> str:
    if len(pairs) < 20:
        return "-"
    return f"{np.corrcoef(np.array(pairs).T)[0, 1]:.2f}"
