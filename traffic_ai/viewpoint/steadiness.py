"""Whether a camera still looks where it looked when it was set up.

Stands before the detector: lanes, lines and the road plane are drawn on the picture, so
a knocked camera would judge by a road that is elsewhere. Corners of the background are followed
from a reference picture into the present one. Wind moves them to and fro, a knock moves them for
good: what counts is each corner's mean place over some seconds.
"""

from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import Scene
from traffic_ai.viewpoint.corners import background, far_shift_px, flow, without_light

MOVED_PX = 2.0
BACK_PX = 1.2
"""A camera is back where it was below this, so that it does not come and go at the threshold."""
_SURE = 2.0
"""So many standard errors more, as a mast that shakes is never quite where it was on average."""

_WINDOW_S = 8.0
_SPAN_S = 5.0
_LEAST_SAMPLES = 10
_EVERY_S, _OFTEN_S = 0.5, 0.25
_CALM_PX = 0.2
"""With a mean place less sure than this, there are more looks."""
_SETTLE_WITHIN_S = 30.0
_SHAKE_PX = 10.0
"""Wind does not move a picture further than this for long."""
_FAR_AFTER_S = 1.5
_THERE_SHARE = 0.3
"""Of the corners, how many are found: in the same view under dense traffic 0.4 to 0.55, between
the views of different street cameras at most 0.06.
"""
_ELSEWHERE_SHARE = 0.1
"""By day and by night one view shows 0.36 and more of the other's corners."""
_GONE_AFTER_S = 3.0
_RENEW_S = 600.0
_GONE_WITHIN_S = _RENEW_S
"""Light changes little enough for a view to be known again for so long."""

_CORNERS = 80
_LEAST_CORNERS = 8
_LEAST_STRENGTH = 0.01
"""Noise of 4 grey levels makes corners of 0.005; the weakest of 80 in five street scenes: 0.03."""
_WIDEST_PX = 640
_THERE_AND_BACK_PX = 0.7


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture to compare with. grey (H, W); corners (N, 1, 2) in it; offset_px (2,): how far its
    corners stand from where the camera was set up.
    """

    grey: Image
    corners: NDArray[np.float32]
    offset_px: Array


@dataclass(frozen=True)
class _Sample:
    """One comparison: at_s, and each corner's displacement (N, 2), NaN where it is not found."""

    at_s: float
    moved_px: Array

    @cached_property
    def place_px(self) -> Array:
        """Where the view is, (2,)."""
        place: Array = np.nanmedian(self.moved_px, axis=0)
        return place

    @cached_property
    def share(self) -> float:
        """Of the corners, how many are found."""
        return float(np.mean(~np.isnan(self.moved_px[:, 0])))

    @property
    def is_there(self) -> bool:
        """Whether it is the same view."""
        return self.share >= _THERE_SHARE


