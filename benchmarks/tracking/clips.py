"""What the trackers are given: detections with their times, whole, thinned or with frames lost."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.wiring import DetectorOptions, load_detector, open_site, scene_detector


@dataclass(frozen=True, slots=True)
class Clip:
    """Detections frame by frame.

    t_s (F,): presentation times. frame_index (F,): the frames' numbers in the whole recording.
    rate_hz: what a peer is told of the frame rate.
    """

    name: str
    width_px: int
    height_px: int
    rate_hz: float
    t_s: NDArray[np.float64]
    frame_index: NDArray[np.int64]
    detections: tuple[Detections, ...]

    def frames(self) -> Iterator[tuple[FrameInfo, Detections]]:
        """Each frame's info and detections."""
        for i, (t_s, found) in enumerate(zip(self.t_s, self.detections, strict=True)):
            yield FrameInfo("cam", i, float(t_s), None, self.width_px, self.height_px), found

    def _kept(self, name: str, kept: NDArray[np.int64], rate_hz: float) -> "Clip":
        found = tuple(self.detections[i] for i in kept)
        size = (self.width_px, self.height_px)
        return Clip(name, *size, rate_hz, self.t_s[kept], self.frame_index[kept], found)

    def thinned(self, rate_hz: float) -> "Clip":
        """Every frame that is the first at or after a moment of the slower clock."""
        ticks = np.arange(self.t_s[0], self.t_s[-1], 1.0 / rate_hz)
        kept = np.unique(np.searchsorted(self.t_s, ticks - 1e-6))
        return self._kept(f"{rate_hz:g} fps", kept, rate_hz)

    def dropped(self, share: float, seed: int) -> "Clip":
        """Frames lost at random; the times of the others stay."""
        lost = np.random.default_rng(seed).random(len(self.t_s)) < share
        return self._kept(f"{share:.0%} dropped", np.flatnonzero(~lost), self.rate_hz)


def sample(video: Path, site: Path, cache: Path) -> tuple[Clip, Scene]:
    """The default detector's view of a video, riders merged; kept in `cache` for the next time."""
    camera = open_site(site).cameras[0]
    detector = load_detector(DetectorOptions())
    source = VideoFile(video, camera.id)
    # The truth is of the whole picture.
    scene = replace(camera.scene(source.width_px, source.height_px), detection_area_px=None)
    identity = f"{content_hash(video)} {detector.model_hash} {scene.detection_regions_px}"
    path = cache / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npz"
    if not path.exists():
        inside = scene_detector(detector, scene)
        seen = [(frame.info.t_s, inside.detect(frame.image)) for frame in source.frames()]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            t_s=[t_s for t_s, _ in seen],
            count=[len(found) for _, found in seen],
            xyxy_px=np.concatenate([found.xyxy_px for _, found in seen]),
            confidence=np.concatenate([found.confidence for _, found in seen]),
            class_id=np.concatenate([found.class_id for _, found in seen]),
        )
    source.close()
    with np.load(path) as kept:
        t_s, ends = kept["t_s"], np.cumsum(kept["count"])[:-1]
        parts = (np.split(kept[k], ends) for k in ("xyxy_px", "confidence", "class_id"))
        found = tuple(
            Detections(*(part.copy() for part in one)) for one in zip(*parts, strict=True)
        )
    rate_hz = 1.0 / float(np.median(np.diff(t_s)))
    index = np.arange(len(t_s))
    size = (scene.width_px, scene.height_px)
    return Clip(f"{rate_hz:.0f} fps", *size, rate_hz, t_s, index, found), scene


def foreign(path: Path, width_px: int, height_px: int, rate_hz: float) -> Clip:
    """Boxes another tool left behind (OpenDataCam's JSON); frames it skipped are skipped."""
    frames = json.loads(path.read_text())
    index = np.array([frame["frame_id"] for frame in frames])
    found = tuple(_foreign_frame(frame["objects"], width_px, height_px) for frame in frames)
    return Clip(path.stem, width_px, height_px, rate_hz, index / rate_hz, index, found)


def _foreign_frame(objects: list[dict], width_px: int, height_px: int) -> Detections:
    labels = {"motorbike": "motorcycle"}
    rows = []
    for item in objects:
        label = labels.get(item["name"], item["name"])
        if label.upper() not in RoadUser.__members__:
            continue
        box = item["relative_coordinates"]
        x, y = box["center_x"] * width_px, box["center_y"] * height_px
        w, h = box["width"] * width_px / 2.0, box["height"] * height_px / 2.0
        rows.append((x - w, y - h, x + w, y + h, item["confidence"], RoadUser.from_label(label)))
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), table[:, 5].astype(np.int64))
