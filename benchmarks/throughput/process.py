"""Runs a whole process and tells what it took."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the clock and of processor time (all threads), and the most memory held."""

    clock_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[object], settings: Mapping[str, str]) -> tuple[Spent, str]:
    """What a command took, start to end, and what it printed. Ends the bench where it fails."""
    words = [str(word) for word in command]
    with TemporaryFile("w+") as said, TemporaryFile("w+") as complained:
        begin_s = time.monotonic()
        process = subprocess.Popen(
            words, env={**os.environ, **settings}, stdout=said, stderr=complained, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        clock_s = time.monotonic() - begin_s
        process.returncode = os.waitstatus_to_exitcode(status)
        complained.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{complained.read()[-2000:]}")
        said.seek(0)
        cpu_s = usage.ru_utime + usage.ru_stime
        return Spent(clock_s, cpu_s, usage.ru_maxrss * 1024 / 1e6), said.read()
