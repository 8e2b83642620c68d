"""A record seen again in its own clip: detector and tracker run anew, and how far they differ.

Only a comparison: the clip begins later than the camera session did, so the tracker meets the
vehicle in another state and the picture may be encoded again. Signals are those of the record.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from traffic_ai.audit.replay_package import Package
from traffic_ai.config.site import CameraSite
from traffic_ai.core.decision import Decision
from traffic_ai.core.decision_text import read_decision
from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.ports import SignalReader
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.track import Tracks
from traffic_ai.core.violation import (
    Finding,
    NearMiss,
    Provenance,
    Violation,
    captured_at,
    document,
)
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evidence.encryption import ENCRYPTED, Reader, memory_folder
from traffic_ai.sources.file import VideoFile
from traffic_ai.wiring import new_session, scene_detector

# Two pictures are the same one when their times agree to this: containers round to a millisecond.
_SAME_PICTURE_S = 0.002
_SAME_VEHICLE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class ComparedValue:
    """A number of the record beside that of the clip; None where the clip gives none."""

    name: str
    recorded: float
    from_clip: float | None


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What the clip shows of a record.

    frames: pictures that clip and record share while the vehicle was followed; seen: those of them
    in which it was found again. box_iou and bottom_edge_px: medians over these of the overlap of
    its boxes and of the distance of their lower edges. values: of the measurement, if it was
    reported again; near_misses: reasons if it was not. same_model: by its hash.
    """

    start_s: float
    end_s: float
    reencoded: bool
    same_model: bool
    frames: int
    seen: int
    box_iou: float | None
    bottom_edge_px: float | None
    reported: bool
    values: tuple[ComparedValue, ...]
    near_misses: tuple[str, ...]


def replay_clip(folder: Path, detector: SizedDetector, reader: Reader | None = None) -> ClipReport:
    """Run detector and tracker over a package's clip. reader: opens an encrypted one.

    Raises EvidenceError, SourceError.
    """
    package = Package.read(folder)
    decision = read_decision(package.decision_text())
    clip = package.manifest.get("clip")
    if not isinstance(clip, dict):
        raise EvidenceError(f"{folder} holds no clip")
    camera = CameraSite.of_text(package.site_text())
    start_s, end_s = float(clip["start_s"]), float(clip["end_s"])
    run = _ClipRun(camera, decision, Provenance(**package.violation["provenance"]), detector)
    with _clip_file(package, str(clip["file"]), reader) as path:
        run.run(path, start_s)
    overlap, edges = run.matched()
    again = run.reported_as(package.violation)
    return ClipReport(
        start_s=start_s,
        end_s=end_s,
        reencoded=bool(clip["reencoded"]),
        same_model=detector.model_hash == package.violation["provenance"].get("model_hash"),
        frames=run.shared_count,
        seen=len(overlap),
        box_iou=float(np.median(overlap)) if overlap else None,
        bottom_edge_px=float(np.median(np.abs(edges))) if edges else None,
        reported=again is not None,
        values=tuple(_values(package.violation, again)),
        near_misses=() if again is not None else run.near_misses(package.violation),
    )


@contextmanager
def _clip_file(package: Package, file: str, reader: Reader | None) -> Iterator[Path]:
    """The clip as a file that can be played; decrypted, it stays in memory where there is room."""
    name = file.removesuffix(ENCRYPTED)
    if name == file:
        yield package.member(file)
        return
    try:
        data = package.original(name, reader)
        with memory_folder(Path(gettempdir())) as place:
            (place / name).write_bytes(data)
            yield place / name
    except OSError as error:
        raise EvidenceError(f"{package.folder / file} cannot be opened: {error}") from error


class _RecordedSignals:
    """A signal reader that tells what the record tells."""

    def __init__(self, decision: Decision) -> None:
        self._times = [info.t_s for info in decision.frames]
        self._signals = decision.signals

    def read(self, frame: Frame) -> Mapping[str, SignalHistory]:
        """What was known of each group at that moment; after the decision, what was known last."""
        t_s = frame.info.t_s
        position = max(int(np.searchsorted(self._times, t_s, "right")) - 1, 0)
        known = self._signals[position]
        if position < len(self._times) - 1:
            return known
        return {group: replace(h, settled_until_s=t_s) for group, h in known.items()}


