"""From a site file's coordinates to pixels of the picture that arrives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.config.schema import CoordinatesModel
from traffic_ai.config.values import Box, Point
from traffic_ai.core.errors import ConfigError
from traffic_ai.core.geometry import Array

# Picture shapes differ by a rounded pixel between sizes of one camera (854x480 for 16:9), not by
# more than this share.
_SHAPE_TOLERANCE = 0.01

# Where neither the file nor a picture gives a size, shapes are judged in one of this size.
NOMINAL_SIZE_PX = (1280, 720)


@dataclass(frozen=True, slots=True)
class PictureScale:
    """Multiplies coordinates of the site file into pixels of a picture width_px x height_px.

    `extent`: the picture's own size in the units of the site file.
    """

    width_px: int
    height_px: int
    extent: tuple[float, float]

    @classmethod
    def of(cls, coordinates: CoordinatesModel, width_px: int, height_px: int) -> "PictureScale":
        """The scale for a picture; raises ConfigError where its shape is not the reference's."""
        size = reference_size(coordinates)
        if size is None:
            return cls(width_px, height_px, (1.0, 1.0))
        ratio = (width_px / height_px) / (size[0] / size[1])
        if abs(ratio - 1.0) > _SHAPE_TOLERANCE:
            raise ConfigError(
                f"the picture is {width_px}x{height_px}, but the site file was drawn on "
                f"{size[0]}x{size[1]}, another shape: set coordinates.reference_size to the size "
                "of the picture the pixels were read in, or draw the site again on this picture"
            )
        return cls(width_px, height_px, (float(size[0]), float(size[1])))

    @classmethod
    def nominal(cls, coordinates: CoordinatesModel) -> "PictureScale":
        """The scale for the reference size, or for a nominal one where fractions have none."""
        return cls.of(coordinates, *(reference_size(coordinates) or NOMINAL_SIZE_PX))

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.width_px, self.height_px

    @property
    def click_scale(self) -> float:
        """Pixels of the picture per pixel of the reference size; 1 for fractions."""
        return 1.0 if self.extent == (1.0, 1.0) else self.width_px / self.extent[0]

    def points_px(self, points: Sequence[Point]) -> Array:
        """Pixels (N, 2) of points in the site file's units."""
        scale = np.array([self.width_px / self.extent[0], self.height_px / self.extent[1]])
        return np.asarray(np.array(points, float).reshape(-1, 2) * scale)

    def box_px(self, box: Box) -> Array:
        """Pixels (4,) of a box."""
        return self.points_px((box[:2], box[2:])).reshape(4)


def reference_size(coordinates: CoordinatesModel) -> tuple[int, int] | None:
    """(width, height) the pixels were read in; None for fractions."""
    size = coordinates.reference_size
    if coordinates.unit == "fraction" or size is None:
        return None
    return size[0], size[1]
