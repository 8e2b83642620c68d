"""A thousand packages, each altered once, and both verifiers; then the same left alone.

A run folder here is one camera with four packages. It is signed; the verifiers know the key and,
where an end is cut off, the head that was deposited before.
"""

import importlib.util
import json
import os
import random
import shutil
from dataclasses import dataclass, replace

import pytest

from tests import sealed
from tests.mounts import ROOT
from traffic_ai.audit.verify import verify
from traffic_ai.evidence.keys import make_key
from traffic_ai.evidence.seal import Entry, Handover, utc_moment, utc_text

RUNS = 250
PACKAGES = 4
FILES = ("at.jpg", "clip.mp4", "manifest.json", "seal.json")


def load_outsider():
    path = ROOT / "tools" / "verify_evidence.py"
    spec = importlib.util.spec_from_file_location("verify_evidence", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OUTSIDER = load_outsider()


@dataclass
class Case:
    """A run folder with one package to be altered, and what the forger has at hand."""

    run: object
    number: int
    random: random.Random
    forger: object

    @property
    def package(self):
        return sealed.package_path(self.run, self.number)

    @property
    def other(self):
        return sealed.package_path(self.run, self.other_number)

    @property
    def other_number(self):
        return (self.number + 1) % PACKAGES

    @property
    def chain(self):
        return self.run / "evidence" / "gate" / "chain.jsonl"

    def lines(self):
        return self.chain.read_bytes().splitlines(keepends=True)

    def entry(self, number=None):
        number = self.number if number is None else number
        return Entry.read(self.lines()[number].removesuffix(b"\n"))

    def put(self, lines):
        self.chain.write_bytes(b"".join(lines))

    def put_entry(self, entry, seal_too=True):
        lines = self.lines()
        lines[self.number] = entry.line
        self.put(lines)
        if seal_too:
            (self.package / "seal.json").write_bytes(entry.line)

    def signed(self, entry, signer=None):
        signer = signer or self.forger
        entry = replace(entry, public_key=signer.public_key)
        return entry.with_signature(signer.sign(entry.signed_bytes))


def flip(case, path):
    data = bytearray(path.read_bytes())
    place = case.random.randrange(len(data))
    data[place] ^= 1 << case.random.randrange(8)
    path.write_bytes(data)


def bit_flipped(name):
    return lambda case: flip(case, case.package / name)


def file_deleted(name):
    return lambda case: (case.package / name).unlink()


def file_truncated(name):
    def alter(case):
        data = (case.package / name).read_bytes()
        (case.package / name).write_bytes(data[: case.random.randrange(len(data))])

    return alter


def file_swapped(name):
    def alter(case):
        one, other = case.package / name, case.other / name
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)

    return alter


def bit_flipped_in_chain(case):
    lines = case.lines()
    line = bytearray(lines[case.number])
    line[case.random.randrange(len(line))] ^= 1 << case.random.randrange(8)
    lines[case.number] = bytes(line)
    case.put(lines)


def file_grown(case):
    with (case.package / "clip.mp4").open("ab") as stream:
        stream.write(b"\0")


def file_inserted(case):
    (case.package / "after.jpg").write_bytes(b"another picture")


def file_renamed(case):
    (case.package / "at.jpg").rename(case.package / "before.jpg")


def file_replaced_by_link(case):
    moved = case.run / "at.jpg"
    (case.package / "at.jpg").rename(moved)
    (case.package / "at.jpg").symlink_to(moved)


def package_deleted(case):
    shutil.rmtree(case.package)


def packages_swapped(case):
    away = case.run / "away"
    case.package.rename(away)
    case.other.rename(case.package)
    away.rename(case.other)


def package_copied_under_another_name(case):
    shutil.copytree(case.package, sealed.package_path(case.run, 99))


def package_moved_to_another_kind(case):
    kind = case.run / "evidence" / "gate" / "red_light" / "2026-05-01"
    kind.mkdir(parents=True)
    case.package.rename(kind / case.package.name)


def package_of_the_forger_inserted(case):
    copy = sealed.package_path(case.run, 99)
    shutil.copytree(case.package, copy)
    lines = case.lines()
    last = Entry.read(lines[-1][:-1])
    payload = {**case.entry().payload, "path": f"speeding/2026-05-01/{copy.name}"}
    entry = replace(last, sequence=last.sequence + 1, previous=last.sha256, payload=payload)
    entry = case.signed(entry)
    case.put([*lines, entry.line])
    (copy / "seal.json").write_bytes(entry.line)


def deletion_of_the_forger(case, where=None):
    """The package goes, and an entry says that its keeper removed it."""
    last = Entry.read(case.lines()[-1][:-1])
    payload = {"path": case.entry().payload["path"], "record": case.package.name}
    entry = replace(last, sequence=last.sequence + 1, previous=last.sha256, kind="deletion")
    entry = case.signed(replace(entry, payload=payload))
    shutil.rmtree(case.package)
    with (where or case.chain).open("ab") as stream:
        stream.write(entry.line)


