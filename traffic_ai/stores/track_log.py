"""The tracks of one analysed source, kept beside the store where a run is asked to.

One JSON line a frame: its time, and a row for each vehicle that was seen in it. Boxes only, never a
picture. Written while the run goes on; a run that was interrupted begins it anew.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.errors import StoreError
from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Tracks

_FORMAT = "traffic-ai tracks 1"


@dataclass(frozen=True, slots=True)
class FrameTracks:
    """The vehicles seen in a frame: track_id (N,), xyxy_px (N, 4)."""

    t_s: float
    track_id: NDArray[np.int64]
    xyxy_px: Array


class TrackLog:
    """Writes the observed tracks of each frame. Raises StoreError where the disk fails.

    The file appears under its name when the source is done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_suffix(".part")
        with _disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("w", encoding="ascii")
            self._file.write(json.dumps({"format": _FORMAT}) + "\n")

    def add(self, t_s: float, tracks: Tracks) -> None:
        """Keep the vehicles seen at t_s."""
        rows = [
            [int(track_id), *(round(float(v), 2) for v in box)]
            for track_id, box in zip(
                tracks.track_id[tracks.observed], tracks.xyxy_px[tracks.observed], strict=True
            )
        ]
        with _disk_errors(self._path):
            self._file.write(json.dumps([t_s, rows], separators=(",", ":")) + "\n")

    def close(self, *, done: bool) -> None:
        """Close the log; what is not done is thrown away."""
        with _disk_errors(self._path):
            self._file.close()
            if done:
                self._part.replace(self._path)
            else:
                self._part.unlink(missing_ok=True)


def read_tracks(path: Path) -> Iterator[FrameTracks]:
    """The frames of a log in time order. Raises StoreError where it is none."""
    try:
        with path.open(encoding="ascii") as file:
            if json.loads(file.readline()) != {"format": _FORMAT}:
                raise ValueError("another format")
            for line in file:
                t_s, given = json.loads(line)
                rows = np.array(given, np.float64).reshape(-1, 5)
                yield FrameTracks(float(t_s), rows[:, 0].astype(np.int64), rows[:, 1:])
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path} is no track log ({error}); delete it") from None


def forget_track(path: Path, track_id: int) -> None:
    """Write a log anew without one track; a log that is not there has none."""
    if not path.exists():
        return
    part = path.with_suffix(".part")
    with _disk_errors(path), path.open(encoding="ascii") as old, part.open("w") as new:
        new.write(old.readline())
        for line in old:
            t_s, rows = json.loads(line)
            left = [row for row in rows if row[0] != track_id]
            new.write(json.dumps([t_s, left], separators=(",", ":")) + "\n")
    with _disk_errors(path):
        part.replace(path)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk raises into a StoreError that names the file and the fix."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}; mend that and run again"
        ) from error
