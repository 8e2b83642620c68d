"""The named cases: read, driven over seeds, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from benchmarks.accuracy.drive import LookAt, drive
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.summary import Summary, summarize
from traffic_ai.simulate.traffic import Scenario, load_scenario, make_world

CASES = Path(__file__).parent / "cases.yaml"
_FURTHER = 10_000


@dataclass(frozen=True, slots=True)
class Case:
    """One scene and what a person expects of it. scenario: with all its changes; seeds: of its
    worlds, where the case names them.
    """

    name: str
    part: str
    expect: str
    scenario: Scenario
    look_at: LookAt
    short: bool
    seeds: tuple[int, ...] = ()

    def worlds(self, count: int) -> Sequence[int]:
        """The seeds of so many worlds; of a case that names fewer, all it names."""
        return self.seeds[:count] or range(1, count + 1)

    def further_worlds(self, count: int) -> Sequence[int]:
        """The seeds of so many worlds that the case does not name, far from those it does."""
        first = max(self.seeds, default=0) + _FURTHER
        return range(first, first + count)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a case over all its seeds. refused: why some of its worlds cannot be. seen: of
    drawn ones, the report of the violations that could be seen.
    """

    case: Case
    seeds: tuple[int, ...]
    report: Report
    refused: tuple[str, ...] = ()
    seen: Report | None = None
    summary: Summary = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "summary", summarize(self.report))


def read_cases(path: Path = CASES) -> list[Case]:
    """The cases of a file, in its order. Raises ConfigError for a scenario that cannot be."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    defaults = document["defaults"]
    return [_case(given, defaults) for given in document["cases"]]


def _case(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Case:
    base = load_scenario(given.get("of", defaults["of"])).with_changes(defaults["change"])
    known = {one.name for one in fields(LookAt)}
    look_at = given.get("look_at", {})
    unknown = set(look_at) - known
    if unknown:
        raise ValueError(f"{given['name']}: look_at has {unknown}; it takes {known}")
    return Case(
        given["name"],
        given["part"],
        given["expect"],
        base.with_changes({**given.get("change", {}), "name": given["name"]}),
        LookAt(**look_at),
        bool(given.get("short", False)),
        tuple(given.get("seeds", ())),
    )


def run_case(case: Case, seeds: Sequence[int]) -> Outcome:
    """The case in the fast mode, once a seed."""
    reports, refused = [], []
    for seed in seeds:
        try:
            world = make_world(case.scenario, seed)
        except ConfigError as error:
            refused.append(f"seed {seed}: {error}")
        else:
            reports.append(drive(world, seed, case.look_at).report)
    return Outcome(case, tuple(seeds), Report.merge(reports), tuple(refused))


Verdict = dict[str, list[int]]
"""By kind: found, due, false. Under "speeds": given, outside the allowance."""


def verdict(report: Report) -> Verdict:
    """The verdicts of a report, as they are compared with what they were before."""
    found = summarize(report)
    told = {
        figures.kind.value: [figures.hits, figures.due, figures.false_alarms]
        for figures in found.kinds
        if figures.due or figures.false_alarms
    }
    if found.speeds is not None:
        given = found.speeds.within
        told["speeds"] = [given.of, given.of - given.count]
    return told


def words(figures: Summary, kind: ViolationKind) -> str:
    """One kind in a cell of the table: found of due, and what was false."""
    for one in figures.kinds:
        if one.kind is kind and (one.due or one.false_alarms):
            false = f", {one.false_alarms} false" if one.false_alarms else ""
            return f"{one.hits} of {one.due}{false}"
    return ""
