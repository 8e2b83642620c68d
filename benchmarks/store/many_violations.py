"""How fast a store is as it grows: opening, listing, exporting, counting, adding.

    .venv/bin/python -m benchmarks.store.many_violations --folder FOLDER
        [--rows 0 1000 100000 1000000] [--points 10]

Fills a store with made violations in random order of id, up to each number of rows, and times what
people wait for: `cold` with the file out of the system's cache, `warm` right after, `cpu` what of
that is processor time. Of fewer than 10,000 rows all are listed. `traffic-ai export` is the command
as a process of its own. A store that is there already is gone on with.
"""

import argparse
import dataclasses
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine, func, insert, select

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
from traffic_ai.stores import tables
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter, SourceKey, digest
from traffic_ai.stores.rows import Values, violation_values
from traffic_ai.stores.run_folder import STORE_NAME

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY_S = 30.0
CAMERAS = 20
LISTED, ADDED, AT_ONCE = 10_000, 100, 1000
PROVENANCE = Provenance("a" * 64, "b" * 64, "c" * 64, "0")
KEY = SourceKey("camera-0", "a" * 64, "b" * 64, "c" * 64, "speeding=1")
FAST = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000")
Seconds = dict[str, float]  # cold, warm; cpu: processor time of the latter


def identity(number: int) -> Values:
    """What tells a violation from the others: by turns of each camera, and then of each kind."""
    return {
        "id": digest(str(number)),
        "kind": list(ViolationKind)[number // CAMERAS % len(ViolationKind)].value,
        "camera_id": f"camera-{number % CAMERAS}",
        "t_s": number * EVERY_S,
        "occurred_at": START + timedelta(seconds=number * EVERY_S),
    }


def made(number: int, points: int) -> Violation:
    t_s = number * EVERY_S
    box = (100.25, 80.5, 180.75, 140.125)
    point = TrackPoint(
        t_s, box, (140.5, 140.125), (1.5, 30.25), ((0.1, 0.0), (0.0, 0.2)), True, True
    )
    mine = identity(number)
    return Violation(
        id=str(mine["id"]),
        kind=ViolationKind(mine["kind"]),
        camera_id=str(mine["camera_id"]),
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


def fill(path: Path, rows: int, points: int) -> None:
    """Bring a store up to so many rows, not durably; all have the document of the first."""
    with ViolationStore.open(path) as store:
        store.start_source(KEY, "made")
    template = violation_values(KEY.id, made(0, points), datetime.now(UTC))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        for setting in FAST:
            connection.exec_driver_sql(f"PRAGMA {setting}")
        there = connection.execute(select(func.count()).select_from(tables.violations)).scalar_one()
        for first in range(there, rows, AT_ONCE):
            some = [template | identity(n) for n in range(first, min(first + AT_ONCE, rows))]
            connection.execute(insert(tables.violations), some)
        connection.commit()
    engine.dispose()
    ViolationStore.open(path).close()


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of processor time, of processes that it starts too."""
    begin_s, spent_s = time.perf_counter(), sum(os.times()[:4])
    call()
    return time.perf_counter() - begin_s, sum(os.times()[:4]) - spent_s


def forget(path: Path) -> None:
    """Have the system let go of what it has of a file in memory."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def reading(path: Path, wanted: dict[str, RecordFilter]) -> dict[str, Callable[[], object]]:
    """What is read, each with a store of its own."""

    def opened(use: Callable[[ViolationStore], object]) -> Callable[[], object]:
        def call() -> None:
            with ViolationStore.open(path, read_only=True) as store:
                use(store)

        return call

    def listing(asked: RecordFilter) -> Callable[[ViolationStore], object]:
        return lambda store: sum(1 for _ in store.violations(asked))

    first = next(iter(wanted.values()))
    return {
        "open": opened(lambda _: None),
        **{f"list {name}": opened(listing(asked)) for name, asked in wanted.items()},
        "CSV": opened(lambda store: write_csv(store.violations(first), io.StringIO())),
        "JSON lines": opened(lambda store: write_jsonl(store.documents(first), io.StringIO())),
        "count by camera and kind": opened(ViolationStore.counts),
    }


def measure(path: Path, rows: int, points: int) -> dict[str, Seconds]:
    """By what is done."""
    middle = START + timedelta(seconds=EVERY_S * max(0, rows - LISTED) / 2)
    after = middle + timedelta(seconds=EVERY_S * LISTED)
    speeding, seventh = (ViolationKind.SPEEDING,), ("camera-7",)
    wanted = {
        "the first": RecordFilter(limit=LISTED),
        "of a time": RecordFilter(since=middle, until=after, limit=LISTED),
        "of a camera": RecordFilter(camera_ids=seventh, limit=LISTED),
        "of a kind": RecordFilter(kinds=speeding, limit=LISTED),
        "of a camera and kind": RecordFilter(kinds=speeding, camera_ids=seventh, limit=LISTED),
    }
    calls = reading(path, wanted)
    for form in ("csv", "jsonl"):
        span = "--since", middle.isoformat(), "--until", after.isoformat()
        calls[f"traffic-ai export, {form}"] = partial(export, path.parent, form, span)
    result = {}
    for name, call in calls.items():
        forget(path)
        cold_s, _ = timed(call)
        warm_s, cpu_s = timed(call)
        result[name] = {"cold": cold_s, "warm": warm_s, "cpu": cpu_s}
    with ViolationStore.open(path) as store:
        there = sum(one.count for one in store.counts())
        new = [made(there + number, points) for number in range(ADDED)]
        took_s, cpu_s = timed(lambda: [store.add_findings(KEY, [one]) for one in new])
    result["add one"] = {"warm": took_s / ADDED, "cpu": cpu_s / ADDED}
    return result


def export(folder: Path, form: str, more: Sequence[str]) -> None:
    """The command, start to end."""
    with tempfile.NamedTemporaryFile() as out:
        command = [sys.executable, "-m", "traffic_ai.cli.main", "export", str(folder)]
        command += ["--format", form, "--output", out.name, *more]
        subprocess.run(command, check=True, capture_output=True)


def table(results: dict[int, dict[str, Seconds]]) -> str:
    """For a document: a row for each thing done, seconds by number of rows."""
    lines = ["| | " + " | ".join(f"{rows:,} rows" for rows in results) + " |"]
    lines.append("|---" * (len(results) + 1) + "|")
    for name in next(iter(results.values())):
        cells = (
            ", ".join(f"{took_s:.2g} {when}" for when, took_s in of[name].items())
            for of in results.values()
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 1000, 100_000, 1_000_000])
    parser.add_argument("--points", type=int, default=10, help="trajectory points a violation")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / STORE_NAME
    results = {}
    for rows in sorted(options.rows):
        fill(path, rows, options.points)
        results[rows] = measure(path, rows, options.points)
        print(f"{rows} rows, {path.stat().st_size / 1e6:.0f} MB: {results[rows]}", flush=True)
    (options.folder / "store.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
