"""How a camera's pictures stand: whether they can be judged, and what is said where not."""

import logging

from traffic_ai.config.site import CameraSite
from traffic_ai.core.errors import UsageError
from traffic_ai.core.scene import Scene
from traffic_ai.sources.latest import LiveFrame
from traffic_ai.sources.live_status import CameraState
from traffic_ai.viewpoint.steadiness import Steadiness
from traffic_ai.watch.references import References
from traffic_ai.watch.still_picture import StillPicture

_log = logging.getLogger(__name__)
_ASPECT_ERROR = 0.01


class PictureCondition:
    """Judges one camera's pictures, across its sessions.

    `state` is LIVE, BLACK, FROZEN, MOVED or MISMATCHED, with `detail` in words. `scene`: of the
    last picture's size.
    """

    def __init__(self, site: CameraSite, references: References | None) -> None:
        self._site = site
        self._references = references
        self._still = StillPicture()
        self._steadiness: Steadiness | None = None
        self._kept = False
        self._first_size: tuple[int, int] | None = None
        self._size: tuple[int, int] | None = None
        self._mismatch = ""
        self.scene: Scene | None = None

    @property
    def state(self) -> CameraState:
        """How the pictures stand."""
        if self._mismatch:
            return CameraState.MISMATCHED
        if self._still.state is not CameraState.LIVE:
            return self._still.state
        moved = self._steadiness is not None and self._steadiness.is_moved
        return CameraState.MOVED if moved else CameraState.LIVE

    @property
    def detail(self) -> str:
        """The state in words, "" where all is well."""
        moved = self._steadiness.detail if self._steadiness is not None else ""
        return self._mismatch or self._still.detail or moved

    @property
    def is_shaken(self) -> bool:
        """Whether just now the picture is too far off for anything to be decided on it."""
        return self._steadiness is not None and self._steadiness.is_shaken

    def see(self, frame: LiveFrame) -> Scene | None:
        """Look at a frame; the scene to judge it by, None where it cannot be judged."""
        info, image = frame.frame.info, frame.frame.image
        if not self._fits(info.width_px, info.height_px):
            return None
        self._still.see(image, frame.arrival_s)
        if self._still.state is CameraState.LIVE and self._steadiness is not None:
            # The view is not lost for a picture that shows nothing or is damaged.
            if not info.degraded and not self._still.is_dull:
                self._steadiness.see(image, frame.arrival_s)
            self._keep_view(self._steadiness)
        return self.scene if self.state is CameraState.LIVE else None

    def _fits(self, width_px: int, height_px: int) -> bool:
        if (width_px, height_px) != self._size:
            self._size = None  # until all is made ready
            self._take_up(width_px, height_px)
            self._size = (width_px, height_px)
        return not self._mismatch

    def _take_up(self, width_px: int, height_px: int) -> None:
        """Make ready for pictures of another size."""
        first = self._first_size or (width_px, height_px)
        self.scene, self._steadiness, self._kept = None, None, False
        if abs(width_px / height_px / (first[0] / first[1]) - 1.0) > _ASPECT_ERROR:
            self._mismatch = (
                f"the picture is {width_px}x{height_px} and was {first[0]}x{first[1]}; its shape "
                "changed, so the lanes do not lie on the road any more: set the camera back, or "
                "draw them anew"
            )
            return
        try:
            self.scene = self._site.scene(width_px, height_px)
        except UsageError as error:
            self._mismatch = str(error)
            return
        anchor = self._references.load(self._site, self.scene) if self._references else None
        self._steadiness = Steadiness(self.scene, anchor)
        self._kept = anchor is not None
        self._mismatch = ""
        self._first_size = first

    def _keep_view(self, steadiness: Steadiness) -> None:
        if self._kept or steadiness.anchor is None or self._references is None:
            return
        self._kept = True
        assert self.scene is not None
        try:
            self._references.save(self._site, self.scene, steadiness.anchor)
        except OSError as error:
            _log.warning("camera %s: its view could not be kept: %s", self._site.id, error)
