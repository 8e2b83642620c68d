"""Evidence packages: stills, a clip and a manifest for each violation, one folder each.

Stands after the rules: a violation comes in with the footage it was found in, a folder that can
be checked without this program goes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from hashlib import sha256
from pathlib import Path

import cv2

from traffic_ai.core.errors import EvidenceError, TrafficAiError
from traffic_ai.core.frame import Frame, Image
from traffic_ai.core.ports import Footage
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.violation import Violation, document
from traffic_ai.evidence.annotate import annotate
from traffic_ai.evidence.chain import MANIFEST, Chain
from traffic_ai.evidence.encryption import ENCRYPTED, encrypt, memory_folder
from traffic_ai.evidence.grounds import Grounds, write_grounds
from traffic_ai.evidence.keys import Signer
from traffic_ai.evidence.manifest import Contents, Still, problems_in, write_manifest
from traffic_ai.evidence.package import package_folder, partial_folder, sha256_file
from traffic_ai.evidence.seal import Json

STILLS = ("before", "at", "after")

# 95 with full colour resolution: a lamp a few pixels wide keeps its colour.
_CLEAN = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111)
_ANNOTATED = (cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111)
# A still further than this from its moment does not show what it is for.
_STILL_OFF_S = 0.5


@dataclass(frozen=True, slots=True)
class EvidenceResult:
    """What became of a package.

    `path`: the package relative to the folder that holds the evidence root (the run folder), with
    forward slashes, or None where there is none. `problems`: what could not be made, and why.
    """

    state: EvidenceState
    path: str | None
    problems: tuple[str, ...]

    @property
    def message(self) -> str:
        """The problems as one line, "" if there are none."""
        return "; ".join(self.problems)


@dataclass(frozen=True, slots=True)
class _Case:
    """What a package is made from."""

    violation: Violation
    footage: Footage
    scene: Scene
    signals: Mapping[str, SignalHistory] | None
    grounds: Grounds | None

    @property
    def place(self) -> str:
        return "" if self.grounds is None else self.grounds.camera.place


class EvidenceRecorder:
    """Writes evidence packages below `root`: camera/kind/UTC date/id, each entered in its
    camera's chain.

    lead_s, trail_s: how long the clip begins before and ends after the event's stills. time_zone:
    of the times in the data bars; the manifest is in UTC. signer: None for packages that are
    chained but not signed. encrypt_for: public keys of readers; where there are any, pictures and
    clips lie encrypted on the disk, for each of them. A package that is there is never touched
    again.
    """

    def __init__(
        self,
        root: Path,
        lead_s: float = 6.0,
        trail_s: float = 3.0,
        time_zone: tzinfo = UTC,
        signer: Signer | None = None,
        encrypt_for: Sequence[str] = (),
    ) -> None:
        self._root = root
        self._encrypt_for = tuple(encrypt_for)
        self._signer = signer
        self._lead_s = lead_s
        self._trail_s = trail_s
        self._time_zone = time_zone

    def folder(self, violation: Violation) -> Path:
        """Where the violation's package lies or will lie."""
        at = violation.occurred_at
        return package_folder(
            self._root,
            violation.camera_id,
            violation.kind.value,
            at.utc if at else None,
            violation.id,
        )

    def record(
        self,
        violation: Violation,
        footage: Footage,
        scene: Scene,
        signals: Mapping[str, SignalHistory] | None,
        grounds: Grounds | None = None,
    ) -> EvidenceResult:
        """Write the violation's package, or find it written.

        `grounds`: what it was decided on, so that it can be decided again; None where that is not
        known. A still or clip that cannot be made becomes a problem, the rest is kept. FAILED, and
        no folder, where no picture at all could be made or the package could not be written; asking
        again may then succeed. Never raises for what footage and disk do.
        """
        final = self.folder(violation)
        chain = Chain(self._root, violation.camera_id, self._signer)
        case = _Case(violation, footage, scene, signals, grounds)
        contents = Contents()
        try:
            if final.is_dir():
                chain.settle()
                return EvidenceResult(
                    EvidenceState.WRITTEN, self._relative(final), problems_in(final)
                )
            with partial_folder(final) as folder:
                self._stills(folder, contents, case)
                self._clip(folder, contents, case)
                if not contents.stills and contents.clip is None:
                    raise EvidenceError("no still and no clip could be made")
                _grounds(folder, contents, case)
                write_manifest(folder, contents, violation, self._encrypt_for)
                chain.seal(folder, final)
        except (TrafficAiError, OSError) as error:
            problems = (*contents.problems, f"package not written: {error}")
            return EvidenceResult(EvidenceState.FAILED, None, problems)
        return EvidenceResult(
            EvidenceState.WRITTEN, self._relative(final), tuple(contents.problems)
        )

    def withdraw(self, violation: Violation) -> None:
        """Remove the package of a violation whose record was deleted while the package was made.

        The chain says so. Nothing where there is none. Raises EvidenceError, UsageError.
        """
        final = self.folder(violation)
        chain = Chain(self._root, violation.camera_id, self._signer)
        try:
            if final.is_dir():
                payload: dict[str, Json] = {
                    "record": violation.id,
                    "manifest_sha256": sha256_file(final / MANIFEST),
                    "why": "the record was deleted while its package was made",
                    "by": "traffic-ai",
                }
                chain.remove(final, payload, was_sealed=True)
        except OSError as error:
            raise EvidenceError(
                f"the package {final} of a deleted record could not be removed: {error.strerror}"
            ) from error

    def _relative(self, folder: Path) -> str:
        return folder.relative_to(self._root.parent).as_posix()

    def _stills(self, folder: Path, contents: Contents, case: _Case) -> None:
        scene, violation = case.scene, case.violation
        for name, asked_s, frame in _frames(violation, case.footage, contents.problems):
            data = _jpeg(f"{name}.jpg", frame.image, _CLEAN)
            file = self._write(folder, contents, f"{name}.jpg", data)
            info = frame.info
            contents.stills.append(
                Still(file, asked_s, info.t_s, document(info.captured_at), info.degraded)
            )
            if abs(info.t_s - asked_s) > _STILL_OFF_S:
                contents.problems.append(
                    f"still {name}: wanted at {asked_s:.3f} s, the footage has {info.t_s:.3f} s"
                )
            height_px, width_px = frame.image.shape[:2]
            if (width_px, height_px) != (scene.width_px, scene.height_px):
                contents.problems.append(
                    f"still {name}: not annotated, it has {width_px}x{height_px} pixels "
                    f"and the scene is for {scene.width_px}x{scene.height_px}"
                )
                continue
            drawn = annotate(
                frame, name, violation, scene, case.signals, self._time_zone, case.place
            )
            data = _jpeg(f"{name}_annotated.jpg", drawn, _ANNOTATED)
            self._write(folder, contents, f"{name}_annotated.jpg", data)

    def _write(self, folder: Path, contents: Contents, name: str, data: bytes) -> str:
        """Write a picture or clip, encrypted where there are readers; the file's name."""
        if self._encrypt_for:
            contents.encrypted[name + ENCRYPTED] = (sha256(data).hexdigest(), len(data))
            name, data = name + ENCRYPTED, encrypt(data, self._encrypt_for)
        (folder / name).write_bytes(data)
        return name

    def _clip(self, folder: Path, contents: Contents, case: _Case) -> None:
        violation, footage = case.violation, case.footage
        first_s = min(violation.t_s, violation.stills_s[0])
        last_s = max(violation.t_s, violation.stills_s[2])
        bounds_s = first_s - self._lead_s, last_s + self._trail_s
        try:
            if self._encrypt_for:
                with memory_folder(folder) as place:
                    clip = footage.clip(*bounds_s, place / "clip")
                    data = clip.path.read_bytes()
                name = self._write(folder, contents, clip.path.name, data)
                clip = replace(clip, path=folder / name)
            else:
                clip = footage.clip(*bounds_s, folder / "clip")
        except (TrafficAiError, OSError) as error:
            contents.problems.append(f"clip: {error}")
            for remains in folder.glob("clip*"):
                remains.unlink()
            return
        contents.clip = clip
        if clip.start_s > first_s or clip.end_s < last_s:
            contents.problems.append(
                f"clip: covers {clip.start_s:.3f}..{clip.end_s:.3f} s of the recording, "
                f"{first_s:.3f}..{last_s:.3f} s was wanted at the least"
            )


