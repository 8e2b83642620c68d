"""`traffic-ai demo` judges what it found itself, whatever the run folder held before."""

import json

import pytest

from tests.blocks import write_blocks, write_site
from traffic_ai import wiring

VERSION = "traffic_ai.rules.wrong_way.RULE_VERSION"


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A sample of two blocks that drive against the lane, in place of the junction."""
    (tmp_path / "sample_videos").mkdir()
    (tmp_path / "configs").mkdir()
    write_blocks(tmp_path / "sample_videos" / "junction.mp4")
    write_site(tmp_path / "configs" / "demo.yaml")
    wrong = {"kind": "wrong_way", "lane": "east", "class": "car", "driven_m": 50.0}
    truth = {"violations": [wrong | {"t_s": 0.2}, wrong | {"t_s": 2.6}]}
    (tmp_path / "sample_videos" / "junction.truth.json").write_text(json.dumps(truth))
    monkeypatch.setattr("traffic_ai.cli.sample.sample_root", lambda: tmp_path)


def test_what_another_version_of_a_rule_left_is_not_judged(sample, call, tmp_path, monkeypatch):
    out = tmp_path / "out"
    for version in ("one", "two"):
        monkeypatch.setattr(VERSION, version)
        monkeypatch.setitem(wiring._VERSIONS, "wrong_way", version)
        called = call("demo", "--out", out)
        assert called.code == 0, called
        assert "MISSED" not in called.out
        assert "NOT TRUE" not in called.out


def test_what_another_version_of_a_rule_had_found_hides_no_miss(
    sample, call, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert call("demo", "--out", out).code == 0
    monkeypatch.setattr(VERSION, "blind")
    monkeypatch.setitem(wiring._VERSIONS, "wrong_way", "blind")
    monkeypatch.setattr("traffic_ai.rules.wrong_way.WrongWay.update", lambda rule, observed: [])
    monkeypatch.setattr("traffic_ai.rules.wrong_way.WrongWay.close", lambda rule: [])
    called = call("demo", "--out", out)
    assert (called.code, called.out.count("MISSED")) == (1, 2), called
