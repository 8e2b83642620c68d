"""One camera session, frame by frame: detections -> tracks -> observation -> findings.

Everything left of here may be noisy; the same frames and detections give the same findings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.ports import Observation, Rule, SignalReader, Tracker
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import Tracks
from traffic_ai.core.violation import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame brought: the observation the rules saw and what they found in it."""

    observation: Observation
    findings: tuple[Finding, ...]


class Session:
    """The state of one camera session from its first frame to its last.

    `process` takes frames in time order; `close` is called once after the last and ends every
    track, so that what only the end makes certain is found too.
    """

    def __init__(self, tracker: Tracker, signals: SignalReader, rules: Sequence[Rule]) -> None:
        self._tracker = tracker
        self._signals = signals
        self._rules = tuple(rules)
        self._last: FrameInfo | None = None
        self._known: Mapping[str, SignalHistory] = {}

    def process(self, frame: Frame, detections: Detections) -> Step:
        """Take one frame and the road users found in it."""
        self._known = self._signals.read(frame)
        self._last = frame.info
        tracks = self._tracker.update(frame.info, detections)
        return self._observe(frame.info, tracks)

    def close(self) -> Step | None:
        """End the session; None if it never had a frame."""
        if self._last is None:
            return None
        last = self._observe(self._last, self._tracker.close())
        rest = [finding for rule in self._rules for finding in rule.close()]
        return Step(last.observation, (*last.findings, *rest))

    def _observe(self, info: FrameInfo, tracks: Tracks) -> Step:
        observation = Observation(info, tracks, self._tracker.histories, self._known)
        findings = [f for rule in self._rules for f in rule.update(observation)]
        return Step(observation, tuple(findings))
