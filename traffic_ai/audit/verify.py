"""Verification of evidence: one package, or a whole run folder with its chains and its store.

Reads only; needs no key but public ones. Stands beside the commands that write evidence and trusts
nothing they left in memory.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from traffic_ai.audit.verify_chain import CameraFiles, ReadChain, check_chain, read_camera
from traffic_ai.audit.verify_package import SealedPackage, check_lone_package, check_package
from traffic_ai.audit.verify_report import ChainSummary, Report
from traffic_ai.audit.verify_store import check_store
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.evidence.chain import CHAIN, MANIFEST, SEAL
from traffic_ai.evidence.keys import short_name, signature_holds
from traffic_ai.evidence.package import folder_name
from traffic_ai.evidence.seal import DELETION_KIND, Head
from traffic_ai.evidence.stamp import Authorities
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME


def verify(
    path: Path,
    trusted: Collection[str] = (),
    heads: Sequence[Head] = (),
    authorities: Authorities | None = None,
) -> Report:
    """Check a package or a run folder.

    trusted: public keys (hex) that signed, by the verifier's own knowledge; where some are given,
    everything must lead to one of them. heads: how far chains are known to have come.
    authorities: what every time stamp must lead to, where some are given. Raises
    UsageError where there is nothing to verify, EvidenceError where it cannot be read.
    """
    try:
        # First of all: a package that holds an empty `evidence` would pass for a run without any.
        if (path / MANIFEST).is_file() or (path / SEAL).is_file():
            if heads:
                raise UsageError("a head is held against a run folder, not against one package")
            return _verify_package(path, trusted, authorities)
        if _is_run(path, heads):
            return _verify_run(path, trusted, heads, authorities)
    except OSError as error:
        raise EvidenceError(f"cannot read {error.filename}: {error.strerror}") from error
    raise UsageError(
        f"{path} is neither a run folder (it holds neither {EVIDENCE_NAME} nor {STORE_NAME}) nor a "
        f"package (it holds no {MANIFEST})"
    )


def _is_run(path: Path, heads: Sequence[Head]) -> bool:
    """Whether there is a store, or evidence, or a head of evidence that was there."""
    evidence = path / EVIDENCE_NAME
    return (path / STORE_NAME).is_file() or (
        evidence.is_dir() and (bool(heads) or any(evidence.iterdir()))
    )


def read_heads(path: Path) -> list[Head]:
    """The heads of a file that `traffic-ai seal head` wrote. Raises UsageError."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"the head {path} cannot be read: {error.strerror}") from error
    if not lines:
        raise UsageError(f"the head {path} is empty")
    heads = []
    for number, line in enumerate(lines, 1):
        try:
            heads.append(Head.read(line))
        except ValueError as error:
            raise UsageError(f"{path} line {number} is no head: {error}") from None
    return heads


def _verify_package(
    path: Path, trusted: Collection[str], authorities: Authorities | None
) -> Report:
    report = Report()
    entry = check_lone_package(path, report, authorities)
    if entry is None:
        return report
    summary = ChainSummary(entry.camera_id, entries=1, packages=1)
    report.chains.append(summary)
    if entry.public_key is None or entry.signature is None:
        summary.unsigned = 1
    else:
        summary.public_keys.append(entry.public_key)
        if not signature_holds(entry.public_key, entry.signature, entry.signed_bytes):
            name = short_name(entry.public_key)
            report.accuse(SEAL, f"its signature is not one of {name}")
    _check_trust(SEAL, summary, trusted, report)
    report.note(SEAL, f"whether it is entry {entry.sequence} of its chain shows in the run folder")
    return report


def _verify_run(
    run: Path,
    trusted: Collection[str],
    heads: Sequence[Head],
    authorities: Authorities | None,
) -> Report:
    """What a run folder is found to be; read again where a keeper deleted a record meanwhile."""
    for last in (False, False, True):
        before = _deletions(run)
        try:
            report = _read_run(run, trusted, heads, authorities)
        except FileNotFoundError:
            if last or _deletions(run) == before:
                raise
            continue
        if last or not report.problems or _deletions(run) == before:
            break
    return report


def _deletions(run: Path) -> int:
    """How many deletions the chains tell of."""
    chains = (run / EVIDENCE_NAME).glob(f"*/{CHAIN}")
    mark = f'"kind":"{DELETION_KIND}"'.encode()
    return sum(chain.read_bytes().count(mark) for chain in chains if chain.is_file())