def _grounds(folder: Path, contents: Contents, case: _Case) -> None:
    if case.grounds is None:
        return
    contents.grounds = write_grounds(folder, case.grounds, document(case.violation))
    if not contents.grounds["decision"]["reproduces"]:
        contents.problems.append("decision: it does not come out again from what was kept of it")


def _frames(
    violation: Violation, footage: Footage, problems: list[str]
) -> list[tuple[str, float, Frame]]:
    """The stills' frames; where not all can be had, those that can."""
    asked = list(zip(STILLS, violation.stills_s, strict=True))
    try:
        frames = footage.stills(violation.stills_s)
        return [(name, t_s, frame) for (name, t_s), frame in zip(asked, frames, strict=True)]
    except (TrafficAiError, OSError):
        pass  # said below, still by still
    found = []
    for name, t_s in asked:
        try:
            found.append((name, t_s, footage.stills([t_s])[0]))
        except (TrafficAiError, OSError) as error:
            problems.append(f"still {name} at {t_s:.3f} s: {error}")
    return found


def _jpeg(name: str, image: Image, parameters: tuple[int, ...]) -> bytes:
    made, data = cv2.imencode(".jpg", image, parameters)
    if not made:
        raise EvidenceError(f"the picture {name} could not be compressed")
    return data.tobytes()
