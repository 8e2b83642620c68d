"""A camera's chain: in order, linked, whole after any kill, one for many writers."""

import hashlib
import json
import subprocess
import sys
import threading
import tracemalloc

import pytest

from tests import sealed
from tests.mounts import ROOT
from traffic_ai.audit.verify import verify
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.evidence import chain as chain_module
from traffic_ai.evidence.keys import make_key, rotate_key
from traffic_ai.evidence.seal import Entry, canonical


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def signer(tmp_path):
    return make_key(tmp_path / "keys")


def chain_file(run, camera="gate"):
    return run / "evidence" / camera / "chain.jsonl"


def entries(run, camera="gate"):
    return [Entry.read(line) for line in chain_file(run, camera).read_bytes().splitlines()]


def problems(run, trusted=()):
    return [str(problem) for problem in verify(run, trusted).problems]


# -- what stands in a chain ------------------------------------------------------------------------


def test_each_entry_names_the_hash_of_the_line_before(run, signer):
    chain = sealed.chain(run, signer=signer)
    for number in range(3):
        sealed.add_package(run, number, chain)
    lines = chain_file(run).read_bytes().splitlines()
    told = [json.loads(line) for line in lines]
    assert [entry["sequence"] for entry in told] == [1, 2, 3]
    before = ["0" * 64, *(hashlib.sha256(line).hexdigest() for line in lines)]
    assert [entry["previous"] for entry in told] == before[:3]


def test_the_seal_of_a_package_is_its_line_of_the_chain(run, signer):
    folder = sealed.add_package(run, 0, sealed.chain(run, signer=signer))
    assert (folder / "seal.json").read_bytes() == chain_file(run).read_bytes()
    [entry] = entries(run)
    manifest = (folder / "manifest.json").read_bytes()
    assert entry.payload == {
        "path": f"speeding/2026-05-01/{folder.name}",
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }
    assert (entry.camera_id, entry.kind) == ("gate", "package")
    assert entry.sealed_at == "2026-05-01T08:00:10.000000Z"
    assert set(entry.clock) == {"synchronised", "max_error_us"}


def test_cameras_have_chains_of_their_own(run, signer):
    for camera in ("gate", "bridge"):
        sealed.add_package(run, 0, sealed.chain(run, camera, signer), camera)
    assert [entry.sequence for entry in entries(run) + entries(run, "bridge")] == [1, 1]
    assert problems(run, [signer.public_key]) == []


def test_without_a_key_packages_are_chained_and_not_signed(run):
    chain = sealed.chain(run)
    sealed.add_package(run, 0, chain)
    sealed.add_package(run, 1, chain)
    assert [(e.sequence, e.public_key, e.signature) for e in entries(run)] == [
        (1, None, None),
        (2, None, None),
    ]
    report = verify(run)
    assert report.problems == []
    assert "not signed" in str(report.notes)


def test_other_entries_may_stand_between_packages(run, signer):
    chain = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, chain)
    added = chain.add("watched", {"by": "Nguyễn", "how": "show", "codes": [1, None]})
    sealed.add_package(run, 1, chain)
    assert entries(run)[1] == added
    assert [entry.kind for entry in entries(run)] == ["package", "watched", "package"]
    assert problems(run, [signer.public_key]) == []


def test_a_fraction_has_no_place_in_an_entry(run):
    with pytest.raises(ValueError, match=r"0\.5 has no canonical form"):
        sealed.chain(run).add("review", {"share": 0.5})
    assert chain_file(run).read_bytes() == b""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"k": 'é\u2028\x7f\t\x01"\\/'}, '{"k":"é\u2028\x7f\\t\\u0001\\"\\\\/"}'),
        ({"n": -(2**53) + 1}, '{"n":-9007199254740991}'),
    ],
)
def test_the_canonical_form_is_that_of_rfc_8785(value, text):
    assert canonical(value) == text.encode()


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, {"é": 1}, "\ud800", b"x", {1: 2}])
def test_what_has_no_one_form_is_refused(value):
    with pytest.raises(ValueError, match=r"canonical form|not ASCII|surrogates"):
        canonical(value)


# -- what is read ----------------------------------------------------------------------------------


@pytest.fixture
def grown(run):
    """A chain of ten entries, the first of which is very long."""
    chain = sealed.chain(run)
    chain.add("note", {"text": "x" * 8_000_000})
    for number in range(2, 11):
        chain.add("review" if number % 2 else "read", {"number": number})
    return chain


def peak_bytes(reading):
    """The most memory that reading takes at once."""
    tracemalloc.start()
    try:
        reading()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("block", [7, 1 << 16])
@pytest.mark.parametrize("after", range(13))
def test_the_entries_after_a_number_are_read(run, monkeypatch, block, after):
    monkeypatch.setattr(chain_module, "_BLOCK", block)
    chain = sealed.chain(run)
    for number in range(1, 11):
        chain.add("review" if number % 2 else "read", {"number": number})
    assert [entry.sequence for entry in chain.entries(after=after)] == list(range(after + 1, 11))
    odd = [number for number in range(after + 1, 11) if number % 2]
    assert [entry.sequence for entry in chain.entries(("review",), after)] == odd


