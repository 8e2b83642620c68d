"""A camera's entries in the store: in order, and where the store refuses, kept and tried again.

A full disk or a database that another process holds must cost a watch neither its analysis nor
what was found meanwhile.
"""

import logging
import time
from collections import deque
from collections.abc import Callable

from traffic_ai.core.errors import StoreError

_log = logging.getLogger(__name__)
_AGAIN_S = 5.0
"""Evidence is made once its record is in the store, from pictures that are kept for 30 s."""
_MOST = 2000
"""Entries kept in memory: days of a quiet junction, an hour or more of a busy one."""
_HANGS_S = 30.0
"""No entry takes so long."""

Entry = Callable[[], None]


class Ledger:
    """Entries in the order in which they come: any thread enters them, one other writes them.

    Entering waits for nothing, whatever the store does. An entry may be tried more than once, so it
    is whole or not at all, as the store's calls are; and it may be written without those before it,
    which are let go where too many wait.
    """

    def __init__(self, camera_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._camera_id = camera_id
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._begun_s: float | None = None
        """When the entry in work was begun."""
        self._again_s = 0.0
        self._overflows = False
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
            if not self._overflows:
                self._overflows = True
                said = "camera %s: more than %d entries wait for the store; the oldest are lost"
                _log.error(said, self._camera_id, _MOST)

    def settle(self, *, at_once: bool = False) -> None:
        """Write what waits, unless the store refused just before; at_once: even then."""
        if self._clock() < self._again_s and not at_once:
            return
        while self._waiting:
            entry = self._waiting.popleft()
            self._begun_s = self._clock()
            try:
                entry()
            except StoreError as error:
                self._waiting.appendleft(entry)
                self._refused(error)
                return
            except Exception:  # the edge of a camera: the others go on
                self.lost_count += 1
                _log.exception("camera %s: an entry could not be made and is lost", self._camera_id)
            finally:
                self._begun_s = None
        self.trouble, self._overflows = "", False

    def hangs(self, now_s: float) -> bool:
        """Whether an entry has been in work for longer than any takes. now_s: by the clock."""
        begun_s = self._begun_s
        return begun_s is not None and now_s - begun_s > _HANGS_S

    def close(self) -> None:
        """Say what is lost: what waits, or hangs in the store, is written no more."""
        hangs = self._begun_s is not None
        if lost_count := len(self._waiting) + self.lost_count + hangs:
            _log.error(
                "camera %s: %d entries could not be written to the store and are lost",
                self._camera_id,
                lost_count,
            )

    def _refused(self, error: StoreError) -> None:
        # From now on: refusing may take its time, such as waiting for a lock.
        self._again_s = self._clock() + _AGAIN_S
        if not self.trouble:
            _log.error("camera %s: %s; it is tried again", self._camera_id, error)
        lost = f", {self.lost_count} are lost" if self.lost_count else ""
        self.trouble = f"{len(self._waiting)} entries wait for the store{lost}: {error}"
