"""A clip's findings together with its tracks, which the records alone do not show."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from traffic_ai import __version__
from traffic_ai.config.site import CameraSite
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.core.track import Track
from traffic_ai.core.violation import Finding, NearMiss, Provenance, Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.pipeline import Step
from traffic_ai.rules.lanes import LaneAxis
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.wiring import new_session, scene_detector

LEAST_MOMENTS = 5
INSIDE_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one clip gave. tracks: every confirmed track by its id."""

    scene: Scene
    findings: tuple[Finding, ...]
    tracks: dict[int, Track]
    frame_count: int
    duration_s: float

    @property
    def violations(self) -> list[Violation]:
        return [f for f in self.findings if isinstance(f, Violation)]

    @property
    def near_misses(self) -> list[NearMiss]:
        return [f for f in self.findings if isinstance(f, NearMiss)]


def analyse(clip: Path, camera: CameraSite, detector: SizedDetector) -> Analysis:
    """The pipeline as `traffic-ai process` wires it, without store and evidence."""
    video = VideoFile(clip, camera.id)
    scene = camera.scene(video.width_px, video.height_px)
    provenance = Provenance(
        content_hash(clip), camera.config_hash, detector.model_hash, __version__
    )
    session = new_session(scene, camera, provenance)
    eyes = scene_detector(detector, scene)
    findings: list[Finding] = []
    tracks: dict[int, Track] = {}
    count, t_s = 0, 0.0

    def take(step: Step | None) -> None:
        if step is None:
            return
        findings.extend(step.findings)
        for track_id in step.observation.tracks.ended:
            tracks[track_id] = step.observation.histories[track_id]

    try:
        for frame in video.frames():
            take(session.process(frame, eyes.detect(frame.image)))
            count, t_s = count + 1, frame.info.t_s
        take(session.close())
    finally:
        video.close()
    return Analysis(scene, tuple(findings), tracks, count, t_s)


def followed_over(analysis: Analysis, least_m: float) -> set[int]:
    """The vehicles seen to go at least that far along a calibrated lane, by track id."""
    axes = [(lane, LaneAxis(lane, analysis.scene.homography)) for lane in analysis.scene.lanes]
    found = set()
    for track_id, track in analysis.tracks.items():
        if track.road_user is RoadUser.PERSON:
            continue
        known = track.observed & ~np.isnan(track.ground_m[:, 0])
        for lane, axis in axes:
            inside = known & lane.contains(track.anchor_px)
            if inside.sum() < 2:
                continue
            progress = axis.progress(track.ground_m[inside])
            if abs(progress[-1] - progress[0]) >= least_m:
                found.add(track_id)
                break
    return found


def reported_twice(analysis: Analysis) -> list[tuple[int, int]]:
    """Pairs of reported tracks that are one vehicle: one's boxes lie inside the other's.

    A detector that sees a car and its front half gives two boxes, and so two tracks.
    """
    reported = [analysis.tracks[i] for i in sorted({v.track_id for v in analysis.violations})]
    return [
        (one.track_id, other.track_id)
        for i, one in enumerate(reported)
        for other in reported[i + 1 :]
        if _is_inside(one, other)
    ]


def _is_inside(one: Track, other: Track) -> bool:
    """Whether the smaller boxes lie inside the larger ones at most moments both were seen."""
    _, i, j = np.intersect1d(one.t_s[one.observed], other.t_s[other.observed], return_indices=True)
    if len(i) < LEAST_MOMENTS:
        return False
    a, b = one.xyxy_px[one.observed][i], other.xyxy_px[other.observed][j]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = np.clip(sides, 0.0, None).prod(axis=1)
    smaller = np.minimum((a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1))
    return bool(np.median(common / smaller) > INSIDE_SHARE)
