"""How accurate verdicts and speeds are: the named cases and the pools, as tables.

python -m benchmarks.accuracy [--jobs 2]                 cases and pools in the fast mode
python -m benchmarks.accuracy --all                      those, and the drawn cases
python -m benchmarks.accuracy --only cases --case NAME   one case
python -m benchmarks.accuracy --looks 3 4 5 7 10         cases, at most so many looks a second
python -m benchmarks.accuracy --only pools --share 0.1   a tenth of every pool
python -m benchmarks.accuracy --rendered                 the drawn cases, through the detector
python -m benchmarks.accuracy --rendered --further 2     in two worlds each that no one looked at
python -m benchmarks.accuracy --peers                    other projects' formulas on the same
python -m benchmarks.accuracy --short [--update]         the verdicts that CI compares
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.accuracy import short
from benchmarks.accuracy.peers import Environment, show
from benchmarks.accuracy.pools import POOLS, Part
from benchmarks.accuracy.rendered import CASES as DRAWN
from benchmarks.accuracy.rendered import run_drawn
from benchmarks.accuracy.suite import Case, Outcome, read_cases, run_case, verdict
from benchmarks.accuracy.table import (
    WORDS,
    case_table,
    differences,
    kind_table,
    percent,
    speed_table,
)
from benchmarks.accuracy.work import each, kept
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.intervals import Share
from traffic_ai.evaluate.json_report import report_document
from traffic_ai.evaluate.page import page
from traffic_ai.evaluate.report import Hit, Miss, Report

Worlds = tuple[Case, tuple[int, ...]]
"""A case and the seeds of its worlds."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.short:
        return _short(options.update)
    if options.peers:
        environments = [Environment(name, python) for name, python in _peers(options)]
        show(environments, options.share, options.out, options.jobs)
        return 0
    if options.looks:
        _looks(options)
        return 0
    if not options.rendered:
        _fast(options)
    if options.rendered or options.all:
        _rendered(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--only", choices=("all", "cases", "pools"), default="all")
    parser.add_argument("--case", action="append", help="only this case (may be repeated)")
    parser.add_argument("--pool", action="append", choices=POOLS, help="only this pool")
    parser.add_argument("--seeds", type=int, default=3, help="worlds a case")
    parser.add_argument(
        "--further", type=int, default=0, help="so many worlds a case instead that none names"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of each pool")
    parser.add_argument("--every-frame", action="store_true", help="pools: look at every frame")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--short", action="store_true", help="compare the verdicts")
    parser.add_argument("--update", action="store_true", help="with --short: accept the verdicts")
    parser.add_argument("--looks", type=float, nargs="+", help="cases at so many looks a second")
    parser.add_argument("--rendered", action="store_true", help="only the drawn cases")
    parser.add_argument("--all", action="store_true", help="the drawn cases too")
    parser.add_argument("--peers", action="store_true", help="other projects' formulas")
    for name, folder in (("supervision", ".venv-bench"), ("ultralytics", ".venv-ultralytics")):
        python = Path(folder) / "bin" / "python"
        parser.add_argument(f"--{name}", type=Path, default=python, help="its environment's python")
    parser.add_argument("--out", type=Path, default=Path("out/accuracy"), help="JSON files")
    return parser


def _peers(options: argparse.Namespace) -> list[tuple[str, Path]]:
    own = Path(sys.executable)  # Frigate's formula needs no environment of its own
    return [
        ("supervision", options.supervision),
        ("ultralytics", options.ultralytics),
        ("cv2", own),
    ]


def _short(update: bool) -> int:
    now = {case.name: short.verdict_of(case) for case in short.short_cases()}
    if update:
        short.write_golden(now)
        short.write_on_page(now)
        return 0
    changed = short.changes(now, short.golden())
    for line in changed:
        print(line)
    return 1 if changed else 0


def _chosen_cases(options: argparse.Namespace) -> list[Case]:
    cases = [c for c in read_cases() if not options.case or c.name in options.case]
    if not cases:
        sys.exit(f"no case {options.case}; there are {', '.join(c.name for c in read_cases())}")
    return cases


def _looks(options: argparse.Namespace) -> None:
    """The cases as on machines too slow for more looks a second, beside one that is not."""
    reports = {}
    for rate in (*sorted(options.looks), math.inf):
        name = "as many as wanted" if rate == math.inf else f"{rate:g} looks a second"
        cases = [
            replace(case, look_at=replace(case.look_at, most_looks_per_s=rate))
            for case in _chosen_cases(options)
        ]
        outcomes = _in_fast_mode(cases, options)
        reports[name] = Report.merge(outcome.report for outcome in outcomes)
    print(f"\n### Cases by looks a second, {options.seeds} worlds each\n")
    print(kind_table(reports), flush=True)


def _fast(options: argparse.Namespace) -> None:
    if options.only in ("all", "cases"):
        _cases(options)
    if options.only in ("all", "pools"):
        _pools(options)


def _cases(options: argparse.Namespace) -> None:
    cases = _chosen_cases(options)
    outcomes = _in_fast_mode(cases, options)
    print(f"\n### Cases, {options.further or options.seeds} worlds each\n")
    print(case_table(outcomes))
    whole = Report.merge(outcome.report for outcome in outcomes)
    print(f"\n{kind_table({'all cases': whole})}\n\n{speed_table({'all cases': whole})}")
    print(f"\n#### What is not as it should be\n\n{differences(outcomes)}", flush=True)
    _write(options.out / "cases.json", {o.case.name: verdict(o.report) for o in outcomes})
    _write(options.out / "cases.report.json", report_document(whole))
    _write_page(options.out / "cases.html", whole, "Accuracy: cases in the fast mode")
    refused = [f"{o.case.name}: {why}" for o in outcomes for why in o.refused]
    if refused:
        sys.exit("scenes that cannot be:\n" + "\n".join(refused))


def _in_fast_mode(cases: Sequence[Case], options: argparse.Namespace) -> list[Outcome]:
    worlds = [_worlds(case, options) for case in cases]
    keys = [f"case {case.name} {seeds} {case.look_at}" for case, seeds in worlds]
    return list(each(_case, kept(worlds, keys, options.out), options.jobs, "cases"))


def _worlds(case: Case, options: argparse.Namespace) -> Worlds:
    further: int = options.further
    return case, tuple(case.further_worlds(further) if further else case.worlds(options.seeds))


def _rendered(options: argparse.Namespace) -> None:
    """The drawn cases beside the same worlds in the fast mode."""
    cases = [c for c in read_cases(DRAWN) if not options.case or c.name in options.case]
    if not cases:
        names = ", ".join(c.name for c in read_cases(DRAWN))
        sys.exit(f"no drawn case {options.case}; there are {names}")
    worlds = [_worlds(case, options) for case in cases]
    keys = [f"drawn {case.name} {seeds}" for case, seeds in worlds]
    do = partial(_drawn, folder=options.out / "drawn")
    drawn = list(each(do, kept(worlds, keys, options.out), options.jobs, "drawn"))
    fast = _in_fast_mode(cases, options)
    count = sum(len(seeds) for _, seeds in worlds)
    print(f"\n### Drawn cases, {count} worlds\n\n{case_table(drawn)}")
    print(f"\n#### What is not as it should be\n\n{differences(drawn)}")
    print(f"\n### The same worlds in the fast mode\n\n{case_table(fast)}")
    print(f"\n{_side_by_side(drawn, fast)}\n\n{_of_those_seen(drawn)}")
    for name, outcomes in (("drawn", drawn), ("fast", fast)):
        whole = Report.merge(outcome.report for outcome in outcomes)
        _write(options.out / f"{name}.json", {o.case.name: verdict(o.report) for o in outcomes})
        _write(options.out / f"{name}.report.json", report_document(whole))
        _write_page(options.out / f"{name}.html", whole, f"Accuracy: {name} cases")
        print(f"\n{kind_table({name: whole})}\n\n{speed_table(_by_class(name, whole))}", flush=True)


def _side_by_side(drawn: Sequence[Outcome], fast: Sequence[Outcome]) -> str:
    """In how many of the violations the detector's pictures change the verdict."""
    there, here = (
        {_key(hit) for o in outcomes for hit in o.report.hits} for outcomes in (drawn, fast)
    )
    due = {_key(one) for o in drawn for one in _due(o.report)}
    alike = len(due) - len(there ^ here)
    return (
        f"Of the {len(here)} that are found in the fast mode {len(here & there)} are found in the "
        f"pictures too, and {len(there - here)} more; {alike} of {len(due)} verdicts are the same."
    )


def _of_those_seen(drawn: Sequence[Outcome]) -> str:
    """How many were found of the violations that could be seen, and those that were not."""
    seen = Report.merge(outcome.seen for outcome in drawn if outcome.seen is not None)
    due, every = len(seen.hits) + len(seen.misses), sum(len(_due(o.report)) for o in drawn)
    share = percent(Share.counted(len(seen.hits), due))
    missed = Counter(WORDS[miss.place.kind] for miss in seen.misses)
    named = ", ".join(f"{count} x {kind}" for kind, count in missed.most_common())
    return (
        f"Of the {every} violations the vehicle of {due} could be seen (`could_be_seen.py`); of "
        f"these {len(seen.hits)} are found, {share}. Missed of them: {named or 'none'}."
    )


def _due(report: Report) -> tuple[Hit | Miss, ...]:
    return *report.hits, *report.misses


def _key(one: Hit | Miss) -> tuple[str, ViolationKind, int | None, int]:
    """What tells a violation of one world; two of one kind by one vehicle are seconds apart."""
    return one.place.world, one.place.kind, one.place.vehicle, round(one.place.t_s)


def _by_class(name: str, report: Report) -> dict[str, Report]:
    """The speeds of all, and of each class of road user."""
    classes = sorted({one.place.road_user for one in report.speeds})
    of_class = {
        f"{name}, {user}": replace(
            report,
            speeds=tuple(one for one in report.speeds if one.place.road_user == user),
            withheld=tuple(one for one in report.withheld if one.place.road_user == user),
        )
        for user in classes
    }
    return {name: report, **of_class}


def _drawn(worlds: Worlds, folder: Path) -> Outcome:
    case, seeds = worlds
    whole, seen = zip(*(run_drawn(case, seed, folder) for seed in seeds), strict=True)
    return Outcome(case, seeds, Report.merge(whole), seen=Report.merge(seen))


def _case(worlds: Worlds) -> Outcome:
    return run_case(*worlds)


def _pools(options: argparse.Namespace) -> None:
    for name in options.pool or POOLS:
        parts = list(POOLS[name](options.share))
        if options.every_frame:
            parts = [replace(p, look_at=replace(p.look_at, every_frame=True)) for p in parts]
        keys = [f"{name} {part.group} {part.seed} {part.look_at}" for part in parts]
        reports = list(each(_part, kept(parts, keys, options.out), options.jobs, name))
        print(f"\n### Pool {name}\n")
        if name.startswith("speed"):
            for of_group in _SPEED_GROUPS:
                print(speed_table(_grouped(parts, reports, of_group)) + "\n", flush=True)
        else:
            print(kind_table(_grouped(parts, reports)), flush=True)
        _write(options.out / f"{name}.json", report_document(Report.merge(reports)))


# Of "car, 30-50 km/h": each by itself, by class (or noise), by band, all.
_SPEED_GROUPS: tuple[Callable[[str], str], ...] = (
    str,
    lambda group: group.split(", ")[0],
    lambda group: group.split(", ")[1],
    lambda _: "all",
)


def _part(part: Part) -> Report:
    return part.run()


def _grouped(
    parts: Sequence[Part], reports: Sequence[Report], of_group: Callable[[str], str] = str
) -> dict[str, Report]:
    """Reports of parts of one group together."""
    groups: dict[str, list[Report]] = {}
    for part, report in zip(parts, reports, strict=True):
        groups.setdefault(of_group(part.group), []).append(report)
    return {group: Report.merge(found) for group, found in groups.items()}


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_page(path: Path, report: Report, title: str) -> None:
    """The page of `traffic-ai evaluate`, of all worlds together."""
    path.write_text(page(report, title), encoding="utf-8")
