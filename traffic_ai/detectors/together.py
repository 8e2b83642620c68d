"""Pictures of several callers in one run of the network.

Between a detector and its network, where the threads that share the detector meet. Used only where
it is faster to run several pictures at once than one by one.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError

_log = logging.getLogger(__name__)

Run = Callable[[NDArray[np.float32]], Sequence[Detections]]


@dataclass(slots=True, eq=False)
class _Picture:
    """A picture (1, 3, H, W) that waits for the network, and what became of it."""

    blob: NDArray[np.float32]
    found: Detections | None = None
    error: Exception | None = None
    is_done: bool = False


class Together:
    """Runs the pictures that wait for a network together, at most `most` of one size at a time.

    run: the network: blob (N, 3, H, W) -> what is in each picture. One thread at a time calls it:
    who finds it free takes the picture that has waited longest, and with it those of its size that
    wait as well. Nobody waits for pictures that may yet come. They go in ones, twos, fours and so
    on, as a runtime prepares itself anew for every size of input.
    """

    def __init__(self, run: Run, most: int) -> None:
        self._run = run
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[_Picture] = []
        self._is_busy = False
        self._input = np.empty((0, 3, 0, 0), np.float32)

    def look(self, blobs: Sequence[NDArray[np.float32]]) -> list[Detections]:
        """What is in each of the pictures (1, 3, H, W), which may be of several sizes.

        Raises what the network raises of one of them alone; the others' callers get their own.
        """
        mine = [_Picture(blob) for blob in blobs]
        with self._changed:
            self._waiting += mine
        while group := self._turn(mine):
            try:
                self._run_group(group)
            finally:
                self._release(group)
        found = []
        for picture in mine:
            if picture.found is None:
                raise picture.error or ModelError("the thread that ran the network was ended")
            found.append(picture.found)
        return found

    def _turn(self, mine: Sequence[_Picture]) -> list[_Picture]:
        """The pictures to run now; none once all of the caller's are done."""
        with self._changed:
            while not all(picture.is_done for picture in mine):
                if not self._is_busy:
                    self._is_busy = True
                    return self._take()
                self._changed.wait()
        return []

    def _take(self) -> list[_Picture]:
        shape = self._waiting[0].blob.shape
        alike = [picture for picture in self._waiting if picture.blob.shape == shape]
        count = 1 << (min(len(alike), self._most).bit_length() - 1)
        group = alike[:count]
        self._waiting = [picture for picture in self._waiting if picture not in group]
        return group

    def _release(self, group: Sequence[_Picture]) -> None:
        with self._changed:
            for picture in group:
                picture.is_done = True
            self._is_busy = False
            self._changed.notify_all()

    def _run_group(self, group: Sequence[_Picture]) -> None:
        if self._try(group) or len(group) == 1:
            return
        for picture in group:  # which of them is it?
            self._try([picture])
        if all(picture.found is not None for picture in group):
            self._most = len(group) // 2
            _log.warning(
                "the network fails on %d pictures at once (%s), and not on each alone; from now on "
                "it gets at most %d",
                len(group),
                group[0].error,
                self._most,
            )

    def _try(self, group: Sequence[_Picture]) -> bool:
        """Run the network; whether it did."""
        try:
            for picture, found in zip(group, self._run(self._blob(group)), strict=True):
                picture.found = found
        except Exception as error:  # it goes to the callers whose pictures these are
            for picture in group:
                picture.found, picture.error = None, error
            return False
        return True

    def _blob(self, group: Sequence[_Picture]) -> NDArray[np.float32]:
        """The pictures as one input, in memory that is kept for the next."""
        if len(group) == 1:
            return group[0].blob
        shape = (len(group), *group[0].blob.shape[1:])
        if self._input.shape != shape:
            self._input = np.empty(shape, np.float32)
        return np.concatenate([picture.blob for picture in group], out=self._input)
