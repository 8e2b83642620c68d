"""Evidence of live cameras, written by a thread of its own once the footage after the event is in.

The violation is in the store before its evidence is owed; what cannot be written is said there.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from traffic_ai.core.errors import TrafficAiError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.violation import Violation
from traffic_ai.evidence.grounds import Grounds
from traffic_ai.evidence.recorder import EvidenceRecorder, EvidenceResult
from traffic_ai.sources.ring import PacketRing
from traffic_ai.stores.database import ViolationStore

_log = logging.getLogger(__name__)

TRAIL_S = 3.0
# If the stream falls silent the footage after the event will not come.
_LONGEST_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Owed:
    """A violation whose evidence is still to be written."""

    violation: Violation
    footage: PacketRing
    scene: Scene
    signals: Mapping[str, SignalHistory]
    recorder: EvidenceRecorder
    grounds: Grounds | None = None


class EvidenceWriter:
    """Writes owed evidence in order; `close` writes all that is owed with what footage there is."""

    def __init__(self, store: ViolationStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._owed: list[tuple[float, Owed]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)
        self._thread.start()

    def owe(self, owed: Owed) -> None:
        """Take over a violation's evidence."""
        with self._changed:
            self._owed.append((self._clock(), owed))
            self._changed.notify()

    def close(self) -> None:
        """Write what is owed and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                ready = [item for item in self._owed if self._is_ready(*item)]
                if not ready:
                    if self._closing:
                        return
                    self._changed.wait(0.5)
                    continue
                self._owed = [item for item in self._owed if item not in ready]
            for _, owed in ready:
                self._write(owed)

    def _is_ready(self, since_s: float, owed: Owed) -> bool:
        end_s = max(owed.violation.t_s, owed.violation.stills_s[2]) + TRAIL_S
        newest_s = owed.footage.newest_s
        reached = newest_s is not None and newest_s >= end_s
        return reached or self._closing or self._clock() - since_s > _LONGEST_WAIT_S

    def _write(self, owed: Owed) -> None:
        try:
            result = owed.recorder.record(
                owed.violation, owed.footage, owed.scene, owed.signals, owed.grounds
            )
        except Exception as error:  # the edge of a thread that must not die
            _log.exception("evidence of %s could not be made", owed.violation.id)
            problem = f"internal error {type(error).__name__}"
            result = EvidenceResult(EvidenceState.FAILED, None, (problem,))
        try:
            self._store.set_evidence(owed.violation.id, result.state, result.path, result.message)
        except TrafficAiError:
            # The package is on disk and found again; its record goes on saying "pending".
            _log.exception("evidence of %s could not be noted in the store", owed.violation.id)
