"""How fast the store is with many violations: adding, opening, listing, exporting.

    python benchmarks/store/many_violations.py --rows 1000000 --folder FOLDER

Fills a store with made violations (trajectories of --points), one transaction for every
1000 of them, then times what people wait for. A store that is there already is used as it is.
"""

import argparse
import dataclasses
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from traffic_ai.core.frame import CapturedAt, ClockSource
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import TrackPoint
from traffic_ai.core.violation import (
    Provenance,
    SpeedMeasurement,
    SpeedMethod,
    Violation,
    ViolationKind,
    at_least,
)
from traffic_ai.sinks.csv import write_csv
from traffic_ai.sinks.jsonl import write_jsonl
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter, SourceKey
from traffic_ai.stores.rows import document_text

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY_S = 30.0
CAMERAS = 20
PROVENANCE = Provenance("a" * 64, "b" * 64, "c" * 64, "0")
KEY = SourceKey("camera-0", "a" * 64, "b" * 64, "c" * 64, "speeding=1")


def made(number: int, points: int) -> Violation:
    t_s = number * EVERY_S
    box = (100.25, 80.5, 180.75, 140.125)
    point = TrackPoint(
        t_s, box, (140.5, 140.125), (1.5, 30.25), ((0.1, 0.0), (0.0, 0.2)), True, True
    )
    return Violation(
        id=f"{number * 2654435761 % 2**128:032x}",
        kind=list(ViolationKind)[number % 4],
        camera_id=f"camera-{number % CAMERAS}",
        lane_id="lane-1",
        track_id=number,
        road_user=RoadUser.CAR,
        t_s=t_s,
        occurred_at=CapturedAt(START + timedelta(seconds=t_s), ClockSource.CAMERA, 0.1),
        measurement=SpeedMeasurement(
            83.5, 0.9, 1.8, 2.0, (), SpeedMethod.PLANE_FIT, t_s, t_s + 2, 40.0, 50, 50.0, 3.0
        ),
        explanation=(at_least("points", 50, 5, ""),),
        rule_version="1",
        provenance=PROVENANCE,
        stills_s=(t_s, t_s + 1, t_s + 2),
        trajectory=tuple(dataclasses.replace(point, t_s=t_s + i / 25) for i in range(points)),
    )


@contextmanager
def timed(what: str, count: int | None = None) -> Iterator[None]:
    begin, cpu = time.perf_counter(), time.process_time()
    yield
    took_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    rate = f"  {count / took_s:10.0f} a second" if count else ""
    print(f"{what:50s} {took_s:9.3f} s {cpu_s:8.3f} s CPU{rate}", flush=True)


def fill(path: Path, rows: int, points: int) -> None:
    print(f"a document has {len(document_text(made(0, points))) / 1000:.1f} kB")
    with ViolationStore.open(path) as store:
        store.start_source(KEY, "made")
        with timed(f"add {rows} violations, 1000 at once", rows):
            for first in range(0, rows, 1000):
                last = min(first + 1000, rows)
                store.add_findings(KEY, [made(number, points) for number in range(first, last)])


def measure(path: Path, rows: int, points: int) -> None:
    middle = START + timedelta(seconds=EVERY_S * rows / 2)
    ten_thousand = timedelta(seconds=EVERY_S * 10_000)
    with timed("open"):
        store = ViolationStore.open(path, read_only=True)
    filters = {
        "the first": RecordFilter(limit=10_000),
        "of a range in the middle": RecordFilter(since=middle, until=middle + ten_thousand),
        "of one camera": RecordFilter(camera_ids=("camera-7",), limit=10_000),
        "of one kind": RecordFilter(kinds=(ViolationKind.SPEEDING,), limit=10_000),
        "of one camera and kind": RecordFilter(
            kinds=(ViolationKind.SPEEDING,), camera_ids=("camera-7",), limit=10_000
        ),
    }
    for name, wanted in filters.items():
        with timed(f"list 10,000 {name}"):
            count = sum(1 for _ in store.violations(wanted))
        if count != 10_000:
            print(f"    ({count} rows)")
    with timed("CSV of 10,000"):
        write_csv(store.violations(RecordFilter(limit=10_000)), io.StringIO())
    with timed("JSON lines of 1,000"):
        write_jsonl(store.documents(RecordFilter(limit=1_000)), io.StringIO())
    with timed("counts by camera and kind"):
        store.counts()
    store.close()
    with ViolationStore.open(path) as writer:
        new = [made(rows + number, points) for number in range(100)]
        with timed("add 100 violations, one at once", 100):
            for one in new:
                writer.add_findings(KEY, [one])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=10, help="trajectory points a violation")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    path = options.folder / "violations.sqlite"
    if not path.exists():
        fill(path, options.rows, options.points)
    measure(path, options.rows, options.points)
    print(f"{path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
