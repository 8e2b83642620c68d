"""One camera session, frame by frame: detections -> tracks -> observation -> findings.

Everything left of here may be noisy; the same frames and detections give the same findings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from traffic_ai.core.decision import Decision
from traffic_ai.core.decision_log import DecisionLog
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.ports import Attention, Observation, Rule, SignalReader, Tracker
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import Tracks
from traffic_ai.core.violation import Finding, Violation


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame brought: the observation the rules saw and what they found in it.

    decisions: what each violation among the findings was decided on, by its id.
    """

    observation: Observation
    findings: tuple[Finding, ...]
    decisions: Mapping[str, Decision] = field(default_factory=dict)


class Session:
    """The state of one camera session from its first frame to its last.

    Frames come in time order. Each is offered to `wants`, and those that are wanted go to `process`
    with what the detector found in them; without an `attention` that is all of them. `close` is
    called once after the last and ends every track, so that what only the end makes certain is
    found too.
    """

    def __init__(
        self,
        tracker: Tracker,
        signals: SignalReader,
        rules: Sequence[Rule],
        attention: Attention | None = None,
    ) -> None:
        self._tracker = tracker
        self._signals = signals
        self._rules = tuple(rules)
        self._attention = attention
        self._log = DecisionLog()
        self._last: FrameInfo | None = None
        self._known: Mapping[str, SignalHistory] = {}
        self._looked: Observation | None = None

    @property
    def pause_s(self) -> float:
        """How soon after the last look the next one is wanted; 0 where every frame is."""
        return self._attention.pause_s if self._attention is not None else 0.0

    @property
    def signals(self) -> Mapping[str, SignalHistory]:
        """As known with the frame that was asked about last."""
        return self._known

    def wants(self, frame: Frame) -> bool:
        """Whether a frame is to be looked at; its signals are read either way."""
        self._read(frame)
        return self._attention is None or self._attention.wants(frame, self._known)

    def process(self, frame: Frame, detections: Detections) -> Step:
        """Take one frame and the road users found in it."""
        self._read(frame)
        tracks = self._tracker.update(frame.info, detections)
        step = self._observe(frame.info, tracks, self._known, closing=False)
        if self._attention is not None:
            self._attention.looked(frame, detections, step.observation)
        return step

    def _read(self, frame: Frame) -> None:
        if self._last is not frame.info:
            self._known = self._signals.read(frame)
            self._last = frame.info

    def close(self) -> Step | None:
        """End the session by what was known when it was last looked at; None if it never was."""
        if self._looked is None:
            return None
        last = self._looked
        return self._observe(last.frame_info, self._tracker.close(), last.signals, closing=True)

    def _observe(
        self,
        info: FrameInfo,
        tracks: Tracks,
        signals: Mapping[str, SignalHistory],
        *,
        closing: bool,
    ) -> Step:
        observation = self._looked = Observation(info, tracks, self._tracker.histories, signals)
        self._log.add(observation, closing)
        findings: list[Finding] = []
        decisions: dict[str, Decision] = {}
        for rule in self._rules:
            found = rule.update(observation)
            findings += found
            decisions |= self._decisions(rule, found)
        for rule in self._rules if closing else ():
            found = rule.close()
            findings += found
            decisions |= self._decisions(rule, found)
        return Step(observation, tuple(findings), decisions)

    def _decisions(self, rule: Rule, found: Sequence[Finding]) -> dict[str, Decision]:
        """What the rule's violations were decided on, as far as it is still known."""
        remembers_s = getattr(rule, "remembers_s", 0.0)
        decisions = {
            finding.id: self._log.decision(finding.track_id, remembers_s)
            for finding in found
            if isinstance(finding, Violation)
        }
        return {name: decision for name, decision in decisions.items() if decision is not None}
