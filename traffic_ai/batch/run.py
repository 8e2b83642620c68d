"""Recorded footage, file by file: everything found goes to the store, its evidence beside it.

A file that was finished is not read again; one that was interrupted goes on where it was, from the
detections that were logged. A file that cannot be read is reported and the others are done.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from traffic_ai import __version__
from traffic_ai.batch.files import camera_of
from traffic_ai.batch.outcome import FileOutcome, FileState, Listener
from traffic_ai.batch.prepared import Prepared, PreparedFrames, SignalsAsRead
from traffic_ai.batch.read_ahead import read_ahead
from traffic_ai.batch.recording import Recording
from traffic_ai.batch.signals_read import SignalsRead
from traffic_ai.batch.steady import SteadyView
from traffic_ai.batch.told_before import told_before
from traffic_ai.config.site import CameraSite, Site, started_hash
from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import SourceError, UsageError
from traffic_ai.core.frame import Frame
from traffic_ai.core.ports import Detector
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import Finding, Provenance
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evidence.chain import Chain
from traffic_ai.evidence.keys import Signer
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.pipeline import Session
from traffic_ai.sources.file import VideoFile, content_hash
from traffic_ai.sources.footage import FileFootage
from traffic_ai.sources.start_time import start_time
from traffic_ai.sources.unfinished import FileMoment, is_being_written
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.detection_log import DetectionLog
from traffic_ai.stores.records import SourceKey, SourceState
from traffic_ai.stores.run_folder import (
    EVIDENCE_NAME,
    STORE_NAME,
    UNFINISHED_NAME,
    make_run_folder,
    track_log_path,
)
from traffic_ai.stores.track_log import TrackLog
from traffic_ai.viewpoint.withheld import without_place
from traffic_ai.wiring import (
    camera_grounds,
    new_session,
    new_signals,
    rules_version,
    scene_detector,
)

_FLUSH_EVERY = 50

Filter = Callable[[Sequence[Finding]], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch run needs.

    out_dir: run folder, with store and evidence. camera_id: the camera all files are of; None
    lets each camera's `recordings` pattern decide. begins_at: when the (one) recording began.
    keep_tracks: leave every track beside the store. signer: of the evidence; None leaves it
    chained but not signed. every_frame: look at every frame, else at those that may decide
    something. stop: set to end cleanly after the frame in work.
    """

    site: Site
    out_dir: Path
    detector: SizedDetector
    camera_id: str | None = None
    begins_at: datetime | None = None
    write_evidence: bool = True
    keep_tracks: bool = False
    signer: Signer | None = None
    every_frame: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, paths: Sequence[Path], listener: Listener) -> list[FileOutcome]:
        """Analyse the files in order. Raises StoreError and ModelError; a bad file never ends it.

        Raises before the first file: ConfigError where one has no camera; UsageError and
        EvidenceError where the evidence's chains cannot be gone on with.
        """
        cameras = [camera_of(self.site, path, self.camera_id) for path in paths]
        outcomes = []
        make_run_folder(self.out_dir)
        if self.write_evidence:
            for camera_id in {camera.id for camera in cameras}:
                Chain(self.out_dir / EVIDENCE_NAME, camera_id, self.signer).check()
        with ViolationStore.open(self.out_dir / STORE_NAME) as store:
            for number, (path, camera) in enumerate(zip(paths, cameras, strict=True), 1):
                if self.stop.is_set():
                    break
                outcome = FileOutcome(path, camera.id)
                try:
                    _FileRun(self, store, camera, outcome, listener, number, len(paths)).run()
                except (SourceError, UsageError) as error:
                    outcome.state, outcome.message = FileState.FAILED, str(error)
                listener.file_ended(outcome)
                outcomes.append(outcome)
        return outcomes

    def key(self, camera: CameraSite, source_hash: str) -> SourceKey:
        """What the analysis of a file of that content is known by."""
        config_hash = camera.config_hash
        if self.begins_at is not None:
            config_hash = started_hash(config_hash, self.begins_at)
        return SourceKey(
            camera.id,
            source_hash,
            config_hash,
            self.detector.model_hash,
            rules_version(camera),
        )


