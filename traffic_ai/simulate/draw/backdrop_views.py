"""The empty scene as a swaying camera sees it: painted wide a few times, then bent into place.

The camera turns about its own place, so near and far move alike and every turn is an exact map of
the picture.
"""

from collections import OrderedDict
from dataclasses import replace

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.scenery import Scenery, SceneryPainter

# The wide pictures are painted at turns that are multiples of this share of the angle of view.
_STEP_SHARE = 0.04
_KEPT = 2
# The map is worked out on a coarse grid and is straight in between, to hundredths of a pixel.
_GRID_PX = 8


class BackdropViews:
    """The empty scene for any turn of the camera; what is painted depends on the turn alone."""

    def __init__(self, painter: SceneryPainter, camera: Camera, sways: bool) -> None:
        self._painter, self._camera, self._sways = painter, camera, sways
        self._step_deg = _STEP_SHARE * float(
            np.degrees(2 * np.arctan(camera.width_px / 2 / camera.focal_px))
        )
        # Half a step aside and up, a step of roll seen at the corner, and two pixels to read from.
        reach_px = camera.focal_px * np.radians(self._step_deg)
        corner = np.hypot(camera.width_px, camera.height_px) / 2
        self._margin_px = int(
            np.ceil(0.75 * reach_px + corner * np.radians(self._step_deg) / 2 + 4)
        )
        self._painted: OrderedDict[tuple[int, int, int], tuple[Camera, Scenery]] = OrderedDict()

    def at(self, camera: Camera) -> Scenery:
        """The scene that camera sees; the caller must not write to it."""
        if not self._sways:
            return self._wide((0, 0, 0))[1]
        turn = (
            round((camera.yaw_deg - self._camera.yaw_deg) / self._step_deg),
            round((camera.pitch_deg - self._camera.pitch_deg) / self._step_deg),
            round((camera.roll_deg - self._camera.roll_deg) / self._step_deg),
        )
        wide, scenery = self._wide(turn)
        columns, rows = _map_px(camera, wide)
        edge = cv2.BORDER_REPLICATE
        layers = [
            np.asarray(
                cv2.remap(layer, columns, rows, cv2.INTER_CUBIC, borderMode=edge), np.float32
            )
            for layer in (scenery.colour, scenery.ground, scenery.mirror)
        ]
        return Scenery(*layers)

    def _wide(self, turn: tuple[int, int, int]) -> tuple[Camera, Scenery]:
        if turn in self._painted:
            self._painted.move_to_end(turn)
            return self._painted[turn]
        camera = self._camera
        if self._sways:
            margin_px = 2 * self._margin_px
            camera = replace(
                camera.turned(*(number * self._step_deg for number in turn)),
                width_px=camera.width_px + margin_px,
                height_px=camera.height_px + margin_px,
            )
        self._painted[turn] = (camera, self._painter.paint(camera))
        while len(self._painted) > _KEPT:
            self._painted.popitem(last=False)
        return self._painted[turn]


def _map_px(camera: Camera, wide: Camera) -> tuple[Floats, Floats]:
    """Where in the wide picture every pixel of a camera lies: columns and rows (H, W)."""
    across = np.arange(0, camera.width_px + _GRID_PX, _GRID_PX, dtype=float)
    down = np.arange(0, camera.height_px + _GRID_PX, _GRID_PX, dtype=float)
    u, v = np.meshgrid(across, down)
    rays = camera.rays(np.stack([u, v], axis=-1))
    points_px = wide.from_camera_px(rays @ wide.rotation.T)
    # The grid's points are pixel corners of the picture; resizing puts them at pixel centres.
    steps_u = (np.arange(camera.width_px) + 0.5) / _GRID_PX
    steps_v = (np.arange(camera.height_px) + 0.5) / _GRID_PX
    grid_u, grid_v = np.meshgrid(steps_u.astype(np.float32), steps_v.astype(np.float32))
    columns, rows = (
        np.asarray(cv2.remap(points_px[..., axis].astype(np.float32), grid_u, grid_v, 1))
        - np.float32(0.5)
        for axis in (0, 1)
    )
    return columns, rows
