"""Simulated traffic through tracker and rules, and every violation decided again from its text."""

import json
from unittest.mock import patch

from traffic_ai.config.site import CameraSite
from traffic_ai.core.decision_text import decision_text, read_decision
from traffic_ai.core.replay import compare, replayed
from traffic_ai.core.violation import Violation, document
from traffic_ai.pipeline import Session
from traffic_ai.simulate.fast import run as fast
from traffic_ai.simulate.fast.run import FastOptions, run_fast
from traffic_ai.simulate.fast.site import world_camera
from traffic_ai.simulate.traffic import load_scenario, make_world
from traffic_ai.wiring import new_rules


def fast_replays(scenario, seed, options=None):
    """Each violation of a fast run with how it differs when it is decided again."""
    decisions = {}

    class Keeping(Session):
        def _observe(self, *given, **named):
            step = super()._observe(*given, **named)
            decisions.update(step.decisions)
            return step

    world = make_world(load_scenario(scenario), seed)
    size_px = world.camera.width_px, world.camera.height_px
    camera = world_camera(world)
    with patch.object(fast, "Session", Keeping):
        run = run_fast(world, camera.scene(*size_px), camera.rules, seed, options or FastOptions())
    again = CameraSite.of_text(camera.text)
    for violation in run.findings:
        if not isinstance(violation, Violation):
            continue
        decision = read_decision(decision_text(decisions[violation.id]))
        rules = new_rules(again.scene(*size_px), again.rules, violation.provenance)
        recorded = json.loads(json.dumps(document(violation)))
        yield violation, compare(recorded, replayed(decision, rules))
