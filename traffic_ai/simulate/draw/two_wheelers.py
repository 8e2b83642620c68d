"""Motorcycles with their riders."""

from dataclasses import replace

import numpy as np

from traffic_ai.simulate.draw.mesh import Mesh, ellipsoid, merge, rounded_box, tube, wheel
from traffic_ai.simulate.draw.surface import (
    BLACK,
    CHROME,
    GLASS,
    HEAD_CORE,
    SKIN,
    TAIL_CORE,
    TAIL_LAMP,
    Axle,
    Colour,
    Decal,
    Finish,
    Glow,
    Material,
    Side,
    grey,
    paint,
)
from traffic_ai.simulate.draw.vehicle import VehicleModel, box, tyre_materials

_PAINT, _FRAME, _METAL, _JACKET, _TROUSERS, _HELMET, _SKIN, _LAMP, _HEAD, _BOX, _FIRST_WHEEL = (
    range(11)
)


WHEEL_RADIUS_M, BAR_HALF_M = 0.34, 0.44
RIDER_SCALE, RIDER_DROP_M = 1.15, 0.10


def motorcycle(
    name: str, colour: Colour, jacket: Colour, helmet: Colour, top_box: bool = False
) -> VehicleModel:
    """A touring motorcycle, 2.15 m, ridden upright."""
    rim = grey(0.25)
    axles = [Axle(y, WHEEL_RADIUS_M, WHEEL_RADIUS_M, 6, rim=rim) for y in (-0.72, 0.74)]
    parts = [*_machine(), *_steering(), _rider()]
    if top_box:
        parts.append(rounded_box((0, -0.82, 1.02), (0.40, 0.34, 0.30), 0.08, _BOX))
    materials = (
        *_materials(colour, jacket, helmet),
        *tyre_materials(axles),
        Material(Finish((0.7, 0.7, 0.7)), _plate_ink()),
        Material(GLASS),
    )
    return VehicleModel(name, "motorcycle", 2.15, 0.90, 1.75, merge(parts), materials)


def _machine() -> list[Mesh]:
    """Wheels, engine, tank, seat, tail and exhaust."""
    radius, z = WHEEL_RADIUS_M, WHEEL_RADIUS_M
    swing_arm = [((s * 0.06, -0.68, z), (s * 0.11, -0.15, 0.42)) for s in (-1, 1)]
    return [
        wheel((0, -0.72, z), radius, 0.17, _FIRST_WHEEL),
        wheel((0, 0.74, z), radius, 0.12, _FIRST_WHEEL + 1),
        ellipsoid((0, 0.22, 0.82), (0.20, 0.32, 0.15), _PAINT),
        rounded_box((0, 0.05, 0.47), (0.43, 0.50, 0.40), 0.08, _METAL),
        rounded_box((0, -0.42, 0.80), (0.30, 0.75, 0.12), 0.05, _FRAME),
        rounded_box((0, -0.78, 0.78), (0.26, 0.36, 0.13), 0.05, _PAINT),
        rounded_box((0, -0.98, 0.79), (0.20, 0.06, 0.10), 0.02, _LAMP),
        rounded_box((0, -1.00, 0.52), (0.19, 0.03, 0.17), 0.01, _FIRST_WHEEL + 2),
        rounded_box((0, -0.90, 0.66), (0.17, 0.22, 0.05), 0.02, _FRAME),
        *[tube(start, end, (0.035, 0.035), _FRAME) for start, end in swing_arm],
        tube((0.17, -0.95, 0.42), (0.15, -0.20, 0.34), (0.062, 0.045), _METAL),
    ]


def _steering() -> list[Mesh]:
    """Fork, bar, mirrors, fairing, head lamp and screen."""
    fork = [((s * 0.10, 0.74, WHEEL_RADIUS_M), (s * 0.10, 0.52, 0.98)) for s in (-1, 1)]
    mirror_x = BAR_HALF_M + 0.05
    return [
        *[tube(low, high, (0.030, 0.030), _METAL) for low, high in fork],
        tube((-BAR_HALF_M, 0.42, 1.06), (BAR_HALF_M, 0.42, 1.06), (0.02, 0.02), _FRAME),
        *[
            rounded_box((s * mirror_x, 0.44, 1.20), (0.15, 0.05, 0.10), 0.03, _FRAME)
            for s in (-1, 1)
        ],
        ellipsoid((0, 0.62, 0.88), (0.26, 0.22, 0.26), _PAINT),
        rounded_box((0, 0.80, 0.92), (0.20, 0.06, 0.16), 0.04, _HEAD),
        rounded_box((0, 0.66, 1.20), (0.30, 0.05, 0.26), 0.03, _FIRST_WHEEL + 3),
    ]


