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
_FROZEN_AFTER_S = 20.0

_DARK_LEVEL = 40.0
"""Grey levels of 255; at night lamps and their reflections are brighter."""
_DARK_SHARE = 0.998
_EVEN_LEVEL = 2.5
"""A picture that varies by less is of one colour: a covered lens, or a "no signal" card."""

_SAME_MEAN, _SAME_MOST = 2.0, 14.0
"""Grey levels. A repeated picture, compressed again and again, is this far from itself: measured up
to 1.5 on average and 11 at one point. A live sensor's noise may be no more than that, so an empty
street at night can pass for frozen; the first vehicle, which differs by far more, ends it at once.
"""


class StillPicture:
    """Looks at one picture a second, at all in doubt; `state` is BLACK, FROZEN or LIVE.

    The times are the host's monotonic clock. Black is known after 5 s, frozen after 20 s; each
    ends with the first picture that is not.
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
        in_doubt = self.state is not CameraState.LIVE
        self._next_s = now_s if in_doubt else now_s + _EVERY_S
        points = image[::_STEP_PX, ::_STEP_PX, 1].copy()
        black_s, still_s = self._black_for_s(points, now_s), self._still_for_s(points, now_s)
        if black_s >= _BLACK_AFTER_S:
            self.state = CameraState.BLACK
        elif still_s >= _FROZEN_AFTER_S:
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
