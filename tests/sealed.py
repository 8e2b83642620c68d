"""Tiny sealed packages: a run folder as the recorder leaves it, in a millisecond."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from traffic_ai.evidence.chain import Chain
from traffic_ai.evidence.keys import make_key
from traffic_ai.evidence.package import partial_folder
from traffic_ai.evidence.seal import NOTHING_BEFORE, Entry

MORNING = datetime(2026, 5, 1, 8, tzinfo=UTC)


class Clock:
    """A host's clock that goes on by ten seconds whenever it is read."""

    def __init__(self, start=MORNING):
        self.now = start

    def __call__(self):
        self.now += timedelta(seconds=10)
        return self.now


def signer(folder):
    return make_key(folder)


def chain(run, camera="gate", signer=None, clock=None):
    return Chain(run / "evidence", camera, signer, clock or Clock())


def package_path(run, number, camera="gate"):
    """Where package `number` of a camera lies."""
    return run / "evidence" / camera / "speeding" / "2026-05-01" / violation_id(number)


def violation_id(number):
    return hashlib.sha256(f"violation {number}".encode()).hexdigest()[:32]


def add_package(run, number, chain, camera="gate", document=None):
    """Write and seal a package of a picture, a clip and a manifest; its folder."""
    final = package_path(run, number, camera)
    violation = document or {
        "id": violation_id(number),
        "kind": "speeding",
        "camera_id": camera,
        "speed_kmh": 60.5 + number,
    }
    with partial_folder(final) as folder:
        files = {"at.jpg": f"picture {number}", "clip.mp4": f"clip {number}" * 20}
        for name, text in files.items():
            (folder / name).write_text(text)
        listed = [
            {
                "file": name,
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "size_bytes": len(text),
            }
            for name, text in files.items()
        ]
        manifest = {"files": listed, "problems": [], "violation": violation}
        (folder / "manifest.json").write_text(
            json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n"
        )
        chain.seal(folder, final)
    return final


def reseal(package):
    """Make the chain anew with the package's manifest as it is: who holds it can, without a key."""
    folder = package.parents[2]
    path = package.relative_to(folder).as_posix()
    lines, previous = [], NOTHING_BEFORE
    for line in (folder / "chain.jsonl").read_bytes().splitlines():
        entry = replace(Entry.read(line), previous=previous)
        if entry.kind == "package" and entry.payload["path"] == path:
            manifest_sha256 = hashlib.sha256((package / "manifest.json").read_bytes()).hexdigest()
            payload = {**entry.payload, "manifest_sha256": manifest_sha256}
            entry = replace(entry, payload=payload)
        if entry.kind == "package":
            (folder / entry.payload["path"] / "seal.json").write_bytes(entry.line)
        lines.append(entry.line)
        previous = entry.sha256
    (folder / "chain.jsonl").write_bytes(b"".join(lines))
