"""`traffic-ai explain`: in words, as a page, and counted."""

import dataclasses
import json
import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.audit.test_replay_decision import RUNNER, SPEEDER, STANDING, WRONG, reported
from tests.blocks import packages_of
from tests.records import MadeFootage, near_miss, scene, signals, violation
from tests.road import Road, Vehicle, straight
from traffic_ai.audit.explain import Explained, explain_package, near_miss_words, words
from traffic_ai.audit.explain_page import page
from traffic_ai.audit.explain_speed import speed_curve
from traffic_ai.audit.replay_package import Package
from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import (
    Condition,
    ViolationKind,
    at_least,
    at_most,
    document,
    is_so,
)
from traffic_ai.evidence.condition_words import condition_words
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.stores.database import ViolationStore

CONDITIONS = (
    is_so("seen_before_line", "yes", "yes", True),
    dataclasses.replace(at_least("time_into_red", 0.9, 0.3, "s"), margin=0.6),
    at_most("leap", 0.39, 1.0, "of possible"),
    is_so("permitted_turn", "no", "no", True),
)
RED = violation(ViolationKind.RED_LIGHT, explanation=CONDITIONS)


@pytest.fixture
def package(tmp_path):
    """Writes a package of a violation, without what it was decided on."""

    def make(made=RED):
        recorder = EvidenceRecorder(tmp_path / "run" / "evidence")
        result = recorder.record(made, MadeFootage(), scene(), signals())
        return tmp_path / "run" / result.path

    return make


def explained(kind, road=None):
    """A violation that was decided on a simulated road, explained."""
    road = road or Road()
    vehicle = {
        ViolationKind.RED_LIGHT: RUNNER,
        ViolationKind.STOP_OVER_LINE: STANDING,
        ViolationKind.WRONG_WAY: WRONG,
        ViolationKind.SPEEDING: SPEEDER,
    }[kind]
    made, decision = next((v, d) for v, d in reported([vehicle], road) if v.kind is kind)
    nothing = Package(Path("nowhere"), {"violation": document(made)}, document(made))
    return Explained(nothing, made, decision, road.scene(), "")


# -- words -----------------------------------------------------------------------------------------


def test_the_words_of_a_record(package):
    told = words(explain_package(package()))
    assert re.fullmatch(
        r"sealed:        entry 1 of the chain of gate, 20\S+Z, not signed", told.pop(-2)
    )
    assert told == [
        "red light: car in lane lane-1 at 2026-05-01T03:00:12.000+00:00 (12.00 s), "
        "0.90 s into red (at most 1.30 s)",
        "",
        "reported because all of this was so:",
        "  yes  seen before the stop line: yes (asked: yes)",
        "  yes  red had been shown when the front crossed at the earliest: 0.90 s "
        "(asked: more than 0.30 s; 0.60 s to spare)",
        "  yes  largest leap between sightings, against what one vehicle can do: 0.39 times "
        "(asked: at most 1 times; 0.61 times to spare)",
        "  yes  left by a permitted turn: no (asked: no)",
        "",
        "crossing:      rear at 12.40 s +- 0.02 s, front between 11.90 and 12.30 s",
        "red:           since 11.00 s, at most 0.04 s sooner",
        "yellow:        3.20 s before that",
        "decision:      not kept: the package holds no decision.json: it was made before decisions "
        "were kept, or by a rule of another package that decides on more than one vehicle",
        "wall clock:    2026-05-01 03:00:12.000 +00:00; given start time, good to 1 s",
        "camera:        gate, without a name",
        "made by:       rule 1, software 0.1.0",
        f"detector:      model of SHA-256 {RED.provenance.model_hash}",
        f"site:          SHA-256 {RED.provenance.config_hash}",
        f"seen in:       source of SHA-256 {RED.provenance.source_hash}",
        f"record:        {RED.id}",
    ]


