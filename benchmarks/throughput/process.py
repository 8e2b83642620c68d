"""Runs a whole process and tells what it took."""

import ctypes
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[2]
_ASK_EVERY_S = 0.1
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the clock and of processor time (all threads and processes that came from it),
    and the most memory the first of them held.
    """

    clock_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[object], settings: Mapping[str, str]) -> tuple[Spent, str]:
    """What a command took, start to end, and what it printed. Ends the bench where it fails."""
    words = [str(word) for word in command]
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what it leaves behind is waited for here
    with TemporaryFile("w+") as said, TemporaryFile("w+") as complained:
        begin_s = time.monotonic()
        process = subprocess.Popen(
            words, env={**os.environ, **settings}, stdout=said, stderr=complained, cwd=ROOT
        )
        most = _Most(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        clock_s = time.monotonic() - begin_s
        peak_mb = most.mb()
        process.returncode = os.waitstatus_to_exitcode(status)
        complained.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{complained.read()[-2000:]}")
        said.seek(0)
        cpu_s = usage.ru_utime + usage.ru_stime + _spent_by_those_left()
        return Spent(clock_s, cpu_s, peak_mb), said.read()


def _spent_by_those_left() -> float:
    """Processor seconds of the processes that the one that ended had not waited for."""
    spent_s = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return spent_s
        spent_s += usage.ru_utime + usage.ru_stime


class _Most:
    """The most memory a process holds, asked for as long as it is there.

    What `wait4` tells counts the parent too, whose memory a child has until it is another program.
    """

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._ended = threading.Event()
        self._kb = 0
        self._asking = threading.Thread(target=self._ask)
        self._asking.start()

    def mb(self) -> float:
        """In MB of a million bytes; called once the process has ended."""
        self._ended.set()
        self._asking.join()
        return self._kb * 1024 / 1e6

    def _ask(self) -> None:
        while not self._ended.wait(_ASK_EVERY_S):
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", self._status.read_text())
            except OSError:
                return
            self._kb = int(found[1]) if found else self._kb
