"""Live records held, one by one, against the rounds of the clip that the cameras show.

    python -m benchmarks.watch.rounds FOLDER

FOLDER: what `live_traffic --out` leaves of a number of cameras, `file` and `out`. What the run on
the file finds is due in each round: of the same kind, in the same lane, at the same moment, a
second more or less. Where a camera's rounds begin is told by its own records. Rounds that the
beginning or the end of the watch cut do not count. So a record too many stands for none that is
lost.
"""

import argparse
import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.clips import duration_s
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import StoredNearMiss
from traffic_ai.stores.run_folder import STORE_NAME

VIDEO = Path(__file__).parents[2] / "sample_videos" / "junction.mp4"
SAME_S = 1.0
NEAR_S = 6.0  # a near miss has the moment at which it was decided
_ASKED = 50  # records that are asked for a camera's phase


@dataclass(frozen=True, slots=True)
class Event:
    """A record: kind, lane, moment in its clip or session."""

    kind: str
    lane_id: str
    t_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A session of a camera: its length and records."""

    camera_id: str
    session: str
    seconds: float
    records: Sequence[Event]


@dataclass(slots=True)
class Held:
    """Sessions held against the rounds. due, found: by kind; lost: where and when in the session it
    was due; gained: what stands for nothing that was due.
    """

    rounds: int = 0
    due: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    lost: list[tuple[Seen, Event]] = field(default_factory=list)
    gained: list[tuple[Seen, Event]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As it is printed."""
        return {
            "whole_rounds": self.rounds,
            "due": dict(self.due),
            "found": dict(self.found),
            "lost": dict(Counter(event.kind for _, event in self.lost)),
            "gained": dict(Counter(event.kind for _, event in self.gained)),
        }


def phase_s(records: Sequence[Event], a_round: Sequence[Event], period_s: float) -> float:
    """When in a session a round begins, 0 to period_s: the moment that explains the most records;
    0 where none tells it.
    """
    phases = [
        (one.t_s - due.t_s) % period_s
        for one in records[:_ASKED]
        for due in a_round
        if (one.kind, one.lane_id) == (due.kind, due.lane_id)
    ]

    def off_s(phase: float) -> list[float]:
        """How far from `phase` the phases are that agree with it."""
        turned = ((other - phase + period_s / 2.0) % period_s - period_s / 2.0 for other in phases)
        return [off for off in turned if abs(off) <= SAME_S]

    def agreement(phase: float) -> tuple[int, float]:
        return len(off_s(phase)), -sum(map(abs, off_s(phase)))

    return max(phases, key=agreement, default=0.0)


def held(a_round: Sequence[Event], sessions: Iterable[Seen], period_s: float) -> Held:
    """Hold sessions against the rounds of the clip. a_round: what is due in one."""
    result = Held()
    for seen in sessions:
        phase = phase_s(seen.records, a_round, period_s)
        rounds = max(0, int((seen.seconds - phase) // period_s))
        result.rounds += rounds
        due = [
            Event(one.kind, one.lane_id, phase + number * period_s + one.t_s)
            for number in range(rounds)
            for one in a_round
        ]
        lost, rest = unmatched(due, seen.records)
        end_s = phase + rounds * period_s
        result.due += Counter(one.kind for one in due)
        result.found += Counter(one.kind for one in due) - Counter(one.kind for one in lost)
        result.lost += [(seen, one) for one in lost]
        result.gained += [(seen, one) for one in rest if phase <= one.t_s < end_s]
    return result


def unmatched(due: Sequence[Event], found: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """Those of each list that stand for none of the other; the nearest in time stand together."""
    places: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for j, one in enumerate(found):
        places[one.kind, one.lane_id].append((one.t_s, j))
    for those in places.values():
        those.sort()
    gaps = []
    for i, one in enumerate(due):
        those = places[one.kind, one.lane_id]
        for t_s, j in those[bisect_left(those, (one.t_s - SAME_S, -1)) :]:
            if t_s > one.t_s + SAME_S:
                break
            gaps.append((abs(t_s - one.t_s), i, j))
    lost, rest = dict(enumerate(due)), dict(enumerate(found))
    for _, i, j in sorted(gaps):
        if i in lost and j in rest:
            del lost[i], rest[j]
    return list(lost.values()), list(rest.values())


def sessions_of(store: ViolationStore) -> list[Seen]:
    """The sessions of a watch, each with its records in time order."""
    records = defaultdict(list)
    for one in store.violations():
        event = Event(one.kind.value, one.lane_id, one.t_s)
        records[one.camera_id, one.provenance.source_hash].append(event)
    return [
        Seen(
            run.key.camera_id,
            run.key.id,
            run.duration_s,
            sorted(records[run.key.camera_id, run.key.source_hash], key=lambda one: one.t_s),
        )
        for run in store.sources()
    ]


def of_folder(folder: Path, period_s: float) -> Held:
    """What `live_traffic` left in a folder."""
    with ViolationStore.open(folder / "file" / STORE_NAME, read_only=True) as store:
        [clip] = sessions_of(store)
    with ViolationStore.open(folder / "out" / STORE_NAME, read_only=True) as store:
        return held(clip.records, sessions_of(store), period_s)


def told(folder: Path, result: Held) -> str:
    """What was lost and gained, a line each, with the near misses beside what was lost."""
    with ViolationStore.open(folder / "out" / STORE_NAME, read_only=True) as store:
        near = list(store.near_misses())
    lines = [json.dumps(result.document())]
    for verb, those in (("lost", result.lost), ("gained", result.gained)):
        for seen, event in sorted(those, key=lambda pair: (pair[1].t_s, pair[0].camera_id)):
            lines.append(
                f"{verb}: {event.kind} {event.lane_id}, camera {seen.camera_id}, {event.t_s:.2f} s"
            )
            lines += [f"    {_reason(one)}" for one in near if _beside(one, seen, event)]
    return "\n".join(lines)


def _beside(one: StoredNearMiss, seen: Seen, event: Event) -> bool:
    that = seen.session, event.kind, event.lane_id
    return (one.source_id, one.kind.value, one.lane_id) == that and abs(
        one.t_s - event.t_s
    ) <= NEAR_S


def _reason(one: StoredNearMiss) -> str:
    unmet = [c for c in json.loads(one.document)["explanation"] if not c["met"]]
    numbers = "; ".join(
        f"{c['name']} {c['measured']} {c['unit']}, wanted {c['threshold']}" for c in unmet
    )
    return f"near miss {one.reason} at {one.t_s:.2f} s: {numbers}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    print(told(options.folder, of_folder(options.folder, duration_s(VIDEO))))


if __name__ == "__main__":
    main()