def test_the_words_of_a_near_miss():
    assert near_miss_words(near_miss(explanation=(at_least("time_into_red", 0.2, 0.3, "s"),))) == [
        "no red light: motorcycle in lane lane-1 at 2026-05-01T03:00:04.000+00:00 (4.00 s)",
        "not reported: grace period",
        "",
        "what was asked:",
        "  NO   red had been shown when the front crossed at the earliest: 0.20 s "
        "(asked: more than 0.30 s; 0.10 s short)",
    ]


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        (at_least("baseline", 24.0, 10.0, "m"), "measured over: 24.00 m (asked: at least 10.00 m"),
        (at_most("gap", 2.5, 1.0, "s"), "gap: 2.50 s (asked: at most 1.00 s; 1.50 s short)"),
        (at_most("gap", 0.5, 1.0, "s"), "gap: 0.50 s (asked: at most 1.00 s; 0.50 s to spare)"),
        (at_least("points", 26.0, 5.0, ""), "sightings measured from: 26 (asked: at least 5; 21"),
        (is_so("came_over_on", "flashing_red", "red", False), "flashing red (asked: red)"),
        (at_least("own_rule_name", 1.5, 1.0, "bar"), "own rule name: 1.50 bar (asked: at least"),
        (Condition("x", float("nan"), 1.0, "s", False), "x: not known (asked: 1.00 s)"),
    ],
)
def test_conditions_in_words(condition, line):
    assert line in condition_words(condition).line


def test_what_a_rule_measures_is_told_for_every_kind():
    told = {kind: "\n".join(words(explained(kind))) for kind in ViolationKind}
    assert "km/h between two gates" in told[ViolationKind.SPEEDING]
    assert re.search(r"uncertainty:   [\d.]+ km/h = 2 x [\d.]+ \(fit", told[ViolationKind.SPEEDING])
    assert re.search(r"stood for 3\.\d+ s of it", told[ViolationKind.STOP_OVER_LINE])
    assert "of the lane" in told[ViolationKind.WRONG_WAY]
    for kind in (ViolationKind.RED_LIGHT, ViolationKind.STOP_OVER_LINE):
        assert "yellow from 2.00 s, red from 5.00 s (by feed)" in told[kind]


def test_every_condition_of_the_built_in_rules_has_words_of_its_own():
    names = {c.name for kind in ViolationKind for c in explained(kind).violation.explanation}
    plain = {"speed", "speed less its uncertainty"}
    same = {n for n in names if condition_words(at_least(n, 1, 1, "")).what == n.replace("_", " ")}
    assert same <= plain


# -- the page --------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Keeps tags, what they refer to, and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.references, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [v for k, v in attrs if k in ("href", "src", "xlink:href")]

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


