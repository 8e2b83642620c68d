"""Names and paths that mean to lead elsewhere."""

import json
import os
import shutil
import sqlite3
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import sealed
from tests.audit.test_verify import both
from tests.blocks import write_site
from tests.records import KEY, MadeFootage, scene, signals, violation
from traffic_ai.audit.records import open_records
from traffic_ai.audit.replay_package import Package
from traffic_ai.audit.verify import verify
from traffic_ai.core.errors import ConfigError, EvidenceError
from traffic_ai.core.printable import printable
from traffic_ai.core.record import EvidenceState
from traffic_ai.evidence.bar import Cell, data_bar
from traffic_ai.evidence.canvas import Canvas
from traffic_ai.evidence.package import folder_name
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.stores.database import ViolationStore
from traffic_ai.wiring import open_site

NAMES = (
    "..",
    ".",
    "",
    "../../etc",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "-rf",
    ".hidden",
    "x" * 300,
    "chain.jsonl\n",
    "ngã tư",
    "con\x1b[2J",
    "\ud800",
    "$(reboot)",
)


@pytest.mark.parametrize("name", [*NAMES, "A", "a b", "ñ"])
def test_a_site_file_takes_no_camera_id_that_is_more_than_a_plain_name(tmp_path, name):
    try:
        site = write_site(tmp_path / "site.yaml", {"id": json.dumps(name)})
    except UnicodeEncodeError:
        return
    with pytest.raises(ConfigError):
        open_site(site)


@given(st.text(max_size=200) | st.sampled_from(NAMES))
def test_a_name_is_one_harmless_folder_and_two_names_are_two(name):
    folder = folder_name(name)
    assert 0 < len(folder) <= 100
    assert not {"/", "\\", "\0"} & set(folder)
    assert folder[0] != "."
    assert folder.isascii()
    assert printable(folder) == folder
    assert folder_name(name + "x") != folder


@pytest.mark.parametrize("name", [name for name in NAMES if name != "\ud800"])
def test_evidence_never_leaves_its_folder(tmp_path, name):
    root = tmp_path / "run" / "evidence"
    made = violation(camera_id=name, id=name)
    result = EvidenceRecorder(root).record(made, MadeFootage(), scene(), signals())
    assert result.state is EvidenceState.WRITTEN
    package = (tmp_path / "run" / result.path).resolve()
    assert root.resolve() in package.parents
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["evidence"]
    assert verify(tmp_path / "run").problems == []


@pytest.fixture
def run(tmp_path):
    """A run folder with one record and its package, both real."""
    folder = tmp_path / "run"
    folder.mkdir()
    made = violation()
    result = EvidenceRecorder(folder / "evidence").record(made, MadeFootage(), scene(), signals())
    with ViolationStore.open(folder / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, [made])
        store.set_evidence(made.id, EvidenceState.WRITTEN, result.path)
    return folder


@pytest.mark.parametrize(
    "path", ["/etc", "../../../etc", "evidence/../../x/y/z", "evidence/a/b/c/.."]
)
def test_a_row_cannot_lead_review_or_handing_out_elsewhere(run, tmp_path, path):
    from tests.audit.test_handout import Eyes
    from traffic_ai.audit.handout import hand_out

    with sqlite3.connect(run / "violations.sqlite") as connection:
        connection.execute("UPDATE violations SET evidence_path = ?", (path,))
    connection.close()
    with open_records(run, "mai") as records:
        [record] = records.store.documents()
        with pytest.raises(EvidenceError, match="no package"):
            hand_out(records, record, Eyes(), tmp_path / "out")
    assert all(both(run))


@pytest.mark.parametrize(
    "name", ["../at.jpg", "/etc/passwd", "", ".", "..", "a/b", "x\0", 7, None, ["a"]]
)
def test_a_manifest_cannot_name_a_file_outside_its_package(run, name):
    [path] = run.glob("evidence/*/*/*/*/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["stills"][0]["file"] = name
    path.write_text(json.dumps(manifest))
    package = Package.read(path.parent)
    with pytest.raises((EvidenceError, ValueError)):
        package.member(name).read_bytes()


@pytest.mark.parametrize("name", ["chain.jsonl", "chain.next"])
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_chain_that_is_no_file_is_told_and_not_waited_for(run, tmp_path, name, kind):
    path = run / "evidence" / "gate" / name
    if path.exists():
        path.rename(tmp_path / "kept")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "kept")
    assert all(within(lambda: both(run)))


@pytest.mark.parametrize("name", ["at.jpg", "seal.json", "manifest.json", "more"])
@pytest.mark.parametrize("lone", [True, False])
def test_a_pipe_in_a_package_is_told_and_not_waited_for(run, name, lone):
    [folder] = run.glob("evidence/*/*/*/*")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert all(within(lambda: both(folder if lone else run)))


def test_a_name_that_no_font_can_draw_does_not_end_the_process():
    """OpenCV 5 ends it for half a surrogate pair."""
    cells = [Cell("lane \ud800", text) for text in NAMES]
    assert data_bar(cells, 640).shape[1] == 640
    assert Canvas(np.zeros((90, 160, 3), np.uint8)).label("\udfff", [np.zeros(2)], (0, 0, 0))


def test_a_package_that_is_a_link_is_told(run, tmp_path):
    [folder] = run.glob("evidence/*/*/*/*")
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert all(both(run))


def test_a_chain_of_another_camera_is_told(run):
    sealed.chain(run, "bridge").add("read", {"by": "mai"})
    shutil.copy(run / "evidence/bridge/chain.jsonl", run / "evidence/gate/chain.jsonl")
    assert all(both(run))


def within(ask, seconds=60.0):
    """What a call returns; fails where it never does."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert answers, "it waits for ever, or it failed"
    return answers[0]
