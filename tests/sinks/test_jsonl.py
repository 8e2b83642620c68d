"""Violations as lines of JSON: one whole document each."""

import io
import json

from tests.records import KEY, violation
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import ViolationKind, document
from traffic_ai.sinks.jsonl import write_jsonl
from traffic_ai.stores.database import ViolationStore


def test_each_line_is_the_document_with_its_source_and_evidence(tmp_path):
    made = [violation(kind, lane_id="làn\n1") for kind in ViolationKind]
    stream = io.StringIO()
    with ViolationStore.open(tmp_path / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, made)
        store.set_evidence(made[0].id, EvidenceState.WRITTEN, "evidence/x", "clip: cut short")
        assert write_jsonl(store.documents(), stream) == len(made)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    by_id = {line["id"]: line for line in lines}
    assert len(lines) == len(by_id) == len(made)
    first = by_id[made[0].id]
    assert first["evidence"] == {
        "state": "written",
        "path": "evidence/x",
        "message": "clip: cut short",
    }
    nobody = {"state": "proposed", "reason": None, "note": "", "by": "", "at": None}
    for one in made:
        line = by_id[one.id]
        assert line.pop("source") == "a.mp4"
        line.pop("evidence")
        assert line.pop("review") == nobody
        assert line == document(one)
