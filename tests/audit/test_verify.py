"""Verification beyond the packages' bytes: store, heads, time stamps, lone packages, commands."""

import ast
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from tests import sealed
from tests.audit.test_verify_altered import OUTSIDER
from tests.mounts import ROOT
from tests.records import KEY, violation
from traffic_ai.audit import verify as verify_module
from traffic_ai.audit.verify import read_heads, verify
from traffic_ai.audit.verify_package import read_seal
from traffic_ai.cli.main import main
from traffic_ai.core.errors import UsageError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import ViolationKind, document
from traffic_ai.evidence.keys import load_signer, make_key, rotate_key
from traffic_ai.evidence.package import partial_folder
from traffic_ai.stores.database import ViolationStore

TOOL = ROOT / "tools" / "verify_evidence.py"
VIOLATIONS = [violation(kind, t_s=20.0 * n) for n, kind in enumerate(ViolationKind, 1)]


def add(run, chain, made):
    """Seal a package of a violation; its path as the store names it."""
    final = run / "evidence" / "gate" / made.kind.value / "2026-05-01" / made.id
    with partial_folder(final) as folder:
        (folder / "at.jpg").write_bytes(b"picture")
        listed = [
            {
                "file": "at.jpg",
                "sha256": hashlib.sha256(b"picture").hexdigest(),
                "size_bytes": 7,
            }
        ]
        manifest = {"files": listed, "violation": document(made)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        chain.seal(folder, final)
    return final.relative_to(run).as_posix()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A run folder with a violation of each kind, its store and its packages, and its key."""
    folder = tmp_path_factory.mktemp("template")
    run = folder / "run"
    run.mkdir()
    chain = sealed.chain(run, signer=make_key(folder / "keys"))
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, VIOLATIONS)
        for made in VIOLATIONS:
            store.set_evidence(made.id, EvidenceState.WRITTEN, add(run, chain, made))
    return folder


@pytest.fixture
def signer(tmp_path, template):
    shutil.copytree(template / "keys", tmp_path / "keys")
    return load_signer(tmp_path / "keys")


@pytest.fixture
def run(tmp_path, template, signer):
    """A copy of the template's run."""
    return shutil.copytree(template / "run", tmp_path / "run")


def both(run, trusted=(), heads=()):
    ours = [str(problem) for problem in verify(run, trusted, heads).problems]
    lines = [json.loads(head.line) for head in heads]
    return ours, OUTSIDER.check(run, trusted, lines).problems


def change(run, sql, *values):
    with sqlite3.connect(run / "violations.sqlite") as connection:
        assert connection.execute(sql, values).rowcount == 1
    connection.close()


# -- the store -------------------------------------------------------------------------------------


def test_a_store_that_says_what_was_sealed_is_accused_of_nothing(run, signer):
    assert both(run, [signer.public_key]) == ([], [])


def test_an_altered_document_is_named_with_both_values(run):
    speeding = VIOLATIONS[-1]
    text = json.dumps(document(speeding)).replace("83.456", "93.456")
    change(run, "UPDATE violations SET document = ? WHERE id = ?", text, speeding.id)
    [ours], [theirs] = both(run)
    assert ours == (
        f"violations.sqlite violation {speeding.id}: its measurement.speed_kmh is not the sealed "
        "one; expected 83.456, found 93.456"
    )
    assert theirs.startswith(f"violations.sqlite violation {speeding.id}:")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("speed_kmh", 93.0),
        ("speed_uncertainty_kmh", 0.1),
        ("limit_kmh", 30.0),
        ("lane_id", "lane-9"),
        ("camera_id", "bridge"),
        ("road_user", "bus"),
        ("t_s", 1.0),
        ("model_hash", "e" * 64),
        ("occurred_at", "2026-05-01T03:30:00.000000Z"),
        ("time_into_red_s", 5.0),
        ("distance_m", 4.0),
    ],
)
def test_an_altered_column_is_named(run, column, value):
    """Exports are made from the columns."""
    change(run, f"UPDATE violations SET {column} = ? WHERE kind = 'speeding'", value)
    [ours], [theirs] = both(run)
    assert f"its column {column} is not the sealed one" in ours
    assert f"its column {column} is " in theirs


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_a_row_is_compared_whatever_it_says_of_its_evidence(run, state):
    made = VIOLATIONS[-1]
    text = json.dumps(document(made)).replace("83.456", "93.456")
    sql = (
        "UPDATE violations SET document = ?, evidence_state = ?, evidence_path = NULL WHERE id = ?"
    )
    change(run, sql, text, state, made.id)
    [ours], [theirs] = both(run)
    assert "its measurement.speed_kmh is not the sealed one" in ours
    assert made.id in theirs


