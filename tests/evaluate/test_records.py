"""Findings come back from the store as they went in."""

import json
import math

import pytest

from tests.records import near_miss, violation
from traffic_ai.core.errors import StoreError
from traffic_ai.core.recorded import finding_of
from traffic_ai.core.violation import NearMiss, Violation, ViolationKind
from traffic_ai.stores.rows import document_text


@pytest.mark.parametrize("kind", ViolationKind)
def test_a_violation_comes_back_as_it_was(kind):
    made = violation(kind)
    assert finding_of(document_text(made), Violation) == made


def test_a_near_miss_comes_back_with_its_measurement():
    measured = violation(ViolationKind.SPEEDING).measurement
    for made in (near_miss(), near_miss(measurement=measured), near_miss(occurred_at=None)):
        assert finding_of(document_text(made), NearMiss) == made


def test_near_misses_stored_before_measurements_were_kept_can_be_read():
    text = json.loads(document_text(near_miss()))
    del text["measurement"]
    assert finding_of(json.dumps(text), NearMiss) == near_miss()


def test_what_was_not_finite_is_no_number_again():
    text = json.loads(document_text(near_miss())) | {"t_s": None}
    assert math.isnan(finding_of(json.dumps(text), NearMiss).t_s)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"kind": "parking"}', '{"kind": 3}'])
def test_what_is_no_finding_is_refused(text):
    with pytest.raises(StoreError, match="a stored Violation"):
        finding_of(text, Violation)
