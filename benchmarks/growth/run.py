"""How the cost of tracking and rules grows: vehicles, zones, cameras, hours.

    .venv/bin/python -m benchmarks.growth [--lawless] [--hours 24] [--vehicles 30] [--zones 4]

Made traffic without pictures (`road`), every frame looked at, all four rules, ten frames a second.
Processor time of one thread, each the least of ROUNDS, as whatever else the machine does only adds;
all together without the clocks round the parts, which cost some 25 us a frame.
`frames a second` are those looked at; of a camera with 25 a second some ten are.
The store's growth is `benchmarks.store.many_violations`, that of live cameras
`benchmarks.watch.live_traffic --cameras 1 2 4 8 16`.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clocks import clocked
from benchmarks.growth.road import MadeSignals, Traffic, road_scene
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame
from traffic_ai.core.violation import Finding, Provenance, Violation
from traffic_ai.pipeline import Session
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)
from traffic_ai.tracking import RoadPlaneTracker
from traffic_ai.wiring import new_attention, new_rules

ROOT = Path(__file__).parents[2]
VEHICLES, ZONES, CAMERAS = (1, 10, 30, 50, 100, 200), (1, 4, 20), (1, 2, 4, 8, 16)
USUAL = (10, 4)  # vehicles and zones of a camera, where it is not these that grow
SECONDS, WARM_UP, ROUNDS = 30.0, 50, 3
PROVENANCE = Provenance("a" * 64, "b" * 64, "c" * 64, "0")
RULES = {
    "red_light": RedLightParameters(),
    "stop_over_line": StopOverLineParameters(),
    "wrong_way": WrongWayParameters(),
    "speeding": SpeedingParameters(tolerance_kmh=3.0),
}
Frames = Sequence[tuple[Frame, Detections]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a frame by stage and in all, and what was found."""

    stages_ms: dict[str, float]
    all_ms: float
    violations: int


def session_of(
    zones: int, spent_s: dict[str, float] | None = None, lawless: bool = False
) -> Session:
    """A session as wiring makes one, with a known signal; a clock round each part, if asked for."""
    scene = road_scene(zones)
    rules = new_rules(scene, RULES, PROVENANCE)
    attention = new_attention(scene, RULES)
    assert attention is not None
    tracker = RoadPlaneTracker(scene)
    if spent_s is None:
        return Session(tracker, MadeSignals(lawless), rules, attention)
    return Session(
        clocked(tracker, "tracker", spent_s),
        MadeSignals(lawless),
        [clocked(rule, name, spent_s) for name, rule in zip(RULES, rules, strict=True)],
        clocked(attention, "attention", spent_s),
    )


def one_round(frames: Frames, zones: int, lawless: bool) -> Cost:
    """Sessions over the frames, with clocks and without; the first WARM_UP are not counted."""
    spent_s: dict[str, float] = defaultdict(float)
    _run(session_of(zones, spent_s, lawless), frames, spent_s)
    all_ms, violations = _run(session_of(zones, None, lawless), frames)
    counted = len(frames) - WARM_UP
    stages_ms = {name: 1000.0 * spent / counted for name, spent in spent_s.items()}
    return Cost(stages_ms, all_ms, violations)


def _run(
    session: Session, frames: Frames, spent_s: dict[str, float] | None = None
) -> tuple[float, int]:
    """Milliseconds a frame, and how many violations were found."""
    found: list[Finding] = []
    begin_s = 0.0
    for number, (frame, detections) in enumerate(frames):
        if number == WARM_UP:
            if spent_s is not None:
                spent_s.clear()
            begin_s = time.thread_time()
        found += session.process(frame, detections).findings
    ms = 1000.0 * (time.thread_time() - begin_s) / (len(frames) - WARM_UP)
    return ms, sum(isinstance(f, Violation) for f in found)


def by_vehicles_and_zones(options: argparse.Namespace) -> list[dict[str, float]]:
    """A row for each number of vehicles and of zones."""
    rows, lawless = [], options.lawless
    for zones in options.zones:
        for vehicles in options.vehicles:
            frames = list(Traffic(vehicles, zones, lawless).frames(options.seconds))
            best = min(
                (one_round(frames, zones, lawless) for _ in range(ROUNDS)), key=lambda c: c.all_ms
            )
            rows.append({"vehicles": vehicles, "zones": zones, **best.stages_ms,
                         "all_ms": best.all_ms, "frames_a_second": 1000.0 / best.all_ms,
                         "violations": best.violations})  # fmt: skip
            _say(rows[-1])
    return rows


def by_cameras(options: argparse.Namespace) -> list[dict[str, float]]:
    """So many sessions in one process, in turn, as `watch` has them: time a frame, memory each."""
    vehicles, zones = USUAL
    rows = []
    for cameras in options.cameras:
        before_mb = _resident_mb()
        sessions = [session_of(zones) for _ in range(cameras)]
        frames = list(Traffic(vehicles, zones).frames(options.seconds))
        begin_s = time.thread_time()
        for frame, detections in frames:
            for session in sessions:
                session.process(frame, detections)
        each_ms = 1000.0 * (time.thread_time() - begin_s) / len(frames) / cameras
        grown_mb = (_resident_mb() - before_mb) / cameras
        rows.append({"cameras": cameras, "ms_a_frame": each_ms, "session_mb": grown_mb})
        _say(rows[-1])
    return rows


def by_hours(hours: float) -> list[dict[str, float]]:
    """One session for long: time a frame and memory, of the first minute and of later ones."""
    vehicles, zones = USUAL
    traffic = Traffic(vehicles, zones)
    session = session_of(zones)
    told_s = [s for s in (60.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0) if s <= 3600.0 * hours]
    rows: list[dict[str, float]] = []
    if not told_s:
        return rows
    found = count = 0
    begin_s = time.thread_time()
    for frame, detections in traffic.frames(told_s[-1] + 1.0):
        findings = session.process(frame, detections).findings
        found += sum(isinstance(f, Violation) for f in findings)
        count += 1
        if frame.info.t_s >= told_s[len(rows)]:
            ms = 1000.0 * (time.thread_time() - begin_s) / count
            rows.append({"hours": frame.info.t_s / 3600.0, "ms_a_frame": ms,
                         "resident_mb": _resident_mb(), "violations": found})  # fmt: skip
            _say(rows[-1])
            count, begin_s = 0, time.thread_time()
            if len(rows) == len(told_s):
                break
    return rows


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def _say(row: dict[str, float]) -> None:
    print(", ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0, help="of one session; 0: none")
    parser.add_argument("--vehicles", type=int, nargs="+", default=VEHICLES)
    parser.add_argument("--zones", type=int, nargs="+", default=ZONES)
    parser.add_argument("--cameras", type=int, nargs="*", default=CAMERAS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of traffic, each")
    parser.add_argument("--lawless", action="store_true", help="many violations; see `road`")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "growth")
    options = parser.parse_args(arguments)
    result = {
        "vehicles_and_zones": by_vehicles_and_zones(options),
        "cameras": by_cameras(options),
        "hours": by_hours(options.hours),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "growth.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")
    return 0