@pytest.mark.parametrize(
    ("column", "value"),
    [("kind", "parking"), ("evidence_state", "lost"), ("occurred_at", "yesterday")],
)
def test_a_row_that_cannot_be_read_does_not_hide_other_faults(run, column, value):
    (package(run) / "at.jpg").unlink()
    change(run, f"UPDATE violations SET {column} = ? WHERE kind = 'red_light'", value)
    ours, _ = both(run)
    assert any("at.jpg" in problem for problem in ours)
    assert any(value in problem for problem in ours)


def test_a_damaged_store_does_not_hide_other_faults(run):
    (package(run) / "at.jpg").unlink()
    (run / "violations.sqlite").write_bytes(b"no database" * 100)
    for said in both(run):
        assert any("at.jpg" in problem for problem in said)
        assert any("violations.sqlite" in problem for problem in said)


def test_a_row_that_was_deleted_leaves_a_package_without_one(run):
    change(run, "DELETE FROM violations WHERE kind = 'speeding'")
    [ours], [theirs] = both(run)
    assert "speeding" in ours
    assert "no violation of violations.sqlite names this package" in ours
    assert "no violation of the store names this package" in theirs


def test_a_row_that_was_put_in_has_no_package(run):
    made = violation(t_s=500.0)
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, [made])
        path = f"evidence/gate/speeding/2026-05-01/{made.id}"
        store.set_evidence(made.id, EvidenceState.WRITTEN, path)
    [ours], [theirs] = both(run)
    assert made.id in ours
    assert made.id in theirs


def test_a_row_that_leads_to_anothers_package_is_named(run):
    with sqlite3.connect(run / "violations.sqlite") as connection:
        connection.execute(
            "UPDATE violations SET evidence_path = (SELECT evidence_path FROM violations "
            "WHERE kind = 'red_light') WHERE kind = 'speeding'"
        )
    connection.close()
    assert all(both(run))


def test_violations_without_evidence_are_noted_and_not_accused(run):
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, [violation(t_s=500.0), violation(t_s=600.0)])
        # As after a kill between sealing a package and noting that: the next run mends it.
        store.set_evidence(VIOLATIONS[0].id, EvidenceState.PENDING)
    assert both(run) == ([], [])
    assert "2 violations have no package" in str(verify(run).notes)


def test_a_package_sealed_while_verifying_is_not_accused(run, signer, monkeypatch):
    """The chains are read first; a watch goes on meanwhile."""
    check_store, theirs = verify_module.check_store, OUTSIDER.Check.store

    def sealed_meanwhile(t_s):
        made = violation(t_s=t_s)
        with ViolationStore.open(run / "violations.sqlite") as store:
            store.add_findings(KEY, [made])
            path = add(run, sealed.chain(run, signer=signer), made)
            store.set_evidence(made.id, EvidenceState.WRITTEN, path)

    def meanwhile(store_check, t_s):
        return lambda *given: (sealed_meanwhile(t_s), store_check(*given))

    monkeypatch.setattr(verify_module, "check_store", meanwhile(check_store, 500.0))
    monkeypatch.setattr(OUTSIDER.Check, "store", meanwhile(theirs, 600.0))
    assert both(run, [signer.public_key]) == ([], [])


def test_a_package_that_its_keeper_deleted_is_not_missed(tmp_path, signer):
    run = tmp_path / "run"
    chain = sealed.chain(run, signer=signer)
    folder = sealed.add_package(run, 0, chain)
    path = folder.relative_to(run / "evidence" / "gate").as_posix()
    chain.add("deletion", {"path": path, "record": folder.name})
    assert all(both(run))  # the entry alone does not make it gone
    shutil.rmtree(folder)
    assert both(run, [signer.public_key]) == ([], [])
    assert "was deleted by its keeper" in str(verify(run).notes)
    assert [chain.packages for chain in verify(run).chains] == [0]
    chain.add("deletion", {"path": path, "record": folder.name})
    assert all(both(run))


# -- heads -----------------------------------------------------------------------------------------


def test_a_head_holds_while_the_chain_grows(run, signer):
    chain = sealed.chain(run, signer=signer)
    head = chain.head()
    assert (head.camera_id, head.sequence) == ("gate", 4)
    chain.add("read", {"records": [], "how": "show", "by": "mai"})
    assert both(run, [signer.public_key], [head]) == ([], [])


