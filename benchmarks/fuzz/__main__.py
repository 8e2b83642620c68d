"""Fuzzes what outsiders can hand in: `python -m benchmarks.fuzz --minutes 10`.

Each target gets an equal share of the time. The first input that fails one is made as small as can
be and shown; then the command ends with 1.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

from benchmarks.fuzz.targets import Targets, altered

ROUND = 200  # inputs between two looks at the clock


def fuzz(sound, target, seconds, first_seed):
    """How many inputs were tried in so much time. Raises what the target raised."""
    until, number, count = time.monotonic() + seconds, first_seed, 0

    def counted(data):
        nonlocal count
        count += 1
        target(data)

    while time.monotonic() < until:
        made = given(altered(sound))(counted)
        quiet = settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(quiet(made))()
        number += 1
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", help="a target's name; repeatable")
    given_ = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        targets = Targets(Path(folder)).all()
        chosen = {n: t for n, t in targets.items() if not given_.only or n in given_.only}
        for name, (sound, target) in chosen.items():
            try:
                count = fuzz(sound, target, 60.0 * given_.minutes / len(chosen), given_.seed)
            except Exception:
                failed = True
                print(f"{name:12} FAILS", flush=True)
                traceback.print_exc()
            else:
                print(f"{name:12} {count:8} inputs, all taken or refused", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
