"""Names that a spreadsheet, a browser or a terminal would take for commands."""

import csv
import io
from html.parser import HTMLParser

import pytest

from tests.evaluate.made import PARAMETERS
from tests.records import KEY, violation
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.page import page
from traffic_ai.evaluate.truth_document import truth_of
from traffic_ai.stores.database import ViolationStore

FORMULAS = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    "'=1",
    '=HYPERLINK("http://x";"y")',
    'a",=1,"b',
    "a\r\n=1",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(call, tmp_path, text):
    run = tmp_path / "run"
    run.mkdir()
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.start_source(KEY, text)
        store.add_findings(KEY, [violation(lane_id=text, camera_id=text)])
    called = call("export", run)
    [row] = csv.DictReader(io.StringIO(called.out, newline=""))
    assert row["lane_id"].removeprefix("'") in (text, text.removeprefix("'"))
    for cell in row.values():
        assert not cell.lstrip().startswith(tuple("=+@\uff1d"))
        assert not cell.startswith(("-2", "\t", "\r"))
    assert None not in row  # nothing ran over into another column


def test_an_error_that_names_a_folder_cannot_steer_the_terminal(call, tmp_path):
    folder = tmp_path / "run\x1b[2J\r\x07"
    folder.mkdir()
    for command in ("explain", "replay", "verify", "export"):
        said = call(command, folder)
        assert said.code == 2
        assert "run?[2J??" in said.err
        assert not set("\x1b\r\x07") & set(said.out + said.err)


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>&amp;'


class Reader(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.said = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data):
        self.said.append(data)


def test_names_cannot_become_markup_in_the_page_of_an_evaluation():
    truth = truth_of(
        {
            "format": "traffic-ai-truth/2",
            "name": HOSTILE,
            "duration_s": 60.0,
            "violations": [{"kind": "speeding", "t_s": 5.0, "lane": HOSTILE, "speed_kmh": 80.0}],
        }
    )
    report = evaluate([violation(lane_id=HOSTILE, t_s=30.0)], [], truth, PARAMETERS)
    html = page(report, HOSTILE)
    reader = Reader()
    reader.feed(html)
    assert not {"script", "img"} & set(reader.tags)
    assert not {"onerror", "onload", "src"} & set(reader.attributes)
    assert HOSTILE in "".join(reader.said)