def test_a_head_of_a_chain_that_is_gone_says_so(run, signer):
    head = sealed.chain(run, signer=signer).head()
    shutil.rmtree(run / "evidence" / "gate")
    (run / "violations.sqlite").unlink()
    [ours], [theirs] = both(run, [], [head])
    assert "its end is cut off; expected entry 4 as of" in ours
    assert "has 0 entries, the head saw 4" in theirs


def test_a_head_that_was_altered_is_named(run, signer, tmp_path):
    path = tmp_path / "head"
    line = sealed.chain(run, signer=signer).head().line
    path.write_bytes(line.replace(b'"sequence":4', b'"sequence":3'))
    ours, theirs = both(run, [], read_heads(path))
    assert any("the head's signature" in problem for problem in ours)
    assert any("signature of the head" in problem for problem in theirs)
    path.write_bytes(line[:50])
    with pytest.raises(UsageError, match="line 1 is no head"):
        read_heads(path)


def test_a_head_may_be_signed_by_the_key_that_took_over(run, signer, tmp_path):
    new = rotate_key(tmp_path / "keys")
    head = sealed.chain(run, signer=new).head()
    assert both(run, [new.public_key, signer.public_key], [head]) == ([], [])
    other = sealed.chain(run, signer=make_key(tmp_path / "other")).head()
    ours, _ = both(run, [signer.public_key], [other])
    assert "the head is signed with a key not given" in ours[0]


# -- clock, time stamps, single packages -----------------------------------------------------------


def test_a_clock_that_was_set_back_is_noted_and_nobody_accused(tmp_path, signer):
    run = tmp_path / "run"
    clock = sealed.Clock()
    chain = sealed.chain(run, signer=signer, clock=clock)
    sealed.add_package(run, 0, chain)
    clock.now = sealed.MORNING.replace(hour=7)
    sealed.add_package(run, 1, chain)
    report = verify(run, [signer.public_key])
    assert report.problems == []
    [note] = [note for note in report.notes if "clock" in note.what]
    assert note.where == "evidence/gate/chain.jsonl line 2"
    assert "3600.000 s before the line before it" in note.what
    assert "earlier than the line before" in str(OUTSIDER.check(run).notes)


def package(run):
    return next((run / "evidence" / "gate" / "speeding" / "2026-05-01").iterdir())


def test_a_package_is_checked_by_its_own_seal_wherever_it_lies(run, signer, tmp_path):
    taken = tmp_path / "exhibit-7"
    shutil.copytree(package(run), taken)
    report = verify(taken, [signer.public_key])
    assert report.problems == []
    assert "entry 4 of its chain shows in the run folder" in str(report.notes)
    assert OUTSIDER.check(taken, [signer.public_key]).problems == []
    (taken / "at.jpg").write_bytes(b"PICTURE")
    [ours], [theirs] = both(taken, [signer.public_key])
    assert "at.jpg: its SHA-256 differs; expected" in ours
    assert "at.jpg: SHA-256 is" in theirs


@pytest.mark.parametrize("trusted", [True, False])
def test_a_lone_package_resigned_with_another_key_needs_the_signers_key(run, tmp_path, trusted):
    folder, forger = package(run), make_key(tmp_path / "forger")
    entry = replace(read_seal(folder), public_key=forger.public_key)
    entry = replace(entry, sealed_at=f"2027{entry.sealed_at[4:]}")
    (folder / "seal.json").write_bytes(entry.with_signature(forger.sign(entry.signed_bytes)).line)
    known = [make_key(tmp_path / "mine").public_key] if trusted else []
    ours, theirs = both(folder, known)
    assert bool(ours) == bool(theirs) == trusted


@pytest.mark.parametrize(
    "seal", [b"", b"{}\n", b"[" * 100_000 + b"\n", b'{"format":"traffic-ai seal 1"}\n', b"\xff\n"]
)
def test_a_seal_that_is_none_is_told_and_ends_nothing(run, seal):
    (package(run) / "seal.json").write_bytes(seal)
    assert all(both(run))
    assert all(both(package(run)))


@pytest.mark.parametrize(
    "manifest",
    [
        "[]",
        '{"files":3}',
        '{"files":[{"file":["a"],"sha256":1,"size_bytes":"x"}],"violation":{}}',
        '{"files":[{"file":"../../chain.jsonl","sha256":"","size_bytes":1}],"violation":{"id":[]}}',
        "[" * 100_000,
    ],
)
def test_a_sealed_manifest_that_is_none_is_told(tmp_path, manifest):
    run = tmp_path / "run"
    chain = sealed.chain(run)
    final = sealed.package_path(run, 0)
    with partial_folder(final) as folder:
        (folder / "manifest.json").write_text(manifest)
        chain.seal(folder, final)
    assert all(both(run))


