"""How often a camera's rule is right, from what people decided on its violations."""

from collections.abc import Iterable
from dataclasses import dataclass

from scipy import stats

from traffic_ai.core.record import ReviewState
from traffic_ai.core.violation import ViolationKind
from traffic_ai.stores.records import ReviewCount

_CONFIDENCE = 0.95


@dataclass(slots=True)
class Precision:
    """Decisions on one camera's violations of one kind.

    set_aside: rejected for a reason that says nothing of whether the violation happened; they
    count neither way.
    """

    camera_id: str
    kind: ViolationKind
    confirmed: int = 0
    rejected: int = 0
    set_aside: int = 0
    proposed: int = 0

    @property
    def share(self) -> float | None:
        """Confirmed of confirmed and rejected; None where there are none."""
        judged = self.confirmed + self.rejected
        return self.confirmed / judged if judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % (exact: Clopper and Pearson, 1934).

        It holds where what was decided on is a fair sample of what was reported.
        """
        tail = (1.0 - _CONFIDENCE) / 2.0
        yes, no = self.confirmed, self.rejected
        low = float(stats.beta.ppf(tail, yes, no + 1)) if yes else 0.0
        high = float(stats.beta.ppf(1.0 - tail, yes + 1, no)) if no else 1.0
        return low, high


def precision(counts: Iterable[ReviewCount]) -> list[Precision]:
    """The precision of each camera's rules, in the order of the counts."""
    found: dict[tuple[str, ViolationKind], Precision] = {}
    for count in counts:
        key = (count.camera_id, count.kind)
        row = found.setdefault(key, Precision(*key))
        if count.state is ReviewState.PROPOSED:
            row.proposed += count.count
        elif count.state is ReviewState.CONFIRMED:
            row.confirmed += count.count
        elif count.reason is not None and count.reason.says_nothing_of_the_detection:
            row.set_aside += count.count
        else:
            row.rejected += count.count
    return list(found.values())
