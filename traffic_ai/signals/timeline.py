"""From single readings of a group to its history of states.

Between the readings (`reading`) and the rules. Everything is in seconds of presentation time, so
the same signal gives the same history at any frame rate, up to the time between two pictures.

- A change needs several readings in a row over a minimum time; one that is unusual after the
  present aspect needs longer. One stray reading never changes anything.
- The new state's `since_s` is the first picture of the run that confirmed it, the latest moment
  the change can have happened; `since_bound_s` reaches back to the last picture that still showed
  something else, over dark, unreadable and stray readings between the two.
- Dark pictures inside a lit phase are bridged: the switching gap, lamps driven by pulses. Dark
  for longer than any flash is DARK. Regular dark phases make FLASHING_RED or FLASHING_YELLOW.
- Without a readable picture for LOST_S the aspect is UNKNOWN from the last good picture on.

The first state is UNKNOWN from the first picture on, unless that already shows the first aspect;
of a change that nobody saw `since_bound_s` is infinite.
"""

import math
from collections import deque
from dataclasses import dataclass, replace

from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState
from traffic_ai.signals.flashing import FLASHING, STEADY_S, Phases
from traffic_ai.signals.reading import LIT, Reading

STATE_LIMIT = 64
CONFIRM_S, CONFIRM_READINGS = 0.15, 3
UNUSUAL_S, UNUSUAL_READINGS = 0.5, 4
BRIDGE_S = 0.3  # dark or unreadable pictures that a change under way may contain
DARK_S = 1.3  # longer than the dark phase of the slowest flash, 0.5 Hz, 1 s
LOST_S = 3.0
HINT_S = 1.0  # a stray reading of an aspect so shortly before its run may have been true
# The sequences in use (Vienna Convention on Road Signs and Signals, article 23, and countries
# without red and yellow together). Others occur, but are misreadings more often.
USUAL = {
    Aspect.RED: {Aspect.GREEN, Aspect.RED_YELLOW},
    Aspect.RED_YELLOW: {Aspect.GREEN},
    Aspect.YELLOW: {Aspect.RED},
    Aspect.GREEN: {Aspect.YELLOW},
}


@dataclass(slots=True)
class _Run:
    """Readings of one aspect that no other lit aspect interrupted.

    `first_s`: its first reading; `since_s`: the first after which only short gaps follow, `count`
    readings up to `last_s`. `not_before_s`: the last picture that showed something else before
    the first hint of this aspect. `interrupted`: something else was read since `last_s`.
    """

    aspect: Aspect
    first_s: float
    since_s: float
    last_s: float
    not_before_s: float
    phases: Phases
    count: int = 1
    interrupted: bool = False

    @classmethod
    def start(cls, aspect: Aspect, t_s: float, not_before_s: float) -> "_Run":
        """A run of one reading."""
        return cls(aspect, t_s, t_s, t_s, not_before_s, Phases(t_s, t_s))

    def extend(self, t_s: float) -> None:
        """Add a reading."""
        if self.interrupted and t_s - self.last_s > BRIDGE_S:
            self.since_s, self.count = t_s, 0
        self.last_s, self.interrupted = t_s, False
        self.count += 1
        self.phases.lit(t_s)

    def lasts(self, duration_s: float, readings: int) -> bool:
        """Whether it goes on long enough."""
        return self.count >= readings and self.last_s - self.since_s >= duration_s - 1e-9


