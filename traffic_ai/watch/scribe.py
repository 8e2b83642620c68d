"""The thread that writes what the cameras of a watch find to the store.

A disk that is slow, or a database that another process holds, must not keep the analysis waiting:
half a second without a look may cost a red light.
"""

import threading
import time

from traffic_ai.watch.ledger import Ledger

_EVERY_S = 0.05


class Scribe:
    """Writes what is entered in its ledgers from `start` to `stop`.

    A ledger outlives its camera: what the store refused is not lost where a camera is removed, and
    one that takes its place goes on with its ledger.
    """

    def __init__(self) -> None:
        self._ledgers: dict[str, Ledger] = {}
        self._ends = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def ledger(self, camera_id: str) -> Ledger:
        """The ledger of a camera."""
        return self._ledgers.setdefault(camera_id, Ledger(camera_id))

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits a last time, as far as the store takes it, and say what is lost.

        A store that hangs is not waited for.
        """
        self._ends.set()
        while self._thread.is_alive() and not self._hangs(time.monotonic()):
            self._thread.join(_EVERY_S)
        for ledger in self._ledgers.values():
            ledger.close()

    def is_stuck(self, now_s: float) -> bool:
        """Whether an entry has been in work for longer than any takes. now_s: the monotonic clock.

        Raises what ended the thread.
        """
        if self._error is not None:
            raise self._error
        return self._hangs(now_s)

    def _hangs(self, now_s: float) -> bool:
        return any(ledger.hangs(now_s) for ledger in self._ledgers.values())

    def _run(self) -> None:
        try:
            ends = False
            while not ends:
                ends = self._ends.wait(_EVERY_S)
                for ledger in tuple(self._ledgers.values()):
                    ledger.settle(at_once=ends)
        except BaseException as error:  # raised in the thread that goes round
            self._error = error