class Steadiness:
    """Follows one camera's view; `is_moved` and `detail` tell.

    The times are of any clock that rises steadily. The first seconds, or `anchor` of an earlier
    watch with the same site file, are what the camera is held against: a camera that was knocked
    before its first watch is not found out. `is_shaken`: just now the picture is further off than
    wind moves it, so nothing should be decided on it.
    """

    def __init__(self, scene: Scene, anchor: Reference | None = None) -> None:
        self._scale = min(1.0, _WIDEST_PX / scene.width_px)
        self._background = background(scene, self._scale)
        if anchor is not None and anchor.grey.shape != self._background.shape:
            anchor = None  # kept by a program that looked at another size
        self._anchor = anchor
        self._recent: Reference | None = None
        self._in_use = anchor
        self._settled = anchor is not None
        self._samples: deque[_Sample] = deque()
        self._next_s = self._renewed_s = -np.inf
        self._begun_s = -np.inf
        self._well_s: float | None = None
        self._gone_since_s: float | None = None
        self._far_s: tuple[float, float] | None = None
        self.is_moved = self.is_shaken = False
        self.moved_px = 0.0
        self._lost = False

    @property
    def anchor(self) -> Reference | None:
        """What the camera is held against, once it is settled."""
        return self._anchor if self._settled else None

    @property
    def detail(self) -> str:
        """The state in words."""
        if not self.is_moved:
            return ""
        return f"{self.shift}; nothing is judged until it is back, or its lanes are drawn anew"

    @property
    def shift(self) -> str:
        """How the view differs from what it was, in words."""
        if self._lost:
            return "the view is another than it was"
        return f"the view moved by {self.moved_px:.1f} px"

    def is_due(self, now_s: float) -> bool:
        """Whether it is time for another look."""
        return now_s >= self._next_s

    def see(self, image: Image, now_s: float) -> None:
        """Look at a frame's picture (H, W, 3) of the scene's size, if that is due."""
        if not self.is_due(now_s):
            return
        self._next_s = now_s + (_EVERY_S if self._unsteadiness_px() < _CALM_PX else _OFTEN_S)
        grey = self._grey(image)
        if not self._settled and now_s - self._begun_s > _SETTLE_WITHIN_S:
            self._anchor = self._in_use = None  # traffic hid too much of it: try the next picture
            self._samples.clear()
        if self._in_use is None:
            self._begun_s = now_s
            self._anchor = self._in_use = self._reference(grey, np.zeros(2))
        if len(self._in_use.corners) < _LEAST_CORNERS:
            if not self._settled:
                self._anchor = self._in_use = None  # fog, night: try the next picture
            return
        sample = self._compare(grey, now_s)
        self._samples.append(sample)
        while now_s - self._samples[0].at_s > _WINDOW_S:
            self._samples.popleft()
        self._judge(sample, grey)

    # ----------------------------------------------------------------------------------------

    def _grey(self, image: Image) -> Image:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if self._scale < 1.0:
            size = (self._background.shape[1], self._background.shape[0])
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        return without_light(np.asarray(grey, np.uint8))

    def _reference(self, grey: Image, offset_px: Array) -> Reference:
        corners = cv2.goodFeaturesToTrack(
            grey, _CORNERS, 0.02, max(grey.shape) / 60.0, mask=self._background, blockSize=5
        )
        found = np.zeros((0, 1, 2), np.float32) if corners is None else np.asarray(corners)
        at = found[:, 0].astype(np.intp)
        strength = np.asarray(cv2.cornerMinEigenVal(grey, 5))[at[:, 1], at[:, 0]]
        strong = np.asarray(found[strength >= _LEAST_STRENGTH], np.float32)
        return Reference(grey, strong, offset_px)

    def _compare(self, grey: Image, now_s: float) -> _Sample:
        """Against the reference in use; where that fails, against the other; the best of them."""
        assert self._in_use is not None
        best = self._against(self._in_use, grey, now_s)
        if best.is_there:
            return best
        for other in (self._anchor, self._recent):
            if other is None or other is self._in_use:
                continue
            again = self._against(other, grey, now_s)
            if again.is_there:
                self._in_use = other
                self._samples.clear()  # other corners
                return again
            best = max(best, again, key=lambda sample: sample.share)
        return best

    def _against(self, reference: Reference, grey: Image, now_s: float) -> _Sample:
        sample = self._followed(reference, grey, now_s, np.zeros(2))
        if sample.is_there:
            return sample
        # Further than corners can be followed; the pictures as a whole may tell how far.
        guess_px = far_shift_px(reference.grey, grey)
        if guess_px is None:
            return sample
        again = self._followed(reference, grey, now_s, guess_px)
        return again if again.is_there else sample

    def _followed(
        self, reference: Reference, grey: Image, now_s: float, guess_px: Array
    ) -> _Sample:
        before = reference.corners
        after, found = flow(reference.grey, grey, before, guess_px)
        again, found_again = flow(grey, reference.grey, after, -guess_px)
        off = np.linalg.norm((again - before)[:, 0], axis=1)
        good = found & found_again & (off <= _THERE_AND_BACK_PX)
        moved = ((after - before)[:, 0] / self._scale + reference.offset_px).astype(np.float64)
        moved[~good] = np.nan
        return _Sample(now_s, moved)

    def _judge(self, sample: _Sample, grey: Image) -> None:
        self._note_loss(sample, grey)
        if sample.is_there:
            self._note_distance(sample)
        mean_px = self._mean_px()
        if mean_px is None:
            self.is_moved = self.is_moved or self._lost or self._is_far
            return
        if not self._settled:
            # Wind may have held the first picture off its place; its mean place is the place.
            self._settle(np.median(mean_px, axis=0))
            return
        self.moved_px = float(np.median(np.linalg.norm(mean_px, axis=1)))
        limit_px = (BACK_PX if self.is_moved else MOVED_PX) + _SURE * self._unsteadiness_px()
        self.is_moved = self._lost or self.moved_px > limit_px or self._is_far
        if sample.is_there and not self.is_moved and sample.at_s - self._renewed_s >= _RENEW_S:
            self._renew(sample, grey)

    def _note_loss(self, sample: _Sample, grey: Image) -> None:
        """Corners that fade over hours are dusk or fog; gone since the last look, or within
        minutes without one, it is another view (or a lorry before the lens, through which nothing
        can be judged either). After hours, or since an earlier watch, it is one if it shows enough
        and nothing of what was there.
        """
        now_s = sample.at_s
        if sample.is_there:
            self._well_s, self._gone_since_s, self._lost = now_s, None, False
            return
        at_once = self._well_s is not None and now_s - self._well_s < _GONE_WITHIN_S
        if not at_once and not self._is_elsewhere(sample, grey):
            self._gone_since_s = None
        elif self._gone_since_s is None:
            self._gone_since_s = now_s
        elif now_s - self._gone_since_s >= _GONE_AFTER_S:
            self._lost = True

    def _is_elsewhere(self, sample: _Sample, grey: Image) -> bool:
        if sample.share > _ELSEWHERE_SHARE:
            return False
        return len(self._reference(grey, np.zeros(2)).corners) >= _CORNERS // 4

    def _note_distance(self, sample: _Sample) -> None:
        now_px = float(np.nanmedian(np.linalg.norm(sample.moved_px, axis=1)))
        self.is_shaken = self._settled and now_px > _SHAKE_PX
        if not self.is_shaken:
            self._far_s = None
            return
        self.moved_px = now_px
        since_s = self._far_s[0] if self._far_s is not None else sample.at_s
        self._far_s = (since_s, sample.at_s)

    @property
    def _is_far(self) -> bool:
        return self._far_s is not None and self._far_s[1] - self._far_s[0] >= _FAR_AFTER_S

    def _mean_px(self) -> Array | None:
        """Each corner's mean displacement over the window (M, 2); None while too little is seen."""
        good = [s for s in self._samples if s.is_there]
        if len(good) < _LEAST_SAMPLES or good[-1].at_s - good[0].at_s < _SPAN_S:
            return None
        stack = np.stack([s.moved_px for s in good])
        # A single mistaken look must not weigh: what is further from the rest than wind, is left.
        places = np.stack([s.place_px for s in good])
        stack = stack[np.linalg.norm(places - np.median(places, axis=0), axis=1) <= _SHAKE_PX]
        if len(stack) < _LEAST_SAMPLES:
            return None
        often = np.mean(~np.isnan(stack[:, :, 0]), axis=0) >= 0.5
        if int(often.sum()) < _LEAST_CORNERS:
            return None
        mean: Array = np.nanmean(stack[:, often], axis=0)
        return mean

    def _unsteadiness_px(self) -> float:
        """Standard error of the view's mean place over the window, for what shakes it."""
        good = [s.place_px for s in self._samples if s.is_there]
        if len(good) < 2:
            return 0.0
        places = np.stack(good)
        return float(np.sqrt(places.var(axis=0).mean() / len(places)))

    def _settle(self, mean_px: Array) -> None:
        assert self._anchor is not None
        self._anchor = self._in_use = replace(self._anchor, offset_px=-mean_px)
        self._samples.clear()
        self._settled = True

    def _renew(self, sample: _Sample, grey: Image) -> None:
        """Keep the present look of the same view, for the hours when the anchor's is gone."""
        self._renewed_s = sample.at_s
        offset_px = sample.place_px
        renewed = self._reference(grey, offset_px)
        if len(renewed.corners) >= _LEAST_CORNERS:
            self._recent = renewed