class Timeline:
    """The history of one signal group, fed one reading a picture in time order."""

    def __init__(self, group_id: str) -> None:
        self._group_id = group_id
        self._states: deque[SignalState] = deque(maxlen=STATE_LIMIT)
        self._run: _Run | None = None  # what the state in force rests on; None while UNKNOWN
        self._candidate: _Run | None = None
        self._dark: _Run | None = None
        self._hints: dict[Aspect, tuple[float, float]] = {}  # last hint, not before
        self._good_s = -math.inf  # the last picture that surely shows the state in force
        self._known_until_s = -math.inf
        self._settled_s = -math.inf
        self._seen_s, self._step_s = -math.inf, math.inf  # of the last picture read

    @property
    def history(self) -> SignalHistory:
        """What is known after the last update."""
        return SignalHistory(self._group_id, tuple(self._states), self._settled_s)

    def update(self, t_s: float, reading: Reading) -> SignalHistory:
        """Take the reading of a picture; pictures come in increasing t_s."""
        step_s, self._seen_s = t_s - self._seen_s, t_s
        if step_s > max(BRIDGE_S, 2.0 * self._step_s):
            self._interrupt()  # pictures are missing
        self._step_s = step_s
        self._pass(t_s)
        if reading.aspect in LIT:
            self._lit(t_s, reading.aspect)
        else:
            self._interrupt()
            if reading.aspect is Aspect.DARK:
                self._unlit(t_s)
        self._settled_s = max(self._settled_s, self._certain_until(t_s))
        return self.history

    def skip(self, t_s: float) -> SignalHistory:
        """Pass a picture that is not to be read: time goes on, nothing was seen."""
        self._interrupt()
        self._pass(t_s)
        return self.history

    def _pass(self, t_s: float) -> None:
        if not self._states:
            self._enter(Aspect.UNKNOWN, t_s, -math.inf)
        self._expire(t_s)

    def _interrupt(self) -> None:
        """What may come to be the next aspect was not seen without a break."""
        if self._candidate is not None:
            self._candidate.interrupted = True

    def _lit(self, t_s: float, aspect: Aspect) -> None:
        self._dark = None
        run = self._run
        if run is not None and run.aspect is aspect:
            run.extend(t_s)
            if self._candidate is None:  # a single reading between strays proves nothing
                self._good_s = t_s
            self._candidate = None
            self._flash_or_steady(run)
            return
        candidate = self._candidate
        if candidate is not None and candidate.aspect is aspect:
            candidate.extend(t_s)
        else:
            candidate = _Run.start(aspect, t_s, self._not_before(aspect, t_s))
            self._candidate = candidate
        self._hints[aspect] = (t_s, candidate.not_before_s)
        if candidate.lasts(*self._needed(aspect)):
            self._take(candidate, aspect, candidate.since_s)
        elif candidate.phases.flashing and aspect in FLASHING:
            self._take(candidate, FLASHING[aspect], candidate.first_s)

    def _unlit(self, t_s: float) -> None:
        lit = self._candidate or self._run
        if lit is not None:
            lit.phases.dark(t_s)
        if self._run is not None and self._run.aspect is Aspect.DARK:
            self._run.extend(t_s)
            if self._candidate is None:
                self._good_s = t_s
            return
        if self._dark is None:
            last = self._known_until_s if self._run is None else self._run.last_s
            self._dark = _Run.start(Aspect.DARK, t_s, last)
        else:
            self._dark.extend(t_s)
        if self._dark.lasts(DARK_S, CONFIRM_READINGS):
            self._take(self._dark, Aspect.DARK, self._dark.since_s)

    def _take(self, run: _Run, aspect: Aspect, since_s: float) -> None:
        """Make a run the one in force."""
        self._enter(aspect, since_s, run.not_before_s)
        self._run, self._candidate, self._dark = run, None, None
        self._hints.clear()
        self._good_s = run.last_s

    def _enter(self, aspect: Aspect, since_s: float, not_before_s: float) -> None:
        if self._states and self._states[-1].since_s >= since_s:
            self._states.pop()  # UNKNOWN for no time at all, at the very start
        bound_s = since_s - not_before_s
        self._states.append(
            SignalState(self._group_id, aspect, since_s, bound_s, SignalSource.LAMPS)
        )

    def _flash_or_steady(self, run: _Run) -> None:
        """Turn a steady state that flashes into a flashing one, and back."""
        if run.aspect not in FLASHING:
            return
        state, phases = self._states[-1], run.phases
        if state.aspect is run.aspect:
            if phases.flashing:
                first = phases.offs[0]
                if first.lit_before_s - state.since_s < STEADY_S:
                    self._states[-1] = replace(state, aspect=FLASHING[run.aspect])
                else:
                    self._enter(FLASHING[run.aspect], first.dark_first_s, first.lit_before_s)
            elif phases.steady:
                phases.offs.clear()
        elif phases.steady:
            dark_last_s = phases.offs[-1].dark_last_s if phases.offs else run.last_s
            self._enter(run.aspect, phases.phase_s, min(dark_last_s, phases.phase_s))
            phases.offs.clear()

    def _expire(self, t_s: float) -> None:
        """Drop what is too old to go on with."""
        if self._candidate is not None and t_s - self._candidate.last_s > DARK_S:
            self._candidate = None
        if self._dark is not None and t_s - self._dark.last_s > DARK_S:
            self._dark = None
        if self._run is not None and t_s - self._good_s > LOST_S:
            self._known_until_s = self._run.last_s
            since_s = math.nextafter(self._good_s, math.inf)
            self._enter(Aspect.UNKNOWN, since_s, since_s)
            self._run = None

    def _needed(self, aspect: Aspect) -> tuple[float, int]:
        """How long a run must be to change the state in force."""
        usual = USUAL.get(self._states[-1].aspect)
        if usual is not None and aspect not in usual:
            return UNUSUAL_S, UNUSUAL_READINGS
        return CONFIRM_S, CONFIRM_READINGS

    def _not_before(self, aspect: Aspect, t_s: float) -> float:
        """The last picture that showed something else, before any hint of the aspect."""
        hint = self._hints.get(aspect)
        if hint is not None and t_s - hint[0] <= HINT_S:
            return hint[1]
        if self._run is not None:
            return self._run.last_s
        if len(self._states) > 1 and self._states[-2].aspect is aspect:
            same = self._states[-2]  # it may have stayed like this while it could not be seen
            return same.since_s - same.since_bound_s
        return self._known_until_s

    def _certain_until(self, t_s: float) -> float:
        """The moment up to which nothing that may still be read changes the history."""
        if self._run is None:
            pending = [run.first_s for run in (self._candidate, self._dark) if run is not None]
            return math.nextafter(min(pending), -math.inf) if pending else t_s
        state, phases = self._states[-1], self._run.phases
        if state.aspect not in FLASHING and state.aspect is not self._run.aspect:
            return math.nextafter(phases.phase_s, -math.inf)  # flashing may prove steady
        if state.aspect in FLASHING:
            steady_until_s = phases.offs[0].lit_before_s if phases.offs else self._good_s
            if steady_until_s - state.since_s < STEADY_S:
                return math.nextafter(state.since_s, -math.inf)
            return min(steady_until_s, self._good_s)
        return self._good_s
