"""One watched camera: its stream's sessions analysed, findings stored, evidence owed and paid."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from traffic_ai import __version__
from traffic_ai.config.site import CameraSite
from traffic_ai.core.decision import Decision
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Frame
from traffic_ai.core.ports import Detector
from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory
from traffic_ai.core.violation import Finding, Provenance, Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evidence.grounds import CameraGrounds, Grounds
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.pipeline import Session, Step
from traffic_ai.sources.live import CameraState, LiveCamera, LiveFrame, LiveSession, LiveStatus
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import CameraEvent, SourceKey, SourceState
from traffic_ai.viewpoint.withheld import without_place
from traffic_ai.watch.condition import PictureCondition
from traffic_ai.watch.errors import CameraErrors
from traffic_ai.watch.evidence import EvidenceWriter, Owed
from traffic_ai.watch.ledger import Ledger
from traffic_ai.watch.references import References
from traffic_ai.watch.silent_signals import SilentSignals
from traffic_ai.watch.view import CameraView
from traffic_ai.watch.withheld import without_true_time
from traffic_ai.wiring import camera_grounds, new_session, rules_version, scene_detector

_log = logging.getLogger(__name__)
_RATE_WINDOW_S = 5.0
_GAP_S = 3.0
"""After so long without a picture, nothing is known of who is who and since when a lamp is lit."""
LEAST_PAUSE_S = 0.04
_LAST_FRAME_S = 30.0
"""No picture takes so long."""

Filter = Callable[[Sequence[Finding]], Sequence[Finding]]


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
    is_stored: bool = False

    def goes_on(self, frame: LiveFrame, scene: Scene) -> bool:
        """Whether a frame continues this analysis: the same session and scene, and no gap."""
        no_gap = frame.frame.info.t_s - self.t_s <= _GAP_S or self.frame_count == 0
        return frame.session is self.live and scene is self.scene and no_gap


class WatchedCamera:
    """One camera of a watch. `work`, `tend` and `stop` take turns, whatever thread calls them.

    What it finds is entered in `ledger`, which is written by another thread: a store that is slow
    keeps no picture waiting.
    """

    def __init__(
        self,
        site: CameraSite,
        live: LiveCamera,
        detector: SizedDetector,
        store: ViolationStore,
        ledger: Ledger,
        evidence: EvidenceWriter | None,
        recorder: EvidenceRecorder,
        references: References | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        every_frame: bool = False,
    ) -> None:
        self._site = site
        self._live = live
        self._detector = detector
        self._store = store
        self.ledger = ledger
        """Where what is found is entered."""
        self._evidence = evidence
        self._recorder = recorder
        self._utc = utc
        self._every_frame = every_frame
        self._condition = PictureCondition(site, references)
        self._turn = threading.Lock()
        self._ended = False
        self._running: _Running | None = None
        self._state: CameraState | None = None
        self._analysed: deque[tuple[float, float]] = deque()
        self._analysed_count = self._violation_count = 0
        self.worked_s = 0.0
        """When a frame was last taken up, by the clock given to `work`."""
        self._last: Violation | None = None
        self._inference_count, self._inference_s = 0, 0.0
        self._errors = CameraErrors(site.id)
        self._silent = SilentSignals(site.id)

    @property
    def id(self) -> str:
        """The camera's id."""
        return self._site.id

    def start(self) -> None:
        """Begin to read the stream."""
        self._live.start()

    @property
    def waits(self) -> bool:
        """Whether a frame waits to be analysed."""
        return self._live.waits_since_s is not None

    def need(self, now_s: float) -> float:
        """How much a frame is needed: the time since the last one, in pauses that would do."""
        running = self._running
        pause_s = running.session.pause_s if running is not None else 0.0
        return (now_s - self.worked_s) / max(pause_s, LEAST_PAUSE_S)

    def tend(self) -> None:
        """Note how the camera stands; end the analysis of a stream that is lost.

        Nothing while a frame is in work: a camera that has one is not lost.
        """
        if not self._turn.acquire(blocking=False):
            return
        try:
            state = self._note_state()
            if not state.has_pictures and not self.waits:
                # What only the end makes certain must not wait until the camera is back.
                self._end_session()
        except Exception as error:  # the edge of a camera: the others go on
            self._broke(error)
        finally:
            self._turn.release()

    def work(self, clock: Callable[[], float]) -> bool:
        """Analyse the latest frame if there is a new one; whether there was.

        clock: the host's monotonic one.
        """
        with self._turn:
            return not self._ended and self._work(clock)

    def _work(self, clock: Callable[[], float]) -> bool:
        self.worked_s = clock()
        frame = self._live.latest(0.0)
        if frame is None:
            return False
        if self._errors.rests(self.worked_s):
            return True
        try:
            judged = self._judge(frame)
        except Exception as error:  # the edge of a camera: the others go on
            self._broke(error)
            return True
        if judged:
            now_s = clock()
            self._analysed.append((now_s, now_s - frame.arrival_s))
            while now_s - self._analysed[0][0] > _RATE_WINDOW_S:
                self._analysed.popleft()
            self._analysed_count += 1
        return True

    def hang_up(self) -> None:
        """End the stream; may be called in any thread."""
        self._live.stop()

    def stop(self) -> None:
        """End the stream and the session in work; one that hangs is left as it is."""
        self.hang_up()
        if not self._turn.acquire(timeout=_LAST_FRAME_S):
            _log.error("camera %s: its analysis hangs; what was followed is lost", self.id)
            return
        try:
            self._ended = True
            for end in (self._end_session, self._note_state):
                try:
                    end()
                except Exception as error:  # the edge of a camera: the rest, and the others, end
                    self._broke(error)
        finally:
            self._turn.release()

    def view(self, now_s: float) -> CameraView:
        """What an operator sees now."""
        recent = [lag_s for t, lag_s in tuple(self._analysed) if now_s - t <= _RATE_WINDOW_S]
        return CameraView(
            self.id,
            self._status(),
            len(recent) / _RATE_WINDOW_S,
            self._violation_count,
            self._last,
            self.ledger.trouble or self._errors.trouble or self._silent.trouble,
            max(recent, default=0.0),
            self._analysed_count,
            self._live.reader_pid,
            self._inference_count,
            self._inference_s,
            self._errors.count,
            self.ledger.waiting_count,
            self.ledger.lost_count,
        )

    def _judge(self, frame: LiveFrame) -> bool:
        """Analyse a frame if its picture can be judged; whether it was."""
        scene = self._condition.see(frame)
        if scene is None:
            moved = self._condition.state is CameraState.MOVED
            self._end_session(without_place if moved else None)
            return False
        self._analyse(frame, scene)
        self._errors.over()
        return True

    def _broke(self, error: Exception) -> None:
        """Begin the analysis anew after an error: what it knew cannot be relied on."""
        self._running = None
        self._errors.take(error, self.worked_s)

    def _analyse(self, live_frame: LiveFrame, scene: Scene) -> None:
        info = live_frame.frame.info
        running = self._running
        if running is None or not running.goes_on(live_frame, scene):
            self._end_session()
            self._running = running = self._begin(live_frame, scene)
        frame = live_frame.frame
        if self._condition.is_shaken:
            frame = Frame(replace(info, degraded=True), frame.image)
        running.frame_count += 1
        running.t_s = info.t_s
        wanted = running.session.wants(frame)
        self._silent.see(scene, running.session.signals, info.t_s)
        if wanted:
            found = self._detect(running.detector, frame)
            self._record(running, running.session.process(frame, found))

    def _detect(self, detector: Detector, frame: Frame) -> Detections:
        began_s = time.perf_counter()
        found = detector.detect(frame.image)
        self._inference_s += time.perf_counter() - began_s
        self._inference_count += 1
        return found

    def _begin(self, live_frame: LiveFrame, scene: Scene) -> _Running:
        key = SourceKey(
            self.id,
            live_frame.session.id,
            self._site.config_hash,
            self._detector.model_hash,
            rules_version(self._site),
        )
        provenance = Provenance(key.source_hash, key.config_hash, key.model_hash, __version__)
        session = new_session(scene, self._site, provenance, every_frame=self._every_frame)
        detector = scene_detector(self._detector, scene)
        grounds = camera_grounds(self._site, scene, self._detector)
        running = _Running(live_frame.session, key, scene, session, detector, grounds)
        self.ledger.enter(lambda: self._store_source(running))
        return running

    def _end_session(self, withhold: Filter | None = None) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        step = running.session.close()
        if step is not None:
            self._record(running, step, withhold)

        def finish() -> None:
            self._store_source(running)
            self._store.finish_source(
                running.key,
                SourceState.DONE,
                frame_count=running.frame_count,
                duration_s=running.t_s,
                message="stream ended",
            )

        self.ledger.enter(finish)

    def _store_source(self, running: _Running) -> None:
        """Have the store know the session, whose own entry may have been lost."""
        if not running.is_stored:
            self._store.start_source(running.key, self._live.shown_url)
            running.is_stored = True

    def _record(self, running: _Running, step: Step, withhold: Filter | None = None) -> None:
        if not step.findings:
            return
        findings: Sequence[Finding] = without_true_time(step.findings, self._live.status().pace)
        if withhold is not None:
            findings = withhold(findings)
        signals, decisions = dict(step.observation.signals), dict(step.decisions)

        def enter() -> None:
            self._store_source(running)
            for violation in self._store.add_findings(running.key, findings):
                self._violation_count += 1
                self._last = violation
                self._owe(running, violation, signals, decisions.get(violation.id))

        self.ledger.enter(enter)

    def _owe(
        self,
        running: _Running,
        violation: Violation,
        signals: Mapping[str, SignalHistory],
        decision: Decision | None,
    ) -> None:
        """Have the evidence of a violation written that is in the store."""
        if self._evidence is None:
            return
        grounds = None if decision is None else Grounds(running.grounds, decision)
        footage, scene = running.live.footage, running.scene
        self._evidence.owe(Owed(violation, footage, scene, signals, self._recorder, grounds))

    def _status(self) -> LiveStatus:
        """Stream and picture together: a picture that comes may still be none to judge by."""
        status = self._live.status()
        picture = self._condition.state
        if not status.state.has_pictures or picture is CameraState.LIVE:
            return status
        return replace(status, state=picture, detail=self._condition.detail)

    def _note_state(self) -> CameraState:
        """Store a change of the camera's state."""
        status = self._status()
        if status.state is not self._state:
            self._state = status.state
            event = CameraEvent(self._utc(), self.id, status.state.value, status.detail)
            self.ledger.enter(lambda: self._store.add_camera_event(event))
            _log.info("camera %s is %s %s", self.id, status.state.value, status.detail)
        return status.state
