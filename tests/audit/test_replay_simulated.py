"""Simulated traffic through tracker and rules: every violation is decided the same again."""

import json

import pytest

from traffic_ai.config.site import CameraSite
from traffic_ai.core.decision_text import decision_text, read_decision
from traffic_ai.core.replay import compare, replayed
from traffic_ai.core.violation import Violation, document
from traffic_ai.pipeline import Session
from traffic_ai.simulate.fast import run as fast
from traffic_ai.simulate.fast.identities import Mixups
from traffic_ai.simulate.fast.run import FastOptions, run_fast
from traffic_ai.simulate.fast.site import world_camera
from traffic_ai.simulate.traffic import load_scenario, make_world
from traffic_ai.wiring import new_rules


@pytest.fixture
def decisions(monkeypatch):
    """What the sessions of a fast run hand out."""
    kept = {}

    class Keeping(Session):
        def _observe(self, *given, **named):
            step = super()._observe(*given, **named)
            kept.update(step.decisions)
            return step

    monkeypatch.setattr(fast, "Session", Keeping)
    return kept


@pytest.mark.parametrize(
    "options", [FastOptions(), FastOptions(mixups=Mixups(swaps_per_s=0.02, breaks_per_s=0.05))]
)
def test_by_the_real_tracker_and_by_one_that_mixes_vehicles_up(decisions, options):
    world = make_world(load_scenario("straight-one-way"), 7)
    size = world.camera.width_px, world.camera.height_px
    camera = world_camera(world)
    run = run_fast(world, camera.scene(*size), camera.rules, 7, options)
    found = [finding for finding in run.findings if isinstance(finding, Violation)]
    assert found
    again = CameraSite.of_text(camera.text)
    for violation in found:
        decision = read_decision(decision_text(decisions[violation.id]))
        rules = new_rules(again.scene(*size), again.rules, violation.provenance)
        recorded = json.loads(json.dumps(document(violation)))
        assert compare(recorded, replayed(decision, rules)) == []
