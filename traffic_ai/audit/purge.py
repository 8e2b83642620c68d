"""Deletion of records: pictures, clip, tracks and row go; a signed entry of hashes stays."""

import hashlib
import json
from pathlib import Path

from traffic_ai.audit.records import (
    Records,
    check_there,
    checked_text,
    package_folder,
    package_place,
)
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.core.record import DocumentedViolation, StoredViolation
from traffic_ai.evidence.chain import MANIFEST, SEAL
from traffic_ai.evidence.package import sha256_file
from traffic_ai.evidence.seal import DELETION_KIND, Entry, Json, utc_moment
from traffic_ai.stores.run_folder import track_log_path
from traffic_ai.stores.track_log import forget_track


def purge(records: Records, record: DocumentedViolation, why: str) -> Entry:
    """Delete one record for good; the entry that says so.

    Killed in between, the record is either still there, or what is left of it goes when the
    records are opened next. What was exported or copied before is not reached.
    """
    stored = record.stored
    payload: dict[str, Json] = {
        "record": stored.id,
        "document_sha256": hashlib.sha256(record.document.encode()).hexdigest(),
        "why": checked_text("the reason (--why)", why, needed=True),
        "by": records.by,
    }
    package = _package(records.run, stored)
    chain = records.chain(stored.camera_id)
    with records.changing(stored.camera_id) as changes:
        check_there(changes, stored.id)
        track_log = track_log_path(records.run, changes.source_of(stored.id))
        forget_track(track_log, int(json.loads(record.document)["track_id"]))
        try:
            if package is None:
                entry = chain.add(DELETION_KIND, payload)
            else:
                if (package / MANIFEST).is_file():
                    payload["manifest_sha256"] = sha256_file(package / MANIFEST)
                # A package that was never sealed is in no entry that could be taken back.
                was_sealed = (package / SEAL).is_file() or not package.exists()
                entry = chain.remove(package, payload, was_sealed=was_sealed)
        except OSError as error:
            raise EvidenceError(
                f"the record {stored.id} could not be deleted: {error.strerror}: {error.filename}"
            ) from error
        changes.delete(stored.id, stored.camera_id, utc_moment(entry.sealed_at), entry.sequence)
    records.store.forget()
    return entry


def _package(run: Path, stored: StoredViolation) -> Path | None:
    """The record's package, also where a run was stopped before it noted that it was written."""
    noted = package_folder(run, stored)
    if noted is not None:
        return noted
    place = package_place(run, stored)
    found = next(place.parents[2].glob(f"*/*/{place.name}"), None)
    if found is not None and found != place:
        raise EvidenceError(
            f"the record {stored.id} has its package in {found}, which is no place of its; "
            "look at the run with `traffic-ai verify`"
        )
    return found


def subject(records: Records, record_id: str) -> DocumentedViolation:
    """The record of a whole id: what is deleted is named in full. Raises UsageError."""
    found = records.find(record_id)
    if found.stored.id != record_id:
        raise UsageError(
            f"{record_id!r} is not a whole id; the record that begins so is {found.stored.id}"
        )
    return found
