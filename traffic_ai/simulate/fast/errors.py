"""How a detector's boxes may differ from the exact ones: the model, without its numbers.

Lengths are pixels of the network's input: that is where a detector errs, whatever the picture's
size. While a vehicle moves through the picture its errors change; where it stands they stay, but
for the little that sensor noise does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.simulate.draw.catalogue import models
from traffic_ai.simulate.world import Body

Sides = tuple[float, float, float]
"""Of the left and right edges, of the upper, of the lower one; outward is positive."""


@dataclass(frozen=True, slots=True)
class EdgeErrors:
    """Errors of a box's edges: pixels plus share of the box's height.

    bias: the same for all vehicles. vehicle: SD from vehicle to vehicle, the same for a whole
    pass. wander: SD of what changes within it.
    """

    bias_px: Sides
    bias_share: Sides
    vehicle_px: Sides
    vehicle_share: Sides
    wander_px: Sides
    wander_share: Sides


@dataclass(frozen=True, slots=True)
class Wander:
    """How errors change: to 1/e of their correlation over a way in the picture.

    The part `near_share` of the variance changes over near_px, the rest over far_px. tails: how
    much heavier than a normal distribution's (0: as heavy). between: correlation of the errors of
    the left, upper, right and lower edges. Sensor noise of sensor_px changes in sensor_s whether
    the vehicle moves or not, and flicker_px from picture to picture.
    """

    near_px: float
    near_share: float
    far_px: float
    tails: float
    between: tuple[tuple[float, ...], ...]
    sensor_px: float
    sensor_s: float
    flicker_px: float


HEIGHTS_PX = (12.0, 24.0, 48.0, 96.0, 192.0, 384.0)
"""Heights of boxes at which confidences are given; in between their logarithms count."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """Log-odds of the detector's confidence at box heights HEIGHTS_PX.

    vehicle: SD from vehicle to vehicle; wander: SD within a pass. hidden: how much lower for each
    share of the vehicle that is hidden, and mostly_hidden: still lower for each share that is
    hidden beyond MOSTLY.
    """

    at_heights: tuple[float, ...]
    vehicle: float
    wander: float
    hidden: float
    mostly_hidden: float

    def at(self, height_px: Array, visible: Array) -> Array:
        """Log-odds (N,) at heights (N,) of vehicles of which so much is seen."""
        known = np.interp(np.log(np.maximum(height_px, 1.0)), np.log(HEIGHTS_PX), self.at_heights)
        beyond = np.maximum(1.0 - MOSTLY - visible, 0.0)
        return np.asarray(known - self.hidden * (1.0 - visible) - self.mostly_hidden * beyond)


MOSTLY = 0.6


@dataclass(frozen=True, slots=True)
class Fragment:
    """A second box on part of a vehicle: how often (share of the way), and where in its box.

    box: left, top, right, bottom as shares of the box; spread: their SD. confidence: log-odds and
    their SD. classes: what the part is taken for, and how often.
    """

    share: float
    box: tuple[float, float, float, float]
    spread: float
    confidence: tuple[float, float]
    classes: Mapping[RoadUser, float]


@dataclass(frozen=True, slots=True)
class KindErrors:
    """Everything of one kind of vehicle.

    edges: by the end that is seen. classes: what it is taken for and how often; `faithful`: how
    often a vehicle's own class is taken, drawn once from the same shares, rather than another.
    """

    edges: Mapping[VehicleEnd, EdgeErrors]
    confidence: Confidence
    fragment: Fragment
    classes: Mapping[RoadUser, float]
    faithful: float


@dataclass(frozen=True, slots=True)
class BoxErrors:
    """The whole error model.

    kinds: by name (`kind_of`). class_way_px: how long a class is kept. merge_share, merge_below:
    of two overlapping vehicles of which less than merge_below of the farther is seen, how often
    one box holds both. extra_px: noise added to every edge, in the picture's own pixels, changing
    in extra_s (0: anew in each picture). confidence_shift: on the log-odds, for light and weather;
    wander_factor: on what wanders; fog_sight_m: how far one sees.
    """

    kinds: Mapping[str, KindErrors]
    wander: Wander
    class_way_px: float
    merge_share: float
    merge_below: float
    extra_px: float = 0.0
    extra_s: float = 0.0
    confidence_shift: float = 0.0
    wander_factor: float = 1.0
    fog_sight_m: float | None = None

    def with_noise(self, extra_px: float, extra_s: float = 0.0) -> "BoxErrors":
        """The same with noise added to every edge."""
        return replace(self, extra_px=extra_px, extra_s=extra_s)


def kind_of(body: Body) -> str:
    """The kind of a body the table speaks of."""
    if body.model in models("van"):
        return "van"
    two_wheeled = (RoadUser.MOTORCYCLE, RoadUser.BICYCLE, RoadUser.PERSON)
    return "two-wheeler" if body.road_user in two_wheeled else body.road_user.label
