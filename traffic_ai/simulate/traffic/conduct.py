"""What a driver does about signals and orders: lawfully, or as a deed demands.

The simulation asks every step; a conduct answers with a place to stop at or a speed to drive.
"""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

FAR_M = float("inf")
_STANDS_MPS = 0.05
_CREEP_MPS = 0.7
_BACKING_MPS = 1.3
# Who stands so near its place is there; and how long it stands before it creeps.
_NEAR_M, _PAUSE_S = 2.0, 1.5


@dataclass(frozen=True, slots=True)
class Sight:
    """What a driver sees of itself. front_m, line_m: places along its way; line_m is infinite
    where there is no line, or it is passed. green: whether the line's signal is.
    """

    t_s: float
    front_m: float
    speed_mps: float
    line_m: float
    green: bool


@dataclass(frozen=True, slots=True)
class Orders:
    """stop_m: where the front must stop. drive_mps: the speed to take up, if not the wanted one.
    Negative speeds back up, unhindered by any stop.
    """

    stop_m: float = FAR_M
    drive_mps: float | None = None


class Conduct:
    """Base of all conducts. obeys_line: stops at red like anybody. assertive: others let it pass.
    yields: it lets everyone else pass. blind: it follows nobody.
    """

    obeys_line = True
    assertive = False
    yields = False
    blind = False

    def orders(self, sight: Sight) -> Orders | None:
        """What to do now beyond following the leader; None for nothing."""
        del sight
        return None


class Lawful(Conduct):
    """Nothing beyond."""


class Timed(Conduct):
    """Crosses its line at a moment, whatever the signal shows."""

    obeys_line = False
    assertive = True

    def __init__(self, crosses_s: float, speed_mps: float) -> None:
        self.crosses_s, self._speed_mps = crosses_s, speed_mps

    def orders(self, sight: Sight) -> Orders | None:
        """Before the line as fast as the time left demands."""
        if not np.isfinite(sight.line_m):
            return Orders(drive_mps=self._speed_mps)
        left_s = max(self.crosses_s - sight.t_s, 0.05)
        needed_mps = (sight.line_m - sight.front_m) / left_s
        low, high = 0.6 * self._speed_mps, 1.3 * self._speed_mps
        return Orders(drive_mps=float(np.clip(needed_mps, low, high)))


class Unstoppable(Conduct):
    """Drives on whatever the signal shows."""

    obeys_line = False
    assertive = True


class Oncoming(Unstoppable):
    """Drives the wrong way whoever comes; the others must get out of its way."""

    blind = True


class _Stage(Enum):
    COMING = auto()
    STANDING = auto()
    ACTING = auto()
    LEAVING = auto()
    DONE = auto()


class StopBeyond(Conduct):
    """Stops with the front beyond the line, by creeping up from before it or at once."""

    obeys_line = False

    def __init__(self, over_m: float, creeps: bool) -> None:
        self._over_m, self._creeps = over_m, creeps
        self._stage, self._since_s = _Stage.COMING, 0.0
        self._line_m = FAR_M

    def orders(self, sight: Sight) -> Orders | None:
        """Until green, once it stood at the line."""
        if np.isfinite(sight.line_m):
            self._line_m = sight.line_m
        if sight.green and self._stage is not _Stage.COMING:
            self._stage = _Stage.DONE
        if sight.green or self._stage is _Stage.DONE:
            return None
        before_m = self._line_m + (min(self._over_m, 0.0) - 1.2 if self._creeps else self._over_m)
        stands = sight.speed_mps < _STANDS_MPS and before_m - sight.front_m < _NEAR_M
        if self._stage is _Stage.COMING and stands:
            self._stage, self._since_s = _Stage.STANDING, sight.t_s
        if not self._creeps or self._stage is _Stage.COMING:
            return Orders(before_m)
        if sight.t_s - self._since_s < _PAUSE_S:
            return Orders(before_m)
        return Orders(self._line_m + self._over_m, _CREEP_MPS)


class TurnOnRed(Conduct):
    """Stops at the red line, then turns right when nobody comes."""

    yields = True

    def orders(self, sight: Sight) -> Orders | None:
        """Obeys the line until it has stood there."""
        near = sight.line_m - sight.front_m < 3.0
        if near and sight.speed_mps < _STANDS_MPS:
            self.obeys_line = False
        return None


class Reverse(Conduct):
    """Stops at a place, stands, backs up, stands again and goes on."""

    obeys_line = False
    assertive = True

    def __init__(self, stop_m: float, by_m: float, for_s: float) -> None:
        self.by_m = by_m
        self._stop_m, self._for_s = stop_m, for_s
        self._stage, self._since_s, self._from_m = _Stage.COMING, 0.0, 0.0

    def orders(self, sight: Sight) -> Orders | None:
        """One after the other."""
        waited_s = sight.t_s - self._since_s
        if self._stage is _Stage.COMING:
            if sight.speed_mps < _STANDS_MPS and self._stop_m - sight.front_m < _NEAR_M:
                self._stage, self._since_s = _Stage.STANDING, sight.t_s
                self._from_m = sight.front_m
            return Orders(self._stop_m)
        if self._stage is _Stage.STANDING:
            if waited_s > self._for_s:
                self._stage, self._since_s = _Stage.ACTING, sight.t_s
            return Orders(sight.front_m)
        if self._stage is _Stage.ACTING:
            left_m = self.by_m - (self._from_m - sight.front_m)
            if left_m > 0.02:
                return Orders(drive_mps=-min(_BACKING_MPS, 0.15 + float(np.sqrt(left_m))))
            self._stage, self._since_s = _Stage.LEAVING, sight.t_s
        if self._stage is _Stage.LEAVING:
            if waited_s < self._for_s or not sight.green:
                return Orders(drive_mps=0.0)
            self._stage = _Stage.DONE
        return None


class Park(Conduct):
    """Stops at a place for good; the pull to the kerb is a shift of the driver's."""

    def __init__(self, stop_m: float) -> None:
        self._stop_m = stop_m

    def orders(self, sight: Sight) -> Orders | None:
        """Stops there."""
        del sight
        return Orders(self._stop_m)
