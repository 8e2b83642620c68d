"""The watching process's end of a reader process: starting, listening and ending it."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection as Channel
from multiprocessing.reduction import recv_handle
from pathlib import Path

from traffic_ai.sources.messages import Message, Order, Pictures
from traffic_ai.sources.slots import FrameSlots

_PACKAGE_HOME = Path(__file__).parents[2]
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Link:
    """A reader at work. `give_back` and `end` may be called in any thread, the rest by one.

    `kill` ends the reader, whatever it hangs in. `pid` is None where it is no process.
    """

    def __init__(self, channel: Channel, kill: Callable[[], None], pid: int | None = None) -> None:
        self._channel = channel
        self._kill = kill
        self.pid = pid
        self._sending = threading.Lock()

    def has_news(self, timeout_s: float) -> bool:
        """Whether a message, or the reader's end, has come; waits for it."""
        return self._channel.poll(timeout_s)

    def receive(self) -> Message:
        """The next message. Raises EOFError or OSError where the reader is gone."""
        message: Message = self._channel.recv()
        return message

    def slots(self, pictures: Pictures) -> FrameSlots:
        """The memory announced by the message just received."""
        descriptor = recv_handle(self._channel)
        try:
            return FrameSlots(descriptor, pictures.width_px, pictures.height_px)
        finally:
            os.close(descriptor)

    def give_back(self, slot: int) -> None:
        """Let the reader write to a slot again."""
        # It may have ended; its memory goes with the last frame.
        with self._sending, contextlib.suppress(OSError):
            self._channel.send_bytes(bytes((slot,)))

    def resident_bytes(self) -> int:
        """How much memory the reader takes, 0 where that cannot be told."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * _PAGE_BYTES

    def end(self) -> None:
        """End the reader; may be called twice."""
        self._kill()

    def close(self) -> None:
        """End the reader and close the channel; nothing else is called afterwards."""
        self._kill()
        with self._sending:
            self._channel.close()


def launch(order: Order) -> Link:
    """Start a reader process on an order."""
    ours, theirs = socket.socketpair()
    with theirs:
        path = os.pathsep.join(filter(None, (str(_PACKAGE_HOME), os.environ.get("PYTHONPATH"))))
        # -P: nothing that lies in the current folder is imported.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "traffic_ai.sources.reader", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
        )
    channel = Channel(ours.detach())

    def kill() -> None:
        process.kill()
        process.wait()

    with contextlib.suppress(OSError):  # told by the first `receive`
        channel.send(order)
    return Link(channel, kill, process.pid)
