"""Violations as lines of JSON: each the full document of one violation, with its evidence."""

import json
from collections.abc import Iterable
from typing import TextIO

from traffic_ai.core.record import DocumentedViolation


def write_jsonl(rows: Iterable[DocumentedViolation], stream: TextIO) -> int:
    """Write one document a line, keys sorted, UTF-8 as it is; how many lines.

    A line is `core.violation.document` of the violation with three keys more: "source", what it was
    found in; "evidence", with "state", "path" and "message"; "review", the last decision on it.
    """
    count = 0
    for row in rows:
        stored = row.stored
        line = json.loads(row.document)
        line["source"] = stored.source
        line["evidence"] = {
            "state": stored.evidence_state.value,
            "path": stored.evidence_path,
            "message": stored.evidence_message,
        }
        review = stored.review
        line["review"] = {
            "state": review.state.value,
            "reason": review.reason.value if review.reason else None,
            "note": review.note,
            "by": review.by,
            "at": review.at.isoformat() if review.at else None,
        }
        text = json.dumps(line, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        stream.write(text + "\n")
        count += 1
    return count
