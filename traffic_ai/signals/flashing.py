"""Lit and dark phases of one lamp: does it flash?

Used by `timeline`. A phase counts as off only if the lamp can have been dark for OFF_S, so that
lamps driven by pulses, which are dark in single pictures, do not flash.
"""

from dataclasses import dataclass, field

from traffic_ai.core.signal import Aspect

FLASHING = {Aspect.RED: Aspect.FLASHING_RED, Aspect.YELLOW: Aspect.FLASHING_YELLOW}
OFF_S = 0.22  # below the dark phase of a 2 Hz flash, 0.25 s
LONGEST_OFF_S = 1.6  # above the dark phase of a 0.5 Hz flash, 1 s, and two pictures at 5 fps
STEADY_S = 1.5  # lit for so long is longer than the lit phase of the slowest flash
PERIOD_S = (0.4, 2.6)
OFF_SHARE = 0.3  # of the period; flashing lamps are dark for about half of it


@dataclass(frozen=True, slots=True)
class Off:
    """A dark phase between the last lit picture before and the first lit one after it."""

    lit_before_s: float
    dark_first_s: float
    dark_last_s: float
    lit_after_s: float

    @property
    def middle_duration_s(self) -> float:
        """Half way between the least and the greatest possible duration."""
        return (self.lit_after_s - self.lit_before_s + self.dark_last_s - self.dark_first_s) / 2.0


@dataclass(slots=True)
class Phases:
    """Follows a lamp that was lit first at `phase_s`; keeps three dark phases at the most.

    `phase_s`: when the present lit phase began. `offs`: dark phases since the lamp was last
    steadily lit, the first of them and the latest two.
    """

    phase_s: float
    lit_s: float
    offs: list[Off] = field(default_factory=list)
    _dark_s: tuple[float, float] | None = None

    def dark(self, t_s: float) -> None:
        """The lamp was seen dark."""
        self._dark_s = (t_s if self._dark_s is None else self._dark_s[0], t_s)

    def lit(self, t_s: float) -> None:
        """The lamp was seen lit."""
        if self._dark_s is not None and t_s - self.lit_s > OFF_S:
            off = Off(self.lit_s, *self._dark_s, t_s)
            if t_s - self.lit_s > LONGEST_OFF_S:
                self.offs.clear()
            elif len(self.offs) == 3:
                self.offs[1:] = [self.offs[2], off]
            else:
                self.offs.append(off)
            self.phase_s = t_s
        self._dark_s = None
        self.lit_s = t_s

    @property
    def steady(self) -> bool:
        """Whether the present lit phase is longer than that of any flash."""
        return self.lit_s - self.phase_s >= STEADY_S

    @property
    def flashing(self) -> bool:
        """Whether the lamp went dark and came back twice, regularly."""
        if len(self.offs) < 2 or self.steady:
            return False
        first, second = self.offs[-2:]
        period = second.dark_first_s - first.dark_first_s
        share = (first.middle_duration_s + second.middle_duration_s) / (2.0 * period)
        return PERIOD_S[0] <= period <= PERIOD_S[1] and share >= OFF_SHARE