# -- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TRAFFIC_AI_KEYS", str(tmp_path / "nobody"))

    def calling(*arguments):
        monkeypatch.setattr(sys, "argv", ["traffic-ai", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return calling


def test_the_command_says_what_it_checked(call, run, signer):
    code, out, _ = call("verify", run, "--public-key", signer.public_key)
    assert code == 0
    assert f"gate: 4 entries, 4 packages, signed by {signer.public_key[:16]}" in out
    assert "4 packages, nothing wrong with them" in out


def test_the_command_names_the_fault_and_ends_with_1(call, run):
    (package(run) / "at.jpg").unlink()
    code, out, _ = call("verify", run)
    assert code == 1
    assert "PROBLEM evidence/gate/speeding" in out
    assert "at.jpg: the file is gone" in out
    code, out, _ = call("verify", run, "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    [problem] = told["problems"]
    assert problem["where"].endswith("/at.jpg")
    assert problem["expected"] == hashlib.sha256(b"picture").hexdigest()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "{dir}"], "neither a run folder"),
        (["verify", "{dir}/absent"], "neither a run folder"),
        (["verify", "{run}", "--public-key", "{dir}/absent"], "neither 64 hex digits nor a file"),
        (["verify", "{run}", "--head", "{dir}/absent"], "cannot be read"),
        (["seal", "head", "{dir}"], "holds no chain"),
        (["seal", "head", "{run}", "--camera", "bridge"], "no chain of the camera 'bridge'"),
        (["keys", "list", "--keys", "{dir}/none"], "no key in"),
        (["keys", "rotate", "--keys", "{dir}/none"], "no key in"),
        (["keys", "init", "--keys", "{dir}/keys"], "there already"),
    ],
)
def test_a_wrong_call_ends_with_2(call, run, tmp_path, arguments, said):
    code, _, err = call(*(a.format(run=run, dir=tmp_path) for a in arguments))
    assert code == 2
    assert said in err


def test_own_keys_are_trusted_where_none_is_given(call, run, tmp_path):
    assert call("verify", run, "--keys", tmp_path / "keys")[0] == 0
    call("keys", "init", "--keys", tmp_path / "other")
    code, out, _ = call("verify", run, "--keys", tmp_path / "other")
    assert code == 1
    assert "another key signed it" in out


def test_heads_and_public_keys_go_from_command_to_command(call, run, tmp_path):
    keys = tmp_path / "keys"
    head, pem = tmp_path / "head.jsonl", tmp_path / "public.pem"
    assert call("seal", "head", run, "--keys", keys, "-o", head)[0] == 0
    assert call("keys", "rotate", "--keys", keys)[0] == 0
    assert call("keys", "export-public", "--keys", keys, "--retired", "-o", pem)[0] == 0
    assert pem.read_text().count("BEGIN PUBLIC KEY") == 2
    code, out, _ = call("verify", run, "--head", head, "--public-key", pem)
    assert (code, "PROBLEM" in out) == (0, False)
    outsider = [sys.executable, TOOL, run, "--head", head, "--public-key", pem]
    checked = subprocess.run(outsider, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.endswith("4 packages, 0 problems\n")
    lines = (run / "evidence" / "gate" / "chain.jsonl").read_bytes().splitlines(keepends=True)
    (run / "evidence" / "gate" / "chain.jsonl").write_bytes(b"".join(lines[:2]))
    code, out, _ = call("verify", run, "--head", head)
    assert "its end is cut off" in out
    checked = subprocess.run(outsider, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "has 2 entries, the head saw 4" in checked.stdout


def test_the_outsiders_verifier_is_called_wrongly_with_2(tmp_path, run):
    for arguments in ([tmp_path], [run, "--public-key", "nothing"], [run, "--head", TOOL]):
        command = [sys.executable, TOOL, *arguments]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def test_the_outsiders_verifier_imports_nothing_of_the_project():
    tops = set()
    for node in ast.walk(ast.parse(TOOL.read_text())):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            tops.add(node.module.partition(".")[0])
    assert tops - sys.stdlib_module_names == {"cryptography"}
    words = TOOL.read_text()
    assert "importlib" not in words
    assert "__import__" not in words
