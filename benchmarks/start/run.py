"""How soon and in how much memory: the commands' start, the first detection, the first camera.

    python benchmarks/start/run.py [--rounds 5] [--json FILE]

Each line is a process of its own. Wall time counts what a busy machine adds; processor time does
not, and on an idle machine is what one waits for. Memory is the largest resident size. The weights
must be here. They are loaded once before, so that the graph kept from an earlier run is used, as in
every run but the very first, which has a line of its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from traffic_ai.detectors.models import weights

ROOT = Path(__file__).parents[2]
SAMPLE, SITE = ROOT / "sample_videos" / "junction.mp4", ROOT / "configs" / "demo.yaml"
COMMAND = str(Path(sys.executable).with_name("traffic-ai"))
# The command as it is, ended the moment its first picture has been looked at.
FIRST_LOOK = """
import os, sys
from traffic_ai.detectors.yolo import YoloDetector
look = YoloDetector.detect_many
def first(*arguments, **named):
    look(*arguments, **named)
    os._exit(0)
YoloDetector.detect_many = first
sys.argv[0] = "traffic-ai"
from traffic_ai.cli.main import main
main()
"""


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and largest resident MB of a process."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{command} ended with {status}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def process(folder: str, *more: str) -> list[str]:
    out = tempfile.mkdtemp(dir=folder)
    return ["process", str(SAMPLE), "--site", str(SITE), "--out", out, *more]


def first_start(folder: str) -> list[str]:
    """Until the first detection where nothing is kept of the weights but themselves."""
    models = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(weights("yolov8n"), models)
    begin = [sys.executable, "-c", FIRST_LOOK, *process(folder)]
    return ["env", f"TRAFFIC_AI_MODELS={models}", *begin]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "traffic-ai --help": (arguments.rounds, lambda: [COMMAND, "--help"]),
            "traffic-ai process, until the first detection": (
                arguments.rounds,
                lambda: [sys.executable, "-c", FIRST_LOOK, *process(folder)],
            ),
            "traffic-ai process, the same, the very first time": (
                arguments.rounds,
                lambda: first_start(folder),
            ),
            "traffic-ai process, 42 s of 1280x720, without evidence": (
                1,
                lambda: [COMMAND, *process(folder, "--no-evidence")],
            ),
            "traffic-ai process, the same with evidence": (1, lambda: [COMMAND, *process(folder)]),
        }
        measured([sys.executable, "-c", FIRST_LOOK, *process(folder)])
        print(f"load {os.getloadavg()[0]:.1f}, {len(os.sched_getaffinity(0))} cores")
        print(f"{'':<56}{'wall s':>8}{'cpu s':>8}{'MB':>6}")
        for name, (rounds, command) in ways.items():
            runs = [measured(command()) for _ in range(rounds)]
            wall_s, cpu_s, mb = (median(column) for column in zip(*runs, strict=True))
            print(f"{name:<56}{wall_s:8.2f}{cpu_s:8.2f}{mb:6.0f}")
            table[name] = {"wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": mb, "rounds": rounds}
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
