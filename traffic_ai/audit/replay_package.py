"""An evidence package as replay and explanation read it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from traffic_ai.config.site import started_hash, text_hash
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.evidence.chain import MANIFEST
from traffic_ai.evidence.grounds import DECISION, SITE
from traffic_ai.stores.run_folder import EVIDENCE_NAME

_LARGEST_FILE_BYTES = 1 << 26


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
        try:
            listed = {entry["file"]: entry["sha256"] for entry in self.manifest["files"]}
        except (LookupError, TypeError) as error:
            raise EvidenceError(f"{self.folder / MANIFEST}: files: {error!r}") from error
        if name not in listed:
            raise EvidenceError(
                f"the package holds no {name}: it was made before decisions were kept, or by a "
                "rule of another package that decides on more than one vehicle"
            )
        text = _text(self.folder / name)
        if hashlib.sha256(text.encode()).hexdigest() != listed[name]:
            raise EvidenceError(
                f"{self.folder / name} is not the file its manifest lists; "
                f"see traffic-ai verify {self.folder}"
            )
        return text


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
    found = sorted(m.parent for m in (path / EVIDENCE_NAME).glob(f"*/*/*/*/{MANIFEST}"))
    wanted = [f for f in found if record_id is None or f.name.startswith(record_id)]
    if record_id is not None and len(wanted) != 1:
        raise UsageError(
            f"{path} holds {len(wanted) or 'no'} packages whose id begins with {record_id!r}"
        )
    return wanted


def _text(path: Path) -> str:
    """A file's text. Raises EvidenceError, also where it is too large to be one of ours."""
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise EvidenceError(f"{path} is larger than {_LARGEST_FILE_BYTES} bytes")
        return path.read_bytes().decode()
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvidenceError(f"{path} is not UTF-8 text") from error
