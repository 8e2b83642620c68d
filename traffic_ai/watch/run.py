"""The watch: all cameras of a site, one detector between them, until told to stop.

A process reads each stream, a few threads here analyse the latest frame of one camera each, another
writes evidence. A camera's trouble stays its own.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from traffic_ai.config.site import CameraSite, Site
from traffic_ai.config.source import is_url
from traffic_ai.core.errors import ConfigError, StoreError, TrafficAiError
from traffic_ai.detectors.engines import callers_at_once
from traffic_ai.detectors.regions import SizedDetector, batch_size_of
from traffic_ai.evidence.chain import Chain
from traffic_ai.evidence.keys import Signer
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.sources.clock import SystemClock
from traffic_ai.sources.host_time import HostTime
from traffic_ai.sources.live import LiveCamera
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME, make_run_folder
from traffic_ai.watch.camera import WatchedCamera
from traffic_ai.watch.crew import Crew
from traffic_ai.watch.evidence import TRAIL_S, EvidenceWriter
from traffic_ai.watch.lock import only_watch
from traffic_ai.watch.references import References
from traffic_ai.watch.remains import settle_remains
from traffic_ai.watch.retirement import Retire
from traffic_ai.watch.roster import Roster, SiteFile
from traffic_ai.watch.scribe import Scribe
from traffic_ai.watch.status import status_text
from traffic_ai.watch.upkeep import Upkeep
from traffic_ai.watch.view import CameraView, UpkeepView
from traffic_ai.wiring import open_site

_IDLE_S = 0.02
_SHOW_EVERY_S = 0.5
_TEND_EVERY_S = 0.1
_LOOK_EVERY_S = 1.0
_STORE_PATIENCE_S = 2.0
"""Other cameras' records wait with the one that another program's lock keeps from the store."""
Show = Callable[[Sequence[CameraView], UpkeepView], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """What a watch needs.

    site: its file is followed: what is edited there is taken up without stopping the rest, and an
    edit that cannot be used is refused. camera_ids: only these cameras; empty for all that have a
    stream. duration_s: stop by itself after this time. signer: of the evidence; None leaves it
    chained but not signed. every_frame: look at every frame, else at those that may decide
    something. retire: deletes what the site file keeps no longer; None: nothing is deleted. stop:
    set to end cleanly.
    """

    site: Site
    out_dir: Path
    detector: SizedDetector
    camera_ids: tuple[str, ...] = ()
    write_evidence: bool = True
    duration_s: float | None = None
    signer: Signer | None = None
    every_frame: bool = False
    retire: Retire | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, show: Show) -> list[CameraView]:
        """Watch until stopped; `show` is called twice a second. The last view of each camera.

        Raises ConfigError where there is nothing to watch; UsageError where another watch has the
        run folder; UsageError and EvidenceError where the evidence's chains cannot be gone on with;
        StoreError where the store cannot be opened.
        """
        cameras = live_cameras(self.site, self.camera_ids)
        make_run_folder(self.out_dir)
        with ExitStack() as holding:
            holding.enter_context(only_watch(self.out_dir))
            store = holding.enter_context(
                ViolationStore.open(self.out_dir / STORE_NAME, patience_s=_STORE_PATIENCE_S)
            )
            if self.write_evidence:
                settle_remains(self.out_dir, store)
            # Each is ended, last to first, whatever happens to the others.
            with ExitStack() as ending:
                host = HostTime(SystemClock())
                upkeep = self._upkeep(store)
                ending.callback(upkeep.close)
                scribe = Scribe()
                ending.callback(scribe.stop)
                scribe.start()
                make = partial(self._watched, store, scribe, upkeep.evidence, host)
                roster = Roster(make)
                ending.callback(roster.stop)
                roster.apply(cameras)
                crew = Crew(lambda: roster.cameras, callers_at_once(batch_size_of(self.detector)))
                ending.callback(crew.stop)
                crew.start()
                self._loop(roster, crew, scribe, upkeep, show)
            views = [camera.view(time.monotonic()) for camera in roster.cameras]
            show(views, upkeep.view())
            return views

    def _upkeep(self, store: ViolationStore) -> Upkeep:
        return Upkeep(
            self.out_dir, store, self.site, self.retire, write_evidence=self.write_evidence
        )

    def _loop(self, roster: Roster, crew: Crew, scribe: Scribe, upkeep: Upkeep, show: Show) -> None:
        began_s = shown_s = looked_s = time.monotonic()
        tended_s = -math.inf
        file = SiteFile(self.site.path, open_site)
        while not self.stop.is_set():
            now_s = time.monotonic()
            if self.duration_s is not None and now_s - began_s >= self.duration_s:
                return
            if crew.is_stuck(now_s) or scribe.is_stuck(now_s):
                # Nothing is said any more: who waits for word of this watch starts it anew.
                self.stop.wait(_TEND_EVERY_S)
                continue
            if now_s - looked_s >= _LOOK_EVERY_S:
                looked_s = now_s
                self._follow(file, roster, upkeep)
                views = [camera.view(now_s) for camera in roster.cameras]
                upkeep.tend(partial(status_text, views))
            watched = roster.cameras
            if now_s - tended_s >= _TEND_EVERY_S:
                tended_s = now_s
                for camera in watched:
                    camera.tend()
            if now_s - shown_s >= _SHOW_EVERY_S:
                shown_s = now_s
                views = [camera.view(now_s) for camera in watched]
                show(views, upkeep.view())
            self.stop.wait(_IDLE_S)

    def _follow(self, file: SiteFile, roster: Roster, upkeep: Upkeep) -> None:
        """Take up what was edited in the site file."""
        site = file.changed()
        if site is None:
            return
        try:
            upkeep.check(site)
            roster.apply(live_cameras(site, self.camera_ids))
            upkeep.apply(site)
        except StoreError as error:
            file.postpone(error)  # another program holds it, or its disk is full
        except (TrafficAiError, OSError) as error:
            file.refuse(error)

    def _watched(
        self,
        store: ViolationStore,
        scribe: Scribe,
        writer: EvidenceWriter | None,
        host: HostTime,
        camera: CameraSite,
    ) -> WatchedCamera:
        assert camera.source is not None
        if self.write_evidence:
            Chain(self.out_dir / EVIDENCE_NAME, camera.id, self.signer).check()
        recorder = EvidenceRecorder(
            self.out_dir / EVIDENCE_NAME,
            trail_s=TRAIL_S,
            time_zone=camera.time_zone,
            signer=self.signer,
            encrypt_for=camera.encrypt_for,
        )
        live = LiveCamera(camera.id, camera.source, host=host)
        return WatchedCamera(
            camera,
            live,
            self.detector,
            store,
            scribe.ledger(camera.id),
            writer,
            recorder,
            References(self.out_dir),
            lambda: host.now().utc,
            every_frame=self.every_frame,
        )


def live_cameras(site: Site, camera_ids: Sequence[str] = ()) -> list[CameraSite]:
    """The cameras of a site that have a stream; only those of these ids, if there are any.

    Raises ConfigError where an id is not of the site, or nothing is left.
    """
    for camera_id in camera_ids:
        try:
            site.camera(camera_id)
        except KeyError:
            known = ", ".join(camera.id for camera in site.cameras)
            raise ConfigError(f"{site.path} has no camera {camera_id!r}; it has {known}") from None
    wanted = [c for c in site.cameras if not camera_ids or c.id in camera_ids]
    live = [c for c in wanted if c.source is not None and is_url(c.source)]
    if not live:
        raise ConfigError(
            f"no camera of {site.path} has a stream; set `source: rtsp://...` "
            "(files are analysed with `traffic-ai process`)"
        )
    return live
