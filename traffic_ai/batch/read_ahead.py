"""Decoding beside the work: the next frames are ready when the last one is done."""

import queue
import threading
from collections.abc import Iterator
from typing import Protocol, TypeVar

_READ_AHEAD = 4
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Frames(Protocol[T_co]):
    """What frames come from, each with what is known of it."""

    def frames(self) -> Iterator[T_co]:
        """Each frame once, in order."""
        ...


def read_ahead(source: Frames[T], stop: threading.Event) -> Iterator[T]:
    """The source's frames, decoded in a thread of its own while the caller works.

    Raises what the source raises, in its place. Ends early when `stop` is set.
    """
    waiting: queue.Queue[T | BaseException | None] = queue.Queue(_READ_AHEAD)
    quit_reading = threading.Event()

    def put(item: T | BaseException | None) -> bool:
        while not quit_reading.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for frame in source.frames():
                if not put(frame):
                    return
            put(None)
        except BaseException as error:  # handed to the reader of the queue, raised there
            put(error)

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not stop.is_set():
            item = waiting.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        quit_reading.set()
        thread.join()
