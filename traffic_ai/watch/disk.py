"""The room on the disk that evidence goes to, and when there is too little of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

_ROOM_AGAIN = 1.2
"""Once full, it counts as free with so much more only: else it would be full again at once."""


class DiskGuard:
    """Watches the free space below a folder. `look` by one thread, the rest by any.

    least_bytes: with less free the disk is full; what is left is for the records. free: tells what
    is free, for tests.
    """

    def __init__(
        self, folder: Path, least_bytes: int, free: Callable[[], int] | None = None
    ) -> None:
        self.least_bytes = least_bytes
        self._free = free or (lambda: shutil.disk_usage(folder).free)
        self.free_bytes = 0
        self.is_full = False
        self.look()

    def look(self) -> None:
        """See how much is free now."""
        try:
            self.free_bytes = self._free()
        except OSError:
            self.free_bytes = 0
        least_bytes = self.least_bytes * (_ROOM_AGAIN if self.is_full else 1.0)
        self.is_full = self.free_bytes < least_bytes

    @property
    def trouble(self) -> str:
        """What is wrong in words, "" where nothing is."""
        if not self.is_full:
            return ""
        return (
            f"the disk is full: {self.free_bytes / 1e6:.0f} MB are free, "
            f"{self.least_bytes / 1e6:.0f} MB are kept for the records; no evidence is recorded"
        )
