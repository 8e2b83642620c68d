"""A camera's chain: an append-only file of entries, each naming the hash of the one before.

Stands at the end of writing a package: the package gets its place in the chain and its seal, then
its name. An entry is first written to a file of its own (`chain.next`), then what it speaks of is
published, then it joins the chain. So a process killed at any moment leaves either nothing, or
all that the next writer needs to finish: no gap, no entry without its package.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path

from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.evidence.keys import Signer, short_name
from traffic_ai.evidence.package import (
    clear_camera_remains,
    folder_name,
    partial_name,
    publish,
    sha256_file,
    sync,
)
from traffic_ai.evidence.seal import (
    DELETION_KIND,
    KEY_KIND,
    NOTHING_BEFORE,
    PACKAGE_KIND,
    Entry,
    Head,
    Json,
    utc_text,
)
from traffic_ai.evidence.seal_clock import host_clock

CHAIN = "chain.jsonl"
NEXT = "chain.next"
MANIFEST = "manifest.json"
SEAL = "seal.json"
# An RFC 3161 time stamp of seal.json may lie beside it.
STAMP = "seal.tsr"

_BLOCK = 1 << 16


def _now() -> datetime:
    return datetime.now(UTC)


class Chain:
    """The chain of one camera, in the camera's evidence folder below `root`.

    Several threads and processes may write at once: each waits its turn at a lock on the file.
    signer: None for entries without signature; a chain once signed is only continued signed, by
    the same key or one that the key handed over to. Methods raise UsageError where the key does
    not fit the chain, EvidenceError where the chain is damaged, OSError.
    """

    def __init__(
        self,
        root: Path,
        camera_id: str,
        signer: Signer | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        # A name of undecodable bytes has no canonical form otherwise.
        self._camera_id = camera_id.encode("utf-8", "backslashreplace").decode()
        self._folder = root / folder_name(camera_id)
        self._signer = signer
        self._now = now

    @property
    def camera_id(self) -> str:
        """The camera, as its entries name it."""
        return self._camera_id

    def signed_by(self, signer: Signer | None) -> "Chain":
        """The same chain in the hands of a signer."""
        return Chain(self._folder.parent, self._camera_id, signer, self._now)

    def exists(self) -> bool:
        """Whether anything was ever entered."""
        return (self._folder / CHAIN).exists()

    def check(self) -> None:
        """Finish what a killed process began, and see whether this key can go on.

        To be called at the start of a run. Raises UsageError, EvidenceError.
        """
        if not self.exists():
            return
        try:
            with self._locked() as stream:
                self._handovers(self._settled(stream))
        except OSError as error:
            raise EvidenceError(
                f"cannot use the chain {self._folder / CHAIN}: {error.strerror}"
            ) from error

    def settle(self) -> None:
        """Finish what a killed process began, if anything."""
        if (self._folder / NEXT).exists():
            with self._locked() as stream:
                self._settled(stream)

    def seal(self, package: Path, final: Path) -> None:
        """Enter a whole package (its manifest included), seal it and give it its final name.

        A package that is there under that name already is kept; this one is left as it is.
        """
        for path in package.iterdir():
            sync(path)
        payload: dict[str, Json] = {
            "path": final.relative_to(self._folder).as_posix(),
            "manifest_sha256": sha256_file(package / MANIFEST),
        }
        with self._locked() as stream:
            head = self._ready(stream)
            if final.exists():
                return
            entry = self._entry(head, PACKAGE_KIND, payload)
            (package / SEAL).write_bytes(entry.line)
            sync(package / SEAL)
            self._intend(entry)
            publish(package, final)
            self._append(stream, entry)

    def add(self, kind: str, payload: Mapping[str, Json]) -> Entry:
        """Add an entry that is no package's: a reading, a decision, a deletion."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked() as stream:
            return self._add(stream, self._ready(stream), kind, payload)

    def remove(self, package: Path, payload: Mapping[str, Json], *, was_sealed: bool) -> Entry:
        """Enter the deletion of a package and delete it, files first out of sight, then for good.

        was_sealed: False for a package that no entry names. Killed in between, either nothing has
        happened, or what is left is removed by `sweep`.
        """
        if was_sealed:
            payload = {**payload, "path": package.relative_to(self._folder).as_posix()}
        grave = partial_name(package)
        with self._locked() as stream:
            entry = self._entry(self._ready(stream), DELETION_KIND, payload)
            self._intend(entry)
            if package.exists():
                package.rename(grave)
                sync(package.parent)
            self._append(stream, entry)
        shutil.rmtree(grave, ignore_errors=True)
        return entry

    def sweep(self) -> None:
        """Finish what a killed process began, and remove what it left of packages."""
        self.settle()
        clear_camera_remains(self._folder, own=False)

    def entries(self, kinds: Collection[str] = (), after: int = 0) -> list[Entry]:
        """The entries from number `after` + 1 on, of all kinds or of some.

        Nothing of them is checked but their form. What stands before them is not read.
        """
        if not self.exists():
            return []
        marks = [f'"kind":"{kind}"'.encode() for kind in kinds]
        try:
            with self._locked() as stream:
                head = self._settled(stream)
                # In a sound chain the last entry's sequence is the number of lines.
                first = _start_of_last(stream, head.sequence - after) if head and after else 0
                stream.seek(first)
                lines = [
                    (number, line.removesuffix(b"\n"))
                    for number, line in enumerate(stream, after + 1)
                    # An entry is in canonical form, so its kind can only stand so.
                    if not marks or any(mark in line for mark in marks)
                ]
        except OSError as error:
            raise EvidenceError(
                f"cannot read the chain {self._folder / CHAIN}: {error.strerror}"
            ) from error
        found = []
        for number, line in lines:
            try:
                found.append(Entry.read(line))
            except ValueError as error:
                raise self._damaged(f"has a line {number} that is no entry ({error})") from None
        return found

    def head(self) -> Head | None:
        """How far the chain has come, signed where there is a key; None for an empty chain."""
        with self._locked() as stream:
            last = self._settled(stream)
        if last is None:
            return None
        key = self._signer.public_key if self._signer else None
        head = Head(self._camera_id, last.sequence, last.sha256, utc_text(self._now()), key)
        return head.with_signature(self._signer.sign(head.signed_bytes)) if self._signer else head

    # --------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[BufferedRandom]:
        """The chain's file while nobody else writes to it."""
        with (self._folder / CHAIN).open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # let go when the file is closed
            yield stream

    def _ready(self, stream: BufferedRandom) -> Entry | None:
        """The last entry once this signer may follow it."""
        head = self._settled(stream)
        handovers = self._handovers(head)
        if handovers:
            return self._add(stream, head, KEY_KIND, {"handovers": handovers})
        return head

    def _handovers(self, head: Entry | None) -> list[Json]:
        """How the last entry's key handed over to this signer's; empty where it is the same."""
        if self._signer is not None:
            # A key that was rotated while this process runs signs nothing more.
            self._signer = self._signer.successor() or self._signer
        if head is None or head.public_key is None:
            return []
        chain = self._folder / CHAIN
        if self._signer is None:
            raise UsageError(
                f"{chain} is signed with the key {short_name(head.public_key)}, and there is no "
                "key here; name its folder with --keys, or write to another run folder"
            )
        steps = self._signer.handovers_from(head.public_key)
        if steps is None:
            raise UsageError(
                f"{chain} is signed with the key {short_name(head.public_key)}, which never "
                f"handed over to the present key {short_name(self._signer.public_key)}; name the "
                "right folder with --keys or write to another run folder"
            )
        return [step.json for step in steps]

    def _entry(self, head: Entry | None, kind: str, payload: Mapping[str, Json]) -> Entry:
        entry = Entry(
            camera_id=self._camera_id,
            sequence=head.sequence + 1 if head else 1,
            previous=head.sha256 if head else NOTHING_BEFORE,
            kind=kind,
            payload=payload,
            sealed_at=utc_text(self._now()),
            clock=host_clock(),
            public_key=self._signer.public_key if self._signer else None,
        )
        if self._signer is None:
            return entry
        return entry.with_signature(self._signer.sign(entry.signed_bytes))

    def _add(
        self, stream: BufferedRandom, head: Entry | None, kind: str, payload: Mapping[str, Json]
    ) -> Entry:
        entry = self._entry(head, kind, payload)
        self._intend(entry)
        self._append(stream, entry)
        return entry

    def _intend(self, entry: Entry) -> None:
        """Note durably what is about to happen."""
        with (self._folder / NEXT).open("wb") as stream:
            stream.write(entry.line)
            stream.flush()
            os.fsync(stream.fileno())
        sync(self._folder)

    def _append(self, stream: BufferedRandom, entry: Entry) -> None:
        stream.write(entry.line)
        stream.flush()
        os.fsync(stream.fileno())
        (self._folder / NEXT).unlink()

    def _settled(self, stream: BufferedRandom) -> Entry | None:
        """The last entry, after what a killed process left unfinished is finished or undone."""
        last, torn = _tail(stream)
        head = self._read(last)
        waiting = self._waiting()
        if waiting is not None and _follows(waiting, head) and self._came_true(waiting):
            if not waiting.line.startswith(torn):
                raise self._damaged("ends in the middle of an entry")
            stream.truncate(stream.seek(0, os.SEEK_END) - len(torn))
            self._append(stream, waiting)
            return waiting
        if torn:
            raise self._damaged("ends in the middle of an entry")
        (self._folder / NEXT).unlink(missing_ok=True)
        return head

    def _read(self, line: bytes) -> Entry | None:
        if not line:
            return None
        try:
            return Entry.read(line)
        except ValueError as error:
            raise self._damaged(f"has a last line that is no entry ({error})") from None

    def _waiting(self) -> Entry | None:
        """The entry that was about to be made; None where none was, or it was half written."""
        try:
            line = (self._folder / NEXT).read_bytes()
            return Entry.read(line.removesuffix(b"\n"))
        except (FileNotFoundError, ValueError):
            return None

    def _came_true(self, waiting: Entry) -> bool:
        """Whether what the entry speaks of has happened: a package may not have come, or not have
        gone.
        """
        path = self._folder / str(waiting.payload.get("path", ""))
        if waiting.kind == DELETION_KIND:
            return "path" not in waiting.payload or not path.exists()
        if waiting.kind != PACKAGE_KIND:
            return True
        try:
            seal = path / SEAL
            return seal.read_bytes() == waiting.line
        except OSError:
            return False

    def _damaged(self, how: str) -> EvidenceError:
        return EvidenceError(
            f"the chain {self._folder / CHAIN} {how}: it was altered or cut; look at it with "
            f"`traffic-ai verify`, then move {self._folder} away, and a new chain is begun"
        )


