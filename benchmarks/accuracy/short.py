"""The short run: some cases, one seed each, whose verdicts must stay what they are.

python -m benchmarks.accuracy --short            compares
python -m benchmarks.accuracy --short --update   writes the verdicts anew
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy.suite import Case, Verdict, read_cases, run_case, verdict

GOLDEN = Path(__file__).parent / "verdicts.json"
SEED = 1
SHORT_S = 30.0


def short_cases() -> list[Case]:
    """The cases of the short run."""
    return [case for case in read_cases() if case.short]


def verdict_of(case: Case) -> Verdict:
    """What comes of a case now."""
    return verdict(run_case(case, [SEED]).report)


def golden(path: Path = GOLDEN) -> dict[str, Verdict]:
    """What came of every case when it was last accepted."""
    found: dict[str, Verdict] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_golden(verdicts: Mapping[str, Verdict], path: Path = GOLDEN) -> None:
    """Accept the verdicts."""
    lines = (f" {json.dumps(name)}: {json.dumps(one)}" for name, one in verdicts.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def changes(now: Mapping[str, Verdict], before: Mapping[str, Verdict]) -> Sequence[str]:
    """A line for every verdict that changed."""
    return list(_changes(now, before))


def _changes(now: Mapping[str, Verdict], before: Mapping[str, Verdict]) -> Iterable[str]:
    for name, new in now.items():
        old = before.get(name)
        if old is None:
            yield f"{name}: new, {new}"
        elif old != new:
            kinds = sorted({*old, *new})
            said = [
                f"{kind} {old.get(kind, [])} -> {new.get(kind, [])}"
                for kind in kinds
                if old.get(kind) != new.get(kind)
            ]
            yield f"{name}: " + "; ".join(said)
