"""Copies of a record's stills for handing out: bystanders and other vehicles are covered.

The sealed package stays as it is. The clip is not handed out: it shows everybody.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from traffic_ai.audit.records import Records, package_folder
from traffic_ai.audit.replay_package import Package
from traffic_ai.audit.verify_chain import check_chain, read_camera
from traffic_ai.audit.verify_report import Report
from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import EvidenceError, SourceError, UsageError
from traffic_ai.core.frame import Image
from traffic_ai.core.record import DocumentedViolation
from traffic_ai.core.recorded import finding_of
from traffic_ai.core.violation import Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evidence.annotate import box_at
from traffic_ai.evidence.chain import MANIFEST
from traffic_ai.evidence.covering import Box, Cover, covered, covers, moved
from traffic_ai.evidence.encryption import Reader
from traffic_ai.evidence.package import partial_folder, publish, sha256_file, sync
from traffic_ai.sources.picture_file import decode_picture

ABOUT = "about.json"
_FORMAT = "traffic-ai handout 1"
_NOTE = (
    "Copies of sealed pictures. People and other vehicles were found by a detector and covered; "
    "look at each picture before it is handed on. The originals are in the sealed package."
)
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 92)
_CLOSER = 2  # small people are seen when the picture is less shrunk


@dataclass(frozen=True, slots=True)
class Handout:
    """What was written for one record: its folder, and how much was covered in each picture."""

    folder: Path
    covered: Mapping[str, int]


def hand_out(
    records: Records,
    record: DocumentedViolation,
    detector: SizedDetector,
    into: Path,
    reader: Reader | None = None,
) -> Handout:
    """Write the covered copies of a record's stills to a folder of its id below `into`.

    That it was done is entered in the chain first. reader: opens encrypted stills. Raises
    UsageError where the record has no package or the folder is there, EvidenceError where a still
    is not the one that the camera's chain seals, or cannot be opened.
    """
    stored = record.stored
    folder = package_folder(records.run, stored)
    if folder is None:
        raise UsageError(f"the record {stored.id} has no package, so it has no pictures")
    final = into / stored.id
    if final.exists():
        raise UsageError(f"{final} is there already; name another folder with --pictures")
    package = Package.read(folder)
    violation = finding_of(json.dumps(package.violation), Violation)
    if violation.id != stored.id:
        raise EvidenceError(f"{folder} is the package of another record; see traffic-ai verify")
    records.note_read([stored], "covered pictures")
    _check_sealed(folder)
    try:
        with partial_folder(final) as partial:
            counts, pictures = _write_pictures(package, violation, detector, partial, reader)
            about = {
                "format": _FORMAT,
                "record": stored.id,
                "by": records.by,
                "made_at": datetime.now(UTC).isoformat(),
                "manifest_sha256": sha256_file(folder / MANIFEST),
                "detector": detector.model_hash,
                "pictures": pictures,
                "note": _NOTE,
            }
            text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
            (partial / ABOUT).write_text(text, encoding="utf-8")
            for path in partial.iterdir():
                sync(path)
            publish(partial, final)
    except OSError as error:
        raise EvidenceError(f"cannot write {final}: {error.strerror}") from error
    return Handout(final, counts)


def _check_sealed(folder: Path) -> None:
    """Raise EvidenceError where a package's manifest is not the one that its camera's chain seals.

    The chain is checked as a whole: who holds the run folder could make one entry of it fit.
    """
    camera, report = folder.parents[2], Report()
    chain = check_chain(camera.name, camera.name, read_camera(camera), report)
    entry = chain.packages.get(folder.relative_to(camera).as_posix())
    if entry is None or report.problems:
        why = str(report.problems[0]) if report.problems else "no entry of the chain names it"
    elif sha256_file(folder / MANIFEST) != entry.payload["manifest_sha256"]:
        why = f"its {MANIFEST} is not the sealed one"
    else:
        return
    raise EvidenceError(
        f"the pictures of {folder} cannot be called sealed: {why}; see traffic-ai verify"
    )


def _write_pictures(
    package: Package,
    violation: Violation,
    detector: SizedDetector,
    into: Path,
    reader: Reader | None,
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Write every still of a package, and its annotated one, covered alike."""
    counts, told = {}, []
    originals = [package.original(name, reader) for name, _ in package.stills()]
    stills = [
        _picture(package, name, data)
        for (name, _), data in zip(package.stills(), originals, strict=True)
    ]
    for number, (name, t_s) in enumerate(package.stills()):
        original, clean = originals[number], stills[number]
        subject_px = box_at(violation.trajectory, t_s)
        found = _found(detector, clean)
        chosen = covers(found, subject_px, violation.road_user)
        chosen += moved(stills, number, subject_px)
        annotated = f"{Path(name).stem}_annotated.jpg"
        for file in (name, annotated):
            image = clean
            if file == annotated:
                try:
                    original = package.original(file, reader)
                except FileNotFoundError:
                    continue
                image = _picture(package, file, original)
            data = _covered_jpeg(image, clean, chosen, subject_px)
            (into / file).write_bytes(data)
            counts[file] = len(chosen)
            told.append(
                {
                    "file": file,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "original_sha256": hashlib.sha256(original).hexdigest(),
                    "covered": len(chosen),
                }
            )
    if not told:
        raise EvidenceError(f"{package.folder} holds no still")
    return counts, told


def _covered_jpeg(image: Image, clean: Image, chosen: list[Cover], subject_px: Box | None) -> bytes:
    """The picture, which is the clean one or that one enlarged with a bar under it, covered."""
    scale = image.shape[1] / clean.shape[1]
    height_px = round(clean.shape[0] * scale)
    top = covered(image[:height_px], chosen, subject_px, scale)
    made, data = cv2.imencode(".jpg", np.vstack([top, image[height_px:]]), _JPEG)
    if not made:
        raise EvidenceError("a covered picture could not be compressed")
    return data.tobytes()


def _picture(package: Package, name: str, data: bytes) -> Image:
    try:
        return decode_picture(data, str(package.folder / name))
    except SourceError as error:
        raise EvidenceError(str(error)) from error


def _found(detector: SizedDetector, image: Image) -> Detections:
    """Everybody found at the detector's own size, and in a closer look. Doubles do no harm."""
    seen = [detector.detect(image)]
    if detector.resizable:
        seen.append(detector.detect(image, _CLOSER * detector.size_px))
    return Detections(
        np.concatenate([found.xyxy_px for found in seen]),
        np.concatenate([found.confidence for found in seen]),
        np.concatenate([found.class_id for found in seen]),
    )