def chained_cameras(root: Path) -> list[str]:
    """The cameras that have a chain below an evidence root, by name. Raises EvidenceError."""
    cameras = []
    for path in sorted(root.glob(f"*/{CHAIN}")):
        with path.open("rb") as stream:
            line = stream.readline()
        if not line:
            continue
        try:
            cameras.append(Entry.read(line.removesuffix(b"\n")).camera_id)
        except ValueError as error:
            raise EvidenceError(f"{path} begins with a line that is no entry: {error}") from None
    return cameras


def _follows(entry: Entry, head: Entry | None) -> bool:
    if head is None:
        return entry.sequence == 1 and entry.previous == NOTHING_BEFORE
    return entry.sequence == head.sequence + 1 and entry.previous == head.sha256


def _tail(stream: BufferedRandom) -> tuple[bytes, bytes]:
    """The last whole line without its newline, and what stands after it."""
    stream.seek(_start_of_last(stream, 1))
    *lines, torn = stream.read().split(b"\n")
    return (lines[-1] if lines else b""), torn


def _start_of_last(stream: BufferedRandom, count: int) -> int:
    """Where the last `count` whole lines begin; the beginning of the file where there are fewer."""
    position = stream.seek(0, os.SEEK_END)
    left = max(count, 0)  # newlines still to pass before the one that they begin after
    while position > 0:
        begin = max(0, position - _BLOCK)
        stream.seek(begin)
        block = stream.read(position - begin)
        if block.count(b"\n") > left:
            place = len(block)
            for _ in range(left + 1):
                place = block.rindex(b"\n", 0, place)
            return begin + place + 1
        left -= block.count(b"\n")
        position = begin
    return 0
