"""What a watch does beside looking at its cameras: delivery, room on the disk, deletion."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from traffic_ai.config.delivery import NOBODY, DeliverySite
from traffic_ai.config.site import Site
from traffic_ai.core.errors import StoreError
from traffic_ai.delivery import Delivery, DeliveryView
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import WatchEvent
from traffic_ai.watch.disk import DiskGuard
from traffic_ai.watch.evidence import EvidenceWriter
from traffic_ai.watch.retirement import Retire, Retirement
from traffic_ai.watch.view import EvidenceCounts, UpkeepView
from traffic_ai.wiring import new_routes

_log = logging.getLogger(__name__)
_WELL = "ok"
_MOST_UNWRITTEN = 100
_END_S = 1.0


class Upkeep:
    """Used by the thread that goes round the cameras.

    Changes for the worse and back are logged and kept as events of the watch in the store. Raises
    ConfigError where the site's delivery cannot be used.
    """

    def __init__(
        self,
        out_dir: Path,
        store: ViolationStore,
        site: Site,
        retire: Retire | None = None,
        *,
        write_evidence: bool = True,
        disk: DiskGuard | None = None,
    ) -> None:
        self._out_dir = out_dir
        self._store = store
        self._disk = guard = disk or DiskGuard(out_dir, site.min_free_bytes)
        self.evidence: EvidenceWriter | None = None
        """Writes the evidence of the cameras; None where none is wanted."""
        if write_evidence:
            self.evidence = EvidenceWriter(store, time.monotonic, lambda: guard.trouble)
        self._delivery = Delivery(store.outbox)
        self._delivers: DeliverySite | None = None
        self._retirement = None if retire is None else Retirement(retire)
        self._states: dict[str, str] = {}
        self._unwritten: list[WatchEvent] = []
        self._views: tuple[DeliveryView, ...] = ()
        self._deleted = 0
        try:
            self.apply(site)
        except BaseException:
            self.close()
            raise

    def check(self, site: Site) -> None:
        """See whether a site file could be followed. Raises ConfigError."""
        new_routes(site.delivery, self._out_dir)

    def apply(self, site: Site) -> None:
        """Do as a site file says from now on.

        Raises ConfigError, StoreError, and changes nothing then.
        """
        if site.delivery != self._delivers:
            routes = new_routes(site.delivery, self._out_dir)
            if routes or self._delivers not in (None, NOBODY) or self._store.outbox.waiting():
                self._delivery.start(routes)
            self._delivers = site.delivery
        self._disk.least_bytes = site.min_free_bytes
        if self._retirement is not None:
            self._retirement.apply(site.retention)

    def tend(self, stats: Callable[[UpkeepView], str]) -> UpkeepView:
        """See how all stands, say what changed, and tell it on. stats: makes a text of it."""
        self._disk.look()
        self._write_events()
        try:
            self._views = tuple(self._delivery.views())
        except StoreError:
            _log.debug("the outbox cannot be read now", exc_info=True)
        self._note("disk", "full" if self._disk.is_full else _WELL, self._disk.trouble)
        for view in self._views:
            self._note(f"delivery {view.name}", view.alarm or _WELL, view.detail)
        self._note_retirement()
        seen = self.view()
        self._delivery.tell(lambda: stats(seen))
        return seen

    def view(self) -> UpkeepView:
        """How all stood when it was last tended."""
        alarms = []
        if self._disk.is_full:
            alarms.append(("disk", self._disk.trouble))
        alarms += [(f"delivery {v.name}", f"{v.alarm}: {v.detail}") for v in self._views if v.alarm]
        if self._retirement is not None and self._retirement.trouble:
            alarms.append(("retention", self._retirement.trouble))
        return UpkeepView(
            self._disk.free_bytes,
            self._disk.is_full,
            self.evidence.counts if self.evidence is not None else EvidenceCounts(),
            self._views,
            self._deleted,
            tuple(alarms),
        )

    def close(self) -> None:
        """Write the evidence that is owed and end; what cannot be delivered now, the next watch
        does.
        """
        if self.evidence is not None:
            self.evidence.close()
        if self._retirement is not None:
            self._retirement.close()
        try:
            self._delivery.drain(_END_S)
        except StoreError:
            _log.debug("the outbox cannot be read now", exc_info=True)
        self._delivery.close()
        self._write_events()

    # --------------------------------------------------------------------------------------------

    def _note_retirement(self) -> None:
        if self._retirement is None:
            return
        count, self._deleted = self._retirement.count - self._deleted, self._retirement.count
        if count:
            self._event("retention", "deleted", f"{count} records that are kept no longer")
        trouble = self._retirement.trouble
        self._note("retention", "failed" if trouble else _WELL, trouble)

    def _note(self, part: str, state: str, detail: str) -> None:
        """Say that a part is otherwise now."""
        before = self._states.get(part, _WELL)
        self._states[part] = state
        if state == before:
            return
        if state == _WELL:
            _log.info("%s: well again", part)
            detail = ""
        else:
            _log.log(
                logging.WARNING if state == "waiting" else logging.ERROR, "%s: %s", part, detail
            )
        self._event(part, state, detail)

    def _event(self, part: str, state: str, detail: str) -> None:
        self._unwritten.append(WatchEvent(datetime.now(UTC), part, state, detail))
        del self._unwritten[:-_MOST_UNWRITTEN]
        self._write_events()

    def _write_events(self) -> None:
        """Write the events that the store has not; where it cannot, they wait."""
        try:
            while self._unwritten:
                self._store.add_watch_event(self._unwritten[0])
                del self._unwritten[0]
        except StoreError:
            _log.debug("an event of the watch waits for the store", exc_info=True)
