"""What the detector found so far in a file that is not finished, so that a run can go on there.

The detector is nearly all the work. After an interruption the same frames are decoded again and
their detections read from here, which gives the same tracks and findings as an unbroken run.
Boxes only, never a picture; the log is deleted when its file is done.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import StoreError

_FORMAT = "traffic-ai detections 1"


class DetectionLog:
    """Detections by frame time, one JSON line a frame, for one source and detector.

    key: identifies source, picture regions and weights; a log of another key is begun anew. A
    last line cut off by a killed process is dropped. Every method raises StoreError where the disk
    fails.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        with _disk_errors(path):
            self._known = dict(_read(path, key))
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._known:
                self._rewrite(key)
            self._file = path.open("a" if self._known else "w", encoding="ascii")
            if not self._known:
                self._file.write(json.dumps({"format": _FORMAT, "key": key}) + "\n")

    def __len__(self) -> int:
        return len(self._known)

    def get(self, t_s: float) -> Detections | None:
        """What was found in the frame at t_s, None if it was not reached."""
        line = self._known.get(repr(t_s))
        return _detections(line) if line is not None else None

    def add(self, t_s: float, found: Detections) -> None:
        """Keep what was found in a frame."""
        rows = [
            [*(float(v) for v in box), float(confidence), int(class_id)]
            for box, confidence, class_id in zip(
                found.xyxy_px, found.confidence, found.class_id, strict=True
            )
        ]
        with _disk_errors(self._path):
            self._file.write(json.dumps([repr(t_s), rows], separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        with _disk_errors(self._path):
            self._file.flush()

    def close(self, *, done: bool) -> None:
        """Close the log, and delete it if its file is done."""
        with _disk_errors(self._path):
            self._file.close()
            if done:
                self._path.unlink(missing_ok=True)

    def _rewrite(self, key: str) -> None:
        """Leave out a last line that was cut off."""
        fresh = self._path.with_suffix(".part")
        with fresh.open("w", encoding="ascii") as file:
            file.write(json.dumps({"format": _FORMAT, "key": key}) + "\n")
            for t, line in self._known.items():
                file.write(f'["{t}",{line}]\n')
        fresh.replace(self._path)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk raises into a StoreError that names the file and the fix."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}; mend that and run again to go on"
        ) from error


def _read(path: Path, key: str) -> Iterator[tuple[str, str]]:
    """(time, rows as JSON) of each whole line of a log of that key."""
    try:
        file = path.open(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return
    with file:
        try:
            head = json.loads(file.readline())
        except ValueError:
            return
        if head != {"format": _FORMAT, "key": key}:
            return
        for line in file:
            try:
                t, rows = json.loads(line)
                _detections(json.dumps(rows))
            except (ValueError, TypeError):
                return
            yield t, json.dumps(rows, separators=(",", ":"))


def _detections(line: str) -> Detections:
    rows = np.array(json.loads(line), np.float64).reshape(-1, 6)
    return Detections(
        rows[:, :4].astype(np.float32), rows[:, 4].astype(np.float32), rows[:, 5].astype(np.int64)
    )