def _read_run(
    run: Path,
    trusted: Collection[str],
    heads: Sequence[Head],
    authorities: Authorities | None,
) -> Report:
    report = Report()
    packages: dict[str, SealedPackage] = {}
    chains: dict[str, ReadChain] = {}
    evidence = run / EVIDENCE_NAME
    for folder in sorted(evidence.iterdir()) if evidence.is_dir() else ():
        where = f"{EVIDENCE_NAME}/{folder.name}"
        if folder.is_symlink() or not folder.is_dir():
            report.accuse(where, "only folders of cameras lie here")
            continue
        files = read_camera(folder)
        chain = check_chain(folder.name, where, files, report)
        chains[folder.name] = chain
        report.chains.append(chain.summary)
        packages |= _check_camera(folder, where, files, chain, report, authorities)
        if chain.summary.entries:
            _check_trust(f"{where}/{CHAIN}", chain.summary, trusted, report)
    for head in heads:
        _check_head(head, chains, trusted, report)
    check_store(run, packages, chains, report)
    return report


def _check_camera(
    folder: Path,
    where: str,
    files: CameraFiles,
    chain: ReadChain,
    report: Report,
    authorities: Authorities | None,
) -> Mapping[str, SealedPackage]:
    if files.chain is None and files.packages:
        report.accuse(f"{where}/{CHAIN}", "the file is gone")
    for path in files.strays:
        report.accuse(f"{where}/{path}", "no package holds this file")
    for path in files.remains:
        report.note(f"{where}/{path}", "a package in work, or remains of one")
    checked = {}
    for path in files.packages:
        if path not in chain.packages:
            report.accuse(f"{where}/{path}", "the package is in no entry of the chain")
    for path, entry in chain.packages.items():
        place = f"{where}/{path}"
        if path in files.packages:
            checked[place] = check_package(folder / path, place, entry, report, authorities)
        else:
            what = f"the package of entry {entry.sequence} is gone"
            report.accuse(place, what, f"sealed at {entry.sealed_at}")
            checked[place] = SealedPackage(entry, folder / path, place, sound=False)
    return checked


def _check_trust(
    where: str, summary: ChainSummary, trusted: Collection[str], report: Report
) -> None:
    """Whether a trusted key stands behind the chain.

    Keys hand over to each other, else the chain has problems already; and what an untrusted key
    signed before is held fast by the hashes that a trusted one signed. So one is enough.
    """
    if not summary.public_keys:
        if trusted:
            report.accuse(where, "nothing is signed", " or ".join(map(short_name, trusted)))
        else:
            report.note(where, "not signed: hashes show what does not fit, not who wrote it")
        return
    if not trusted:
        keys = ", ".join(summary.public_keys)
        report.note(where, f"signed with {keys}; give --public-key to know whose that is")
    elif not set(summary.public_keys) & set(trusted):
        expected = " or ".join(map(short_name, trusted))
        report.accuse(where, "another key signed it", expected, ", ".join(summary.public_keys))
    if summary.public_keys and summary.unsigned:
        report.note(where, f"{summary.unsigned} entries from before there was a key hold by hash")


def _check_head(
    head: Head, chains: Mapping[str, ReadChain], trusted: Collection[str], report: Report
) -> None:
    where = f"{EVIDENCE_NAME}/{folder_name(head.camera_id)}/{CHAIN}"
    chain = chains.get(folder_name(head.camera_id))
    hashes, known = (chain.line_hashes, chain.summary.public_keys) if chain else ([], [])
    told = f"entry {head.sequence} as of {head.taken_at}"
    if len(hashes) < head.sequence:
        report.accuse(where, "its end is cut off", told, f"{len(hashes)} entries")
    elif head.sequence < 1 or hashes[head.sequence - 1] != head.entry_sha256:
        found = hashes[head.sequence - 1] if head.sequence > 0 else ""
        report.accuse(where, f"it is not the chain of the head: {told}", head.entry_sha256, found)
    if head.public_key is None or head.signature is None:
        report.note(where, "the head is not signed")
    elif not signature_holds(head.public_key, head.signature, head.signed_bytes):
        report.accuse(where, f"the head's signature is not one of {short_name(head.public_key)}")
    elif trusted and head.public_key not in {*trusted, *known}:
        report.accuse(where, "the head is signed with a key not given", found=head.public_key)
