"""The short run: some cases, one seed each, whose verdicts must stay what they are.

python -m benchmarks.accuracy --short            compares
python -m benchmarks.accuracy --short --update   writes the verdicts anew, docs/accuracy.md too
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy.suite import Case, Verdict, read_cases, run_case, verdict
from benchmarks.accuracy.table import table

GOLDEN = Path(__file__).parent / "verdicts.json"
PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
SEED = 1
# What stands between these in the page is the table of the accepted verdicts.
_BEGIN, _END = "<!-- verdicts -->\n", "<!-- end of verdicts -->\n"


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


def table_of(verdicts: Mapping[str, Verdict]) -> str:
    """The table of docs/accuracy.md."""
    rows = [[name, _words(verdict)] for name, verdict in verdicts.items()]
    return table(("case", "verdict"), rows) + "\n"


def _words(verdict: Verdict) -> str:
    said = []
    for kind, (first, second, *false) in verdict.items():
        if kind == "speeds":
            said.append(f"speeds {first}, beyond {second}")
        else:
            told = f", {false[0]} false" if false[0] else ""
            said.append(f"{kind.replace('_', ' ')} {first} / {second}{told}")
    return "; ".join(said) or "nothing reported, rightly"


def told_on_page(path: Path = PAGE) -> str:
    """The table that stands in docs/accuracy.md."""
    return path.read_text(encoding="utf-8").split(_BEGIN)[1].split(_END)[0].strip() + "\n"


def write_on_page(verdicts: Mapping[str, Verdict], path: Path = PAGE) -> None:
    """Put the table into docs/accuracy.md."""
    before, rest = path.read_text(encoding="utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    text = f"{before}{_BEGIN}\n{table_of(verdicts)}\n{_END}{after}"
    path.write_text(text, encoding="utf-8")


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
