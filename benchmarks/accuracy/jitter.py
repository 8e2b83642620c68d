"""How much boxes jitter on vehicles that move evenly: what drawn and real footage both tell.

Second differences of an edge over three pictures in a row: even motion drops out, errors that
change from picture to picture stay. White errors of SD s give second differences of SD s sqrt(6).
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.accuracy.looks import Look
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.core.track import Track
from traffic_ai.simulate.fast.network import DEFAULT_SIZE_PX
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.tracking import RoadPlaneTracker
from traffic_ai.wiring import DetectorOptions, load_detector, scene_detector

WAYS_PX = (0.0, 0.3, 1.0, 3.0, 6.0, 12.0, 24.0)
LEAST_TRACK = 15
BORDER_PX = 4.0
_EVEN_STEPS = 0.1


def look_jitter(looks: Sequence[Look]) -> Array:
    """Rows (N, 5) of drawn vehicles: way between pictures, and jitter of the four edges."""
    rows = [np.zeros((0, 5))]
    for look in looks:
        usable = (look.visible >= 0.97) & ~look.cut & ~np.isnan(look.found_px[:, 0])
        if len(look.t_s) >= LEAST_TRACK:
            rows.append(_rows(look.t_s, look.found_px, usable))
    return np.concatenate(rows)


def footage_jitter(clip: Path, cache: Path) -> Array:
    """The same of the tracks in a real clip, in pixels of the network's input."""
    video = VideoFile(clip, "clip")
    size = (video.width_px, video.height_px)
    scale = DEFAULT_SIZE_PX / max(size)
    rows = [np.zeros((0, 5))]
    for track in _tracks(video, clip, cache):
        if len(track) >= LEAST_TRACK:
            boxes = track.xyxy_px
            inside = (boxes[:, :2] > BORDER_PX).all(axis=1)
            inside &= (boxes[:, 2:] < np.array(size) - BORDER_PX).all(axis=1)
            rows.append(_rows(track.t_s, boxes * scale, track.grounded & inside))
    return np.concatenate(rows)


def jitter_lines(rows: Array) -> Iterator[str]:
    """SD of left, top, right, bottom by way between pictures; in brackets a robust one."""
    for low, high in pairwise(WAYS_PX):
        here = rows[(rows[:, 0] >= low) & (rows[:, 0] < high), 1:]
        if len(here) > 60:
            robust = 1.4826 * np.median(np.abs(here), axis=0)
            cells = (f"{a:.2f} ({b:.2f})" for a, b in zip(here.std(axis=0), robust, strict=True))
            yield f"  {low:4g} to {high:2g} px: {'  '.join(cells)}  n {len(here)}"


def _rows(t_s: Array, boxes: Array, usable: Array) -> Array:
    even = np.abs((t_s[2:] - t_s[1:-1]) / (t_s[1:-1] - t_s[:-2]) - 1.0) < _EVEN_STEPS
    three = usable[:-2] & usable[1:-1] & usable[2:] & even
    second = (boxes[2:] - 2.0 * boxes[1:-1] + boxes[:-2]) / np.sqrt(6.0)
    way = np.abs(boxes[2:] - boxes[:-2]).max(axis=1) / 2.0
    return np.column_stack([way, second])[three]


def _tracks(video: VideoFile, clip: Path, cache: Path) -> list[Track]:
    """Tracks of a clip without a road plane; its detections are kept in the cache."""
    scene = Scene("clip", video.width_px, video.height_px)
    weights = load_detector(DetectorOptions())
    identity = f"{content_hash(clip)} {weights.model_hash} jitter"
    path = cache / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npz"
    if not path.exists():
        detector = scene_detector(weights, scene)
        seen = [(f.info.t_s, detector.detect(f.image)) for f in video.frames()]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            t_s=[t_s for t_s, _ in seen],
            count=[len(found) for _, found in seen],
            xyxy_px=np.concatenate([found.xyxy_px for _, found in seen]),
            confidence=np.concatenate([found.confidence for _, found in seen]),
            class_id=np.concatenate([found.class_id for _, found in seen]),
        )
    video.close()
    tracker, kept = RoadPlaneTracker(scene), {}
    with np.load(path) as saved:
        ends = np.cumsum(saved["count"])[:-1]
        parts = [np.split(saved[k], ends) for k in ("xyxy_px", "confidence", "class_id")]
        for i, (t_s, *one) in enumerate(zip(saved["t_s"], *parts, strict=True)):
            info = FrameInfo("clip", i, float(t_s), None, scene.width_px, scene.height_px)
            tracker.update(info, Detections(*(part.copy() for part in one)))
            kept.update(tracker.histories)
    return list(kept.values())
