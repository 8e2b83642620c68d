"""The verdicts of the short accuracy run are what they were when they were last accepted.

Where a change is meant to change them: `python -m benchmarks.accuracy --short --update`.
"""

import pytest

from benchmarks.accuracy.rendered import CASES as DRAWN
from benchmarks.accuracy.short import (
    PAGE,
    changes,
    golden,
    short_cases,
    table_of,
    told_on_page,
    verdict_of,
)
from benchmarks.accuracy.suite import Case, read_cases


@pytest.mark.parametrize("case", short_cases(), ids=lambda case: case.name)
def test_verdict_is_unchanged(case: Case) -> None:
    before = golden()
    assert not changes({case.name: verdict_of(case)}, before)


def test_every_accepted_verdict_has_its_case() -> None:
    assert set(golden()) == {case.name for case in short_cases()}


def test_the_page_tells_the_accepted_verdicts() -> None:
    assert told_on_page() == table_of(golden())


def test_the_page_tells_of_every_case() -> None:
    page = PAGE.read_text(encoding="utf-8")
    cases = [*read_cases(), *read_cases(DRAWN)]
    assert not [case.name for case in cases if f"| {case.name} |" not in page]


def test_there_are_sixty_cases_and_every_one_says_what_it_expects() -> None:
    cases = read_cases()
    assert len(cases) >= 60
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.expect for case in cases)


def test_what_only_a_picture_shows_of_lamps_is_drawn() -> None:
    fast = {case.scenario.look.lamp_fault for case in read_cases()}
    drawn = {case.scenario.look.lamp_fault for case in read_cases(DRAWN)}
    assert fast == {"", "dark"}
    assert drawn == {"", "dark", "flicker", "bloom", "hidden"}


def test_further_worlds_are_none_that_any_drawn_case_names() -> None:
    cases = read_cases(DRAWN)
    named = {seed for case in cases for seed in case.seeds}
    further = [seed for case in cases for seed in case.further_worlds(5)]
    assert not named & set(further)
    assert len(set(further)) == 5 * len(cases)


def test_change_of_a_verdict_is_told() -> None:
    said = changes({"a": {"red_light": [1, 2, 0]}}, {"a": {"red_light": [2, 2, 0]}})
    assert said == ["a: red_light [2, 2, 0] -> [1, 2, 0]"]
