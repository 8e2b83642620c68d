"""Pictures on the way that somebody will ask for soon: one pass serves violations close in time.

Held by the footage of files and of live cameras.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from threading import Lock
from typing import Generic, TypeVar

FORESEEN_LIMIT = 32
"""Moments remembered, the stills of ten violations; the oldest is forgotten for a new one."""
_KEPT_BYTES = 32 * 1024 * 1024

Picture = TypeVar("Picture")


class Foreseen(Generic[Picture]):
    """Moments foreseen, and those of their pictures that were come by. For several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._times: deque[float] = deque(maxlen=FORESEEN_LIMIT)
        self._kept: dict[float, Picture] = {}

    def add(self, times_s: Iterable[float]) -> None:
        """Each of these moments will be asked for once."""
        with self._lock:
            self._times.extend(times_s)

    def take(self, asked_s: Collection[float]) -> dict[float, Picture]:
        """What is kept of these moments, which are foreseen once less."""
        with self._lock:
            for t_s in asked_s:
                if t_s in self._times:
                    self._times.remove(t_s)
            found = {t_s: self._kept[t_s] for t_s in asked_s if t_s in self._kept}
            self._kept = {t_s: kept for t_s, kept in self._kept.items() if t_s in self._times}
            return found

    def wanted(self) -> list[float]:
        """The moments whose pictures are not here yet, the first foreseen first."""
        with self._lock:
            return [t_s for t_s in dict.fromkeys(self._times) if t_s not in self._kept]

    def room(self, picture_bytes: int) -> int:
        """How many more pictures may be kept."""
        return max(0, _KEPT_BYTES // picture_bytes - len(self._kept))

    def keep(self, pictures: Mapping[float, Picture]) -> None:
        """Keep those pictures whose moments are foreseen."""
        with self._lock:
            self._kept |= {t_s: one for t_s, one in pictures.items() if t_s in self._times}
