"""Whether a recording is finished: nobody writes it any more, and it stays what it was.

What is found in a file is kept under the hash of its content. A file that still grows would give
the same violations again under another hash, and the first hash would be of nothing that exists.
"""

import fcntl
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_RECENTLY_S = 60.0
_WATCHED_S = 3.0
_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class FileMoment:
    """What a file's entry says of its content: that it changed, though not into what."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileMoment | None":
        """As it is now; None where the file cannot be asked, which whoever opens it will tell."""
        try:
            entry = path.stat()
        except OSError:
            return None
        return cls(entry.st_size, entry.st_mtime_ns)


def is_being_written(path: Path) -> bool:
    """Whether somebody writes the file just now, as far as can be told.

    Linux grants a read lease on a file that nobody has open for writing (fcntl(2)); that is
    enough. Where it refuses one, which network drives do of others too, the file was altered
    within the last minute and alters within 3 s, or it is taken as finished.
    """
    moment = FileMoment.of(path)
    if moment is None or _nobody_writes(path):
        return False
    if time.time() - moment.modified_ns / 1e9 > _RECENTLY_S:
        return False
    until = time.monotonic() + _WATCHED_S
    while time.monotonic() < until:
        time.sleep(_STEP_S)
        if FileMoment.of(path) != moment:
            return True
    return False


def _nobody_writes(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # nothing to wait for: opening the video says why
    try:
        # Who opens it for writing in between makes the kernel send a signal: one that is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
