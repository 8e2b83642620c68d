"""Pictures that come and show nothing new: black, or frozen.

Stands before the detector in a watch. Frames may come at their rate, with good stamps, from a
camera whose sensor has died or whose encoder repeats its last picture.
"""

import numpy as np

from traffic_ai.core.frame import Image
from traffic_ai.sources.live_status import CameraState

_EVERY_S = 1.0
_STEP_PX = 7
_BLACK_AFTER_S = 5.0
_FROZEN_AFTER_S = 15.0

_DARK_LEVEL = 40.0
"""Grey levels of 255; at night lamps and their reflections are brighter."""
_DARK_SHARE = 0.998
_EVEN_LEVEL = 2.5
"""A picture that varies by less is of one colour: a covered lens, or a "no signal" card."""

_SAME_MEAN, _SAME_MOST = 0.5, 8.0
"""How far a repeated picture, compressed again, is from itself. Noise of a live sensor, with 0.7
levels of deviation, is further on average; a vehicle is further at one place."""


class StillPicture:
    """Looks at one picture a second; `state` is BLACK, FROZEN or LIVE.

    The times are the host's monotonic clock. Black is known after 5 s, frozen after 15 s; each
    ends with the first picture looked at that is not.
    """

    def __init__(self) -> None:
        self.state = CameraState.LIVE
        self._next_s = -np.inf
        self._black_since_s: float | None = None
        self._still_since_s = 0.0
        self._reference: Image | None = None

    @property
    def detail(self) -> str:
        """The state in words."""
        return {
            CameraState.BLACK: "the picture is black or of one colour; see to the lens and sensor",
            CameraState.FROZEN: "the picture stands still; restart the camera",
        }.get(self.state, "")

    @property
    def is_dull(self) -> bool:
        """Whether the picture looked at last was black or of one colour."""
        return self._black_since_s is not None

    def see(self, image: Image, now_s: float) -> None:
        """Look at a frame's picture (H, W, 3)."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        points = image[::_STEP_PX, ::_STEP_PX, 1].copy()
        black, still = self._black_for_s(points, now_s), self._still_for_s(points, now_s)
        if black >= _BLACK_AFTER_S:
            self.state = CameraState.BLACK
        elif still >= _FROZEN_AFTER_S:
            self.state = CameraState.FROZEN
        else:
            self.state = CameraState.LIVE

    def _black_for_s(self, points: Image, now_s: float) -> float:
        dark = float(np.mean(points < _DARK_LEVEL)) >= _DARK_SHARE
        if not dark and float(points.std()) >= _EVEN_LEVEL:
            self._black_since_s = None
            return 0.0
        if self._black_since_s is None:
            self._black_since_s = now_s
        return now_s - self._black_since_s

    def _still_for_s(self, points: Image, now_s: float) -> float:
        """How long the picture has been that of the moment it became still."""
        before = self._reference
        if before is not None and before.shape == points.shape:
            change = np.abs(points.astype(np.int16) - before)
            if change.mean() <= _SAME_MEAN and change.max() <= _SAME_MOST:
                return now_s - self._still_since_s
        self._reference, self._still_since_s = points, now_s
        return 0.0