def deletion_that_waits(case):
    deletion_of_the_forger(case, case.chain.with_name("chain.next"))


def key_handed_over_by_the_forger(case):
    """Who takes over says so, and goes on from there."""
    last = Entry.read(case.lines()[-1][:-1])
    step = Handover(last.public_key, case.forger.public_key, last.sealed_at)
    step = step.with_signature(case.forger.sign(step.signed_bytes))
    entry = replace(last, sequence=last.sequence + 1, previous=last.sha256, kind="key")
    entry = case.signed(replace(entry, payload={"handovers": [step.json]}))
    case.put([*case.lines(), entry.line])


def file_in_other_letters(case):
    (case.package / "at.jpg").rename(case.package / "AT.JPG")


def file_of_nearly_the_same_name(case):
    (case.package / "\u0430t.jpg").write_bytes(b"another picture")  # a Cyrillic letter


def lines_reordered(case):
    lines = case.lines()
    a, b = case.number, case.other_number
    lines[a], lines[b] = lines[b], lines[a]
    case.put(lines)


def line_doubled(case):
    lines = case.lines()
    case.put([*lines[: case.number + 1], lines[case.number], *lines[case.number + 1 :]])


def line_deleted(case):
    lines = case.lines()
    del lines[case.number]
    case.put(lines)


def line_and_package_deleted(case):
    line_deleted(case)
    package_deleted(case)


def chain_truncated(case):
    case.put(case.lines()[: case.number])


def chain_and_packages_truncated(case):
    chain_truncated(case)
    for number in range(case.number, PACKAGES):
        shutil.rmtree(sealed.package_path(case.run, number))


def chain_cut_within_a_line(case):
    data = case.chain.read_bytes()
    case.chain.write_bytes(data[: -case.random.randrange(1, len(case.lines()[-1]))])


def chain_deleted(case):
    case.chain.unlink()


def entry_resigned(case):
    case.put_entry(case.signed(case.entry()))


def signature_taken_off(case):
    case.put_entry(replace(case.entry(), public_key=None, signature=None))


def signature_of_another_entry(case):
    case.put_entry(replace(case.entry(), signature=case.entry(case.other_number).signature))


def rest_of_chain_resigned(case):
    """Everything from the package on is made anew, consistent in itself, with another key."""
    lines = case.lines()
    last = Entry.read(lines[case.number - 1][:-1]) if case.number else None
    for number in range(case.number, PACKAGES):
        entry = case.entry(number)
        entry = case.signed(replace(entry, previous=last.sha256 if last else "0" * 64))
        lines[number] = entry.line
        (sealed.package_path(case.run, number) / "seal.json").write_bytes(entry.line)
        last = entry
    case.put(lines)


def chain_made_anew_unsigned(case):
    lines, last = case.lines(), None
    for number in range(PACKAGES):
        entry = replace(case.entry(number), public_key=None, signature=None)
        entry = replace(entry, previous=last.sha256 if last else "0" * 64)
        lines[number] = entry.line
        (sealed.package_path(case.run, number) / "seal.json").write_bytes(entry.line)
        last = entry
    case.put(lines)


def later(case):
    entry = case.entry()
    moment = utc_moment(entry.sealed_at)
    return replace(entry, sealed_at=utc_text(moment.replace(year=moment.year + 1)))


def clock_edited_in_seal(case):
    (case.package / "seal.json").write_bytes(later(case).line)


def clock_edited_in_seal_and_chain(case):
    case.put_entry(later(case))


def clock_state_edited(case):
    case.put_entry(replace(case.entry(), clock={"max_error_us": 1, "synchronised": True}))


def clock_edited_in_manifest(case):
    path = case.package / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["violation"]["occurred_at"] = "2026-05-01T09:00:00+00:00"
    path.write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")


def picture_manifest_and_seal_edited(case):
    """All hashes up to the chain made to fit, the signature not."""
    data = b"no red light"
    (case.package / "at.jpg").write_bytes(data)
    path = case.package / "manifest.json"
    manifest = json.loads(path.read_bytes())
    digest = OUTSIDER.sha256(data)
    manifest["files"][0] |= {"sha256": digest, "size_bytes": len(data)}
    path.write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")
    payload = {**case.entry().payload, "manifest_sha256": OUTSIDER.sha256(path.read_bytes())}
    case.put_entry(replace(case.entry(), payload=payload))


def entry_written_otherwise(case):
    """The same JSON value, in other bytes."""
    lines = case.lines()
    lines[case.number] = json.dumps(json.loads(lines[case.number])).encode() + b"\n"
    case.put(lines)