def _rider() -> Mesh:
    """A seated rider leaning a little forward: legs on the pegs, hands on the bar, head up."""
    lean_m, hand_x = 0.10, BAR_HALF_M - 0.05
    found = [
        ellipsoid((0, -0.22, 1.17), (0.215, 0.155, 0.33), _JACKET),
        ellipsoid((0, -0.19 + lean_m, 1.36), (0.235, 0.13, 0.13), _JACKET),
        ellipsoid((0, -0.30, 0.90), (0.20, 0.20, 0.12), _TROUSERS),
        tube((0, -0.15 + lean_m, 1.40), (0, -0.11 + lean_m, 1.50), (0.065, 0.06), _SKIN),
        ellipsoid((0, -0.09 + lean_m, 1.575), (0.125, 0.145, 0.135), _HELMET),
    ]
    for s in (-1, 1):
        shoulder, elbow = (s * 0.22, -0.17 + lean_m, 1.38), (s * 0.33, 0.08, 1.14)
        hip, knee, foot = (s * 0.13, -0.26, 0.90), (s * 0.28, 0.16, 0.80), (s * 0.21, -0.10, 0.40)
        found += [
            tube(shoulder, elbow, (0.070, 0.058), _JACKET),
            tube(elbow, (s * hand_x, 0.38, 1.07), (0.056, 0.045), _JACKET),
            ellipsoid((s * hand_x, 0.42, 1.07), (0.05, 0.06, 0.05), _FRAME),
            tube(hip, knee, (0.095, 0.080), _TROUSERS),
            tube(knee, foot, (0.075, 0.060), _TROUSERS),
            rounded_box((s * 0.22, -0.04, 0.31), (0.10, 0.27, 0.10), 0.03, _FRAME),
        ]
    rider = merge(found)
    seat_m = np.array([0.0, -0.10, 0.90])
    scaled_m = (rider.vertices_m - seat_m) * RIDER_SCALE + seat_m - np.array([0, 0, RIDER_DROP_M])
    return replace(rider, vertices_m=scaled_m)


def _materials(colour: Colour, jacket: Colour, helmet: Colour) -> tuple[Material, ...]:
    """In the order of the part numbers above, up to the wheels."""
    cloth = Finish(jacket, mirror=0.012, shine=0.08)
    shell = Finish(helmet, mirror=0.05, shine=1.0)
    visor = box(Side.FRONT, 0, 1.585, (0.10, 0.045), GLASS, 0.03)
    back = [
        Decal(
            Side.REAR,
            box(Side.REAR, 0, 1.33, (0.16, 0.022), cloth).outline,
            Finish((0.55, 0.55, 0.55)),
        )
    ]
    running = Finish(TAIL_LAMP.colour, 0.06, 0.8, Glow.TAIL, (0.1, 0.08, 2.4))
    return (
        Material(paint(colour)),
        Material(BLACK),
        Material(Finish((0.22, 0.22, 0.23), mirror=0.2, shine=1.0)),
        Material(cloth, tuple(back)),
        Material(Finish((0.25, 0.12, 0.06), mirror=0.01)),
        Material(shell, (visor,)),
        Material(SKIN),
        Material(running, (box(Side.REAR, 0, 0.79, (0.07, 0.03), TAIL_CORE),)),
        Material(HEAD_CORE),
        Material(
            Finish((0.03, 0.03, 0.03), mirror=0.03, shine=0.4),
            (
                box(Side.REAR, 0, 0.97, (0.17, 0.025), TAIL_LAMP),
                box(Side.REAR, 0, 1.06, (0.05, 0.02), CHROME),
            ),
        ),
    )


def _plate_ink() -> tuple[Decal, ...]:
    """Two lines of strokes."""
    return tuple(
        box(Side.REAR, x, z, (0.012, 0.022), BLACK)
        for z in (0.55, 0.49)
        for x in (-0.06, -0.02, 0.03, 0.07)
    )
