"""One package held against its seal, its manifest and its files."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traffic_ai.audit.verify_report import Report
from traffic_ai.audit.verify_stamp import check_stamp
from traffic_ai.evidence.chain import MANIFEST, SEAL, STAMP
from traffic_ai.evidence.package import folder_name, sha256_file
from traffic_ai.evidence.seal import PACKAGE_KIND, Entry, utc_moment
from traffic_ai.evidence.stamp import Authorities

_LARGEST_MANIFEST_BYTES = 1 << 26
_LARGEST_SEAL_BYTES = 1 << 20
_LARGEST_STAMP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SealedPackage:
    """A package as its entry speaks of it. sound: its manifest is the sealed one."""

    entry: Entry
    folder: Path
    where: str
    sound: bool

    def manifest(self) -> Mapping[str, Any]:
        """The manifest of a sound package, read again: many would not fit in memory."""
        manifest: Mapping[str, Any] = json.loads((self.folder / MANIFEST).read_bytes())
        return manifest


def read_seal(folder: Path) -> Entry:
    """The entry in a package's seal.json. Raises ValueError, OSError."""
    if (folder / SEAL).exists() and not (folder / SEAL).is_file():
        raise ValueError("it is no file")
    if (folder / SEAL).stat().st_size > _LARGEST_SEAL_BYTES:
        raise ValueError("it is too large")
    data = (folder / SEAL).read_bytes()
    if not data.endswith(b"\n"):
        raise ValueError("it is cut off")
    return Entry.read(data[:-1])


def read_json(data: str | bytes) -> Any:
    """A JSON value that every reader takes for the same. Raises ValueError.

    Of a key that stands twice some readers take the first and some the last.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return made

    try:
        return json.loads(data, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_package(
    folder: Path,
    where: str,
    entry: Entry,
    report: Report,
    authorities: Authorities | None = None,
) -> SealedPackage:
    """Hold a folder against the entry of its package; a time stamp against its authorities."""
    there = _files(folder, where, report)
    _check_seal(folder, where, entry, there, report)
    if {SEAL, STAMP} <= there:
        _check_stamp(folder, where, entry, authorities, report)
    manifest = _checked_manifest(folder, where, entry, there, report)
    if manifest is None:
        return SealedPackage(entry, folder, where, sound=False)
    _check_files(folder, where, manifest, there, report)
    violation = manifest.get("violation")
    if not isinstance(violation, dict):
        report.accuse(f"{where}/{MANIFEST}", "it speaks of no violation")
        return SealedPackage(entry, folder, where, sound=False)
    _check_place(where, entry, violation, report)
    return SealedPackage(entry, folder, where, sound=True)


def _files(folder: Path, where: str, report: Report) -> set[str]:
    """Names of the package's plain files; anything else in it is a problem."""
    names = set()
    with os.scandir(folder) as entries:
        for item in entries:
            if item.is_file(follow_symlinks=False):
                names.add(item.name)
            else:
                report.accuse(f"{where}/{item.name}", "a package holds plain files only")
    return names


def _check_seal(folder: Path, where: str, entry: Entry, there: set[str], report: Report) -> None:
    if SEAL not in there:
        report.accuse(f"{where}/{SEAL}", "the file is gone")
        return
    what, expected = f"it is not entry {entry.sequence} of the chain", len(entry.line)
    found = (folder / SEAL).stat().st_size
    if found != expected:
        report.accuse(f"{where}/{SEAL}", what, f"{expected} bytes", f"{found} bytes")
    elif sha256_file(folder / SEAL) != hashlib.sha256(entry.line).hexdigest():
        report.accuse(
            f"{where}/{SEAL}",
            what,
            hashlib.sha256(entry.line).hexdigest(),
            sha256_file(folder / SEAL),
        )


def _check_stamp(
    folder: Path, where: str, entry: Entry, authorities: Authorities | None, report: Report
) -> None:
    place = f"{where}/{STAMP}"
    if (folder / STAMP).stat().st_size > _LARGEST_STAMP_BYTES:
        report.accuse(place, "it is too large to be a time stamp")
        return
    stamp = (folder / STAMP).read_bytes()
    check_stamp(place, stamp, entry.line, utc_moment(entry.sealed_at), authorities, report)


def _checked_manifest(
    folder: Path, where: str, entry: Entry, there: set[str], report: Report
) -> Mapping[str, Any] | None:
    """The manifest, if it is the sealed one."""
    place = f"{where}/{MANIFEST}"
    if MANIFEST not in there:
        report.accuse(place, "the file is gone; the package's files could not be checked")
        return None
    expected, found = str(entry.payload["manifest_sha256"]), sha256_file(folder / MANIFEST)
    if found != expected:
        what = "its SHA-256 is not the sealed one; the package's files could not be checked"
        report.accuse(place, what, expected, found)
        return None
    if (folder / MANIFEST).stat().st_size > _LARGEST_MANIFEST_BYTES:
        report.accuse(place, "it is too large to be a manifest")
        return None
    try:
        manifest = read_json((folder / MANIFEST).read_bytes())
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), list):
        report.accuse(place, "it is not a manifest")
        return None
    return manifest


def _check_files(
    folder: Path, where: str, manifest: Mapping[str, Any], there: set[str], report: Report
) -> None:
    listed = set()
    for item in manifest["files"]:
        match item:
            case {"file": str(name), "sha256": str(sha256), "size_bytes": int(size_bytes)}:
                listed.add(name)
            case _:
                report.accuse(f"{where}/{MANIFEST}", "its list of files is damaged")
                continue
        place = f"{where}/{name}"
        if name not in there:  # a name that leads elsewhere is never among them
            report.accuse(place, "the file is gone", sha256)
            continue
        found_bytes = (folder / name).stat().st_size
        if found_bytes != size_bytes:
            report.accuse(place, "its size differs", f"{size_bytes} bytes", f"{found_bytes} bytes")
        elif (found := sha256_file(folder / name)) != sha256:
            report.accuse(place, "its SHA-256 differs", sha256, found)
    for name in sorted(there - listed - {MANIFEST, SEAL, STAMP}):
        report.accuse(f"{where}/{name}", "the manifest knows no such file")


def _check_place(where: str, entry: Entry, violation: Mapping[str, Any], report: Report) -> None:
    """The place says which violation it is; the manifest must say the same."""
    kind, _day, name = ["", "", "", *str(entry.payload["path"]).split("/")][-3:]
    for what, expected, told in (
        ("id", name, folder_name(str(violation.get("id")))),
        ("kind", kind, str(violation.get("kind"))),
        ("camera", folder_name(entry.camera_id), folder_name(str(violation.get("camera_id")))),
    ):
        if told != expected:
            report.accuse(f"{where}/{MANIFEST}", f"it is of another {what}", expected, told)


def check_lone_package(
    folder: Path, report: Report, authorities: Authorities | None = None
) -> Entry | None:
    """Hold a package against its own seal, wherever it lies; the seal's entry."""
    try:
        entry = read_seal(folder)
        if entry.kind != PACKAGE_KIND:
            raise ValueError(f"it is of a {entry.kind}, not of a package")
    except FileNotFoundError:
        report.accuse(SEAL, "the file is gone; nothing else could be checked")
        return None
    except ValueError as error:
        report.accuse(SEAL, f"it is no seal: {error}; nothing else could be checked")
        return None
    check_package(folder, ".", entry, report, authorities)
    return entry
