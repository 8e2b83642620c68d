"""Decides every violation of simulated traffic again: `python -m benchmarks.replay`.

Fast mode for every scenario that comes with the package; with --drawn NAME that scenario is drawn,
analysed by `traffic-ai process` and replayed from its packages. Ends with 1 if anything differs.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.replay.run import fast_replays
from traffic_ai.audit.replay import replay
from traffic_ai.simulate import make

SCENARIOS = sorted(path.stem for path in (Path(make.__file__).parent / "scenarios").glob("*.yaml"))


def fast(scenario, seeds):
    """How many violations there were, and how many came out the same."""
    told = [not differences for s in seeds for _, differences in fast_replays(scenario, s)]
    return len(told), sum(told)


def drawn(scenario, folder):
    """The same for a scenario that is drawn and analysed with the real detector."""
    command = [sys.executable, "-m", "traffic_ai.cli.main"]
    made, run = folder / "made", folder / "run"
    for arguments in (
        ["simulate", scenario, "--out", made],
        ["process", made / "video.mp4", "--site", made / "site.yaml", "--out", run],
    ):
        subprocess.run([*command, *map(str, arguments)], check=True)
    reports = list(replay(run))
    return len(reports), sum(report.is_same for report in reports)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="of each scenario")
    parser.add_argument("--only", action="append", help="a scenario's name; repeatable")
    parser.add_argument("--drawn", action="append", default=[], help="draw this one; repeatable")
    given = parser.parse_args()
    results = []
    for scenario in given.drawn:
        with tempfile.TemporaryDirectory() as folder:
            results.append((f"{scenario}, drawn", *drawn(scenario, Path(folder))))
    for scenario in () if given.drawn else given.only or SCENARIOS:
        results.append((scenario, *fast(scenario, range(1, given.seeds + 1))))
        print(f"{results[-1][0]:28} {results[-1][1]:5} violations, {results[-1][2]:5} the same")
    count, same = (sum(row[at] for row in results) for at in (1, 2))
    print(f"{same} of {count} violations come out the same")
    sys.exit(same < count)


if __name__ == "__main__":
    main()
