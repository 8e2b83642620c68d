"""A camera's chain read line by line: order, hashes, signatures, keys, clock."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from traffic_ai.audit.verify_report import ChainSummary, Report
from traffic_ai.evidence.chain import CHAIN, NEXT
from traffic_ai.evidence.keys import short_name, signature_holds
from traffic_ai.evidence.package import folder_name
from traffic_ai.evidence.seal import (
    DELETION_KIND,
    KEY_KIND,
    NOTHING_BEFORE,
    PACKAGE_KIND,
    REVIEW_KIND,
    Entry,
    Handover,
    utc_moment,
)


@dataclass(frozen=True, slots=True)
class CameraFiles:
    """A camera's folder at one moment. chain: None where there is no chain. places: every
    package folder, kind/date/id, and what lies where no package can be.
    """

    chain: bytes | None
    waiting: bytes | None
    packages: tuple[str, ...]
    strays: tuple[str, ...]
    remains: tuple[str, ...]


@dataclass(slots=True)
class ReadChain:
    """A chain as read. packages: by path, the entry of each that should be there.

    line_hashes: SHA-256 of each line, in order, for heads. reviews: by record, the last decision on
    each that was not deleted. deleted: the records that were.
    """

    summary: ChainSummary
    packages: dict[str, Entry]
    line_hashes: list[str]
    reviews: dict[str, Entry]
    deleted: set[str]


def read_camera(folder: Path) -> CameraFiles:
    """What a camera's folder holds, while no writer changes it."""
    with _quiet(folder / CHAIN):
        packages, strays, remains = _below(folder)
        return CameraFiles(_bytes(folder / CHAIN), _bytes(folder / NEXT), packages, strays, remains)


def entry_since(camera: Path, known: Sequence[str], number: int) -> Entry | None:
    """Entry `number` of a camera's chain, which was added after its lines were read.

    known: the SHA-256 of each line read. None where there is no such entry now, or what was added
    does not go on from those lines.
    """
    before = known[-1] if known else NOTHING_BEFORE
    entry = None
    try:
        lines = (_bytes(camera / CHAIN) or b"").split(b"\n")[:-1]
        for line in lines[len(known) : number]:
            entry = Entry.read(line)
            if entry.previous != before:
                return None
            before = hashlib.sha256(line).hexdigest()
    except (OSError, ValueError):
        return None
    return entry if entry is not None and entry.sequence == number else None


