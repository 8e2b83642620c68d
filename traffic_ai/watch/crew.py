"""The threads that analyse the cameras of a watch: each takes the frame that is needed most.

The network leaves Python's lock while it calculates, and decoding is done elsewhere, so that two
cameras at once make use of cores which one would leave idle.
"""

import threading
import time
from collections.abc import Callable, Sequence

from traffic_ai.watch.camera import WatchedCamera

_IDLE_S = 0.005
_STUCK_S = 30.0
"""No picture takes so long."""


class Crew:
    """`count` threads that go round the cameras which `cameras` names, from `start` to `stop`.

    Where the analysis is slower than the streams, all are thinned, those less in which something
    may be decided just now. A camera is worked on by one thread at a time.
    """

    def __init__(self, cameras: Callable[[], Sequence[WatchedCamera]], count: int) -> None:
        self._cameras = cameras
        self._choosing = threading.Lock()
        self._at_work: dict[WatchedCamera, float] = {}
        self._ends = threading.Event()
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"analysis {number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the frames in work; one in which the analysis hangs is not waited for."""
        self._ends.set()
        deadline_s = time.monotonic() + _STUCK_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline_s - time.monotonic()))

    def is_stuck(self, now_s: float) -> bool:
        """Whether a frame has been in work for longer than any takes. now_s: the monotonic clock.

        Raises what ended a thread.
        """
        if self._error is not None:
            raise self._error
        with self._choosing:
            return any(now_s - since_s > _STUCK_S for since_s in self._at_work.values())

    def _run(self) -> None:
        try:
            while not self._ends.is_set():
                camera = self._take()
                if camera is None:
                    self._ends.wait(_IDLE_S)
                    continue
                try:
                    camera.work(time.monotonic)
                finally:
                    with self._choosing:
                        del self._at_work[camera]
        except BaseException as error:  # raised in the thread that goes round
            self._error = error

    def _take(self) -> WatchedCamera | None:
        """The camera whose frame is needed most, None if none waits."""
        with self._choosing:
            now_s = time.monotonic()
            waiting = [c for c in self._cameras() if c not in self._at_work and c.waits]
            if not waiting:
                return None
            chosen = max(waiting, key=lambda camera: camera.need(now_s))
            self._at_work[chosen] = now_s
            return chosen
