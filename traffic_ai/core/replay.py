"""A decision made once more: the rules fed with what they saw, and every number compared."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from traffic_ai.core.decision import Decision
from traffic_ai.core.ports import Rule
from traffic_ai.core.violation import Finding, Violation, document


@dataclass(frozen=True, slots=True)
class Difference:
    """A value of a record that does not come out again.

    path: where it stands, such as `measurement.speed_kmh`. recorded, replayed: the values as JSON
    text; "" for one that is not there.
    """

    path: str
    recorded: str
    replayed: str


def replayed(decision: Decision, rules: Sequence[Rule]) -> list[Finding]:
    """Everything fresh rules find in a decision, in order."""
    findings: list[Finding] = []
    for observation in decision.observations():
        for rule in rules:
            findings += rule.update(observation)
    for rule in rules if decision.closed else ():
        findings += rule.close()
    return findings


def compare(recorded: Mapping[str, object], findings: Sequence[Finding]) -> list[Difference]:
    """How a violation's document differs from what was found again; empty where it does not.

    Every number must be the same to its last digit.
    """
    found = [f for f in findings if isinstance(f, Violation)]
    alike = [v for v in found if v.id == recorded.get("id")] or found
    if not alike:
        reasons = sorted({f.reason for f in findings if not isinstance(f, Violation)})
        made = f"nothing reported ({', '.join(reasons)})" if reasons else "nothing reported"
        return [Difference("", str(recorded.get("kind")), made)]
    again = document(alike[-1])
    if _text(recorded) == _text(again):
        return []  # as nearly always, and sooner known than value by value
    return list(_differences("", recorded, again))


def _differences(path: str, recorded: object, replayed: object) -> Iterator[Difference]:
    if isinstance(recorded, Mapping) and isinstance(replayed, Mapping):
        for key in sorted({*recorded, *replayed}, key=str):
            yield from _differences(
                f"{path}.{key}" if path else str(key),
                recorded.get(key, _ABSENT),
                replayed.get(key, _ABSENT),
            )
    elif isinstance(recorded, list) and isinstance(replayed, list):
        for i in range(max(len(recorded), len(replayed))):
            yield from _differences(
                f"{path}[{i}]",
                recorded[i] if i < len(recorded) else _ABSENT,
                replayed[i] if i < len(replayed) else _ABSENT,
            )
    elif _text(recorded) != _text(replayed):
        yield Difference(path, _text(recorded), _text(replayed))


class _Absent:
    """Stands for a value that is not there."""


_ABSENT = _Absent()


def _text(value: object) -> str:
    """JSON text; two numbers have the same exactly where they are equal to the last bit."""
    return "" if isinstance(value, _Absent) else json.dumps(value, sort_keys=True)
