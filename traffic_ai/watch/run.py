"""The watch: all cameras of a site, one detector between them, until told to stop.

A process reads each stream, a thread here analyses the latest frame of each camera in turn, another
writes evidence. A camera's trouble stays its own.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from traffic_ai.config.site import CameraSite, Site
from traffic_ai.config.source import is_url
from traffic_ai.core.errors import ConfigError
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evidence.chain import Chain
from traffic_ai.evidence.keys import Signer
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.sources.live import LiveCamera
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME, make_run_folder
from traffic_ai.watch.camera import CameraView, WatchedCamera
from traffic_ai.watch.evidence import TRAIL_S, EvidenceWriter
from traffic_ai.watch.references import References

_IDLE_S = 0.005
_SHOW_EVERY_S = 0.5
_TEND_EVERY_S = 0.1
Show = Callable[[Sequence[CameraView]], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """What a watch needs.

    camera_ids: only these cameras; empty for all that have a stream. duration_s: stop by itself
    after this time. signer: of the evidence; None leaves it chained but not signed. stop: set to
    end cleanly.
    """

    site: Site
    out_dir: Path
    detector: SizedDetector
    camera_ids: tuple[str, ...] = ()
    write_evidence: bool = True
    duration_s: float | None = None
    signer: Signer | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, show: Show) -> list[CameraView]:
        """Watch until stopped; `show` is called twice a second. The last view of each camera.

        Raises ConfigError where there is nothing to watch; UsageError and EvidenceError where
        the evidence's chains cannot be gone on with; StoreError.
        """
        cameras = self._cameras()
        make_run_folder(self.out_dir)
        if self.write_evidence:
            for camera_id in [camera.id for camera in cameras]:
                Chain(self.out_dir / EVIDENCE_NAME, camera_id, self.signer).check()
        with ViolationStore.open(self.out_dir / STORE_NAME) as store:
            writer = EvidenceWriter(store, time.monotonic) if self.write_evidence else None
            # Each is ended, last to first, whatever happens to the others.
            with ExitStack() as ending:
                if writer is not None:
                    ending.callback(writer.close)
                watched = [self._watched(camera, store, writer) for camera in cameras]
                for camera in watched:
                    ending.callback(camera.stop)
                ending.callback(_hang_up, watched)
                for camera in watched:
                    camera.start()
                self._loop(watched, show)
            views = [camera.view(time.monotonic()) for camera in watched]
            show(views)
            return views

    def _loop(self, watched: Sequence[WatchedCamera], show: Show) -> None:
        began_s = shown_s = time.monotonic()
        tended_s = -math.inf
        while not self.stop.is_set():
            now_s = time.monotonic()
            if self.duration_s is not None and now_s - began_s >= self.duration_s:
                return
            if now_s - tended_s >= _TEND_EVERY_S:
                tended_s = now_s
                for camera in watched:
                    camera.tend()
            if now_s - shown_s >= _SHOW_EVERY_S:
                shown_s = now_s
                show([camera.view(now_s) for camera in watched])
            waiting = [camera for camera in watched if camera.waits]
            if waiting:
                # Where the analysis is slower than the streams, every camera is thinned alike.
                min(waiting, key=lambda camera: camera.worked_s).work(time.monotonic)
            else:
                self.stop.wait(_IDLE_S)

    def _cameras(self) -> list[CameraSite]:
        for camera_id in self.camera_ids:
            try:
                self.site.camera(camera_id)
            except KeyError:
                known = ", ".join(camera.id for camera in self.site.cameras)
                raise ConfigError(
                    f"{self.site.path} has no camera {camera_id!r}; it has {known}"
                ) from None
        wanted = [c for c in self.site.cameras if not self.camera_ids or c.id in self.camera_ids]
        live = [c for c in wanted if c.source is not None and is_url(c.source)]
        if not live:
            raise ConfigError(
                f"no camera of {self.site.path} has a stream; set `source: rtsp://...` "
                "(files are analysed with `traffic-ai process`)"
            )
        return live

    def _watched(
        self, camera: CameraSite, store: ViolationStore, writer: EvidenceWriter | None
    ) -> WatchedCamera:
        assert camera.source is not None
        recorder = EvidenceRecorder(
            self.out_dir / EVIDENCE_NAME,
            trail_s=TRAIL_S,
            time_zone=camera.time_zone,
            signer=self.signer,
        )
        live = LiveCamera(camera.id, camera.source)
        return WatchedCamera(
            camera, live, self.detector, store, writer, recorder, References(self.out_dir)
        )


def _hang_up(watched: Sequence[WatchedCamera]) -> None:
    """End all streams at once: a camera that does not answer is waited for up to seconds."""
    with ThreadPoolExecutor(len(watched)) as pool:
        for camera in watched:
            pool.submit(camera.hang_up)
