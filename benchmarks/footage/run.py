"""What the pipeline finds in the footage beside the checkout, clip by clip.

    traffic-ai models pull yolov8n
    .venv/bin/python -m benchmarks.footage [--only redlight] [--json FILE]

Each clip is run with its site file of `configs/`. The two-way road is run once more with every
lane's direction turned round: there each vehicle followed over 20 m or more should be reported,
once. The other sites with a road plane are run once more with a limit everybody exceeds, which
shows every speed that was measured.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.footage.analysis import Analysis, analyse, followed_over, reported_twice
from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.sites import report_every_speed, reverse_directions, variant
from traffic_ai.batch.files import camera_of
from traffic_ai.config.site import Site
from traffic_ai.core.violation import SpeedMeasurement
from traffic_ai.wiring import DetectorOptions, load_detector, open_site

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
FOOTAGE = ROOT.parent / "shared" / "footage"
SITES = (
    ("bangkok_red_light", "redlight_bangkok_*"),
    ("hanoi_1615", "intersection_hanoi_1615_*"),
    ("bangkok_day", "intersection_bangkok_day_*"),
    ("shenzhen_lanes", "lanes_shenzhen_*"),
    ("a13_two_way", "two_way_road/*"),
)
NIGHT = ("a13_201709042122", "a13_201709042131")
FOLLOWED_M = 20.0


@dataclass(slots=True)
class Row:
    """What was found in one clip.

    followed and reported: vehicles seen over FOLLOWED_M with directions turned round, and those of
    them reported. doubled: reports beyond one a vehicle. speeds_kmh: every speed measured.
    """

    clip: str
    site: str
    frames: int
    duration_s: float
    violations: list[str]
    near_misses: dict[str, int]
    followed: int = 0
    reported: int = 0
    doubled: int = 0
    speeds_kmh: list[float] = field(default_factory=list)


def measure(site: Site, clip: Path, detector: RememberingDetector, folder: Path) -> Row:
    """One clip with its site, and the variants of it."""
    found = analyse(clip, camera_of(site, clip, None), detector)
    row = Row(
        clip.stem,
        site.path.stem,
        found.frame_count,
        round(found.duration_s, 2),
        [f"{v.kind} {v.road_user.label} {v.lane_id} {v.t_s:.1f} s" for v in found.violations],
        dict(Counter(f"{n.kind} {n.reason}" for n in found.near_misses)),
    )
    if site.path.stem == "a13_two_way":
        turned = variant(site.path, reverse_directions, folder)
        count_reported(row, analyse(clip, camera_of(turned, clip, None), detector))
    elif found.scene.homography is not None:
        fast = variant(site.path, report_every_speed, folder)
        again = analyse(clip, camera_of(fast, clip, None), detector)
        row.speeds_kmh = [
            round(v.measurement.speed_kmh, 1)
            for v in again.violations
            if isinstance(v.measurement, SpeedMeasurement)
        ]
    return row


def count_reported(row: Row, turned: Analysis) -> None:
    reports = [v.track_id for v in turned.violations]
    followed = followed_over(turned, FOLLOWED_M)
    row.followed, row.reported = len(followed), len(followed & set(reports))
    row.doubled = len(reports) - len(set(reports)) + len(reported_twice(turned))


def show(rows: Sequence[Row]) -> None:
    print("| clip | frames | s | violations | near misses | speeds, km/h |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        near = ", ".join(f"{n} {reason}" for reason, n in row.near_misses.items())
        speeds = ""
        if row.speeds_kmh:
            low, middle, high = np.percentile(row.speeds_kmh, (0, 50, 100))
            speeds = f"{len(row.speeds_kmh)}: {low:.0f} to {high:.0f}, median {middle:.0f}"
        print(
            f"| {row.clip} | {row.frames} | {row.duration_s} | {'; '.join(row.violations) or '-'} "
            f"| {near or '-'} | {speeds or '-'} |"
        )
    turned = [row for row in rows if row.followed]
    for name, chosen in (
        ("day", [r for r in turned if r.clip not in NIGHT]),
        ("night", [r for r in turned if r.clip in NIGHT]),
    ):
        if chosen:
            reported, followed = sum(r.reported for r in chosen), sum(r.followed for r in chosen)
            print(
                f"directions turned round, {name}, {len(chosen)} clips: {reported} of {followed} "
                f"vehicles reported ({100 * reported / followed:.1f} %), "
                f"{sum(r.doubled for r in chosen)} twice"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--footage", type=Path, default=FOOTAGE)
    parser.add_argument("--only", default="", help="clips whose name contains this")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args(arguments)
    if not options.footage.is_dir():
        print(f"no footage in {options.footage}", file=sys.stderr)
        return 1
    rows = []
    weights = load_detector(DetectorOptions())
    with tempfile.TemporaryDirectory() as folder:
        for name, pattern in SITES:
            site = open_site(CONFIGS / f"{name}.yaml")
            for clip in sorted(options.footage.glob(pattern)):
                if options.only in clip.name:
                    print(clip.name, file=sys.stderr)
                    detector = RememberingDetector(weights)
                    rows.append(measure(site, clip, detector, Path(folder)))
    show(rows)
    if options.json:
        options.json.write_text(
            json.dumps([{f: getattr(r, f) for f in Row.__slots__} for r in rows], indent=1)
        )
    return 0
