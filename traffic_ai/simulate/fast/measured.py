"""How the default detector's boxes differ from the exact ones: the numbers that were measured.

    python -m benchmarks.accuracy.box_errors

measures drawn scenes, whose boxes are known, and compares what needs no truth with real footage.
What a fog or a night does was read off drawn scenes as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.simulate.fast.errors import (
    BoxErrors,
    Confidence,
    EdgeErrors,
    Fragment,
    KindErrors,
    Sides,
    Wander,
)
from traffic_ai.simulate.world import Look

_CAR, _MOTORCYCLE, _BUS, _TRUCK = RoadUser.CAR, RoadUser.MOTORCYCLE, RoadUser.BUS, RoadUser.TRUCK
_PERSON, _BICYCLE = RoadUser.PERSON, RoadUser.BICYCLE
_FRONT, _REAR, _SIDE = VehicleEnd.FRONT, VehicleEnd.REAR, VehicleEnd.SIDE


def _edges(
    bias: tuple[Sides, Sides], vehicle: tuple[Sides, Sides], wander: tuple[Sides, Sides]
) -> EdgeErrors:
    """Pixels, then shares, of each."""
    return EdgeErrors(*bias, *vehicle, *wander)


def _four_wheeled(front: EdgeErrors, rear: EdgeErrors) -> Mapping[VehicleEnd, EdgeErrors]:
    return {_FRONT: front, _REAR: rear, _SIDE: _SIDES}


_OWN: tuple[Sides, Sides] = ((0.7, 0.4, 0.4), (0.015, 0.008, 0.008))
_SIDES = _edges(((1.7, 1.5, 0.5), (0.0, 0.0, 0.0)), _OWN, ((1.2, 0.8, 0.5), (0.005, 0.008, 0.006)))
_KINDS: Mapping[str, KindErrors] = {
    "car": KindErrors(
        edges=_four_wheeled(
            _edges(
                ((-0.1, 0.3, 0.0), (-0.003, 0.012, 0.020)),
                _OWN,
                ((0.8, 0.9, 0.5), (0.008, 0.002, 0.014)),
            ),
            _edges(
                ((-0.3, 0.2, 0.2), (0.020, 0.012, 0.027)),
                _OWN,
                ((0.9, 0.9, 0.4), (0.006, 0.004, 0.016)),
            ),
        ),
        confidence=Confidence((-1.4, 0.45, 1.1, 1.0, 0.65, 0.6), 0.45, 0.45, 2.0, 8.0),
        fragment=Fragment(
            0.085,
            (0.0, 0.02, 1.0, 0.97),
            0.15,
            (-1.75, 0.6),
            {_CAR: 0.93, _BUS: 0.04, _PERSON: 0.03},
        ),
        classes={_CAR: 0.92, _TRUCK: 0.05, _BUS: 0.03},
        faithful=0.6,
    ),
    "van": KindErrors(
        edges=_four_wheeled(
            _edges(
                ((0.3, -0.3, 0.7), (-0.02, 0.012, 0.008)),
                _OWN,
                ((1.0, 1.0, 0.5), (0.005, 0.004, 0.012)),
            ),
            _edges(
                ((-0.5, 0.5, -0.5), (0.008, 0.008, 0.035)),
                _OWN,
                ((1.0, 0.8, 0.5), (0.004, 0.002, 0.013)),
            ),
        ),
        confidence=Confidence((-2.4, -0.6, 0.4, 0.8, 1.0, 0.8), 0.5, 0.4, 2.0, 8.0),
        fragment=Fragment(
            0.10, (0.05, 0.1, 0.97, 0.97), 0.15, (-1.65, 0.6), {_CAR: 0.6, _TRUCK: 0.3, _BUS: 0.1}
        ),
        classes={_CAR: 0.45, _TRUCK: 0.33, _BUS: 0.22},
        faithful=0.7,
    ),
    "truck": KindErrors(
        edges=_four_wheeled(
            _edges(
                ((1.4, -0.2, -0.4), (-0.045, 0.014, 0.015)),
                _OWN,
                ((1.2, 1.7, 0.6), (0.002, 0.004, 0.016)),
            ),
            _edges(
                ((0.3, 0.5, -0.2), (-0.014, 0.010, 0.030)),
                _OWN,
                ((1.1, 1.0, 0.6), (0.003, 0.002, 0.012)),
            ),
        ),
        confidence=Confidence((-2.4, -1.0, 0.2, 0.65, 1.05, 0.8), 0.5, 0.45, 2.0, 8.0),
        fragment=Fragment(
            0.14, (0.07, 0.22, 0.95, 0.98), 0.18, (-1.55, 0.6), {_CAR: 0.5, _TRUCK: 0.3, _BUS: 0.2}
        ),
        classes={_TRUCK: 0.55, _BUS: 0.40, _CAR: 0.05},
        faithful=0.7,
    ),
    "bus": KindErrors(
        edges=_four_wheeled(
            _edges(
                ((1.3, 0.3, 2.5), (-0.088, 0.010, 0.005)),
                _OWN,
                ((1.3, 1.6, 0.7), (0.0, 0.0, 0.007)),
            ),
            _edges(
                ((0.0, 0.0, 3.0), (-0.015, 0.010, 0.007)),
                _OWN,
                ((1.4, 1.5, 0.8), (0.0, 0.0, 0.006)),
            ),
        ),
        confidence=Confidence((-3.0, -1.8, -0.2, 0.6, 1.8, 2.1), 0.5, 0.5, 2.0, 8.0),
        fragment=Fragment(
            0.22, (0.08, 0.3, 0.95, 0.8), 0.2, (-1.75, 0.6), {_CAR: 0.93, _TRUCK: 0.05, _BUS: 0.02}
        ),
        classes={_BUS: 0.90, _TRUCK: 0.07, _CAR: 0.03},
        faithful=0.6,
    ),
    "two-wheeler": KindErrors(
        edges={
            _FRONT: _edges(
                ((0.3, 0.7, -0.8), (-0.025, 0.005, -0.010)),
                ((0.4, 0.5, 0.3), (0.008, 0.012, 0.006)),
                ((1.1, 1.2, 0.4), (0.002, 0.008, 0.030)),
            ),
            _REAR: _edges(
                ((-0.3, -0.8, -0.3), (-0.006, 0.012, -0.003)),
                ((0.4, 0.7, 0.3), (0.008, 0.015, 0.006)),
                ((1.4, 1.8, 0.6), (0.003, 0.025, 0.020)),
            ),
            _SIDE: _edges(
                ((1.0, 0.0, 1.0), (0.0, 0.010, -0.010)),
                ((0.4, 0.5, 0.3), (0.008, 0.010, 0.006)),
                ((0.8, 0.8, 0.6), (0.010, 0.015, 0.010)),
            ),
        },
        confidence=Confidence((-3.0, -1.7, -0.5, 0.1, 0.2, 0.2), 0.5, 0.5, 2.0, 8.0),
        fragment=Fragment(
            0.35,
            (0.06, 0.05, 0.98, 0.8),
            0.18,
            (-1.6, 0.6),
            {_PERSON: 0.55, _MOTORCYCLE: 0.25, _CAR: 0.20},
        ),
        classes={_MOTORCYCLE: 0.75, _PERSON: 0.12, _CAR: 0.11, _BICYCLE: 0.02},
        faithful=0.6,
    ),
}
MEASURED = BoxErrors(
    kinds=_KINDS,
    wander=Wander(
        near_px=2.5,
        near_share=0.35,
        far_px=15.0,
        tails=0.5,
        between=(
            (1.0, 0.2, 0.0, -0.1),
            (0.2, 1.0, 0.2, -0.2),
            (0.0, 0.2, 1.0, -0.1),
            (-0.1, -0.2, -0.1, 1.0),
        ),
        sensor_px=0.25,
        sensor_s=0.5,
        flicker_px=0.12,
    ),
    class_way_px=8.0,
    merge_share=0.12,
    merge_below=0.5,
)
"""The default detector by day."""


@dataclass(frozen=True, slots=True)
class LookEffect:
    """What light, weather or sensor does: to the log-odds of confidences, and to what wanders."""

    confidence: float
    wander: float


# Medians over vehicles seen by day and in the other look from the same place. What darkness does
# is taken twice: drawn nights are kinder than real ones.
_LOOKS: Mapping[str, LookEffect] = {
    "night": LookEffect(-0.7, 1.2),
    "dusk": LookEffect(-0.5, 1.1),
    "rain": LookEffect(-0.6, 1.2),
    "overcast": LookEffect(-0.1, 1.0),
    "noise": LookEffect(-0.8, 1.4),
    "blur": LookEffect(-0.5, 1.3),
    "bitrate": LookEffect(-0.5, 1.3),
    "glare": LookEffect(-0.5, 1.1),
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
