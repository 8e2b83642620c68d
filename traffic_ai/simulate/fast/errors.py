"""How the default detector's boxes differ from the exact ones: the table that was measured.

Lengths are pixels of the network's input: that is where the detector errs, whatever the picture's
size. While a vehicle moves through the picture its errors change; where it stands they stay, but
for the little that sensor noise does. Real footage shows the same: there, too, boxes hold still on
vehicles that stand, and jitter more the farther they move from one picture to the next.

    python -m benchmarks.accuracy.box_errors

measures drawn scenes, whose boxes are known, and compares what needs no truth with real footage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.simulate.world import Look

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
    """How quickly errors change: to 1/e of their correlation over a way in the picture.

    The part `near_share` of the variance changes over near_px, the rest over far_px; tails: how
    much heavier than a normal distribution's (0: as heavy). Sensor noise of sensor_px changes in
    sensor_s whether the vehicle moves or not, and flicker_px from picture to picture.
    """

    near_px: float
    near_share: float
    far_px: float
    tails: float
    sensor_px: float
    sensor_s: float
    flicker_px: float


@dataclass(frozen=True, slots=True)
class Confidence:
    """Log-odds of the detector's confidence at box heights HEIGHTS_PX, and how they spread.

    vehicle: SD from vehicle to vehicle; wander: SD within a pass; hidden: how much lower per share
    of the vehicle that is hidden.
    """

    at_heights: tuple[float, ...]
    vehicle: float
    wander: float
    hidden: float


HEIGHTS_PX = (12.0, 24.0, 48.0, 96.0, 192.0, 384.0)
"""Heights of boxes at which confidences are given; in between their logarithms count."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A second box on part of a vehicle: how often (share of the way), and where in its box.

    box: left, top, right, bottom as shares of the box; spread: their SD. confidence: log-odds.
    classes: what the part is taken for, and how often.
    """

    share: float
    box: tuple[float, float, float, float]
    spread: float
    confidence: float
    classes: Mapping[RoadUser, float]


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """Everything of one group of vehicles.

    edges: by the end that is seen. classes: what it is taken for and how often, by true class.
    """

    edges: Mapping[VehicleEnd, EdgeErrors]
    confidence: Confidence
    fragment: Fragment
    classes: Mapping[RoadUser, Mapping[RoadUser, float]]


@dataclass(frozen=True, slots=True)
class BoxErrors:
    """The whole error model.

    groups: by true class. class_way_px: how long a class is kept. follows_seen: how far a box goes
    along with the edge of what is seen when a nearer vehicle covers the rest (1: all the way).
    merge_share, merge_below: of two overlapping vehicles of which less than merge_below of the
    farther is seen, how often one box holds both. extra_px: noise added to every edge, in the
    picture's own pixels, changing in extra_s (0: anew in each picture). confidence_shift: on the
    log-odds, for light and weather; wander_factor: on what wanders; fog_sight_m: how far one sees.
    """

    groups: Mapping[RoadUser, GroupErrors]
    wander: Wander
    class_way_px: float
    follows_seen: float
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


def logit_at(confidence: Confidence, height_px: Array) -> Array:
    """Log-odds (N,) at heights (N,)."""
    return np.asarray(
        np.interp(np.log(np.maximum(height_px, 1.0)), np.log(HEIGHTS_PX), confidence.at_heights)
    )


_CAR = GroupErrors(
    edges={
        VehicleEnd.FRONT: EdgeErrors(
            (0.5, -0.1, 0.2),
            (-0.037, 0.017, 0.023),
            (0.4, 0.2, 0.2),
            (0.008, 0.004, 0.004),
            (0.6, 1.0, 0.3),
            (0.023, 0.004, 0.016),
        ),
        VehicleEnd.REAR: EdgeErrors(
            (-0.1, 0.2, -0.1),
            (0.023, 0.012, 0.043),
            (1.0, 0.2, 0.2),
            (0.021, 0.004, 0.004),
            (0.8, 0.7, 0.1),
            (0.012, 0.008, 0.025),
        ),
        VehicleEnd.SIDE: EdgeErrors(
            (-0.1, 0.2, -0.1),
            (0.023, 0.012, 0.043),
            (1.0, 0.2, 0.2),
            (0.021, 0.004, 0.004),
            (0.8, 0.7, 0.1),
            (0.012, 0.008, 0.025),
        ),
    },
    confidence=Confidence((-0.3, 0.7, 1.25, 1.0, 0.6, 0.6), 0.4, 0.4, 5.0),
    fragment=Fragment(
        0.006, (0.0, 0.05, 1.05, 0.95), 0.12, -1.2, {RoadUser.CAR: 0.9, RoadUser.TRUCK: 0.1}
    ),
    classes={RoadUser.CAR: {RoadUser.CAR: 0.96, RoadUser.TRUCK: 0.04}},
)
_HEAVY = GroupErrors(
    edges={
        VehicleEnd.FRONT: EdgeErrors(
            (0.5, 0.2, -0.1),
            (-0.03, 0.009, 0.019),
            (0.7, 0.3, 0.3),
            (0.015, 0.006, 0.007),
            (1.3, 0.7, 0.3),
            (0.002, 0.013, 0.019),
        ),
        VehicleEnd.REAR: EdgeErrors(
            (0.7, -0.8, 0.2),
            (-0.012, 0.017, 0.021),
            (0.7, 0.3, 0.3),
            (0.015, 0.006, 0.007),
            (1.3, 1.5, 0.9),
            (0.0, 0.0, 0.010),
        ),
        VehicleEnd.SIDE: EdgeErrors(
            (0.7, -0.8, 0.2),
            (-0.012, 0.017, 0.021),
            (0.7, 0.3, 0.3),
            (0.015, 0.006, 0.007),
            (1.3, 1.5, 0.9),
            (0.0, 0.0, 0.010),
        ),
    },
    confidence=Confidence((-1.6, -0.7, 0.0, 0.5, 0.9, 1.2), 0.3, 0.4, 5.0),
    fragment=Fragment(
        0.15, (0.1, 0.35, 1.0, 1.0), 0.15, -1.6, {RoadUser.CAR: 0.75, RoadUser.TRUCK: 0.25}
    ),
    classes={
        RoadUser.BUS: {RoadUser.BUS: 0.7, RoadUser.TRUCK: 0.3},
        RoadUser.TRUCK: {RoadUser.TRUCK: 0.55, RoadUser.BUS: 0.3, RoadUser.CAR: 0.15},
    },
)
_TWO_WHEELED = GroupErrors(
    edges={
        VehicleEnd.FRONT: EdgeErrors(
            (-0.1, -0.4, -0.2),
            (-0.016, 0.025, 0.014),
            (0.3, 0.3, 0.2),
            (0.006, 0.007, 0.004),
            (0.6, 0.5, 1.0),
            (0.002, 0.009, 0.004),
        ),
        VehicleEnd.REAR: EdgeErrors(
            (1.0, 0.8, 0.6),
            (-0.022, -0.018, -0.013),
            (0.4, 0.35, 0.2),
            (0.008, 0.007, 0.004),
            (1.4, 0.4, 0.1),
            (0.002, 0.044, 0.035),
        ),
        VehicleEnd.SIDE: EdgeErrors(
            (1.0, 0.8, 0.6),
            (-0.022, -0.018, -0.013),
            (0.4, 0.35, 0.2),
            (0.008, 0.007, 0.004),
            (1.4, 0.4, 0.1),
            (0.002, 0.044, 0.035),
        ),
    },
    confidence=Confidence((-2.6, -1.3, -0.4, -0.2, -0.4, -0.4), 0.4, 0.5, 5.0),
    fragment=Fragment(
        0.2,
        (0.05, 0.0, 0.95, 0.75),
        0.1,
        -1.0,
        {RoadUser.PERSON: 0.6, RoadUser.CAR: 0.25, RoadUser.MOTORCYCLE: 0.15},
    ),
    classes={
        RoadUser.MOTORCYCLE: {
            RoadUser.MOTORCYCLE: 0.75,
            RoadUser.CAR: 0.15,
            RoadUser.PERSON: 0.07,
            RoadUser.BICYCLE: 0.03,
        },
        RoadUser.BICYCLE: {RoadUser.BICYCLE: 0.75, RoadUser.MOTORCYCLE: 0.15, RoadUser.PERSON: 0.1},
        RoadUser.PERSON: {RoadUser.PERSON: 1.0},
    },
)

MEASURED = BoxErrors(
    groups={
        RoadUser.CAR: _CAR,
        RoadUser.BUS: _HEAVY,
        RoadUser.TRUCK: _HEAVY,
        RoadUser.MOTORCYCLE: _TWO_WHEELED,
        RoadUser.BICYCLE: _TWO_WHEELED,
        RoadUser.PERSON: _TWO_WHEELED,
    },
    wander=Wander(2.5, 0.35, 15.0, 0.5, 0.25, 0.5, 0.12),
    class_way_px=20.0,
    follows_seen=0.8,
    merge_share=0.15,
    merge_below=0.5,
)
"""The default detector by day."""


@dataclass(frozen=True, slots=True)
class LookEffect:
    """What light, weather or sensor does: to the log-odds of confidences, and to what wanders."""

    confidence: float
    wander: float


_LOOKS: Mapping[str, LookEffect] = {
    "night": LookEffect(-1.0, 1.5),
    "dusk": LookEffect(-0.4, 1.2),
    "rain": LookEffect(-0.4, 1.2),
    "overcast": LookEffect(0.0, 1.0),
    "noise": LookEffect(-0.4, 1.3),
    "blur": LookEffect(-0.4, 1.3),
    "bitrate": LookEffect(-0.3, 1.3),
    "glare": LookEffect(-0.4, 1.2),
}


def in_look(errors: BoxErrors, look: Look) -> BoxErrors:
    """The errors in the light, weather and through the sensor of a world."""
    there = {
        look.light: True,
        look.weather: True,
        "noise": look.noise_levels >= 6.0,
        "blur": look.blur_px >= 1.2,
        "bitrate": look.bitrate_kbps is not None and look.bitrate_kbps <= 400,
        "glare": look.glare >= 0.3,
    }
    effects = [_LOOKS[name] for name, is_so in there.items() if is_so and name in _LOOKS]
    shift = errors.confidence_shift + sum(effect.confidence for effect in effects)
    factor = errors.wander_factor * float(np.prod([effect.wander for effect in effects]))
    return replace(
        errors, confidence_shift=shift, wander_factor=factor, fog_sight_m=look.fog_sight_m
    )
