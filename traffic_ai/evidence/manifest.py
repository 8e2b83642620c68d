"""The manifest of an evidence package: the whole record, and every file with its hash."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traffic_ai.core.ports import Clip
from traffic_ai.core.violation import Violation, document
from traffic_ai.evidence.chain import MANIFEST
from traffic_ai.evidence.encryption import FORMAT as ENCRYPTION
from traffic_ai.evidence.package import sha256_file

FORMAT = "traffic-ai evidence 1"


@dataclass(slots=True)
class Still:
    """A still as it stands in the manifest. file: its name in the package."""

    file: str
    asked_s: float
    t_s: float
    captured_at: Any
    degraded: bool


@dataclass(slots=True)
class Contents:
    """What a package holds so far. `grounds`: what is said of what the decision stands on.

    encrypted: by file name, SHA-256 and size of what was encrypted.
    """

    stills: list[Still] = field(default_factory=list)
    clip: Clip | None = None
    encrypted: dict[str, tuple[str, int]] = field(default_factory=dict)
    grounds: Mapping[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def write_manifest(
    folder: Path, contents: Contents, violation: Violation, recipients: Sequence[str] = ()
) -> None:
    """Write the manifest of a folder that holds all other files.

    recipients: for whom pictures and clip were encrypted.
    """
    clip = contents.clip
    manifest = {
        **contents.grounds,
        "format": FORMAT,
        "violation": document(violation),
        "source": violation.provenance.source_hash,
        "software_version": violation.provenance.software_version,
        "rule_version": violation.rule_version,
        "config_hash": violation.provenance.config_hash,
        "model_hash": violation.provenance.model_hash,
        "stills": [
            {
                "file": still.file,
                "asked_s": still.asked_s,
                "t_s": still.t_s,
                "captured_at": still.captured_at,
                "degraded": still.degraded,
            }
            for still in contents.stills
        ],
        "clip": clip
        and {
            "file": clip.path.name,
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            "reencoded": clip.reencoded,
        },
        "encryption": {
            "format": ENCRYPTION,
            "recipients": list(recipients),
            "files": [
                {"file": name, "plain_sha256": sha256, "plain_size_bytes": size_bytes}
                for name, (sha256, size_bytes) in sorted(contents.encrypted.items())
            ],
        }
        if recipients
        else None,
        "files": [
            {"file": path.name, "sha256": sha256_file(path), "size_bytes": path.stat().st_size}
            for path in sorted(folder.iterdir())
        ],
        "problems": contents.problems,
    }
    text = json.dumps(
        manifest, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def problems_in(folder: Path) -> tuple[str, ...]:
    """What the manifest of a written package says could not be made."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return tuple(str(problem) for problem in manifest["problems"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return (f"the manifest cannot be read: {error}",)
