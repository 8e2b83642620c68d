"""`traffic-ai process` with the given arguments; writes the frames' times to a file as JSON.

    python traffic_ai_process.py TIMES.json VIDEO --site SITE --out OUT --no-evidence

The command itself, with a clock read as each frame is begun.
"""

import json
import sys
import time
from pathlib import Path

from traffic_ai.cli import progress
from traffic_ai.cli.main import main

_TIMES_S: list[float] = []


class _TimedProgress(progress.BatchProgress):
    """The command's own progress display, which also notes the time."""

    def frame_done(self, t_s: float, from_log: bool) -> None:
        _TIMES_S.append(time.monotonic())
        super().frame_done(t_s, from_log)


if __name__ == "__main__":
    times = Path(sys.argv[1])
    sys.argv = ["traffic-ai", "process", *sys.argv[2:]]
    progress.BatchProgress = _TimedProgress  # type: ignore[misc]
    try:
        main()
    finally:
        times.write_text(json.dumps(_TIMES_S))
