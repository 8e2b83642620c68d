"""Runs that seal what they find: with a key, without one, with one that cannot be used."""

import json
import subprocess
import sys

from tests.mounts import ROOT

TOOL = ROOT / "tools" / "verify_evidence.py"


def outsider(*arguments):
    command = [sys.executable, TOOL, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_with_a_key_is_sealed_and_both_verifiers_agree(call, site_path, video, tmp_path):
    run, pem = tmp_path / "out", tmp_path / "public.pem"
    call("keys", "init")
    call("keys", "export-public", "-o", pem)
    processed = call("process", video, "-s", site_path, "-o", run)
    assert (processed.code, "not signed" in processed.err) == (0, False)
    verified = call("verify", run, "--public-key", pem, "--json")
    told = json.loads(verified.out)
    assert (verified.code, told["problems"]) == (0, [])
    [chain] = told["chains"]
    assert chain["packages"] == chain["entries"] == 2
    checked = outsider(run, "--public-key", pem)
    assert (checked.returncode, checked.stdout) == (0, "2 packages, 0 problems\n")


def test_a_run_without_a_key_says_so_and_is_chained(call, site_path, video, tmp_path):
    run = tmp_path / "out"
    processed = call("process", video, "-s", site_path, "-o", run)
    assert "evidence is chained but not signed" in processed.err
    assert "traffic-ai keys init" in processed.err
    verified = call("verify", run)
    assert verified.code == 0
    assert "signed by nobody" in verified.out
    assert "not signed" in verified.out
    assert outsider(run).returncode == 0


def test_without_evidence_no_key_is_asked_for(call, site_path, video, tmp_path):
    run = tmp_path / "out"
    processed = call("process", video, "-s", site_path, "-o", run, "--no-evidence")
    assert (processed.code, "signed" in processed.err) == (0, False)


def test_a_key_that_cannot_be_used_ends_a_run_before_it_begins(call, site_path, video, tmp_path):
    call("keys", "init")
    path = tmp_path / "keys" / "signing.pem"
    path.chmod(0o644)
    for command in (["process", video], ["watch"]):
        called = call(*command, "-s", site_path, "-o", tmp_path / "out")
        assert (called.code, called.out) == (2, "")
        assert called.err == (
            f"error: the key {path} may be used by others (mode 0644); if nobody has read it: "
            f"chmod 600 {path}; else rotate it\n"
        )
    assert not (tmp_path / "out").exists()


def test_a_key_folder_that_is_named_must_hold_a_key(call, site_path, video, tmp_path):
    called = call("process", video, "-s", site_path, "--keys", tmp_path / "none")
    assert called.code == 2
    assert "there is no key in" in called.err


def test_a_signed_run_is_not_gone_on_with_by_another_key(call, site_path, video, tmp_path):
    run = tmp_path / "out"
    call("keys", "init")
    call("process", video, "-s", site_path, "-o", run)
    other = tmp_path / "other"
    call("keys", "init", "--keys", other)
    called = call("process", video, "-s", site_path, "-o", run, "--keys", other)
    assert called.code == 2
    assert "never handed over to the present key" in called.err
