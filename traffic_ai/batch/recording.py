"""What is found in a file goes to the store, and its evidence is written beside the analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from traffic_ai.batch.beside import BesideWriter
from traffic_ai.batch.outcome import FileOutcome, Listener
from traffic_ai.core.errors import RecordGoneError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.violation import Finding, NearMiss, Violation
from traffic_ai.evidence.grounds import CameraGrounds, Grounds
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.pipeline import Step
from traffic_ai.sources.footage import FileFootage
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import SourceKey


@dataclass(slots=True)
class Recording:
    """The findings of one file.

    recorder: of the evidence; None for none. scene, grounds and footage are what it is made from;
    the footage is closed with this. unwritten: why evidence is still owed, for each violation.
    Store errors are raised; what fails in the writer's thread is raised by a later call.
    """

    key: SourceKey
    store: ViolationStore
    recorder: EvidenceRecorder | None
    scene: Scene
    grounds: CameraGrounds
    footage: FileFootage
    outcome: FileOutcome
    listener: Listener
    unwritten: list[str] = field(default_factory=list, init=False)
    _writer: BesideWriter = field(default_factory=BesideWriter, init=False)

    def add(self, step: Step, found: Sequence[Finding]) -> None:
        """Store what a step brought, and have the evidence made that is owed."""
        if not found:
            return
        violations = [f for f in found if isinstance(f, Violation)]
        self.outcome.violation_count += len(violations)
        self.outcome.near_miss_count += sum(isinstance(f, NearMiss) for f in found)
        for violation in self.store.add_findings(self.key, found):
            self.outcome.new_violations.append(violation)
            self.listener.violation_found(violation)
        if self.recorder is None:
            return
        for violation in self.store.without_evidence(violations):
            decision = step.decisions.get(violation.id)
            grounds = None if decision is None else Grounds(self.grounds, decision)
            self.footage.foresee(violation.stills_s)
            write = partial(
                self._write, self.recorder, violation, step.observation.signals, grounds
            )
            self._writer.hand_over(write)

    def finish(self) -> None:
        """Wait until all evidence is written."""
        self._writer.finish()

    def close(self) -> None:
        """Leave the evidence that is not begun, and let the footage go."""
        self._writer.close()
        self.footage.close()

    def _write(
        self,
        recorder: EvidenceRecorder,
        violation: Violation,
        signals: Mapping[str, SignalHistory],
        grounds: Grounds | None,
    ) -> None:
        """In the writer's thread, which alone uses what this touches until it is done."""
        result = recorder.record(violation, self.footage, self.scene, signals, grounds)
        try:
            self.store.set_evidence(violation.id, result.state, result.path, result.message)
        except RecordGoneError:  # somebody deleted it just now
            recorder.withdraw(violation)
            return
        self.outcome.evidence_problems += len(result.problems)
        if result.state is EvidenceState.FAILED:
            self.unwritten.append(result.message)
