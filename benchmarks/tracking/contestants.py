"""The trackers under one face: detections and a time in, numbered boxes of this frame out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from trackers import ByteTrackTracker, OCSORTTracker, SORTTracker

from benchmarks.tracking.clips import Clip
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.scene import Scene
from traffic_ai.tracking import RoadPlaneTracker, TrackerParameters

Numbered = tuple[NDArray[np.int64], NDArray[np.float64]]
SURE = TrackerParameters().sure_confidence
# As many frames of the 30 a second the peers count in as RoadPlaneTracker waits for.
WAIT_FRAMES = round(30 * TrackerParameters().lost_s)


class Contestant(Protocol):
    """A tracker of one clip."""

    def step(self, info: FrameInfo, found: Detections) -> Numbered:
        """Ids (N,) and boxes (N, 4) of the confirmed tracks observed in this frame."""
        ...


class RoadPlane:
    """This project's tracker."""

    def __init__(self, scene: Scene) -> None:
        self._tracker = RoadPlaneTracker(scene)

    def step(self, info: FrameInfo, found: Detections) -> Numbered:
        tracks = self._tracker.update(info, found)
        return tracks.track_id[tracks.observed], tracks.xyxy_px[tracks.observed]


class Peer:
    """A tracker of `trackers`; it is given the presentation times, as its interface allows."""

    def __init__(self, tracker: ByteTrackTracker | OCSORTTracker | SORTTracker) -> None:
        self._tracker = tracker

    def step(self, info: FrameInfo, found: Detections) -> Numbered:
        given = sv.Detections(found.xyxy_px, confidence=found.confidence, class_id=found.class_id)
        kept = self._tracker.update(given, timestamp=info.t_s)
        number = np.asarray(kept.tracker_id, np.int64)
        return number[number >= 0], kept.xyxy[number >= 0].astype(np.float64)


Make = Callable[[Clip, Scene], Contestant]


def _bare(scene: Scene) -> Scene:
    return Scene(scene.camera_id, scene.width_px, scene.height_px)


def _alike(clip: Clip) -> dict[str, float]:
    """A peer's parameters with the thresholds and the patience RoadPlaneTracker has."""
    return {"lost_track_buffer": WAIT_FRAMES, "frame_rate": clip.rate_hz}


@dataclass(frozen=True, slots=True)
class Entry:
    """A tracker as it enters: how to make it, and what its parameters are."""

    make: Make
    parameters: str


def entries() -> Mapping[str, Entry]:
    """Every tracker by name: the peers with their own defaults and with this project's
    thresholds (the default ones drop whatever the detector is less than 0.6-0.7 sure of).
    """
    own = "defaults"
    alike = f"confidence {SURE}, lost after {WAIT_FRAMES / 30:g} s"
    return {
        "road plane": Entry(lambda _, scene: RoadPlane(scene), "homography of the site"),
        "road plane, image only": Entry(lambda _, scene: RoadPlane(_bare(scene)), "no homography"),
        "ByteTrack": Entry(lambda clip, _: Peer(ByteTrackTracker(frame_rate=clip.rate_hz)), own),
        "OC-SORT": Entry(lambda clip, _: Peer(OCSORTTracker(frame_rate=clip.rate_hz)), own),
        "SORT": Entry(lambda clip, _: Peer(SORTTracker(frame_rate=clip.rate_hz)), own),
        "ByteTrack, alike": Entry(
            lambda clip, _: Peer(
                ByteTrackTracker(
                    track_activation_threshold=SURE, high_conf_det_threshold=SURE, **_alike(clip)
                )
            ),
            alike,
        ),
        "OC-SORT, alike": Entry(
            lambda clip, _: Peer(OCSORTTracker(high_conf_det_threshold=SURE, **_alike(clip))),
            alike,
        ),
        "SORT, alike": Entry(
            lambda clip, _: Peer(SORTTracker(track_activation_threshold=SURE, **_alike(clip))),
            alike,
        ),
    }


def run(contestant: Contestant, clip: Clip) -> list[Numbered]:
    """The tracker's answer to each frame of the clip."""
    return [contestant.step(info, found) for info, found in clip.frames()]