@contextmanager
def _quiet(chain: Path) -> Iterator[None]:
    """Keep writers waiting, where the file system can."""
    try:
        descriptor = os.open(chain, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _bytes(path: Path) -> bytes | None:
    """A plain file's bytes; anything else could keep the reader waiting for ever."""
    if path.is_symlink() or not path.is_file():
        return None
    return path.read_bytes()


def _below(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Packages, strays, and remains of packages that a killed process was writing."""
    packages, strays, remains = [], [], []
    level = [folder]
    for depth in (1, 2, 3):
        below = []
        for item in (item for parent in level for item in os.scandir(parent)):
            path = Path(item.path).relative_to(folder).as_posix()
            if item.is_dir(follow_symlinks=False):
                if item.name.startswith(".") and item.name.endswith(".partial"):
                    remains.append(path)
                elif depth == 3:
                    packages.append(path)
                else:
                    below.append(Path(item.path))
            elif path not in (CHAIN, NEXT) or not item.is_file(follow_symlinks=False):
                strays.append(path)
        level = below
    return tuple(sorted(packages)), tuple(sorted(strays)), tuple(sorted(remains))


def check_chain(name: str, where: str, files: CameraFiles, report: Report) -> ReadChain:
    """Check the chain in the folder `name` by itself; what it says should be there."""
    lines = _lines(where, files, report)
    reader = _Reader(name, where, report)
    for number, line in enumerate(lines, 1):
        reader.read(number, line)
    return ReadChain(
        reader.summary, reader.packages, reader.line_hashes, reader.reviews, reader.deleted
    )


def _lines(where: str, files: CameraFiles, report: Report) -> list[bytes]:
    """Whole lines; the entry that waits to join is the last one where it is needed."""
    *lines, torn = (files.chain or b"").split(b"\n")
    if files.waiting is None:
        if torn:
            report.accuse(f"{where}/{CHAIN}", "it ends in the middle of an entry")
        return lines
    waiting, follows = _waiting(files.waiting, lines)
    if torn and not (follows and waiting.startswith(torn)):
        report.accuse(f"{where}/{CHAIN}", "it ends in the middle of an entry")
    entry = Entry.read(waiting) if follows else None
    if entry and _happened(entry, files):
        report.note(
            f"{where}/{NEXT}", "the last entry has not joined the chain; the next run ends that"
        )
        return [*lines, waiting]
    report.note(f"{where}/{NEXT}", "remains of an entry; the next run removes it")
    return lines


def _happened(entry: Entry, files: CameraFiles) -> bool:
    """Whether a waiting entry is in force: its package has come, or has gone."""
    if entry.kind == PACKAGE_KIND:
        return entry.payload["path"] in files.packages
    return entry.kind != DELETION_KIND or entry.payload.get("path") not in files.packages


def _waiting(data: bytes, lines: Sequence[bytes]) -> tuple[bytes, bool]:
    """The waiting line without its newline, and whether it is the one that comes next."""
    line = data.removesuffix(b"\n")
    try:
        entry = Entry.read(line)
    except ValueError:
        return line, False
    previous = hashlib.sha256(lines[-1]).hexdigest() if lines else NOTHING_BEFORE
    return line, entry.sequence == len(lines) + 1 and entry.previous == previous


class _Reader:
    """Goes through a chain; one fault is told once and what follows is judged by itself."""

    def __init__(self, name: str, where: str, report: Report) -> None:
        self._name = name
        self._where = where
        self._report = report
        self._sequence = 0
        self._previous = NOTHING_BEFORE
        self._key: str | None = None
        self._sealed_at = ""
        self.summary = ChainSummary(name)
        self.packages: dict[str, Entry] = {}
        self.line_hashes: list[str] = []
        self.reviews: dict[str, Entry] = {}
        self.deleted: set[str] = set()

    def read(self, number: int, line: bytes) -> None:
        place = f"{self._where}/{CHAIN} line {number}"
        previous, self._previous = self._previous, hashlib.sha256(line).hexdigest()
        self.line_hashes.append(self._previous)
        try:
            entry = Entry.read(line)
        except ValueError as error:
            self._report.accuse(place, f"it is no entry: {error}")
            self._sequence += 1
            return
        self._check_place(place, entry, previous)
        self._check_signature(place, entry)
        self._check_clock(place, entry)
        self._note_package(place, entry)
        self._note_record(place, entry)

    def _check_place(self, place: str, entry: Entry, previous: str) -> None:
        if folder_name(entry.camera_id) != self._name:
            self._report.accuse(place, "it is another camera's", self._name, entry.camera_id)
        if entry.sequence != self._sequence + 1:
            what = "its sequence does not follow"
            self._report.accuse(place, what, str(self._sequence + 1), str(entry.sequence))
        if entry.previous != previous:
            what = "the line before it is not the one it names"
            self._report.accuse(place, what, entry.previous, previous)
        self._sequence = entry.sequence
        self.summary.camera_id = entry.camera_id
        self.summary.entries += 1

    def _check_signature(self, place: str, entry: Entry) -> None:
        key = entry.public_key
        if key is None or entry.signature is None:
            self.summary.unsigned += 1
            if self._key is not None:
                expected = f"one of {short_name(self._key)}"
                self._report.accuse(place, "it has no signature", expected)
            return
        if not signature_holds(key, entry.signature, entry.signed_bytes):
            self._report.accuse(place, f"its signature is not one of {short_name(key)}")
        if self._key is not None and key != self._key and not self._handed_over(place, entry):
            self._report.accuse(
                place, "another key signs, and the one before did not hand over", self._key, key
            )
        if key not in self.summary.public_keys:
            self.summary.public_keys.append(key)
        self._key = key

    def _handed_over(self, place: str, entry: Entry) -> bool:
        """Whether the entry shows the way from the key so far to its own."""
        handovers = entry.payload.get("handovers")
        if entry.kind != KEY_KIND or not isinstance(handovers, list):
            return False
        key = self._key
        for item in handovers:
            try:
                step = Handover.read(item)
            except ValueError as error:
                self._report.accuse(place, f"a handover of keys is damaged: {error}")
                return False
            if step.old != key or not step.signature:
                return False
            if not signature_holds(step.old, step.signature, step.signed_bytes):
                what = f"a handover's signature is not one of {short_name(step.old)}"
                self._report.accuse(place, what)
                return False
            key = step.new
        return key == entry.public_key

    def _check_clock(self, place: str, entry: Entry) -> None:
        if entry.sealed_at < self._sealed_at:
            back = utc_moment(self._sealed_at) - utc_moment(entry.sealed_at)
            self._report.note(
                place,
                f"sealed at {entry.sealed_at}, {back.total_seconds():.3f} s before the line before "
                "it: the host's clock was set back",
            )
        if utc_moment(entry.sealed_at) > datetime.now(UTC):
            self._report.note(
                place, f"sealed at {entry.sealed_at}, which is later than this computer's clock"
            )
        self._sealed_at = entry.sealed_at

    def _note_package(self, place: str, entry: Entry) -> None:
        path = entry.payload.get("path")
        if entry.kind == PACKAGE_KIND and isinstance(path, str):
            if path in self.packages:
                self._report.accuse(place, f"the package {path} was entered before")
            self.packages[path] = entry
            self.summary.packages += 1
        elif entry.kind == DELETION_KIND and isinstance(path, str):
            if self.packages.pop(path, None) is None:
                self._report.accuse(place, f"there was no package {path} to delete")
            else:
                self.summary.packages -= 1
            self._report.note(place, f"the package {path} was deleted by its keeper")

    def _note_record(self, place: str, entry: Entry) -> None:
        record = entry.payload.get("record")
        if entry.kind not in (REVIEW_KIND, DELETION_KIND):
            return
        if not isinstance(record, str) or not isinstance(entry.payload.get("path", ""), str):
            self._report.accuse(place, f"the {entry.kind} names no record, or no path")
        elif entry.kind == REVIEW_KIND:
            self.reviews[record] = entry
        else:
            self.reviews.pop(record, None)
            self.deleted.add(record)
