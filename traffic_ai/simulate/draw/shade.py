"""Where houses and trees keep the sun from the road, and from what stands on it."""

import numpy as np
import shapely
from shapely.geometry import MultiPoint, Point
from shapely.geometry.base import BaseGeometry

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.solid import Place
from traffic_ai.simulate.draw.surroundings import House, Surroundings

_ALONG, _ACROSS = 5, 2
"""Points of a footprint that are asked."""


class SunShade:
    """The ground that houses and trees shade; nothing where the sun does not shine."""

    def __init__(self, around: Surroundings, light: Lighting) -> None:
        self.of_houses: tuple[BaseGeometry, ...] = ()
        crowns: tuple[BaseGeometry, ...] = ()
        if light.sun.any():
            slope = light.toward_sun[:2] / light.toward_sun[2]
            self.of_houses = tuple(_shaded(house, slope) for house in around.houses)
            crowns = tuple(
                Point(np.array([tree.x_m, tree.y_m]) - slope * tree.middle_m).buffer(tree.crown_m)
                for tree in around.trees
            )
        self._all = shapely.union_all([*self.of_houses, *crowns])
        shapely.prepare(self._all)

    def share(self, place: Place, length_m: float, width_m: float) -> float:
        """The share of a rectangle on the road that lies in the shade."""
        if self._all.is_empty:
            return 0.0
        x_m, y_m = np.meshgrid(
            width_m * np.linspace(-0.4, 0.4, _ACROSS), length_m * np.linspace(-0.5, 0.5, _ALONG)
        )
        flat = np.stack([x_m.ravel(), y_m.ravel(), np.zeros(x_m.size)], axis=-1)
        spots = place.to_world_m(flat)
        return float(shapely.contains_xy(self._all, spots[:, 0], spots[:, 1]).mean())


def _shaded(house: House, slope: Floats) -> BaseGeometry:
    """The ground a house shades, and its own."""
    corners = np.asarray(house.footprint.exterior.coords)[:4]
    return MultiPoint(np.concatenate([corners, corners - slope * house.height_m])).convex_hull
