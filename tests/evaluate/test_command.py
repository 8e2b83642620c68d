"""`traffic-ai evaluate`: a run folder beside its truth, and what is said when they do not fit."""

import json
import shutil
from html.parser import HTMLParser
from importlib.util import find_spec

import pytest

from tests.batch.runs import analyse
from tests.blocks import ROOT, write_blocks, write_site
from tests.evaluate.conftest import truth_document
from traffic_ai.evaluate.truth_document import read_truth

needs_trackers = pytest.mark.skipif(
    find_spec("trackers") is None, reason="the extra `evaluate` is not installed"
)


def test_a_run_is_judged_by_its_truth(case, call, tmp_path):
    out = tmp_path / "report.json"
    called = call(case.run, "--truth", case.truth, "--json", out)
    assert called.code == 0
    assert "2 of 2" in called.out
    report = json.loads(out.read_text())
    assert report["format"] == "traffic-ai-evaluation/1"
    (kind,) = report["summary"]["kinds"]
    assert (kind["kind"], kind["due"], kind["hits"], kind["false_alarms"]) == ("wrong_way", 2, 2, 0)
    assert [hit["place"]["vehicle"] for hit in report["hits"]] == [1, 2]
    assert report["summary"]["vehicles"] == 2


@needs_trackers
def test_tracks_are_scored(case, call, tmp_path):
    out = tmp_path / "report.json"
    call(case.run, "--truth", case.truth, "--json", out)
    (scores,) = json.loads(out.read_text())["summary"]["tracks"]
    assert scores["id_switches"] == 0
    assert scores["hota"] > 0.7
    assert scores["mota"] > 0.7


def test_a_run_without_tracks_is_judged_all_the_same(case, call, tmp_path):
    shutil.copytree(case.run, tmp_path / "run", ignore=shutil.ignore_patterns("tracks"))
    called = call(tmp_path / "run", "--truth", case.truth)
    assert called.code == 0
    assert "2 of 2" in called.out
    assert "--keep-tracks" in called.out


def test_hand_made_truth_is_taken_too(case, call, tmp_path):
    truth = tmp_path / "noted.json"
    truth.write_text(
        json.dumps(
            {
                "format": "traffic-ai-truth/2",
                "duration_s": 4.4,
                "kinds": ["wrong_way"],
                "violations": [
                    {"kind": "wrong_way", "t_s": 0.5, "until_s": 1.8, "lane": "east"},
                    {"kind": "wrong_way", "t_s": 2.6, "tolerance_s": 1.5, "class": "car"},
                    {"kind": "wrong_way", "t_s": 4.2, "lane": "east", "tolerance_s": 0.1},
                ],
            }
        )
    )
    called = call(case.run, "--truth", truth, "--site", case.site)
    assert called.code == 0
    assert "2 of 3" in called.out
    assert "missed" in called.out
    assert "hour of footage" in called.out


