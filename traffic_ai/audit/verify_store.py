"""The store's rows held against the sealed packages: a record is what its package says."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from traffic_ai.audit.verify_chain import ReadChain
from traffic_ai.audit.verify_package import SealedPackage, read_json, read_seal
from traffic_ai.audit.verify_report import Report
from traffic_ai.audit.verify_review import ReviewCheck
from traffic_ai.core.errors import StoreError
from traffic_ai.core.record import DocumentedViolation, EvidenceState, StoredViolation
from traffic_ai.evidence.package import folder_name
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME

# Columns of the store by their names in the record.
_TOLD = ("camera_id", "kind", "lane_id", "road_user", "t_s", "rule_version")
_PROVENANCE = ("source_hash", "config_hash", "model_hash", "software_version")
# And in its measurement: the first that its kind has.
_MEASURED: Mapping[str, tuple[str, ...]] = {
    "speed_kmh": ("speed_kmh",),
    "speed_uncertainty_kmh": ("expanded_uncertainty_kmh",),
    "limit_kmh": ("limit_kmh",),
    "time_into_red_s": ("time_into_red_s",),
    "yellow_duration_s": ("yellow_duration_s",),
    "distance_m": ("distance_m", "distance_over_m"),
    "distance_uncertainty_m": ("distance_standard_uncertainty_m",),
    "duration_s": ("duration_s", "standing_s"),
    "deducted_kmh": ("deducted_kmh",),
    "enforced_kmh": ("enforced_kmh",),
}
_ABSENT = object()


def check_store(
    run: Path,
    packages: Mapping[str, SealedPackage],
    chains: Mapping[str, ReadChain],
    report: Report,
) -> None:
    """Compare every row with its package and every decision with the chain.

    packages: by path relative to the run folder. chains: by camera folder, as they were read.
    """
    if not (run / STORE_NAME).is_file():
        report.note(STORE_NAME, "there is no store here; the packages were checked alone")
        return
    try:
        _check_rows(run, packages, chains, report)
    except (StoreError, ValueError, TypeError) as error:  # also what no row can hold
        report.accuse(STORE_NAME, f"its rows cannot all be read: {error}")


def _check_rows(
    run: Path,
    packages: Mapping[str, SealedPackage],
    chains: Mapping[str, ReadChain],
    report: Report,
) -> None:
    missing = dict(packages)
    path_of = {path.rpartition("/")[2]: path for path in packages}
    waiting = 0
    reviews = ReviewCheck(run, chains, report)
    with ViolationStore.open(run / STORE_NAME, read_only=True) as store:
        for name in store.programmed():
            report.accuse(STORE_NAME, "a view or trigger, which no store holds", found=name)
        for record in store.documents():
            stored = record.stored
            where = f"{STORE_NAME} violation {stored.id}"
            written = stored.evidence_state is EvidenceState.WRITTEN
            path = stored.evidence_path or ""
            reviews.row(where, stored)
            if not written:  # its package may be there all the same: a run ended just then
                path = path_of.get(folder_name(stored.id), "")
            package = missing.pop(path, None)
            if package is not None and package.sound:
                _check_row(where, record, package.violation(), report)
            elif package is None and path in packages:
                report.accuse(where, "its package is another row's too", found=path)
            elif package is None and not written:
                waiting += 1
                reviews.unsealed(where, stored)
            elif package is None and not _is_newer(run, path, chains):
                report.accuse(where, "no chain knows the package it names", path)
        reviews.end(store.deleted_ids())
    for package in missing.values():
        report.accuse(package.where, f"no violation of {STORE_NAME} names this package")
    if waiting:
        report.note(STORE_NAME, f"{waiting} violations have no package, so nothing seals them")


def _is_newer(run: Path, path: str, chains: Mapping[str, ReadChain]) -> bool:
    """Whether a package was sealed after its camera's chain was read, by a run that goes on."""
    parts = path.split("/")
    if len(parts) != 5 or parts[0] != EVIDENCE_NAME or ".." in parts:
        return False
    known = len(chains[parts[1]].line_hashes) if parts[1] in chains else 0
    try:
        return read_seal(run / path).sequence > known
    except (OSError, ValueError):
        return False


def _check_row(
    where: str, record: DocumentedViolation, sealed: Mapping[str, Any], report: Report
) -> None:
    if record.stored.id != sealed.get("id"):
        report.accuse(where, "its package is another's", record.stored.id, str(sealed.get("id")))
        return
    try:
        document = read_json(record.document)
    except ValueError as error:
        report.accuse(where, f"its document is no JSON: {error}")
        return
    for place, expected, found in differences(sealed, document):
        report.accuse(where, f"its {place} is not the sealed one", _text(expected), _text(found))
    for column, expected, found in _columns(record.stored, sealed):
        if expected != found:
            what = f"its column {column} is not the sealed one"
            report.accuse(where, what, _text(expected), _text(found))


def differences(sealed: Any, found: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: place, value in the first, value in the second."""
    if isinstance(sealed, dict) and isinstance(found, dict):
        for key in sorted(sealed.keys() | found.keys()):
            inner = f"{place}.{key}" if place else key
            yield from differences(sealed.get(key, _ABSENT), found.get(key, _ABSENT), inner)
    elif isinstance(sealed, list) and isinstance(found, list) and len(sealed) == len(found):
        for number, (one, other) in enumerate(zip(sealed, found, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif type(sealed) is not type(found) or sealed != found:
        yield place or "document", sealed, found


def _columns(stored: StoredViolation, sealed: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, value as sealed, value in the store."""
    provenance, measurement = sealed.get("provenance"), sealed.get("measurement")
    for column in _TOLD:
        yield column, sealed.get(column), getattr(stored, column)
    for column in _PROVENANCE:
        expected = provenance.get(column) if isinstance(provenance, dict) else None
        yield column, expected, getattr(stored.provenance, column)
    for column, names in _MEASURED.items():
        told = measurement if isinstance(measurement, dict) else {}
        name = next((name for name in names if name in told), names[0])
        yield column, told.get(name), getattr(stored.headline, column)
    found = stored.occurred_at.utc if stored.occurred_at else None
    yield "occurred_at", _moment(sealed), found


def _moment(sealed: Mapping[str, Any]) -> datetime | None:
    occurred_at = sealed.get("occurred_at")
    if not isinstance(occurred_at, dict):
        return None
    try:
        return datetime.fromisoformat(str(occurred_at.get("utc")))
    except ValueError:
        return None


def _text(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, datetime):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}..."
