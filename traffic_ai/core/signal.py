"""Signal aspects and how they came about in time."""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum


class Aspect(StrEnum):
    """What a signal group shows. UNKNOWN never makes a violation."""

    RED = "red"
    RED_YELLOW = "red_yellow"
    YELLOW = "yellow"
    GREEN = "green"
    FLASHING_RED = "flashing_red"
    FLASHING_YELLOW = "flashing_yellow"
    DARK = "dark"
    UNKNOWN = "unknown"


class SignalSource(StrEnum):
    """Who says so: the picture, or the controller."""

    LAMPS = "lamps"
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class SignalState:
    """An aspect in force.

    The change to it happened in [since_s - since_bound_s, since_s]: `since_s` is the latest
    possible moment (the first picture that shows it), which is the one in the driver's favour.
    """

    group_id: str
    aspect: Aspect
    since_s: float
    since_bound_s: float
    source: SignalSource


@dataclass(frozen=True, slots=True)
class SignalHistory:
    """The states of one group, oldest first, bounded in length.

    `settled_until_s`: later moments may still change their aspect (debouncing looks back), so a
    rule waits until the moment it asks about is settled.
    """

    group_id: str
    states: tuple[SignalState, ...]
    settled_until_s: float

    def index_at(self, t_s: float) -> int:
        """Position of the state in force at t_s, -1 before the first."""
        return bisect_right(self.states, t_s, key=lambda state: state.since_s) - 1

    def at(self, t_s: float) -> SignalState | None:
        """The state in force at t_s; None before the first one known."""
        index = self.index_at(t_s)
        return self.states[index] if index >= 0 else None

    def shows_at(self, t_s: float) -> bool:
        """Whether it is known what the group shows at t_s, and that is not nothing."""
        state = self.at(t_s)
        return state is not None and state.aspect not in (Aspect.UNKNOWN, Aspect.DARK)

    def before(self, state: SignalState) -> SignalState | None:
        """The state that preceded the given one, None if it is not known."""
        index = self.states.index(state)
        return self.states[index - 1] if index > 0 else None

    def surely(self, state: SignalState, t_s: float) -> bool:
        """Whether the state was certainly in force at t_s: settled, begun, and its end not yet
        possible.
        """
        index = self.states.index(state)
        if not state.since_s <= t_s <= self.settled_until_s:
            return False
        if index + 1 == len(self.states):
            return True
        following = self.states[index + 1]
        return t_s < following.since_s - following.since_bound_s
