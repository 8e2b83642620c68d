"""The store's rows held against the sealed packages: a record is what its package says."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from traffic_ai.audit.verify_chain import ReadChain, entry_since
from traffic_ai.audit.verify_package import SealedPackage, read_json, read_seal
from traffic_ai.audit.verify_report import Report
from traffic_ai.audit.verify_review import ReviewCheck
from traffic_ai.core.errors import StoreError
from traffic_ai.core.record import DocumentedViolation, EvidenceState, StoredViolation
from traffic_ai.evidence.package import folder_name
from traffic_ai.evidence.seal import PACKAGE_KIND
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
# How many rows are so is worth knowing.
_UNSEALED = "have no package, so nothing seals them"
_UNSAID = "have a package and do not say so"
_NEWER = "were sealed while this was checked; check again to have them compared"


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
    counts: Counter[str] = Counter()
    reviews = ReviewCheck(run, chains, report)
    with ViolationStore.open(run / STORE_NAME, read_only=True) as store:
        for fault in store.faults():
            report.accuse(STORE_NAME, fault)
        for record in store.documents():
            stored = record.stored
            where = f"{STORE_NAME} violation {stored.id}"
            written = stored.evidence_state is EvidenceState.WRITTEN
            path = stored.evidence_path or ""
            reviews.row(where, stored)
            if not written:  # its package may be there all the same: a run ended just then
                if path:
                    what = f"it is {stored.evidence_state} and names a package all the same"
                    report.accuse(where, what, found=path)
                path = path_of.get(folder_name(stored.id), "")
                counts[_UNSAID if path else _UNSEALED] += 1
            package = missing.pop(path, None)
            if package is not None and package.sound:
                _check_row(where, record, package.manifest(), report)
            elif package is None and path in packages:
                report.accuse(where, "its package is another row's too", found=path)
            elif package is None and written and _sealed_since(run, path, chains):
                counts[_NEWER] += 1
            elif package is None and written:
                report.accuse(where, "no chain knows the package it names", path)
        reviews.end(store.deleted_ids())
    for package in missing.values():
        report.accuse(package.where, f"no violation of {STORE_NAME} names this package")
    for what, count in counts.items():
        report.note(STORE_NAME, f"{count} violations {what}")


def _sealed_since(run: Path, path: str, chains: Mapping[str, ReadChain]) -> bool:
    """Whether a package was sealed after its camera's chain was read, by a run that goes on."""
    parts = path.split("/")
    if len(parts) != 5 or parts[0] != EVIDENCE_NAME or ".." in parts:
        return False
    chain = chains.get(parts[1])
    known = chain.line_hashes if chain else []
    try:
        seal = read_seal(run / path)
    except (OSError, ValueError):
        return False
    inside = "/".join(parts[2:])
    entry = entry_since(run / EVIDENCE_NAME / parts[1], known, seal.sequence)
    return entry == seal and seal.kind == PACKAGE_KIND and seal.payload["path"] == inside


def _check_row(
    where: str, record: DocumentedViolation, manifest: Mapping[str, Any], report: Report
) -> None:
    sealed = manifest["violation"]
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
    for column, expected, found in _columns(record.stored, manifest):
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


def _columns(
    stored: StoredViolation, manifest: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Name, value as sealed, value in the store, of each column that exports are made from."""
    sealed = manifest["violation"]
    provenance, told = _object(sealed, "provenance"), _object(sealed, "measurement")
    for column in _TOLD:
        yield column, sealed.get(column), getattr(stored, column)
    for column in _PROVENANCE:
        yield column, provenance.get(column), getattr(stored.provenance, column)
    for column, names in _MEASURED.items():
        name = next((name for name in names if name in told), names[0])
        yield column, told.get(name), getattr(stored.headline, column)
    captured, at = _object(sealed, "occurred_at"), stored.occurred_at
    yield "occurred_at", _moment(captured.get("utc")), at.utc if at else None
    yield "occurred_at_source", captured.get("source"), at.source.value if at else None
    yield "occurred_at_bound_s", captured.get("bound_s"), at.bound_s if at else None
    if stored.evidence_state is EvidenceState.WRITTEN:
        problems = manifest.get("problems")
        said = "; ".join(map(str, problems)) if isinstance(problems, list) else ""
        yield "evidence_message", said, stored.evidence_message


def _object(sealed: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = sealed.get(name)
    return value if isinstance(value, dict) else {}


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _text(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, datetime):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}..."
