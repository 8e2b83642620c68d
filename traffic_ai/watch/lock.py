"""One watch a run folder: two would write the same status and analyse the same cameras twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from traffic_ai.core.errors import StoreError, UsageError

LOCK_NAME = ".watch.lock"


@contextmanager
def only_watch(out_dir: Path) -> Iterator[None]:
    """Hold a run folder; the kernel lets go when the process ends, however it does.

    Raises UsageError where another watch holds it, StoreError where it cannot be written.
    """
    try:
        descriptor = os.open(out_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"cannot write to the run folder {out_dir}: {error.strerror}; name another with --out"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise UsageError(
                f"another watch (process {holder}) runs on {out_dir}; name another --out, or "
                "edit its site file: it follows"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)