ALTERATIONS = {
    **{f"bit flipped in {name}": bit_flipped(name) for name in FILES},
    **{f"{name} deleted": file_deleted(name) for name in FILES},
    **{f"{name} truncated": file_truncated(name) for name in FILES},
    **{f"{name} swapped": file_swapped(name) for name in FILES},
    **{
        made.__name__.replace("_", " "): made
        for made in (
            bit_flipped_in_chain,
            file_grown,
            file_inserted,
            file_renamed,
            file_replaced_by_link,
            package_deleted,
            packages_swapped,
            package_copied_under_another_name,
            package_moved_to_another_kind,
            package_of_the_forger_inserted,
            deletion_of_the_forger,
            deletion_that_waits,
            key_handed_over_by_the_forger,
            file_in_other_letters,
            file_of_nearly_the_same_name,
            lines_reordered,
            line_doubled,
            line_deleted,
            line_and_package_deleted,
            chain_truncated,
            chain_and_packages_truncated,
            chain_cut_within_a_line,
            chain_deleted,
            entry_resigned,
            signature_taken_off,
            signature_of_another_entry,
            rest_of_chain_resigned,
            chain_made_anew_unsigned,
            clock_edited_in_seal,
            clock_edited_in_seal_and_chain,
            clock_state_edited,
            clock_edited_in_manifest,
            picture_manifest_and_seal_edited,
            entry_written_otherwise,
        )
    },
}


class Sealed:
    """Run folders of four packages each, the key they are signed with, and each one's head."""

    def __init__(self, folder):
        self.signer = make_key(folder / "keys")
        self.forger = make_key(folder / "forger")
        self.runs = []
        for number in range(RUNS):
            run = folder / f"run{number}"
            chain = sealed.chain(run, signer=self.signer)
            for package in range(PACKAGES):
                sealed.add_package(run, package, chain)
            self.runs.append((run, chain.head()))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "fsync", lambda descriptor: None)  # no power is cut here
    made = Sealed(tmp_path_factory.mktemp("sealed"))
    patch.undo()
    return made


def found_by_both(run, trusted, heads):
    """What each verifier says is wrong, as text."""
    ours = verify(run, trusted, heads)
    theirs = OUTSIDER.check(run, trusted, [json.loads(head.line) for head in heads])
    return [str(problem) for problem in ours.problems], theirs.problems


def contents(run):
    return {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}


def restore(run, before):
    shutil.rmtree(run)
    for path, data in before.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_of_a_thousand_untouched_packages_none_is_accused(made):
    for run, head in made.runs:
        assert found_by_both(run, [made.signer.public_key], [head]) == ([], [])


def test_of_a_thousand_packages_altered_once_each_is_found(made):
    chance = random.Random(5)
    kinds = list(ALTERATIONS) * (RUNS * PACKAGES // len(ALTERATIONS) + 1)
    altered = 0
    for run, head in made.runs:
        before = contents(run)
        for number in range(PACKAGES):
            kind = kinds[altered]
            altered += 1
            case = Case(run, number, chance, made.forger)
            ALTERATIONS[kind](case)
            for said in found_by_both(run, [made.signer.public_key], [head]):
                told = "\n".join(said)
                assert said, f"{kind}, package {number}: not found"
                places = (case.package.name, sealed.violation_id(99), "/chain.")
                assert any(place in told for place in places), f"{kind}: {told}"
            restore(run, before)
    assert altered == 1000


FILE_ALTERATIONS = sorted(
    name
    for name in ALTERATIONS
    if name.startswith("bit flipped in ") or name.endswith((" deleted", " truncated"))
    if any(file in name for file in FILES)
)


@pytest.mark.parametrize("kind", [*FILE_ALTERATIONS, "file grown", "file inserted"])
def test_a_fault_in_one_package_is_told_of_that_package_alone(made, kind):
    run, head = made.runs[0]
    before = contents(run)
    case = Case(run, 1, random.Random(kind), made.forger)
    ALTERATIONS[kind](case)
    ours, theirs = found_by_both(run, [made.signer.public_key], [head])
    restore(run, before)
    [problem], [outsiders] = ours, theirs
    assert problem.startswith(f"evidence/gate/speeding/2026-05-01/{case.package.name}/")
    assert outsiders.startswith(f"evidence/gate/speeding/2026-05-01/{case.package.name}/")


@pytest.mark.parametrize(
    "kind", ["rest of chain resigned", "chain made anew unsigned", "chain and packages truncated"]
)
def test_what_only_a_key_or_a_head_from_elsewhere_shows(made, kind):
    """The holder of a run folder can make a chain anew; without these nobody can tell."""
    run, head = made.runs[0]
    before = contents(run)
    first = 0 if kind != "chain and packages truncated" else 2
    ALTERATIONS[kind](Case(run, first, random.Random(1), made.forger))
    alone = found_by_both(run, [], [])
    with_head = found_by_both(run, [], [head])
    with_key = found_by_both(run, [made.signer.public_key], [])
    restore(run, before)
    assert alone == ([], [])
    assert all(with_head)
    if kind != "chain and packages truncated":
        assert all(with_key)
    else:
        assert with_key == ([], [])
