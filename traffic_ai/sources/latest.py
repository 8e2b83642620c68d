"""The newest frame of a live camera, between the thread that listens and the one that analyses."""

import threading
from dataclasses import dataclass
from datetime import datetime

from traffic_ai.core.frame import Frame
from traffic_ai.sources.link import Link
from traffic_ai.sources.messages import Delivered
from traffic_ai.sources.ring import PacketRing
from traffic_ai.sources.slots import FrameSlots


@dataclass(frozen=True, slots=True, eq=False)
class LiveSession:
    """A stretch of a camera's stream with one count of time, from its beginning to its loss.

    `id`: camera and start in UTC. `footage` goes on serving after the session's end.
    """

    id: str
    camera_id: str
    started_utc: datetime
    footage: PacketRing


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A frame and the session it belongs to; `t_s` starts anew with each session.

    The image is memory that the reader will use again: it is to be read until the camera is asked
    for the next frame, and not after. `arrival_s`: when it was decoded, host's monotonic clock.
    """

    frame: Frame
    session: LiveSession
    arrival_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame in a slot."""

    link: Link
    slots: FrameSlots
    session: LiveSession
    frame: Delivered
    slot: int

    def give_back(self) -> None:
        """Let the reader use the slot again."""
        self.link.give_back(self.slot)


class LatestFrame:
    """Room for one frame; a newer one takes its place. `take` is called by one thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: _Kept | None = None
        self._taken: _Kept | None = None
        self._closed = False

    @property
    def since_s(self) -> float | None:
        """When the frame that waits arrived; None if there is none."""
        waiting = self._waiting
        return waiting.frame.arrival_s if waiting is not None else None

    def put(
        self, link: Link, slots: FrameSlots, session: LiveSession, frame: Delivered, slot: int
    ) -> bool:
        """Take over a frame; whether one that waited gave way to it."""
        with self._changed:
            replaced, self._waiting = self._waiting, _Kept(link, slots, session, frame, slot)
            self._changed.notify_all()
        if replaced is not None:
            replaced.give_back()
        return replaced is not None

    def take(self, timeout_s: float) -> LiveFrame | None:
        """The frame that waits, waiting for one; None if there is none in time or it is closed.

        The frame taken before is given back to its reader, once there is another: by that the
        reader knows that this one does not wait any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s)
            kept, self._waiting = self._waiting, None
            if kept is None:
                return None
            before, self._taken = self._taken, kept
        if before is not None:
            before.give_back()
        image = kept.slots.image(kept.slot)
        image.flags.writeable = False
        return LiveFrame(Frame(kept.frame.info, image), kept.session, kept.frame.arrival_s)

    def close(self) -> None:
        """Free whoever waits; nothing is handed out any more."""
        with self._changed:
            self._closed = True
            self._waiting = None
            self._changed.notify_all()
