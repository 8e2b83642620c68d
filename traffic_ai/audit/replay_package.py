"""An evidence package as replay and explanation read it."""

import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from traffic_ai.config.site import started_hash, text_hash
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.core.printable import printable
from traffic_ai.evidence.chain import MANIFEST
from traffic_ai.evidence.encryption import ENCRYPTED, Reader
from traffic_ai.evidence.grounds import DECISION, SITE
from traffic_ai.stores.run_folder import EVIDENCE_NAME

_LARGEST_FILE_BYTES = 1 << 26
_LARGEST_CLIP_BYTES = 1 << 30
_LONGEST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Package:
    """A package with its manifest; `violation` is the document of what was reported."""

    folder: Path
    manifest: Mapping[str, Any]
    violation: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Package":
        """The package of a folder. Raises EvidenceError where it has no readable manifest."""
        try:
            manifest = json.loads(_text(folder / MANIFEST))
            violation = manifest["violation"]
            if not isinstance(violation, dict) or not isinstance(violation["provenance"], dict):
                raise ValueError("it speaks of no violation")
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise EvidenceError(f"{folder / MANIFEST} cannot be read: {error}") from error
        return cls(folder, manifest, violation)

    @property
    def id(self) -> str:
        """The violation's id."""
        return str(self.violation.get("id"))

    @property
    def kind(self) -> str:
        """What was reported."""
        return str(self.violation.get("kind"))

    def member(self, name: str) -> Path:
        """A file of the package, which may not exist. Raises EvidenceError for a path."""
        if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
            raise EvidenceError(f"{self.folder / MANIFEST} names the file {name!r}")
        return self.folder / name

    def stills(self) -> list[tuple[str, float]]:
        """Stills by name, without the mark of encryption, and moment. Raises EvidenceError."""
        try:
            return [
                (str(still["file"]).removesuffix(ENCRYPTED), float(still["t_s"]))
                for still in self.manifest["stills"]
            ]
        except (LookupError, TypeError, ValueError) as error:
            raise EvidenceError(f"the manifest of {self.folder}: stills: {error!r}") from error

    def original(self, name: str, reader: Reader | None = None) -> bytes:
        """A picture or clip as it was taken, by its name without the mark of encryption.

        Raises EvidenceError where it is not the one that the manifest lists, or is encrypted and
        the reader's key is missing or another's; FileNotFoundError where there is none.
        """
        self.member(name)  # before anything of that name is read here or written elsewhere
        if self._hash_of(name) is not None:
            return self._listed_bytes(name)
        if self._hash_of(name + ENCRYPTED) is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such file", str(self.folder / name))
        path = self.folder / (name + ENCRYPTED)
        data = self._listed_bytes(path.name)
        if reader is None:
            raise EvidenceError(
                f"{path} is encrypted; name the file of a reader's key with --reader-key "
                f"(it is for {self._readers()})"
            )
        try:
            return reader.decrypt(data)
        except ValueError as error:
            raise EvidenceError(
                f"{path} cannot be decrypted with the key of {', '.join(reader.public_keys)}: "
                f"{error}; it is for {self._readers()}"
            ) from None

    def _readers(self) -> str:
        told = self.manifest.get("encryption")
        readers = told.get("recipients") if isinstance(told, dict) else None
        if not isinstance(readers, list):
            return "nobody it names"
        text = ", ".join(map(str, readers))  # by whoever wrote the manifest
        return printable(text[:_LONGEST_SHOWN])

    def decision_text(self) -> str:
        """The text of the decision, if it is the one the manifest lists. Raises EvidenceError."""
        return self._listed(DECISION)

    def site_text(self) -> str:
        """The site the record was made with. Raises EvidenceError where it is another one."""
        text = self._listed(SITE)
        try:
            given_start = self.manifest["site"]["given_start"]
            made_with = text_hash(text)
            if given_start is not None:
                made_with = started_hash(made_with, datetime.fromisoformat(given_start))
        except (LookupError, TypeError, ValueError) as error:
            raise EvidenceError(f"{self.folder / MANIFEST}: site: {error!r}") from error
        if made_with != self.violation["provenance"].get("config_hash"):
            raise EvidenceError(f"{self.folder / SITE} is not the site this record was made with")
        return text

    def _listed(self, name: str) -> str:
        if self._hash_of(name) is None:
            raise EvidenceError(
                f"the package holds no {name}: it was made before decisions were kept, or by a "
                "rule of another package that decides on more than one vehicle"
            )
        try:
            return self._listed_bytes(name).decode()
        except UnicodeDecodeError as error:
            raise EvidenceError(f"{self.folder / name} is not UTF-8 text") from error

    def _hash_of(self, name: str) -> str | None:
        """The SHA-256 that the manifest lists for a file; None where it lists no such file."""
        try:
            listed = {entry["file"]: str(entry["sha256"]) for entry in self.manifest["files"]}
        except (LookupError, TypeError) as error:
            raise EvidenceError(f"{self.folder / MANIFEST}: files: {error!r}") from error
        return listed.get(name)

    def _listed_bytes(self, name: str) -> bytes:
        """A file's bytes, if they are those that the manifest lists."""
        path = self.member(name)
        data = _bytes(path, _LARGEST_CLIP_BYTES)
        if hashlib.sha256(data).hexdigest() != self._hash_of(name):
            raise EvidenceError(
                f"{path} is not the file its manifest lists; see traffic-ai verify {self.folder}"
            )
        return data


def package_folders(path: Path, record_id: str | None = None) -> Sequence[Path]:
    """The package at a path, or all of a run folder, in order; of one record where its id is given.

    Raises UsageError where there is none.
    """
    if (path / MANIFEST).is_file():
        return [path]
    if not (path / EVIDENCE_NAME).is_dir():
        raise UsageError(
            f"{path} is neither a run folder (it holds no {EVIDENCE_NAME}) nor a package "
            f"(it holds no {MANIFEST})"
        )
    # What is in work, and what remains of it, has a name that begins with a dot.
    pattern = "/".join(["[!.]*"] * 4 + [MANIFEST])
    found = sorted(m.parent for m in (path / EVIDENCE_NAME).glob(pattern))
    wanted = [f for f in found if record_id is None or f.name.startswith(record_id)]
    if record_id is not None and len(wanted) != 1:
        raise UsageError(
            f"{path} holds {len(wanted) or 'no'} packages whose id begins with {record_id!r}"
        )
    return wanted


def _text(path: Path) -> str:
    """A file's text. Raises EvidenceError, also where it is too large to be one of ours."""
    try:
        return _bytes(path, _LARGEST_FILE_BYTES).decode()
    except UnicodeDecodeError as error:
        raise EvidenceError(f"{path} is not UTF-8 text") from error


def _bytes(path: Path, largest_bytes: int) -> bytes:
    try:
        if path.stat().st_size > largest_bytes:
            raise EvidenceError(f"{path} is larger than {largest_bytes} bytes")
        return path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror}") from error
