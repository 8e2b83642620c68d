"""Where the time goes: processor time by stage, one thread, as `traffic-ai process` works.

The parts that wiring puts together are wrapped in clocks; nothing else differs from a run but that
nothing is read ahead and no evidence is written.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import scipy.optimize  # noqa: F401  else its loading counts as tracking

from benchmarks.clocks import clocked
from traffic_ai import __version__
from traffic_ai.batch.files import camera_of
from traffic_ai.batch.steady import SteadyView
from traffic_ai.config.site import CameraSite, Site
from traffic_ai.core.violation import Finding, NearMiss, Provenance, Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.pipeline import Session
from traffic_ai.signals.reader import SceneSignals
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import SourceKey, SourceState
from traffic_ai.stores.run_folder import STORE_NAME
from traffic_ai.tracking import RoadPlaneTracker
from traffic_ai.wiring import new_attention, new_rules, rules_version, scene_detector

T = TypeVar("T")
STAGES = (
    "decode",
    "convert",
    "view",
    "signals",
    "attention",
    "detect",
    "track",
    "rules",
    "records",
)


@dataclass(slots=True)
class Profile:
    """Processor seconds by stage, and what was done in them."""

    frames: int = 0
    looks: int = 0
    video_s: float = 0.0
    spent_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    findings: list[Finding] = field(default_factory=list)

    def ms_a_frame(self) -> dict[str, float]:
        """Milliseconds by stage, over all frames."""
        return {stage: 1000.0 * self.spent_s[stage] / self.frames for stage in STAGES}

    @property
    def after_detector_share(self) -> float:
        """Tracking, rules, attention and records as a share of the detector's time."""
        after = sum(self.spent_s[stage] for stage in ("attention", "track", "rules", "records"))
        return after / self.spent_s["detect"]


def profile(clip: Path, site: Site, detector: SizedDetector, *, every_frame: bool) -> Profile:
    """Analyse a clip. detector: of one thread, else its other threads' time is not seen."""
    found = Profile()
    camera = camera_of(site, clip, None)
    with TemporaryDirectory() as folder, ViolationStore.open(Path(folder) / STORE_NAME) as store:
        records = clocked(store, "records", found.spent_s)
        key = SourceKey(
            camera.id,
            content_hash(clip),
            camera.config_hash,
            detector.model_hash,
            rules_version(camera),
        )
        records.start_source(key, str(clip))
        for findings in _analysed(clip, camera, key, detector, found, every_frame=every_frame):
            if findings:
                records.add_findings(key, findings)
                found.findings += findings
        records.finish_source(
            key, SourceState.DONE, frame_count=found.frames, duration_s=found.video_s
        )
    return found


def _analysed(
    clip: Path,
    camera: CameraSite,
    key: SourceKey,
    detector: SizedDetector,
    found: Profile,
    *,
    every_frame: bool,
) -> Iterator[Sequence[Finding]]:
    """What each look brings, and the end; the time it takes is added up in `found`."""
    spent_s = found.spent_s
    video = VideoFile(clip, camera.id)
    video._reading._converter = clocked(video._reading._converter, "convert", spent_s)
    scene = camera.scene(video.width_px, video.height_px)
    provenance = Provenance(key.source_hash, key.config_hash, key.model_hash, __version__)
    attention = None if every_frame else new_attention(scene, camera.rules)
    session = Session(
        clocked(RoadPlaneTracker(scene), "track", spent_s),
        clocked(SceneSignals(scene), "signals", spent_s, "convert"),
        [clocked(rule, "rules", spent_s) for rule in new_rules(scene, camera.rules, provenance)],
        attention and clocked(attention, "attention", spent_s, "convert"),
    )
    view = clocked(SteadyView(scene), "view", spent_s, "convert")
    eyes = clocked(scene_detector(detector, scene), "detect", spent_s, "convert")
    for frame in _each(video.frames(), found):
        found.frames += 1
        found.video_s = frame.info.t_s
        seen = view.seen(frame)
        if seen is not None and session.wants(seen):
            found.looks += 1
            yield session.process(seen, eyes.detect(seen.image)).findings
    last = session.close()
    yield last.findings if last else ()
    video.close()


def _each(items: Iterator[T], found: Profile) -> Iterator[T]:
    """The items; the time they take to come, but for conversion, is decoding."""
    fetch: Callable[[], T | None] = clocked(_Next(items), "decode", found.spent_s, "convert").next
    while (item := fetch()) is not None:
        yield item


class _Next:
    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items

    def next(self) -> Any:
        return next(self._items, None)


def told(found: Profile) -> str:
    """A profile in a line."""
    parts = ", ".join(f"{name} {ms:.2f}" for name, ms in found.ms_a_frame().items())
    violations = sum(isinstance(f, Violation) for f in found.findings)
    near = sum(isinstance(f, NearMiss) for f in found.findings)
    return (
        f"{found.frames} frames, {found.looks} looks; ms a frame: {parts}; tracking, rules, "
        f"attention and records {found.after_detector_share:.1%} of the detector; "
        f"{violations} violations, {near} near misses"
    )