def drawings(html):
    """Each SVG of the page, parsed: they are XML too."""
    return [ET.fromstring(s) for s in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def classes(drawing):
    return {part for e in drawing.iter() for part in e.get("class", "").split()}


@pytest.mark.parametrize("kind", list(ViolationKind))
def test_the_page_holds_by_itself_and_draws_what_was_decided_on(kind):
    html = page(explained(kind))
    found = read(html)
    assert "script" not in found.tags
    assert found.references == []
    still, *charts = drawings(html)
    assert {"lane", "driven", "box", "seen", "stop"} <= classes(still)
    assert "speed" in classes(charts[-1])
    assert "band" in classes(charts[-1])
    if kind in (ViolationKind.RED_LIGHT, ViolationKind.STOP_OVER_LINE):
        assert {"yellow", "red", "doubt", "during"} <= classes(charts[0])
    if kind is ViolationKind.SPEEDING:
        assert {"measured", "mean", "limit"} <= classes(charts[-1])
        assert "measured 80" in "".join(charts[-1].itertext())


def test_the_box_on_the_still_is_where_the_vehicle_was():
    made = explained(ViolationKind.SPEEDING)
    still = drawings(page(made))[0]
    (box,) = (e for e in still.iter() if e.get("class") == "box")
    points = made.decision.vehicle.points
    i = int(np.searchsorted(points.t_s, made.violation.stills_s[1]))
    assert float(box.get("x")) == pytest.approx(points.xyxy_px[i, 0], abs=12.0)
    assert float(box.get("y")) == pytest.approx(points.xyxy_px[i, 1], abs=12.0)


def test_without_a_road_plane_the_page_says_there_is_no_speed():
    html = page(explained(ViolationKind.WRONG_WAY, Road(calibrated=False)))
    assert "no road plane" in html
    assert len(drawings(html)) == 2, "the still and the signal"


def test_the_page_of_a_real_package_holds_its_still(blocks_run):
    folder = next(iter(packages_of(blocks_run).values()))
    html = page(explain_package(folder))
    (picture,) = read(html).references
    assert picture.startswith("data:image/jpeg;base64,")
    assert "against the direction" in html


def test_a_package_without_decision_is_explained_without_drawings(package):
    html = page(explain_package(package()))
    assert drawings(html) == []
    assert "Nothing can be drawn" in html


def test_names_cannot_become_markup(package):
    hostile = '<script>alert(1)</script>"onload="x'
    made = dataclasses.replace(
        RED, lane_id=hostile, explanation=(is_so(hostile, hostile, hostile, True),)
    )
    html = page(explain_package(package(made)))
    assert "script" not in read(html).tags
    assert hostile not in html
    assert any(hostile in text for text in read(html).text)


# -- the speed curve -------------------------------------------------------------------------------


def test_the_curve_follows_the_speed_and_its_band_holds_it():
    steady = Vehicle(straight(1.75, 20.0, 12.0), RoadUser.CAR)
    ((made, decision),) = reported([steady], noise_px=1.0)
    curve = speed_curve(decision.vehicle.points, Road().scene().homography, made.road_user)
    assert len(curve.t_s) > 10
    apart = np.abs(curve.speed_kmh - 72.0)
    assert np.mean(apart <= curve.band_kmh + 0.5) > 0.9
    assert np.median(curve.speed_kmh) == pytest.approx(72.0, rel=0.02)


# -- the command -----------------------------------------------------------------------------------


def test_a_record_is_explained_by_its_id_and_drawn(run_copy, call, tmp_path):
    record_id = min(packages_of(run_copy))
    drawn = tmp_path / "why.html"
    said = call("explain", record_id[:10], run_copy, "--output", drawn)
    assert said.code == 0
    assert said.out.startswith("wrong way: car in lane east")
    assert f"drawn: {drawn}" in said.out
    assert drawn.read_text().startswith("<!DOCTYPE html>")
    assert call("replay", run_copy).code == 0, "the package is as it was"


def test_by_its_folder_and_in_words_alone(run_copy, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = next(iter(packages_of(run_copy).values()))
    assert call("explain", folder, "--only-words").code == 0
    assert list(tmp_path.glob("*.html")) == []
    assert call("explain", folder).code == 0
    assert [p.name for p in tmp_path.glob("*.html")] == [f"explanation-{folder.name[:8]}.html"]


def test_the_page_is_written_though_nobody_reads_the_words_to_their_end(
    run_copy, call, tmp_path, monkeypatch
):
    def closed(*arguments, **named):
        raise BrokenPipeError

    monkeypatch.setattr("traffic_ai.cli.explain.typer.echo", closed)
    drawn = tmp_path / "why.html"
    with pytest.raises(BrokenPipeError):
        call("explain", next(iter(packages_of(run_copy).values())), "--output", drawn)
    assert drawn.read_text().startswith("<!DOCTYPE html>")


def test_a_record_is_explained_for_a_script_too(run_copy, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record_id, folder = next(iter(packages_of(run_copy).items()))
    before = sorted(tmp_path.iterdir())
    told = json.loads(call("explain", record_id[:12], run_copy, "--json").out)
    assert told["id"] == record_id
    assert all(condition["met"] for condition in told["explanation"])
    assert told["facts"]["record"] == record_id
    assert sorted(tmp_path.iterdir()) == before, "no page was asked for"
    said = call("explain", folder, "--json", "--output", "page.html")
    assert json.loads(said.out) == told
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")


@pytest.fixture
def with_near_misses(blocks_run, tmp_path):
    run = shutil.copytree(blocks_run, tmp_path / "run")
    with ViolationStore.open(run / "violations.sqlite") as store:
        (source,) = store.sources()
        misses = [near_miss(t_s=float(t), camera_id="gate") for t in range(3)]
        store.add_findings(source.key, [*misses, near_miss(9.0, "uncertainty")])
        ids = [miss.id for miss in store.near_misses()]
    return run, ids


def test_near_misses_are_counted_by_reason(with_near_misses, call):
    run, _ = with_near_misses
    said = call("explain", "--near-misses", run)
    assert [" ".join(line.split()) for line in said.out.splitlines()] == [
        "3 gate red light not reported: grace period",
        "1 gate red light not reported: uncertainty",
        "2 gate wrong way reported",
    ]
    first = json.loads(call("explain", "--near-misses", run, "--json").out)[0]
    assert first == {"camera_id": "gate", "kind": "red_light", "reason": "grace_period", "count": 3}


def test_near_misses_are_told_one_by_one_with_their_ids(with_near_misses, call):
    run, ids = with_near_misses
    lines = call("explain", "--near-misses", "--each", run).out.splitlines()
    assert [line.partition("  ")[0] for line in lines] == ids
    assert lines[0].endswith("(0.00 s); grace period")
    told = json.loads(call("explain", "--near-misses", "--each", run, "--json").out)
    assert [(miss["id"], miss["kind"]) for miss in told] == [(i, "red_light") for i in ids]


def test_a_near_miss_is_explained_by_its_id(with_near_misses, call):
    run, ids = with_near_misses
    said = call("explain", ids[0], run)
    assert said.code == 0
    assert said.out.startswith("no red light: motorcycle in lane lane-1")
    told = json.loads(call("explain", ids[0], run, "--json").out)
    assert (told["id"], told["reason"]) == (ids[0], "grace_period")


@pytest.mark.parametrize(
    ("arguments", "words_in"),
    [
        (("zz", "RUN"), "holds no packages whose id begins with 'zz'"),
        (("RUN",), "is no package (it holds no manifest.json); for a record of a run folder"),
        (("4f1c09",), "write `traffic-ai explain 4f1c09 RUN_FOLDER`"),
        (("a", "b", "c"), "3 arguments were given"),
        (("--near-misses", "RUN", "RUN"), "takes one run folder"),
    ],
)
def test_calls_that_mean_nothing_are_refused(blocks_run, call, arguments, words_in):
    said = call("explain", *(str(blocks_run) if a == "RUN" else a for a in arguments))
    assert said.code == 2
    assert words_in in said.err


def test_what_could_steer_a_terminal_is_not_printed(package, call):
    folder = package()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["place"] = "gate\x1b[2J\u202e"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    said = call("explain", folder, "--only-words")
    assert "\x1b" not in said.out
    assert "gate?[2J?" in said.out


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["violation"].pop("measurement"),
        lambda m: m["violation"].update(kind="parking"),
        lambda m: m["violation"].update(explanation=[{}]),
    ],
)
def test_a_manifest_that_is_none_is_refused(package, change):
    folder = package()
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EvidenceError):
        explain_package(folder)


@pytest.mark.parametrize("stills", [None, 3, [{}], [{"file": "at.jpg", "t_s": None}], ["x"]])
def test_odd_stills_in_a_manifest_leave_the_page_without_a_picture(blocks_run, tmp_path, stills):
    folder = shutil.copytree(next(iter(packages_of(blocks_run).values())), tmp_path / "package")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["stills"] = stills
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert read(page(explain_package(folder))).references == []
