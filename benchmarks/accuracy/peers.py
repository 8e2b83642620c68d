"""Other projects' speed and line formulas on the same scenes and the same tracks.

They are called from their own packages, in environments of their own (AGPL code stays out of this
project's). Frigate's recorder is not packaged: its formula for speeds is written anew in
`peer_worker`, which needs numpy and OpenCV. None of them knows signals: a crossing while red shows
is taken for their red-light record.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.accuracy.drive import Driven
from benchmarks.accuracy.pools import Part, red_light, speed, stops
from benchmarks.accuracy.table import percent, table
from benchmarks.accuracy.work import each, kept
from traffic_ai.core.errors import UsageError
from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.boxes import BoxPath, candidates
from traffic_ai.evaluate.intervals import Share, Spread
from traffic_ai.evaluate.summary import within_allowance
from traffic_ai.evaluate.truth import Truth

WORKER = Path(__file__).parent / "peer_worker.py"
SPEED = {
    "supervision": ("supervision speed example",),
    "ultralytics": ("ultralytics speed",),
    "cv2": ("frigate formula",),
}
LINE = {
    "supervision": ("supervision line, threshold 1", "supervision line, threshold 3"),
    "ultralytics": ("ultralytics line",),
}
OURS = "traffic-ai"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a peer is installed."""

    package: str
    python: Path

    def missing(self) -> str:
        """Why it cannot be called, "" if it can."""
        if not self.python.exists():
            return f"{self.package}: no {self.python}; make that environment and install it"
        import_it = [str(self.python), "-c", f"import {self.package}"]
        tried = subprocess.run(import_it, capture_output=True, text=True, check=False)
        return "" if tried.returncode == 0 else f"{self.package}: {tried.stderr.strip()[-200:]}"

    def ask(self, method: str, tracks: Mapping[str, object]) -> dict[str, object]:
        """What a method says of the tracks."""
        with TemporaryDirectory() as folder:
            given, answer = Path(folder) / "tracks.npz", Path(folder) / "answer.json"
            np.savez(given, **{name: np.asarray(value) for name, value in tracks.items()})
            command = [str(self.python), str(WORKER), method, str(given), str(answer)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise UsageError(f"{method} failed: {done.stderr.strip()[-400:]}")
            found: dict[str, object] = json.loads(answer.read_text())
            return found


def tracks_of(driven: Driven) -> dict[str, object]:
    """The run's observed tracks, and what a user of a peer would set for this camera."""
    world, stamps_s = driven.world, driven.run.stamps_s
    rows = [
        (int(np.argmin(np.abs(stamps_s - t_s))), number, *box)
        for number, track in driven.run.tracks.items()
        for t_s, box in zip(track.t_s[track.observed], track.xyxy_px[track.observed], strict=True)
    ]
    ordered = np.array(sorted(rows), float).reshape(-1, 6)
    found: dict[str, object] = {
        "t_s": stamps_s,
        "frame_count": len(stamps_s),
        "fps": world.timing.declared_fps,
        "frame": ordered[:, 0].astype(int),
        "track": ordered[:, 1].astype(int),
        "xyxy_px": ordered[:, 2:],
    }
    return found | _road(driven) | _line(driven)


def _road(driven: Driven) -> dict[str, object]:
    """The watched stretch as a quadrangle, and the scale in its middle, along the road."""
    world = driven.world
    corners_m = np.concatenate([lane.polygon_m for lane in world.road.lanes if lane.watched])
    (x0, y0), (x1, y1) = corners_m.min(axis=0), corners_m.max(axis=0)
    quad_m = np.array([[x0, y1], [x1, y1], [x1, y0], [x0, y0]])
    middle_m = np.array(
        [[(x0 + x1) / 2, (y0 + y1) / 2 - 0.5], [(x0 + x1) / 2, (y0 + y1) / 2 + 0.5]]
    )
    one_metre_px = np.linalg.norm(np.diff(world.camera.project_ground_px(middle_m), axis=0))
    return {
        "source_px": world.camera.project_ground_px(quad_m),
        "target_m": np.array([[0, 0], [x1 - x0, 0], [x1 - x0, y1 - y0], [0, y1 - y0]]),
        "metres_per_px": 1.0 / one_metre_px,
    }


def _line(driven: Driven) -> dict[str, object]:
    world = driven.world
    if not world.road.stop_lines:
        return {}
    line = world.road.stop_lines[0]
    ends_px = world.camera.project_ground_px(line.ends_m)
    ahead_px = world.camera.project_ground_px(line.ends_m + line.forward)
    forward = (ahead_px - ends_px).mean(axis=0)
    return {"line_px": ends_px, "forward_px": forward / np.linalg.norm(forward)}


def vehicles_of(driven: Driven, truth: Truth) -> dict[int, int]:
    """Which vehicle each track is of."""
    found = {}
    for number, track in driven.run.tracks.items():
        of = next(iter(candidates(BoxPath.of_track(track), truth)), None)
        if of is not None:
            found[number] = of
    return found


def speed_errors(
    speeds: Mapping[str, Sequence[float]], driven: Driven, truth: Truth
) -> list[tuple[float, float]]:
    """(measured, true) of every track with a speed: true is the mean in the time that was measured.

    speeds: of each track the speed, and when it was measured from and until.
    """
    owners = vehicles_of(driven, truth)
    found = []
    for number, (speed_kmh, start_s, end_s) in speeds.items():
        vehicle = owners.get(int(number))
        if vehicle is not None:
            true_kmh = truth.mean_speed_kmh(truth.vehicle(vehicle), start_s, end_s)
            if true_kmh is not None:
                found.append((speed_kmh, true_kmh))
    return found


def called_on_red(crossings: Sequence[tuple[int, float]], driven: Driven, truth: Truth) -> set[int]:
    """The vehicles that crossed the line while red showed, by a method's crossings."""
    owners, group = vehicles_of(driven, truth), driven.world.road.stop_lines[0].group_id
    return {
        owners.get(number, -number)
        for number, t_s in crossings
        if driven.world.aspect_at(group, t_s) is Aspect.RED
    }


def speed_row(name: str, pairs: Sequence[tuple[float, float]], vehicles: int) -> list[str]:
    spread = Spread.of([measured - true for measured, true in pairs])
    if spread is None:
        return [name, str(vehicles), "0", "", "", "", ""]
    within = sum(within_allowance(measured, true) for measured, true in pairs)
    numbers = (f"{spread.mean:+.1f}", f"{spread.p95:.1f}", f"{spread.largest:.0f}")
    share = percent(Share.counted(within, len(pairs)))
    return [name, str(vehicles), str(len(pairs)), *numbers, share]


SPEED_HEAD = ("", "vehicles", "measured", "bias", "p95", "worst", "within +-3 km/h, 3 %")
LINE_HEAD = ("", "vehicles", "ran the red", "of them called", "others called")


@dataclass(frozen=True, slots=True)
class Said:
    """What every method said of one world. calls: the vehicles called for crossing on red, beside
    those that did; speeds: measured and true.
    """

    vehicles: int
    calls: Mapping[str, tuple[set[int], set[int]]] = field(default_factory=dict)
    speeds: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def _driven(part: Part) -> Driven:
    """Peers look at every frame, and tell time by their number."""
    return replace(part, look_at=replace(part.look_at, every_frame=True)).driven()


def lines_of(part: Part, environments: Sequence[Environment]) -> Said:
    """Red-light records by every method in one world."""
    driven = _driven(part)
    truth, report = driven.truth, driven.report
    red = ViolationKind.RED_LIGHT
    ran = {v.vehicle for v in truth.violations if v.kind is red and v.vehicle is not None}
    hits = {hit.place.vehicle for hit in report.hits if hit.place.kind is red}
    false = [one for one in report.false_alarms if one.place.kind is red]
    own = {v for v in hits if v is not None} | {-n for n in range(1, len(false) + 1)}
    calls, tracks = {OURS: (own, ran)}, tracks_of(driven)
    for environment in environments:
        for method in LINE.get(environment.package, ()):
            answer = environment.ask(method, tracks)
            crossings = [(int(i), float(t)) for i, t in answer["crossings"]]
            calls[method] = called_on_red(crossings, driven, truth), ran
    return Said(len(driven.world.vehicles), calls=calls)


def speeds_of(part: Part, environments: Sequence[Environment]) -> Said:
    """Speeds by every method in one world."""
    driven = _driven(part)
    own = driven.report.speeds
    speeds = {OURS: [(r.measured_kmh, r.true_kmh) for r in own if r.true_kmh is not None]}
    tracks = tracks_of(driven)
    for environment in environments:
        for method in SPEED[environment.package]:
            answer = environment.ask(method, tracks)["speeds"]
            speeds[method] = speed_errors(answer, driven, driven.truth)
    return Said(len(driven.world.vehicles), speeds=speeds)


def _speed_table(said: Sequence[Said]) -> str:
    vehicles = sum(one.vehicles for one in said)
    rows = [
        speed_row(name, [pair for one in said for pair in one.speeds[name]], vehicles)
        for name in said[0].speeds
    ]
    return table(SPEED_HEAD, rows)


def _line_table(said: Sequence[Said]) -> str:
    vehicles = sum(one.vehicles for one in said)
    rows = []
    for name in said[0].calls:
        both = [one.calls[name] for one in said]
        counts = (
            vehicles,
            sum(len(ran) for _, ran in both),
            sum(len(called & ran) for called, ran in both),
            sum(len(called - ran) for called, ran in both),
        )
        rows.append([name, *map(str, counts)])
    return table(LINE_HEAD, rows)


def show(environments: Sequence[Environment], share: float, out: Path, jobs: int) -> None:
    """Print the peers' tables, and why a peer is left out. What is done is kept under `out`."""
    there = []
    for environment in environments:
        reason = environment.missing()
        if reason:
            print(f"Left out: {reason}")
        else:
            there.append(environment)
    names = " ".join(environment.package for environment in there)

    def said(parts: Sequence[Part], ask: Callable[..., Said]) -> list[Said]:
        keys = [f"{ask.__name__} {p.group} {p.seed} {p.look_at} {names}" for p in parts]
        return list(each(partial(ask, environments=there), kept(parts, keys, out), jobs, "peers"))

    count = max(1, round(10 * share))
    passes = [part for part in speed(1.0) if part.seed < 500 + count]
    for kind in ("car", "truck"):
        found = said([p for p in passes if p.group.startswith(kind)], speeds_of)
        print(f"\nSpeeds of {kind}s, 30 to 250 km/h\n\n{_speed_table(found)}", flush=True)
    found = said(red_light(0.2 * share), lines_of)
    print(f"\nRed light\n\n{_line_table(found)}", flush=True)
    for view in ("rear", "front"):
        parts = [p for p in stops(0.1 * share) if p.group.startswith(f"stops, {view}")]
        found = said(parts, lines_of)
        print(f"\nStops at the line, {view} view\n\n{_line_table(found)}", flush=True)