class _ClipRun:
    """One pass over a clip."""

    def __init__(
        self,
        camera: CameraSite,
        decision: Decision,
        provenance: Provenance,
        detector: SizedDetector,
    ) -> None:
        info = decision.frames[0]
        scene = camera.scene(info.width_px, info.height_px)
        signals: SignalReader = _RecordedSignals(decision)
        self._decision = decision
        self._detector = scene_detector(detector, scene)
        self._session = new_session(scene, camera, provenance, signals)
        self._findings: list[Finding] = []
        self._seen: list[tuple[int, float, float]] = []
        self.shared_count = 0

    def run(self, path: Path, start_s: float) -> None:
        """Follow every vehicle through the clip, whose first picture is the one of start_s."""
        video = VideoFile(path, self._decision.frames[0].camera_id)
        try:
            for frame in video.frames():
                info = self._in_session(frame.info, start_s)
                found = self._detector.detect(frame.image)
                step = self._session.process(Frame(info, frame.image), found)
                self._findings += step.findings
                self._match(info.t_s, step.observation.tracks)
        finally:
            video.close()
        last = self._session.close()
        self._findings += last.findings if last is not None else ()

    def _in_session(self, info: FrameInfo, start_s: float) -> FrameInfo:
        """A picture of the clip with the time it has in the record."""
        t_s = start_s + info.t_s
        times = np.array([known.t_s for known in self._decision.frames])
        nearest = self._decision.frames[int(np.argmin(np.abs(times - t_s)))]
        if abs(nearest.t_s - t_s) <= _SAME_PICTURE_S:
            return replace(nearest, degraded=nearest.degraded or info.degraded)
        return replace(info, t_s=t_s, captured_at=captured_at(nearest, t_s))

    def _match(self, t_s: float, tracks: Tracks) -> None:
        """Note which track lies on the recorded vehicle at this moment."""
        points = self._decision.vehicle.points
        position = int(np.searchsorted(points.t_s, t_s))
        if position == len(points) or points.t_s[position] != t_s or not points.observed[position]:
            return
        self.shared_count += 1
        if len(tracks) == 0:
            return
        overlap = _iou(points.xyxy_px[position], tracks.xyxy_px)
        best = int(np.argmax(overlap))
        if overlap[best] >= _SAME_VEHICLE_IOU:
            edge_px = float(tracks.xyxy_px[best, 3] - points.xyxy_px[position, 3])
            self._seen.append((int(tracks.track_id[best]), float(overlap[best]), edge_px))

    def matched(self) -> tuple[list[float], list[float]]:
        """Overlaps and differences of lower edges where the vehicle was found again."""
        return [iou for _, iou, _ in self._seen], [edge for _, _, edge in self._seen]

    def _track_ids(self) -> set[int]:
        counts = Counter(track_id for track_id, _, _ in self._seen)
        return {track_id for track_id, count in counts.items() if count > len(self._seen) / 4}

    def reported_as(self, recorded: Mapping[str, Any]) -> Violation | None:
        """The violation found again, if it was."""
        ids = self._track_ids()
        return next(
            (
                f
                for f in self._findings
                if isinstance(f, Violation)
                and f.kind.value == recorded["kind"]
                and f.track_id in ids
            ),
            None,
        )

    def near_misses(self, recorded: Mapping[str, Any]) -> tuple[str, ...]:
        """Why the vehicle was not reported again."""
        ids = self._track_ids()
        return tuple(
            f.reason
            for f in self._findings
            if isinstance(f, NearMiss) and f.kind.value == recorded["kind"] and f.track_id in ids
        )


def _iou(box: Array, others: Array) -> Array:
    """Intersection over union (N,) of a box (4,) with others (N, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    sizes = np.prod(others[:, 2:] - others[:, :2], axis=1) + float(np.prod(box[2:] - box[:2]))
    return np.asarray(shared / np.maximum(sizes - shared, 1e-9))


def _values(recorded: Mapping[str, Any], again: Violation | None) -> Sequence[ComparedValue]:
    """The numbers of the measurement beside those found again."""
    found = {} if again is None else document(again.measurement)
    values: list[tuple[str, Any, Any]] = []
    values.append(("t_s", recorded["t_s"], None if again is None else again.t_s))
    values += [(name, value, found.get(name)) for name, value in recorded["measurement"].items()]
    return [
        ComparedValue(name, value, other if _is_number(other) else None)
        for name, value, other in values
        if _is_number(value)
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