def test_what_stands_before_the_entries_asked_for_is_not_read(grown):
    """A keeper asks for what is new before each deletion, and others wait meanwhile."""
    assert peak_bytes(lambda: grown.entries(after=1)) < 1_000_000
    assert peak_bytes(grown.entries) > 8_000_000


def test_of_the_entries_that_are_not_asked_for_none_is_kept(run):
    chain = sealed.chain(run)
    last = chain.add("review", {"number": 1})
    line = b'{"kind":"read","text":"' + b"x" * 100_000 + b'"}\n'
    chain_file(run).write_bytes(line * 100 + last.line)
    assert peak_bytes(lambda: chain.entries(("review",))) < 1_000_000


# -- keys over time --------------------------------------------------------------------------------


def test_a_rotated_key_goes_on_after_the_old_ones_handover(run, tmp_path, signer):
    sealed.add_package(run, 0, sealed.chain(run, signer=signer))
    rotate_key(tmp_path / "keys")
    third = rotate_key(tmp_path / "keys")
    sealed.add_package(run, 1, sealed.chain(run, signer=third))
    assert [entry.kind for entry in entries(run)] == ["package", "key", "package"]
    assert [entry.public_key for entry in entries(run)] == [
        signer.public_key,
        third.public_key,
        third.public_key,
    ]
    for trusted in ([], [signer.public_key], [third.public_key]):
        assert problems(run, trusted) == []
    other = make_key(tmp_path / "other").public_key
    assert "another key signed it" in problems(run, [other])[0]


def test_a_chain_begun_without_a_key_is_held_by_the_key_that_comes_later(run, signer):
    sealed.add_package(run, 0, sealed.chain(run))
    sealed.add_package(run, 1, sealed.chain(run, signer=signer))
    report = verify(run, [signer.public_key])
    assert report.problems == []
    assert "1 entries from before there was a key" in str(report.notes)


def test_a_signed_chain_is_not_continued_without_a_key(run, signer):
    sealed.add_package(run, 0, sealed.chain(run, signer=signer))
    with pytest.raises(UsageError, match=r"is signed with the key .* no key here"):
        sealed.chain(run).check()
    with pytest.raises(UsageError, match="no key here"):
        sealed.add_package(run, 1, sealed.chain(run))
    assert len(entries(run)) == 1
    assert not sealed.package_path(run, 1).exists()


def test_a_key_that_was_never_handed_over_to_does_not_continue_a_chain(run, tmp_path, signer):
    sealed.add_package(run, 0, sealed.chain(run, signer=signer))
    other = make_key(tmp_path / "other")
    with pytest.raises(UsageError, match=f"never handed over to .*{other.public_key[:16]}"):
        sealed.chain(run, signer=other).check()


@pytest.mark.parametrize("another_was_first", [True, False])
def test_a_program_that_runs_while_the_key_is_rotated_goes_on_with_the_new_one(
    run, tmp_path, signer, another_was_first
):
    running = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, running)
    new = rotate_key(tmp_path / "keys")
    if another_was_first:
        sealed.add_package(run, 1, sealed.chain(run, signer=new))
    sealed.add_package(run, 2, running)
    new = rotate_key(tmp_path / "keys")
    sealed.add_package(run, 3, running)
    assert entries(run)[-1].public_key == running.head().public_key == new.public_key
    assert [entry.kind for entry in entries(run)].count("key") == 2
    assert problems(run, [new.public_key]) == problems(run, [signer.public_key]) == []


def test_many_threads_seal_while_the_key_is_rotated(run, tmp_path, signer):
    def seal(numbers):
        for number in numbers:
            sealed.add_package(run, number, sealed.chain(run, signer=signer))

    sealed.add_package(run, 25, sealed.chain(run, signer=signer))
    writers = [threading.Thread(target=seal, args=(range(n, 24, 3),)) for n in range(3)]
    for writer in writers:
        writer.start()
    for _ in range(3):
        new = rotate_key(tmp_path / "keys")
    for writer in writers:
        writer.join()
    sealed.add_package(run, 24, sealed.chain(run, signer=signer))
    assert [entry.kind for entry in entries(run)].count("package") == 26
    assert entries(run)[-1].public_key == new.public_key
    assert problems(run, [signer.public_key]) == []


@pytest.mark.parametrize("harm", [lambda p: p.unlink(), lambda p: p.write_text("broken")])
def test_a_key_file_that_goes_bad_under_way_costs_no_evidence(run, tmp_path, signer, harm):
    running = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, running)
    harm(tmp_path / "keys" / "signing.pem")
    sealed.add_package(run, 1, running)
    assert problems(run, [signer.public_key]) == []


# -- killed, cut, contended ------------------------------------------------------------------------

