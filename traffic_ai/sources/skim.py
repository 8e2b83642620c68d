"""Going to moments of a recording without decoding all that lies on the way."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf


class Skim:
    """Which pictures may be passed over: those that no other is built on, far from all moments.

    wanted: the moments, rising; near: how long before each every picture is decoded, as the one
    shown at a moment is the last not later. In units of the stream's time base, cut to whole ones.
    """

    def __init__(self, wanted: Sequence[int], near: int) -> None:
        self._wanted = tuple(wanted)
        self._near = near
        self._passed: list[int] = []

    def passes(self, stamp: int | None) -> bool:
        """Whether the picture of a packet with this stamp is not needed for itself."""
        if stamp is None or not any(
            before <= stamp < at - self._near for before, at in pairwise((-inf, *self._wanted))
        ):
            return False
        self._passed.append(stamp)
        return True

    def missed(self, shown: float | None, at: int) -> bool:
        """Whether a later picture than the one found was passed over that is shown at a moment."""
        return any((shown is None or stamp > shown) and stamp <= at + 1 for stamp in self._passed)
