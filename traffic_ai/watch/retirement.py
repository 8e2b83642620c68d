"""The deletion of what is kept no longer, in a thread of its own while a watch runs."""

import logging
import threading
from collections.abc import Callable, Mapping

from traffic_ai.config.delivery import Kept
from traffic_ai.core.violation import ViolationKind

_log = logging.getLogger(__name__)
_EVERY_S = 600.0

Retire = Callable[[Mapping[ViolationKind, Kept], threading.Event], int]
"""Deletes what is beyond the retention until the event is set; how many records."""


class Retirement:
    """Has records deleted now and then. `count`: so far; `trouble`: why the last time failed."""

    def __init__(self, retire: Retire) -> None:
        self._retire = retire
        self._retention: Mapping[ViolationKind, Kept] = {}
        self._is_new = False
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self.count = 0
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def apply(self, retention: Mapping[ViolationKind, Kept]) -> None:
        """Keep so long and so much from now on."""
        with self._changed:
            if retention != self._retention:
                self._retention, self._is_new = retention, True
                self._changed.notify()

    def close(self) -> None:
        """End after the deletion in work."""
        with self._changed:
            self._stop.set()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                retention, self._is_new = self._retention, False
            if retention:
                try:
                    self.count += self._retire(retention, self._stop)
                    self.trouble = ""
                except Exception as error:  # the edge of a thread that must not die
                    if self.trouble != str(error):
                        _log.exception("what is kept no longer could not be deleted")
                    self.trouble = str(error)
            with self._changed:
                self._changed.wait_for(lambda: self._is_new or self._stop.is_set(), _EVERY_S)
