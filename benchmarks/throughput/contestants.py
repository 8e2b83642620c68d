"""Those who are compared: three that others would use, and this project."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.footage.sites import Change, look_at_the_road, without_regions, written
from benchmarks.throughput.process import ROOT, Spent, run
from traffic_ai.detectors.models import weights
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME

HERE = Path(__file__).parent
PEERS_PYTHON = ROOT / ".venv-ultralytics" / "bin" / "python"
SETTLE = 25
OURS = "traffic-ai"


@dataclass(frozen=True, slots=True)
class Run:
    """One process over one clip. times_s: when each frame was done with; looks_s: the moments of
    the frames that the detector was shown, all of them where that is not told. violations: how many
    were reported, by whom that is told.
    """

    spent: Spent
    times_s: list[float]
    looks_s: list[float] | None = None
    violations: int | None = None

    @property
    def whole_fps(self) -> float:
        """Frames a second from the process's start to its end."""
        return len(self.times_s) / self.spent.clock_s

    @property
    def steady_fps(self) -> float:
        """Frames a second after the first SETTLE."""
        return (len(self.times_s) - 1 - SETTLE) / (self.times_s[-1] - self.times_s[SETTLE])


@dataclass(frozen=True, slots=True)
class Contestant:
    """name, and how a clip with its site is run."""

    name: str
    run: Callable[[Path, Path], Run] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Switch:
    """What is not this project's default: options of the command, a change of the site file."""

    flags: tuple[str, ...] = ()
    change: Change | None = None


SWITCHES = {
    "every-frame": Switch(("--every-frame",)),
    "road-only": Switch(change=look_at_the_road),
    "no-regions": Switch(change=without_regions),
    "openvino": Switch(("--engine", "openvino")),
    "ort-int8": Switch(("--engine", "ort-int8")),
    "openvino-int8": Switch(("--engine", "openvino-int8")),
}


def contestants(python: Path, switches: Sequence[str]) -> list[Contestant]:
    """The three peers, in their environment's Python, and this project at its defaults.

    switches: further runs of this project, of SWITCHES.
    """
    onnx = weights("yolov8n")
    ultralytics = HERE / "peer_ultralytics.py"
    return [
        Contestant("Ultralytics, torch", _peer(python, ultralytics, weights("yolov8n-pt"))),
        Contestant("Ultralytics, ONNX", _peer(python, ultralytics, onnx)),
        Contestant("supervision, ONNX", _peer(python, HERE / "peer_supervision.py", onnx)),
        Contestant(OURS, _ours(Switch())),
        *(Contestant(f"{OURS}, {name}", _ours(SWITCHES[name])) for name in switches),
    ]


def _peer(python: Path, script: Path, weights_file: Path) -> Callable[[Path, Path], Run]:
    def once(video: Path, site: Path) -> Run:
        with TemporaryDirectory() as folder:
            settings = {
                "YOLO_CONFIG_DIR": folder,
                "YOLO_OFFLINE": "true",
                "YOLO_AUTOINSTALL": "false",
            }
            spent, said = run([python, script, weights_file, video], settings)
        return Run(spent, json.loads(said.splitlines()[-1])["times_s"])

    return once


def _ours(switch: Switch) -> Callable[[Path, Path], Run]:
    def once(video: Path, site: Path) -> Run:
        with TemporaryDirectory() as folder:
            done, out = Path(folder) / "done.json", Path(folder) / "out"
            if switch.change is not None:
                site = written(site, switch.change, Path(folder))
            command = [sys.executable, "-m", "benchmarks.throughput.ours", done, video]
            command += ["--site", site, "--out", out, "--no-evidence", *switch.flags]
            spent, _ = run(command, {})
            told = json.loads(done.read_text())
            with ViolationStore.open(out / STORE_NAME, read_only=True) as store:
                violations = sum(one.count for one in store.counts())
        return Run(spent, told["times_s"], told["looks_s"], violations)

    return once