KILLED_EVERYWHERE = """
import os, sys
from pathlib import Path
from tests import sealed
from tests.audit.test_verify_altered import OUTSIDER
from traffic_ai.audit.verify import verify
from traffic_ai.evidence import chain, package
from traffic_ai.evidence.keys import make_key

os.fsync = lambda descriptor: None  # the process is killed, not the computer
TRACED = {chain.__file__, package.__file__}
root = Path(sys.argv[1])
signer = make_key(root / "keys")


def check(run, when):
    ours, theirs = verify(run, [signer.public_key]), OUTSIDER.check(run, [signer.public_key])
    assert not ours.problems and not theirs.problems, (when, ours.problems, theirs.problems)


def killed_at(step, run):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    left = step

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os._exit(9)
        return trace

    sys.settrace(trace)
    sealed.add_package(run, 1, sealed.chain(run, signer=signer))
    os._exit(0)


step = 0
killed = True
while killed:
    run = root / str(step)
    sealed.add_package(run, 0, sealed.chain(run, signer=signer))
    killed = killed_at(step, run)
    check(run, f"killed at step {step}")
    there = sealed.package_path(run, 1).exists()
    assert there or killed
    again = sealed.chain(run, signer=signer)
    if not there:  # as the recorder does: what is owed is made
        sealed.add_package(run, 1, again)
    sealed.add_package(run, 2, again)
    check(run, f"gone on after step {step}")
    lines = (run / "evidence/gate/chain.jsonl").read_bytes().count(b"\\n")
    assert lines == 3, (step, lines)
    assert not (run / "evidence/gate/chain.next").exists()
    step += 1
print(step)
"""


def test_a_process_killed_at_any_line_leaves_a_chain_that_can_be_gone_on_with(tmp_path):
    """At every line of the code that seals: both verifiers are content before and after."""
    command = [sys.executable, "-c", KILLED_EVERYWHERE, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 60


def unfinished(run, signer, monkeypatch):
    """A run whose second package has its name, while its entry has not joined the chain."""
    chain = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, chain)

    def killed(stream, entry):
        raise KeyboardInterrupt

    monkeypatch.setattr(chain, "_append", killed)
    with pytest.raises(KeyboardInterrupt):
        sealed.add_package(run, 1, chain)
    monkeypatch.undo()
    return (run / "evidence" / "gate" / "chain.next").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_a_line_half_written_at_a_power_cut_is_completed(run, signer, monkeypatch, share):
    line = unfinished(run, signer, monkeypatch)
    before = chain_file(run).read_bytes()
    with chain_file(run).open("ab") as stream:
        stream.write(line[: int(len(line) * share)])
    assert problems(run, [signer.public_key]) == []
    sealed.chain(run, signer=signer).check()
    assert chain_file(run).read_bytes() == before + line
    assert not (run / "evidence" / "gate" / "chain.next").exists()
    assert problems(run, [signer.public_key]) == []


def test_an_entry_whose_package_never_came_leaves_no_trace(run, signer, monkeypatch):
    chain = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, chain)

    def killed(partial, final):
        raise KeyboardInterrupt

    monkeypatch.setattr(chain_module, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        sealed.add_package(run, 1, chain)
    monkeypatch.undo()
    assert (run / "evidence" / "gate" / "chain.next").exists()
    assert problems(run, [signer.public_key]) == []
    sealed.add_package(run, 2, sealed.chain(run, signer=signer))
    assert [entry.sequence for entry in entries(run)] == [1, 2]
    assert problems(run, [signer.public_key]) == []


def test_a_chain_cut_by_another_hand_is_not_written_on(run, signer):
    chain = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, chain)
    data = chain_file(run).read_bytes()
    chain_file(run).write_bytes(data[:-5])
    with pytest.raises(EvidenceError, match=r"ends in the middle of an entry.*traffic-ai verify"):
        sealed.add_package(run, 1, chain)
    assert chain_file(run).read_bytes() == data[:-5]
    chain_file(run).write_bytes(b"no entry\n")
    with pytest.raises(EvidenceError, match="a last line that is no entry"):
        chain.check()


def test_a_long_last_line_is_read_whole(run, signer):
    chain = sealed.chain(run, signer=signer)
    chain.add("note", {"text": "x" * 300_000})
    assert chain.add("note", {"text": "y"}).sequence == 2
    assert problems(run, [signer.public_key]) == []


def test_a_package_that_another_process_made_meanwhile_is_entered_once(run, signer):
    chain = sealed.chain(run, signer=signer)
    sealed.add_package(run, 0, chain)
    sealed.add_package(run, 0, chain)
    assert len(entries(run)) == 1
    assert problems(run, [signer.public_key]) == []


WRITER = """
import sys
from pathlib import Path
from tests import sealed
from traffic_ai.evidence.keys import load_signer
run, first = Path(sys.argv[1]), int(sys.argv[2])
chain = sealed.chain(run, signer=load_signer(run.parent / "keys"))
for number in range(first, first + 10):
    sealed.add_package(run, number, chain)
"""


def test_threads_and_processes_write_to_one_chain(run, signer):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(run), str(first)], cwd=ROOT)
        for first in (100, 200)
    ]

    def write(first):
        for number in range(first, first + 5):
            sealed.add_package(run, number, sealed.chain(run, signer=signer))

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [writer.wait(180) for writer in writers] == [0, 0]
    assert [entry.sequence for entry in entries(run)] == list(range(1, 36))
    report = verify(run, [signer.public_key])
    assert report.problems == []
