"""`traffic-ai process` with the given arguments; writes what it did to a file as JSON.

    python -m benchmarks.throughput.ours DONE.json VIDEO --site SITE --out OUT --no-evidence

The command itself, with a clock read as each frame is done with, and note taken of which were
looked at.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from traffic_ai.batch.run import _FileRun
from traffic_ai.cli import progress
from traffic_ai.cli.main import main

_TIMES_S: list[float] = []
_LOOKS_S: list[float] = []


class _TimedProgress(progress.BatchProgress):
    """The command's own progress display, which also notes the time."""

    def frame_done(self, t_s: float, from_log: bool) -> None:
        _TIMES_S.append(time.monotonic())
        super().frame_done(t_s, from_log)


def _noting(detect: Callable[..., Any]) -> Callable[..., Any]:
    def noted(run: Any, frame: Any, analysis: Any) -> Any:
        _LOOKS_S.append(frame.info.t_s)
        return detect(run, frame, analysis)

    return noted


if __name__ == "__main__":
    done = Path(sys.argv[1])
    sys.argv = ["traffic-ai", "process", *sys.argv[2:]]
    progress.BatchProgress = _TimedProgress  # type: ignore[misc]
    _FileRun._detect = _noting(_FileRun._detect)  # type: ignore[method-assign]
    try:
        main()
    finally:
        done.write_text(json.dumps({"times_s": _TIMES_S, "looks_s": _LOOKS_S}))
