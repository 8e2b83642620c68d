"""The thread that writes what the cameras of a watch find to the store.

A disk that is slow, or a database that another process holds, must not keep the analysis waiting:
half a second without a look may cost a red light.
"""

import threading
import time
from collections.abc import Callable, Sequence

from traffic_ai.watch.camera import WatchedCamera

_EVERY_S = 0.05
_STUCK_S = 30.0
"""Far beyond the time for which the store waits for its turn, for each of many entries."""


class Scribe:
    """Settles the cameras which `cameras` names, again and again, from `start` to `stop`.

    A camera that has ended has settled for itself.
    """

    def __init__(self, cameras: Callable[[], Sequence[WatchedCamera]]) -> None:
        self._cameras = cameras
        self._ends = threading.Event()
        self._since_s: float | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End after the entries in work; a store that hangs is not waited for."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join(_STUCK_S)

    def is_stuck(self, now_s: float) -> bool:
        """Whether a camera has been settled for longer than any takes. now_s: the monotonic clock.

        Raises what ended the thread.
        """
        if self._error is not None:
            raise self._error
        since_s = self._since_s
        return since_s is not None and now_s - since_s > _STUCK_S

    def _run(self) -> None:
        try:
            while not self._ends.wait(_EVERY_S):
                for camera in self._cameras():
                    self._since_s = time.monotonic()
                    camera.settle()
                    self._since_s = None
        except BaseException as error:  # raised in the thread that goes round
            self._error = error