@dataclass(slots=True)
class _Analysis:
    """What a file is analysed with. session: None while the camera looks elsewhere."""

    key: SourceKey
    scene: Scene
    detector: Detector
    recording: Recording
    log: DetectionLog
    tracks: TrackLog | None
    signals: SignalsAsRead = field(default_factory=SignalsAsRead)
    session: Session | None = None


class _FileRun:
    """The analysis of one file."""

    def __init__(
        self,
        batch: Batch,
        store: ViolationStore,
        camera: CameraSite,
        outcome: FileOutcome,
        listener: Listener,
        number: int,
        total: int,
    ) -> None:
        self._batch = batch
        self._store = store
        self._camera = camera
        self._outcome = outcome
        self._listener = listener
        self._place = (number, total)
        self._catches_up = False

    def run(self) -> None:
        """Analyse the file unless that was done. Raises SourceError, UsageError."""
        path = self._outcome.path
        start = start_time(
            path,
            given=self._batch.begins_at or self._camera.start_time,
            pattern=self._camera.start_time_pattern,
            time_zone=self._camera.time_zone,
        )
        if is_being_written(path):
            self._skip("still being written; run again when it is finished")
            return
        moment = FileMoment.of(path)
        key = self._batch.key(self._camera, content_hash(path))
        if self._store.source_done(key):
            self._skip("already done")
            return
        video = VideoFile(path, self._camera.id, start)
        try:
            self._analyse(video, key, moment)
        finally:
            video.close()

    def _skip(self, why: str) -> None:
        self._outcome.state, self._outcome.message = FileState.SKIPPED, why

    def _analyse(self, video: VideoFile, key: SourceKey, moment: FileMoment | None) -> None:
        outcome = self._outcome
        analysis = self._begin(video, key)
        view = SteadyView(analysis.scene)
        signals_read = SignalsRead(analysis.scene)
        frames = PreparedFrames(video, view, partial(new_signals, analysis.scene))
        self._store.start_source(key, str(video.path))
        self._listener.file_begins(video.path, *self._place, video.duration_s)
        done = False
        try:
            for prepared in read_ahead(frames, self._batch.stop):
                signals_read.seen(prepared.t_s, prepared.signals)
                self._take(prepared, analysis)
                self._listener.frame_done(prepared.t_s, self._catches_up)
                outcome.frame_count += 1
                outcome.duration_s = prepared.t_s
            if FileMoment.of(video.path) != moment:
                raise SourceError(
                    f"{video.path} changed while it was analysed; what was found stands under the "
                    "hash of what it was. Run again when it is finished, into another folder"
                )
            done = not self._batch.stop.is_set()
            if done:
                self._close_session(analysis)
            analysis.recording.finish()
        except (SourceError, UsageError) as error:
            analysis.recording.finish()
            self._store.finish_source(
                key,
                SourceState.FAILED,
                frame_count=outcome.frame_count,
                duration_s=outcome.duration_s,
                message=str(error),
            )
            raise
        finally:
            analysis.recording.close()
            # With evidence still owed the log stays, and the next run needs no detector.
            analysis.log.close(done=done and not analysis.recording.unwritten)
            if analysis.tracks is not None:
                analysis.tracks.close(done=done)
        outcome.notes = [*video.report.notes(), *view.notes(), *signals_read.notes()]
        outcome.notes += told_before(self._store, outcome.new_violations)
        if done:
            self._end(key, analysis.recording.unwritten)
        else:
            outcome.state, outcome.message = FileState.INTERRUPTED, "run again to go on"

    def _begin(self, video: VideoFile, key: SourceKey) -> _Analysis:
        scene = self._camera.scene(video.width_px, video.height_px)
        return _Analysis(
            key,
            scene,
            scene_detector(self._batch.detector, scene),
            self._recording(video, key, scene),
            self._log(scene, key),
            self._track_log(key),
        )

    def _recording(self, video: VideoFile, key: SourceKey, scene: Scene) -> Recording:
        batch, camera, recorder = self._batch, self._camera, None
        if batch.write_evidence:
            recorder = EvidenceRecorder(
                batch.out_dir / EVIDENCE_NAME,
                time_zone=camera.time_zone,
                signer=batch.signer,
                encrypt_for=camera.encrypt_for,
            )
        return Recording(
            key,
            self._store,
            recorder,
            scene,
            camera_grounds(camera, scene, batch.detector, batch.begins_at),
            FileFootage(video.path, camera.id, video.start),
            self._outcome,
            self._listener,
        )

    def _take(self, prepared: Prepared, analysis: _Analysis) -> None:
        """Analyse a frame; while the camera looks elsewhere, what is underway is withheld."""
        frame, analysis.signals.now = prepared.frame, prepared.signals
        if frame is None:
            self._close_session(analysis, without_place)
            return
        if analysis.session is None:
            analysis.session = self._new_session(analysis)
        if not analysis.session.wants(frame):
            return
        step = analysis.session.process(frame, self._detect(frame, analysis))
        analysis.recording.add(step, step.findings)
        if analysis.tracks is not None:
            analysis.tracks.add(frame.info.t_s, step.observation.tracks)
        self._outcome.look_count += 1

    def _new_session(self, analysis: _Analysis) -> Session:
        key = analysis.key
        provenance = Provenance(key.source_hash, key.config_hash, key.model_hash, __version__)
        every_frame = self._batch.every_frame
        return new_session(
            analysis.scene, self._camera, provenance, analysis.signals, every_frame=every_frame
        )

    def _close_session(self, analysis: _Analysis, withhold: Filter | None = None) -> None:
        """End what is underway; withhold: what becomes of its findings."""
        session, analysis.session = analysis.session, None
        last = session.close() if session is not None else None
        if last is not None:
            findings = last.findings if withhold is None else withhold(last.findings)
            analysis.recording.add(last, findings)

    def _end(self, key: SourceKey, unwritten: Sequence[str]) -> None:
        """Note that the whole file was analysed; unwritten: why evidence is still owed."""
        outcome, state = self._outcome, SourceState.DONE
        if unwritten:
            outcome.state, state = FileState.FAILED, SourceState.FAILED
            outcome.message = (
                f"no evidence of {len(unwritten)} violations ({unwritten[0]}); "
                "mend that and run again"
            )
        self._store.finish_source(
            key,
            state,
            frame_count=outcome.frame_count,
            duration_s=outcome.duration_s,
            message="; ".join(filter(None, [outcome.message, *outcome.notes])),
        )

    def _log(self, scene: Scene, key: SourceKey) -> DetectionLog:
        seen = f"{key.source_hash} {key.model_hash} {self._batch.detector.size_px}"
        identity = f"{seen} {scene.detection_regions_px} {scene.detection_area_px}"
        name = hashlib.sha256(identity.encode()).hexdigest()[:24]
        return DetectionLog(self._batch.out_dir / UNFINISHED_NAME / f"{name}.jsonl", identity)

    def _track_log(self, key: SourceKey) -> TrackLog | None:
        if not self._batch.keep_tracks:
            return None
        return TrackLog(track_log_path(self._batch.out_dir, key.id))

    def _detect(self, frame: Frame, analysis: _Analysis) -> Detections:
        log = analysis.log
        known = log.get(frame.info.t_s)
        self._catches_up = known is not None
        if known is not None:
            return known
        found = analysis.detector.detect(frame.image)
        log.add(frame.info.t_s, found)
        if self._outcome.look_count % _FLUSH_EVERY == 0:
            log.flush()
        return found
