"""A recording's view, held against that of its first seconds."""

from dataclasses import replace

from traffic_ai.core.frame import Frame
from traffic_ai.core.scene import Scene
from traffic_ai.viewpoint.steadiness import Steadiness


class SteadyView:
    """Which frames of a recording can be judged by the lanes as they were drawn.

    The file's own first seconds are what its view is held against, so that a file gives the same
    whatever was analysed before it: one that begins with the camera turned away is not found out.
    """

    def __init__(self, scene: Scene) -> None:
        self._steadiness = Steadiness(scene)
        self._spells: list[tuple[float, float, str]] = []
        self._away = False

    def seen(self, frame: Frame) -> Frame | None:
        """The frame as it may be judged: degraded while it shakes, None while the view is away."""
        info, steadiness = frame.info, self._steadiness
        if not info.degraded and steadiness.is_due(info.t_s):
            steadiness.see(frame.image, info.t_s)
            self._note(info.t_s)
        if steadiness.is_moved:
            return None
        if steadiness.is_shaken:
            return Frame(replace(info, degraded=True), lambda: frame.image)
        return frame

    def notes(self) -> list[str]:
        """When nothing was judged and why, for people."""
        return [
            f"from {begin_s:.1f} to {end_s:.1f} s nothing was judged: {moved}"
            for begin_s, end_s, moved in self._spells
        ]

    def _note(self, t_s: float) -> None:
        moved = self._steadiness.is_moved
        if moved and not self._away:
            self._spells.append((t_s, t_s, self._steadiness.shift))
        elif self._spells and (moved or self._away):
            begin_s, _, shift = self._spells[-1]
            self._spells[-1] = (begin_s, t_s, self._steadiness.shift if moved else shift)
        self._away = moved
