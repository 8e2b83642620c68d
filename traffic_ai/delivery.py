"""Delivery: what waits in the outbox goes to its destinations, each in a thread of its own.

At least once: a message leaves the outbox when its receiver has acknowledged it, so one that was
sent and whose acknowledgement was lost is sent again, with the same id.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from traffic_ai.core.errors import StoreError
from traffic_ai.core.ports import Sink
from traffic_ai.sources.clock import Backoff
from traffic_ai.stores.outbox import Destination, Outbox, Waiting

_log = logging.getLogger(__name__)

AT_ONCE = 50
_LOOK_EVERY_S = 0.5
_STATS_EVERY_S = 30.0
_LONGEST_WAIT_S = 60.0
_NEAR_FULL = 0.8
_PATIENCE_S = 10.0
"""Trouble that is over sooner is no alarm."""
_END_S = 2.5


@dataclass(frozen=True, slots=True)
class Route:
    """A destination and what carries messages there."""

    destination: Destination
    sink: Sink


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How one destination stands. `trouble`: why nothing is delivered now, "" where all is well;
    `trouble_s`: for how long that has been so.
    """

    waiting: Waiting
    trouble: str
    trouble_s: float = 0.0

    @property
    def name(self) -> str:
        """The destination's name."""
        return self.waiting.destination.name

    @property
    def alarm(self) -> str:
        """What an operator must know: "dropping", "nearly full", "refused", "waiting" or ""."""
        if self.waiting.dropped and self.waiting.share > _NEAR_FULL:
            return "dropping"
        if self.waiting.share > _NEAR_FULL:
            return "nearly full"
        if self.waiting.refused:
            return "refused"
        return "waiting" if self.trouble and self.trouble_s >= _PATIENCE_S else ""

    @property
    def detail(self) -> str:
        """The alarm in words."""
        waiting = self.waiting
        parts = [f"{waiting.queued} messages wait, {waiting.share:.0%} of what may"]
        if waiting.dropped:
            parts.append(f"{waiting.dropped} were dropped")
        if waiting.refused:
            parts.append(f"{waiting.refused} were refused by the receiver")
        return "; ".join([*parts, self.trouble] if self.trouble else parts)


class Courier:
    """Carries one destination's messages, in order, until it is told to stop."""

    def __init__(self, outbox: Outbox, route: Route, backoff: Backoff | None = None) -> None:
        self._outbox = outbox
        self._name = route.destination.name
        self._sink = route.sink
        self._backoff = backoff or Backoff(random.Random(), most_s=_LONGEST_WAIT_S)
        self._stop = threading.Event()
        self._stats: str | None = None
        self.trouble = ""
        self.troubled_since_s = 0.0
        """By the host's monotonic clock, where there is trouble."""
        self._thread = threading.Thread(target=self._run, name=f"to {self._name}", daemon=True)
        self._thread.start()

    def tell(self, stats: str) -> None:
        """Have it told how all is, when there is time for it."""
        self._stats = stats

    def stop(self) -> None:
        """Let it end after the messages in its hands."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wait_s = self._round()
            except StoreError as error:
                self._say(str(error))
                wait_s = self._backoff.next_s()
            except Exception as error:  # the edge of a thread that must not die
                _log.exception("delivery to %s failed", self._name)
                self._say(f"internal error {type(error).__name__}: {error}")
                wait_s = self._backoff.next_s()
            self._stop.wait(wait_s)
        self._sink.close()

    def _round(self) -> float:
        """Send what waits; how long to wait before the next round."""
        messages = self._outbox.take(self._name, AT_ONCE)
        receipt = self._sink.send(messages)
        for number, why in receipt.refused.items():
            _log.error("%s will not take message %s: %s", self._name, messages[number].id, why)
        if receipt.delivered or receipt.refused:
            self._outbox.settle(self._name, receipt.delivered, receipt.refused)
            self._backoff.reset()
        self._say(receipt.trouble)
        if receipt.trouble:
            return max(receipt.wait_s, self._backoff.next_s(refused=receipt.is_refusal))
        self._backoff.reset()
        stats, self._stats = self._stats, None
        if stats is not None:
            self._sink.tell(stats)
        return 0.0 if messages else _LOOK_EVERY_S

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            if not self.trouble:
                self.troubled_since_s = time.monotonic()
            self.trouble = trouble
            if trouble:
                _log.warning("delivery to %s waits: %s", self._name, trouble)
            else:
                _log.info("delivery to %s goes on", self._name)


class Delivery:
    """All couriers of a store."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._couriers: dict[str, Courier] = {}
        self._told_s = -_STATS_EVERY_S

    def start(self, routes: Sequence[Route], *, only: bool = True) -> None:
        """Deliver to these from now on. only: what waits for any other is thrown away.

        Raises StoreError, and what was delivered before goes on then.
        """
        self._outbox.open([route.destination for route in routes], close_others=only)
        self.close()
        self._couriers = {route.destination.name: Courier(self._outbox, route) for route in routes}

    def tell(self, stats: Callable[[], str]) -> None:
        """Tell everybody how all is, from time to time. stats: makes one JSON object of it."""
        now_s = time.monotonic()
        if self._couriers and now_s - self._told_s >= _STATS_EVERY_S:
            self._told_s = now_s
            text = stats()
            for courier in self._couriers.values():
                courier.tell(text)

    def views(self) -> list[DeliveryView]:
        """How each destination stands. Raises StoreError."""
        now_s = time.monotonic()
        return [
            DeliveryView(waiting, courier.trouble, now_s - courier.troubled_since_s)
            for waiting in self._outbox.waiting()
            if (courier := self._couriers.get(waiting.destination.name)) is not None
        ]

    def drain(self, longest_s: float) -> int:
        """Wait until nothing waits, or what does cannot go, or the time is over; how many wait."""
        until_s = time.monotonic() + longest_s
        while True:
            views = self.views()
            left = sum(view.waiting.queued for view in views)
            moving = sum(v.waiting.queued - v.waiting.refused for v in views if not v.trouble)
            if not moving or time.monotonic() > until_s:
                return left
            time.sleep(0.05)

    def close(self) -> None:
        """End all couriers; what waits is delivered after the next start."""
        couriers, self._couriers = self._couriers, {}
        for courier in couriers.values():
            courier.stop()
        until_s = time.monotonic() + _END_S
        for courier in couriers.values():
            courier.join(max(0.0, until_s - time.monotonic()))
