"""A camera's entries in the store: in order, and where the store refuses, kept and tried again.

A full disk or a database that another process holds must cost a watch neither its analysis nor
what was found meanwhile.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from traffic_ai.core.errors import StoreError

_log = logging.getLogger(__name__)
_AGAIN_S, _LONGEST_S = 5.0, 60.0
_MOST = 2000
"""Entries kept in memory: days of a quiet junction, an hour or more of a busy one."""
_HANGS_S = 30.0
"""No entry takes so long."""

Entry = Callable[[], None]


class Ledger:
    """Entries in the order in which they come: one thread enters them, another writes them.

    Entering waits for nothing, whatever the store does. An entry may be tried more than once, so it
    is whole or not at all, as the store's calls are.
    """

    def __init__(self, camera_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._camera_id = camera_id
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._writing = threading.Lock()
        self._again_s = 0.0
        self._refusals = 0
        self.trouble = ""
        self.lost_count = 0

    @property
    def waiting_count(self) -> int:
        """Entries that the store has not taken yet."""
        return len(self._waiting)

    def enter(self, entry: Entry) -> None:
        """Have an entry written once those before it are."""
        self._waiting.append(entry)
        while len(self._waiting) > _MOST:
            self._waiting.popleft()
            self.lost_count += 1

    def settle(self) -> None:
        """Write what waits, unless the store refused just before."""
        with self._writing:
            if self._clock() >= self._again_s:
                self._write()

    def close(self) -> None:
        """Write what waits a last time; what is refused now is lost, and said. So is what waits
        behind an entry that hangs in the store.
        """
        hangs = not self._writing.acquire(timeout=_HANGS_S)
        if not hangs:
            try:
                self._write()
            finally:
                self._writing.release()
        if lost_count := len(self._waiting) + self.lost_count + hangs:
            _log.error(
                "camera %s: %d entries could not be written to the store and are lost",
                self._camera_id,
                lost_count,
            )

    def _write(self) -> None:
        while self._waiting:
            entry = self._waiting.popleft()
            try:
                entry()
            except StoreError as error:
                self._waiting.appendleft(entry)
                self._refused(error)
                return
        self.trouble, self._refusals = "", 0

    def _refused(self, error: StoreError) -> None:
        # From now on, and ever later: refusing may take its time, such as waiting for a lock.
        self._again_s = self._clock() + min(_AGAIN_S * 2**self._refusals, _LONGEST_S)
        self._refusals = min(self._refusals + 1, 10)
        if not self.trouble:
            _log.error("camera %s: %s; it is tried again", self._camera_id, error)
        self.trouble = f"{len(self._waiting)} entries wait for the store: {error}"