class Page(HTMLParser):
    """Tags, what they load, and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loaded, self.open, self.text = set(), [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loaded += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_holds_by_itself_and_escapes_every_name(case, call, tmp_path):
    html = tmp_path / "report.html"
    path = case.write(violations=truth_document()["violations"][:1])
    assert call(case.run, "--truth", path, "--site", case.site, "--html", html).code == 0
    text = html.read_text()
    page = Page(text)
    assert not page.open
    assert {"svg", "table"} <= page.tags
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "b-", "i-"})
    assert not page.loaded
    assert "url(" not in text
    assert "blocks <i>" in page.text
    assert "wrong way <b>" in page.text  # the deed of the false record
    assert "blocks <i>" not in text
    assert "wrong way <b>" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "traffic-ai-truth/1"}, ["'traffic-ai-truth/1'", "traffic-ai-truth/2"]),
        ({"camera_id": "other"}, ["'other'", "'gate'"]),
        ({"duration_s": 0}, ["duration_s", "0"]),
        ({"t_s": [0.0, 0.0]}, ["t_s", "does not increase"]),
        ({"t_s": [0.0, 1.0]}, ["t_s ends at 1"]),
        ({"violations": [{"kind": "parking", "t_s": 1}]}, ["'parking'", "wrong_way"]),
        ({"violations": [{"kind": "wrong_way"}]}, ["t_s of violations[0] is missing"]),
        ({"violations": [{"kind": "wrong_way", "t_s": 1, "vehicle": "7"}]}, ["vehicle", "'7'"]),
        ({"violations": [{"kind": "wrong_way", "t_s": 3, "until_s": 1}]}, ["ends at 1"]),
        ({"vehicles": [{"id": 1, "class": "tank", "first_frame": 0}]}, ["'tank'", "truck"]),
        ({"vehicles": [{"id": 1, "first_frame": 0, "box_px": [[1, 2]]}]}, ["box_px", "shape"]),
    ],
)
def test_a_bad_truth_is_refused_with_its_value(case, call, changes, said):
    called = call(case.run, "--truth", case.write(**changes), "--site", case.site)
    assert called.code == 2
    for words in said:
        assert words in called.err, called.err
    assert "Traceback" not in called.err


def test_a_truth_that_is_not_there_is_named(case, call, tmp_path):
    called = call(case.run, "--truth", tmp_path / "noted.json")
    assert called.code == 2
    assert f"there is no truth {tmp_path / 'noted.json'}" in called.err


def test_a_misspelt_key_of_hand_made_truth_is_refused(case, call, tmp_path):
    truth = tmp_path / "noted.json"
    noted = {"kind": "wrong_way", "t_s": 1.0, "untill_s": 2.0}
    truth.write_text(
        json.dumps({"format": "traffic-ai-truth/2", "duration_s": 4.4, "violations": [noted]})
    )
    called = call(case.run, "--truth", truth, "--site", case.site)
    assert called.code == 2
    assert "'untill_s'" in called.err
    assert "until_s" in called.err


def test_what_is_no_run_no_truth_or_no_site_is_refused(case, call, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "truth.json"
    text.write_text("not json")
    for arguments, said in (
        ((empty, "--truth", case.truth), "holds no violations.sqlite"),
        ((tmp_path / "none", "--truth", case.truth), "holds no violations.sqlite"),
        ((case.run, "--truth", tmp_path / "no.json", "--site", case.site), "cannot read"),
        ((case.run, "--truth", text, "--site", case.site), "is not JSON"),
        ((case.run, "--truth", text), "site.yaml"),
        ((case.run, "--truth", case.truth, "--site", tmp_path / "no.yaml"), "no such file"),
        ((case.run, "--truth", case.truth, "--camera", "other"), "'other'"),
        ((case.run, "--truth", case.truth, "--video", "b.mp4"), "'b.mp4'"),
        ((case.run, "--truth", case.truth, "--json", empty), "cannot write"),
    ):
        called = call(*arguments)
        assert called.code in (1, 2), arguments
        assert said in called.err, (arguments, called.err)
        assert "Traceback" not in called.err


def test_of_several_videos_and_cameras_one_must_be_named(case, call, tmp_path):
    site = write_site(tmp_path / "site.yaml", {"id": "gate"}, {"id": "yard"})
    other = write_blocks(tmp_path / "other.mp4", seconds=2.0)
    third = write_blocks(tmp_path / "third.mp4", seconds=1.0)
    run = tmp_path / "run"
    for paths, camera in (([other, third], "gate"), ([other], "yard")):
        analyse(site, run, paths, camera_id=camera, write_evidence=False)
    anonymous = case.write(camera_id=None)
    assert "--camera" in call(run, "--truth", anonymous, "--site", site).err
    told = call(run, "--truth", case.truth, "--site", site).err
    assert "--video" in told
    assert "other.mp4, third.mp4" in told
    called = call(run, "--truth", case.truth, "--site", site, "--video", "other.mp4")
    assert called.code == 0
    assert "1 of 2" in called.out
    assert "is it of this recording?" in called.out


def test_another_site_file_is_told_and_its_records_are_kept_apart(case, call, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(case.run, run)
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "name": "changed"})
    told = call(run, "--truth", case.truth, "--site", site)
    assert told.code == 0
    assert "another site file" in told.out
    analyse(site, run, [case.folder / "wrong.mp4"], write_evidence=False)
    called = call(run, "--truth", case.truth, "--site", site)
    assert "another site file" not in called.out
    # The records of both site files lie in the store; one analysis is judged.
    assert "2 of 2" in called.out
    assert "reported twice" not in called.out


def test_a_kind_whose_rule_did_not_run_is_told(case, call):
    violations = [*truth_document()["violations"], {"kind": "red_light", "t_s": 1.0}]
    called = call(case.run, "--truth", case.write(violations=violations), "--site", case.site)
    assert "red_light: true violations, but its rule did not run" in called.out


def test_the_example_of_the_documentation_is_read(tmp_path):
    text = (ROOT / "docs" / "evaluation.md").read_text()
    path = tmp_path / "truth.json"
    path.write_text(text.split("```json\n")[1].split("```")[0])
    truth = read_truth(path)
    assert (truth.camera_id, len(truth.violations), len(truth.kinds)) == ("high-street", 3, 2)
    assert [true.certain for true in truth.violations] == [True, True, False]
    assert truth.violations[0].time_into_red_s == 1.9


def test_the_annotated_boxes_of_the_documentation_are_read(tmp_path):
    text = (ROOT / "docs" / "evaluation.md").read_text()
    path = tmp_path / "truth.json"
    path.write_text(text.split("```json\n")[2].split("```")[0])
    truck, other = read_truth(path).vehicles
    assert truck.visible.tolist() == [1.0, 0.0, 1.0]
    assert (other.first_frame, other.visible.tolist()) == (1, [0.2, 1.0])
