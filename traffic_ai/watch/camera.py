"""One watched camera: its stream's sessions analysed, findings stored, evidence owed and paid."""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from traffic_ai import __version__
from traffic_ai.config.site import CameraSite
from traffic_ai.core.errors import SourceError, UsageError
from traffic_ai.core.ports import Detector
from traffic_ai.core.scene import Scene
from traffic_ai.core.violation import Provenance, Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evidence.grounds import CameraGrounds, Grounds
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.pipeline import Session, Step
from traffic_ai.sources.live import CameraState, LiveCamera, LiveFrame, LiveSession, LiveStatus
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import CameraEvent, SourceKey, SourceState
from traffic_ai.watch.evidence import EvidenceWriter, Owed
from traffic_ai.wiring import camera_grounds, new_session, rules_version, scene_detector

_log = logging.getLogger(__name__)
_RATE_WINDOW_S = 5.0


@dataclass(frozen=True, slots=True)
class CameraView:
    """What an operator sees of a camera."""

    camera_id: str
    status: LiveStatus
    analysed_fps: float
    violation_count: int
    last_violation: Violation | None
    trouble: str


@dataclass(slots=True)
class _Running:
    """The analysis of one stream session."""

    live: LiveSession
    key: SourceKey
    scene: Scene
    session: Session
    detector: Detector
    grounds: CameraGrounds
    frame_count: int = 0
    t_s: float = 0.0


class WatchedCamera:
    """One camera of a watch. Used by the analysing thread only, but for `hang_up`."""

    def __init__(
        self,
        site: CameraSite,
        live: LiveCamera,
        detector: SizedDetector,
        store: ViolationStore,
        evidence: EvidenceWriter | None,
        recorder: EvidenceRecorder,
    ) -> None:
        self._site = site
        self._live = live
        self._detector = detector
        self._store = store
        self._evidence = evidence
        self._recorder = recorder
        self._running: _Running | None = None
        self._state: CameraState | None = None
        self._analysed: deque[float] = deque(maxlen=200)
        self._violation_count = 0
        self._last: Violation | None = None
        self._trouble = ""

    @property
    def id(self) -> str:
        """The camera's id."""
        return self._site.id

    def start(self) -> None:
        """Begin to read the stream."""
        self._live.start()

    def work(self, now_s: float) -> bool:
        """Analyse the latest frame if there is a new one; whether there was.

        now_s: monotonic clock, for the rate shown.
        """
        self._note_state()
        frame = self._live.latest(0.0)
        if frame is None:
            if not self._state.has_pictures:
                # What only the end makes certain must not wait until the camera is back.
                self._end_session()
            return False
        try:
            self._analyse(frame)
        except (SourceError, UsageError) as error:
            self._say(str(error))
            return True
        self._analysed.append(now_s)
        return True

    def hang_up(self) -> None:
        """End the stream; may be called in any thread."""
        self._live.stop()

    def stop(self) -> None:
        """End the stream and the session in work."""
        self.hang_up()
        self._end_session()
        self._note_state()

    def view(self, now_s: float) -> CameraView:
        """What an operator sees now."""
        recent = [t for t in list(self._analysed) if now_s - t <= _RATE_WINDOW_S]
        return CameraView(
            self.id,
            self._live.status(),
            len(recent) / _RATE_WINDOW_S,
            self._violation_count,
            self._last,
            self._trouble,
        )

    def _analyse(self, live_frame: LiveFrame) -> None:
        info = live_frame.frame.info
        if self._running is None or self._running.live is not live_frame.session:
            self._end_session()
            self._running = self._begin(live_frame)
        running = self._running
        if (info.width_px, info.height_px) != (running.scene.width_px, running.scene.height_px):
            self._end_session()
            self._running = running = self._begin(live_frame)
        found = running.detector.detect(live_frame.frame.image)
        step = running.session.process(live_frame.frame, found)
        running.frame_count += 1
        running.t_s = info.t_s
        self._record(running, step)

    def _begin(self, live_frame: LiveFrame) -> _Running:
        info = live_frame.frame.info
        scene = self._site.scene(info.width_px, info.height_px)
        key = SourceKey(
            self.id,
            live_frame.session.id,
            self._site.config_hash,
            self._detector.model_hash,
            rules_version(self._site),
        )
        provenance = Provenance(key.source_hash, key.config_hash, key.model_hash, __version__)
        session = new_session(scene, self._site, provenance)
        self._store.start_source(key, self._live.shown_url)
        self._trouble = ""
        detector = scene_detector(self._detector, scene)
        grounds = camera_grounds(self._site, scene, self._detector)
        return _Running(live_frame.session, key, scene, session, detector, grounds)

    def _end_session(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        step = running.session.close()
        if step is not None:
            self._record(running, step)
        self._store.finish_source(
            running.key,
            SourceState.DONE,
            frame_count=running.frame_count,
            duration_s=running.t_s,
            message="stream ended",
        )

    def _record(self, running: _Running, step: Step) -> None:
        if not step.findings:
            return
        for violation in self._store.add_findings(running.key, step.findings):
            self._violation_count += 1
            self._last = violation
            if self._evidence is not None:
                decision = step.decisions.get(violation.id)
                self._evidence.owe(
                    Owed(
                        violation,
                        running.live.footage,
                        running.scene,
                        dict(step.observation.signals),
                        self._recorder,
                        None if decision is None else Grounds(running.grounds, decision),
                    )
                )

    def _note_state(self) -> None:
        """Store a change of the camera's state."""
        status = self._live.status()
        if status.state is self._state:
            return
        self._state = status.state
        event = CameraEvent(datetime.now(UTC), self.id, status.state.value, status.detail)
        self._store.add_camera_event(event)
        _log.info("camera %s is %s %s", self.id, status.state.value, status.detail)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            _log.error("camera %s: %s", self.id, trouble)
