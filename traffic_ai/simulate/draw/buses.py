"""City buses."""

import numpy as np

from traffic_ai.simulate.draw.body import BodyShape, loft_body
from traffic_ai.simulate.draw.mesh import merge, rounded_box
from traffic_ai.simulate.draw.surface import (
    BLACK,
    GLASS,
    HEAD_CORE,
    HEAD_LAMP,
    INDICATOR,
    SEAM,
    SEAT,
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
from traffic_ai.simulate.draw.vehicle import (
    VehicleModel,
    box,
    mirror_material,
    mirrors,
    number_plate,
    pair,
    tyre_materials,
    upright_seams,
    wheel_arches,
    wheels,
)

AMBER_SIGN = Finish((0.02, 0.25, 0.5), glow=Glow.ALWAYS, emits=(0.02, 0.3, 0.6))


WIDTH_M = 2.55
CITY_M, MIDI_M = 12.0, 8.7


def _shape(half_m: float) -> BodyShape:
    tail = ((0.0, 0.5), (0.01, 2.4), (0.06, 2.86), (0.20, 2.98), (0.6, 3.02))
    nose = ((0.7, 3.02), (0.28, 2.96), (0.12, 2.75), (0.02, 1.4), (0.0, 0.45))
    return BodyShape(
        roof_m=[(y - half_m, z) for y, z in tail] + [(half_m - y, z) for y, z in nose],
        width_m=WIDTH_M,
        floor_m=0.28,
        belt_m=1.0,
        tumblehome=0.03,
        roof_radius_m=0.20,
        nose=0.07,
        tail=0.05,
        end_floor_m=0.0,
    )


def bus(name: str, colour: Colour, skirt_colour: Colour, length_m: float = CITY_M) -> VehicleModel:
    """A low-floor city bus."""
    half = length_m / 2
    axles = [Axle(3.1 - half, 0.48, 0.48, 9), Axle(half - 2.8, 0.48, 0.48, 9)]
    skirt = paint(skirt_colour)
    sides = _bus_sides(skirt, half)
    decals = [*sides, *wheel_arches(axles), *_bus_face(skirt), *_bus_tail(skirt)]
    parts = [
        loft_body(_shape(half)),
        rounded_box((0, 3.8 - half, 3.10), (1.7, 3.2, 0.22), 0.08, 1),
        rounded_box((0, half - 3.4, 3.08), (1.2, 1.2, 0.16), 0.06, 1),
        *mirrors(WIDTH_M, half - 0.05, 2.25, (0.24, 0.10, 0.40), 2),
        *wheels(axles, WIDTH_M, 3, tyre_m=0.30),
    ]
    materials = (
        Material(paint(colour), tuple(decals)),
        Material(grey(0.45)),
        mirror_material(BLACK),
        *tyre_materials(axles),
    )
    return VehicleModel(name, "bus", length_m, WIDTH_M, 3.21, merge(parts), materials)


def _bus_sides(skirt: Finish, half_m: float) -> list[Decal]:
    """Skirt, window band with seats behind it, doors."""
    side = Side.SIDES
    window_y = np.arange(0.95 - half_m, half_m - 2.3, 1.55)
    door_y = (half_m - 6.4, half_m - 1.4)
    return [
        box(side, 0, 0.55, (9, 0.28), skirt),
        box(side, 0, 1.75, (half_m - 0.1, 0.58), BLACK),
        *[box(side, float(y), 1.75, (0.70, 0.52), GLASS, 0.06) for y in window_y],
        *[box(side, float(y) - 0.2, 1.45, (0.16, 0.15), SEAT, 0.06) for y in window_y],
        *[box(side, y, 1.38, (0.62, 0.95), GLASS, 0.05) for y in door_y],
        *[box(side, y, 1.38, (0.02, 0.95), BLACK) for y in door_y],
        box(side, half_m - 0.5, 1.75, (0.35, 0.52), GLASS),
        *upright_seams((1.4 - half_m, half_m - 4.4, half_m - 2.1), 0.4, 1.1),
    ]


def _bus_face(skirt: Finish) -> list[Decal]:
    """Windscreen, destination, lamps."""
    return [
        box(Side.FRONT, 0, 0.55, (9, 0.28), skirt),
        box(Side.FRONT, 0, 1.95, (1.18, 0.93), BLACK, 0.1),
        box(Side.FRONT, 0, 1.80, (1.14, 0.66), GLASS, 0.08),
        box(Side.FRONT, -0.55, 1.55, (0.2, 0.26), SEAT, 0.1),
        box(Side.FRONT, 0, 2.66, (0.75, 0.12), AMBER_SIGN, 0.02),
        box(Side.FRONT, 0.25, 2.66, (0.18, 0.12), BLACK),
        pair(Side.FRONT, 0.95, 0.78, (0.22, 0.11), HEAD_LAMP, 0.04),
        pair(Side.FRONT, 0.92, 0.78, (0.08, 0.07), HEAD_CORE, 0.06),
        pair(Side.FRONT, 1.16, 0.78, (0.05, 0.07), INDICATOR),
        box(Side.FRONT, 0, 0.93, (1.2, 0.010), SEAM),
        *number_plate(Side.FRONT, 0.52),
    ]


def _bus_tail(skirt: Finish) -> list[Decal]:
    """Rear window, engine lid with louvres, stacked lamps, line number."""
    louvres = [box(Side.REAR, 0, z, (0.62, 0.022), BLACK) for z in (0.82, 0.92, 1.02, 1.12)]
    return [
        box(Side.REAR, 0, 0.45, (9, 0.20), skirt),
        box(Side.REAR, 0, 2.05, (1.12, 0.60), BLACK, 0.08),
        box(Side.REAR, 0, 2.0, (1.05, 0.48), GLASS, 0.06),
        pair(Side.REAR, 0.5, 1.72, (0.16, 0.14), SEAT, 0.06),
        box(Side.REAR, 0.7, 2.52, (0.22, 0.10), AMBER_SIGN),
        box(Side.REAR, 0, 1.36, (1.1, 0.010), SEAM),
        pair(Side.REAR, 0.76, 0.98, (0.010, 0.38), SEAM),
        *louvres,
        pair(Side.REAR, 1.08, 1.12, (0.09, 0.26), BLACK, 0.05),
        pair(Side.REAR, 1.08, 1.26, (0.075, 0.075), TAIL_LAMP, 0.07),
        pair(Side.REAR, 1.08, 1.26, (0.05, 0.05), TAIL_CORE, 0.045),
        pair(Side.REAR, 1.08, 1.10, (0.07, 0.06), INDICATOR, 0.06),
        pair(Side.REAR, 1.08, 0.95, (0.07, 0.06), TAIL_LAMP, 0.06),
        pair(Side.REAR, 1.0, 2.86, (0.06, 0.02), TAIL_CORE),
        *number_plate(Side.REAR, 0.60),
    ]
