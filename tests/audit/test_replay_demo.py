"""The whole way: real detector, tracker, lamps and rules on the sample, then decided again."""

import pytest

from tests.batch.runs import Heard
from tests.mounts import ROOT
from traffic_ai.audit.explain import explain_package
from traffic_ai.audit.explain_page import page
from traffic_ai.audit.replay import replay
from traffic_ai.batch.run import Batch
from traffic_ai.core.violation import ViolationKind
from traffic_ai.wiring import DetectorOptions, load_detector, open_site


@pytest.mark.detector
@pytest.mark.timeout(900)
def test_every_violation_of_the_sample_comes_out_the_same(tmp_path):
    site = open_site(ROOT / "configs" / "demo.yaml")
    batch = Batch(site, tmp_path / "out", load_detector(DetectorOptions()))
    [outcome] = batch.run([ROOT / "sample_videos" / "junction.mp4"], Heard())
    assert {v.kind for v in outcome.new_violations} == set(ViolationKind)
    assert outcome.evidence_problems == 0
    reports = list(replay(tmp_path / "out"))
    assert len(reports) == len(outcome.new_violations)
    for report in reports:
        assert report.is_same, report
        assert "<svg" in page(explain_package(report.folder))
