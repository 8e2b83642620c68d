"""Evidence of live cameras, written by a thread of its own once the footage after the event is in.

The violation is in the store before its evidence is owed; what cannot be written is said there.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from traffic_ai.core.errors import RecordGoneError, StoreError, TrafficAiError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.violation import Violation
from traffic_ai.evidence.grounds import Grounds
from traffic_ai.evidence.recorder import EvidenceRecorder, EvidenceResult
from traffic_ai.sources.ring import PacketRing
from traffic_ai.stores.database import ViolationStore
from traffic_ai.watch.view import EvidenceCounts

_log = logging.getLogger(__name__)

TRAIL_S = 3.0
# If the stream falls silent the footage after the event will not come.
_LONGEST_WAIT_S = 15.0
_NOTE_AGAIN_S = 5.0
_TOGETHER = 8
"""So many share the decoding of their stills."""


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
    """Writes owed evidence in order; `close` writes all that is owed with what footage there is.

    hindrance: why none can be written now, "" where it can; what is due then is said to be missing.
    """

    def __init__(
        self,
        store: ViolationStore,
        clock: Callable[[], float],
        hindrance: Callable[[], str] = lambda: "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._hindrance = hindrance
        self._owed: list[tuple[float, Owed]] = []
        self._unnoted: list[tuple[Violation, EvidenceRecorder, EvidenceResult]] = []
        self._note_again_s = 0.0
        self._written = self._failed = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> EvidenceCounts:
        """How it stands."""
        return EvidenceCounts(len(self._owed), self._written, self._failed, len(self._unnoted))

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
                if not ready and not self._closing:
                    self._changed.wait(0.5)
                self._owed = [item for item in self._owed if item not in ready]
            for first in range(0, len(ready), _TOGETHER):
                part = self._recorded([owed for _, owed in ready[first : first + _TOGETHER]])
                for owed in part:
                    owed.footage.foresee(owed.violation.stills_s)
                for owed in part:
                    self._write(owed)
            self._note_all(at_once=bool(ready) or self._closing)
            if self._closing and not ready and not self._owed:
                return

    def _is_ready(self, since_s: float, owed: Owed) -> bool:
        end_s = max(owed.violation.t_s, owed.violation.stills_s[2]) + TRAIL_S
        newest_s = owed.footage.newest_s
        reached = newest_s is not None and newest_s >= end_s
        return reached or self._closing or self._clock() - since_s > _LONGEST_WAIT_S

    def _recorded(self, due: Sequence[Owed]) -> list[Owed]:
        """Those whose records were not deleted since."""
        try:
            left = {v.id for v in self._store.without_evidence(owed.violation for owed in due)}
        except StoreError:
            return list(due)  # it shows when it is noted
        return [owed for owed in due if owed.violation.id in left]

    def _write(self, owed: Owed) -> None:
        violation = owed.violation
        try:
            if hindrance := self._hindrance():
                result = EvidenceResult(EvidenceState.FAILED, None, (hindrance,))
            else:
                result = owed.recorder.record(
                    violation, owed.footage, owed.scene, owed.signals, owed.grounds
                )
            if result.state is EvidenceState.FAILED:
                said = (violation.camera_id, violation.id, result.message)
                _log.error("camera %s: no evidence of %s: %s", *said)
        except Exception as error:  # the edge of a thread that must not die
            _log.exception(
                "camera %s: evidence of %s could not be made", violation.camera_id, violation.id
            )
            problem = f"internal error {type(error).__name__}"
            result = EvidenceResult(EvidenceState.FAILED, None, (problem,))
        if result.state is EvidenceState.WRITTEN:
            self._written += 1
        else:
            self._failed += 1
        self._unnoted.append((violation, owed.recorder, result))

    def _note_all(self, *, at_once: bool) -> None:
        """Note in the store what became of packages; what it does not take now waits."""
        if not self._unnoted or (self._clock() < self._note_again_s and not at_once):
            return
        waiting, self._unnoted = self._unnoted, []
        for violation, recorder, result in waiting:
            try:
                self._note(violation, recorder, result)
            except TrafficAiError as error:
                # A package is on the disk and found again even if this never succeeds.
                _log.error("evidence of %s could not be noted: %s", violation.id, error)
                self._unnoted.append((violation, recorder, result))
                self._note_again_s = self._clock() + _NOTE_AGAIN_S

    def _note(
        self, violation: Violation, recorder: EvidenceRecorder, result: EvidenceResult
    ) -> None:
        try:
            self._store.set_evidence(violation.id, result.state, result.path, result.message)
        except RecordGoneError:
            recorder.withdraw(violation)
            _log.info("%s was deleted while its evidence was made, which is removed", violation.id)
