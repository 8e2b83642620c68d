"""A camera's reader: a process of its own, as only ending its process frees a blocked read.

Connects, decodes, and sends packets and frames to the watching process, picture by picture in
shared memory. One connection a process: whatever a broken stream did to the decoder or to memory
is gone with it. Run by link.py as `python -m traffic_ai.sources.reader DESCRIPTOR`.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection as Channel
from multiprocessing.reduction import send_handle

from traffic_ai.core.errors import SourceError, SourceLostError
from traffic_ai.sources.burst import Burst
from traffic_ai.sources.clock import Clock, SystemClock
from traffic_ai.sources.connection import Connection, connect
from traffic_ai.sources.host_time import HostTime
from traffic_ai.sources.live_status import CameraState, state_after
from traffic_ai.sources.messages import Arrived, Delivered, Ended, Message, Order, Pictures, Started
from traffic_ai.sources.pictures import Converter, PictureDecoder
from traffic_ai.sources.session import Batch, CountOfTimeError, LivePicture, SessionReader
from traffic_ai.sources.slots import SLOT_COUNT, FrameSlots, new_memory

_SLOT_WAIT_S = 0.1
"""How long a frame waits for room. The watching process makes room at once, unless it is stopped;
then frames are left out and the stream is read on."""
_PATIENCE_S = 1.0
"""How long a frame of a burst waits until the one before it is looked at."""
_SHORTEST_SESSION = 25
"""Frames. A count of time that breaks sooner than this is no count; the connection is given up."""

Connector = Callable[[str, float], Connection]


class ListenerGoneError(Exception):
    """The watching process does not listen any more."""


class FreeSlots:
    """The slots that this process may write to; they come back through the channel.

    `orphaned` is called when the other end is gone: a blocked read would never notice.
    """

    def __init__(self, channel: Channel, orphaned: Callable[[], None]) -> None:
        self._channel = channel
        self._orphaned = orphaned
        self._free = list(range(SLOT_COUNT))
        self._changed = threading.Condition()
        threading.Thread(target=self._receive, name="free slots", daemon=True).start()

    def take(self, *, patient: bool = False) -> int | None:
        """A slot to write to, None if none comes free in time.

        patient: wait until no earlier frame waits to be looked at, so that none gives way.
        """
        with self._changed:
            if patient:
                # The one that is looked at keeps its slot until the next is taken up.
                self._changed.wait_for(lambda: len(self._free) >= SLOT_COUNT - 1, _PATIENCE_S)
            self._changed.wait_for(lambda: self._free, _SLOT_WAIT_S)
            return self._free.pop() if self._free else None

    def _receive(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                (slot,) = self._channel.recv_bytes()
                with self._changed:
                    self._free.append(slot)
                    self._changed.notify()
        self._orphaned()


class Reader:
    """Reads one connection to its end and tells all of it through the channel."""

    def __init__(
        self, channel: Channel, order: Order, free: FreeSlots, connector: Connector, clock: Clock
    ) -> None:
        self._channel = channel
        self._order = order
        self._free = free
        self._connector = connector
        self._clock = clock
        self._host = HostTime(clock, order.utc_offset_s)
        self._slots: FrameSlots | None = None
        self._converter = Converter(0)
        self._burst = Burst()

    def run(self) -> None:
        """Read; every error is told as the end. Raises ListenerGoneError."""
        try:
            self._read()
        except ListenerGoneError:
            raise
        except SourceError as error:
            self._tell(Ended(state_after(error), str(error)))
        except Exception as error:  # the edge of a process
            # A traceback might hold the URL.
            detail = f"internal error {type(error).__name__}: {error}"
            self._tell(Ended(CameraState.OFFLINE, detail))

    def _read(self) -> None:
        """One connection, to its end, which is always an error."""
        self._tell(Started())
        connection = self._connector(self._order.url, self._order.stall_timeout_s)
        try:
            # Nothing is held back for sorting stamps: a live frame must not wait for the next.
            decoder = PictureDecoder(connection.stream.codec_context, look_ahead=0)
            pace = self._order.pace
            while True:
                session = SessionReader(
                    self._order.camera_id, connection, decoder, self._clock, pace, self._host
                )
                self._tell(session.began)
                try:
                    for batch in session.batches():
                        self._tell(self._arrived(session, batch))
                    raise SourceLostError("the camera ended the stream")
                except CountOfTimeError:
                    if session.count < _SHORTEST_SESSION:
                        raise
                pace = session.health().pace
                decoder.restart_stamps()
                self._burst = Burst()
        finally:
            connection.close()

    def _arrived(self, session: SessionReader, batch: Batch) -> Arrived:
        frames = tuple(self._delivered(picture) for picture in batch.pictures)
        return Arrived(batch.coded, batch.sample, frames, session.health())

    def _delivered(self, picture: LivePicture) -> Delivered:
        info = picture.info
        arrival_s = self._clock.monotonic_s()
        slots = self._slots or self._open_slots(picture)
        slot = self._free.take(patient=self._burst.has(info.t_s, arrival_s))
        if slot is not None:
            self._converter.write(picture.decoded, slots.image(slot))
        return Delivered(info, picture.stamp, slot, arrival_s)

    def _open_slots(self, first: LivePicture) -> FrameSlots:
        size = (first.info.width_px, first.info.height_px)
        descriptor = new_memory(*size)
        self._tell(Pictures(*size))
        send_handle(self._channel, descriptor, None)
        self._slots = FrameSlots(descriptor, *size)
        os.close(descriptor)
        self._converter = Converter(first.decoded.rotation)
        return self._slots

    def _tell(self, message: Message) -> None:
        try:
            self._channel.send(message)
        except OSError as error:
            raise ListenerGoneError from error


def serve(
    channel: Channel,
    orphaned: Callable[[], None],
    connector: Connector = connect,
    clock: Clock | None = None,
) -> None:
    """Take the order, read, tell; returns when the connection is over."""
    with contextlib.suppress(EOFError, OSError, ListenerGoneError):  # nobody is left to tell
        order: Order = channel.recv()
        free = FreeSlots(channel, orphaned)
        Reader(channel, order, free, connector, clock or SystemClock()).run()


def main() -> None:
    """The reader process; the parent alone decides when it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # What is to be said is told through the channel.
    logging.getLogger("traffic_ai").addHandler(logging.NullHandler())
    serve(Channel(int(sys.argv[1])), lambda: os._exit(0))
    # Not through the interpreter's end, which waits for FFmpeg to say goodbye to a dead camera.
    os._exit(0)


if __name__ == "__main__":
    main()
