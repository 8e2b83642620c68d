"""Tells systemd how a watch stands: begun, alive, ending. sd_notify(3), without its library."""

import os
import socket
from collections.abc import Sequence

from traffic_ai.watch.view import CameraView


class Notifier:
    """Speaks to the service manager that started this process; silent where there is none."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._ready = False

    def alive(self, views: Sequence[CameraView]) -> None:
        """The watch goes round: the first time it is ready, later its watchdog is put off."""
        if not self._address:
            return
        live = sum(view.status.state.has_pictures for view in views)
        words = ["WATCHDOG=1", f"STATUS={live} of {len(views)} cameras give pictures"]
        if not self._ready:
            words.insert(0, "READY=1")
        self._ready = self._send("\n".join(words)) or self._ready

    def ending(self) -> None:
        """The watch ends."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> bool:
        """Whether it was taken; else the next word may be."""
        if not self._address:
            return False
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(1.0)
                channel.sendto(text.encode(), address)
        except OSError:
            return False
        return True
