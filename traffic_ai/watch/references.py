"""Reference views kept in the run folder, so that a camera knocked between watches is found out."""

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from traffic_ai.config.site import CameraSite
from traffic_ai.core.scene import Scene
from traffic_ai.viewpoint.steadiness import Reference

REFERENCE_NAME = "views"
_DAMAGED = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class References:
    """The views of a run folder, by camera, its part of the site file, and picture size."""

    def __init__(self, out_dir: Path) -> None:
        self._folder = out_dir / REFERENCE_NAME

    def load(self, site: CameraSite, scene: Scene) -> Reference | None:
        """The view kept of a camera, None where there is none that can be read."""
        try:
            path = self._path(site, scene)
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return Reference(kept["grey"], kept["corners"], kept["offset_px"])
        except _DAMAGED:
            return None

    def save(self, site: CameraSite, scene: Scene, view: Reference) -> None:
        """Keep a view. Raises OSError."""
        self._folder.mkdir(exist_ok=True)
        path = self._path(site, scene)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(
                file, grey=view.grey, corners=view.corners, offset_px=view.offset_px
            )
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def _path(self, site: CameraSite, scene: Scene) -> Path:
        # The hash stands for the id too, which may hold what a file name may not.
        size = f"{scene.width_px}x{scene.height_px}"
        return self._folder / f"{site.config_hash[:16]}_{size}.npz"
