"""A short run of what `python -m benchmarks.fuzz` does for minutes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.targets import Targets, altered

NAMES = (
    "site file",
    "signal log",
    "truth",
    "entry",
    "chain",
    "waiting",
    "manifest",
    "seal",
    "document",
    "decision",
    "export",
)


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return Targets(tmp_path_factory.mktemp("fuzz")).all()


def test_every_target_is_run(targets):
    assert set(targets) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_altered_input_is_taken_or_refused(targets, name, data):
    sound, target = targets[name]
    target(data.draw(altered(sound)))
