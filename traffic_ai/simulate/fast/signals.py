"""What a reader knows of the signals at each frame, without looking at a picture.

A lamp is seen to have changed at the first frame that shows the new aspect, and may have changed
at any moment since the frame before; only some frames later the reader is sure. A controller's log
knows the moment itself.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np

from traffic_ai.core.frame import Frame
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState
from traffic_ai.signals.timeline import CONFIRM_READINGS, CONFIRM_S
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.world import SignalProgram, World


class SignalView(StrEnum):
    """How the signals are known."""

    LAMPS = "lamps"
    LOG = "log"


class KnownSignals:
    """The signals of a world as a reader knows them; implements `core.ports.SignalReader`.

    true_s, stamps_s (F,): when the frames were taken, and what the rules take for their times.
    """

    def __init__(self, world: World, true_s: Floats, stamps_s: Floats, view: SignalView) -> None:
        self._view = view
        self._true_s, self._stamps_s = true_s, stamps_s
        dark = view is SignalView.LAMPS and world.look.lamp_fault == "dark"
        self._states = {
            program.group_id: self._unlit(program) if dark else self._told(program)
            for program in world.signals
        }

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        """What is known of each group at a frame."""
        now_s = frame.info.t_s
        return {group: _known(group, states, now_s) for group, states in self._states.items()}

    def _unlit(self, program: SignalProgram) -> list[tuple[SignalState, float]]:
        start_s = float(self._stamps_s[0])
        state = SignalState(program.group_id, Aspect.UNKNOWN, start_s, np.inf, SignalSource.LAMPS)
        return [(state, start_s)]

    def _told(self, program: SignalProgram) -> list[tuple[SignalState, float]]:
        """Each state with the moment from which it is known."""
        told = []
        for phase in program.phases:
            if self._view is SignalView.LOG:
                since_s = self._stamp_of(phase.start_s)
                told.append((self._state(program, phase.aspect, since_s, 0.0), since_s))
                continue
            first = int(np.searchsorted(self._true_s, phase.start_s - 1e-9))
            if first >= len(self._true_s):
                break
            since_s = float(self._stamps_s[first])
            bound_s = since_s - float(self._stamps_s[first - 1]) if first else np.inf
            sure = min(first + CONFIRM_READINGS - 1, len(self._stamps_s) - 1)
            known_s = max(since_s + CONFIRM_S, float(self._stamps_s[sure])) if first else since_s
            told.append((self._state(program, phase.aspect, since_s, bound_s), known_s))
        return _without_overtaken(told)

    def _state(
        self, program: SignalProgram, aspect: Aspect, since_s: float, bound_s: float
    ) -> SignalState:
        source = SignalSource.FEED if self._view is SignalView.LOG else SignalSource.LAMPS
        return SignalState(program.group_id, aspect, since_s, bound_s, source)

    def _stamp_of(self, t_s: float) -> float:
        """The video's time of a true moment."""
        before = min(t_s - float(self._true_s[0]), 0.0)
        after = max(t_s - float(self._true_s[-1]), 0.0)
        return float(np.interp(t_s, self._true_s, self._stamps_s)) + before + after


def _known(
    group_id: str, states: Sequence[tuple[SignalState, float]], now_s: float
) -> SignalHistory:
    told = tuple(state for state, known_s in states if known_s <= now_s)
    pending = [state.since_s for state, known_s in states if state.since_s <= now_s < known_s]
    settled_s = np.nextafter(min(pending), -np.inf) if pending else now_s
    return SignalHistory(group_id, told, float(settled_s))


def _without_overtaken(told: list[tuple[SignalState, float]]) -> list[tuple[SignalState, float]]:
    """Only the last of states that begin at the same frame."""
    return [
        one
        for i, one in enumerate(told)
        if i + 1 == len(told) or told[i + 1][0].since_s > one[0].since_s
    ]
