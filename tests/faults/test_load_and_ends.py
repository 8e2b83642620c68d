"""Ends of all kinds while violations are written.

The number in a test's docstring is that of the fault.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from tests.blocks import ROOT, leftovers_of, packages_of, rows_of, write_site
from tests.rtsp import needs_rtsp

# The time is that of all attempts together.
pytestmark = [*needs_rtsp, pytest.mark.flaky(reruns=2), pytest.mark.timeout(900)]

KILLS = 8


def command(site, out, *more):
    line = [sys.executable, "-m", "tests.blocks", "watch", "-s", site, "-o", out, *more]
    return subprocess.Popen(
        list(map(str, line)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )


def until_said(process, text):
    """Read what the command says until it says this; all of it so far."""
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError(f"it never said {text!r}: {''.join(said)}")


def until_a_clip_is_begun(out):
    """Return as soon as there is an unfinished file below the evidence folder."""
    until_s = time.monotonic() + 20.0
    while time.monotonic() < until_s:
        if any(".part" in path.name for path in out.rglob("*")):
            return
    raise AssertionError("no clip was begun")


def test_sigterm_while_evidence_is_written_ends_within_ten_seconds_and_whole(serve, tmp_path):
    """20, the SIGTERM part."""
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": serve().url()})
    out = tmp_path / "out"
    process = command(site, out, "--json")
    try:
        until_said(process, "wrong way")
        until_a_clip_is_begun(out)
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        printed, rest = process.communicate(timeout=60)
        assert time.monotonic() - began_s < 10.0
    finally:
        process.kill()
    assert process.returncode == 0, rest
    rows = rows_of(out)["violations"]
    assert json.loads(printed)["violations"] == len(rows) >= 1
    assert {row["evidence_state"] for row in rows} == {"written"}
    assert set(packages_of(out)) == {row["id"] for row in rows}
    assert leftovers_of(out) == []


def test_kill_9_at_any_moment_loses_and_halves_no_record(serve, tmp_path):
    """18, with fewer kills: the moments are random, seeded."""
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": serve().url()})
    out, rng = tmp_path / "out", random.Random(9)
    known = {}
    for _ in range(KILLS):
        process = command(site, out)
        try:
            until_said(process, "wrong way")
            # Within the evidence's making, mostly: it begins some 3 s after the violation.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.0, 3.6))
        finally:
            process.kill()
            process.communicate()
        known = committed(out, known)
    process = command(site, out)
    until_said(process, "wrong way")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    rows = committed(out, known)
    assert len(rows) > KILLS
    for path in packages_of(out).values():
        manifest = json.loads((path / "manifest.json").read_text())
        for file in manifest["files"]:
            assert (path / file["file"]).stat().st_size == file["size_bytes"]


def committed(out, known):
    """The violations in the store by id: whole, none twice, and all that were known before."""
    with sqlite3.connect(out / "violations.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    rows = rows_of(out)["violations"]
    found = {row["id"]: row["document"] for row in rows}
    assert len(found) == len(rows)
    for name, document in known.items():
        assert found[name] == document
    for document in found.values():
        json.loads(document)
    moments = sorted((row["source_id"], row["t_s"]) for row in rows)
    for (source, t_s), (next_source, next_s) in pairwise(moments):
        assert source != next_source or next_s - t_s > 1.5, "one block twice"
    return found
