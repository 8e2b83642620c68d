"""Passenger cars: hatchback, saloon, estate and sport utility from one recipe."""

from collections.abc import Sequence
from dataclasses import dataclass

from traffic_ai.simulate.draw.body import BodyShape, loft_body
from traffic_ai.simulate.draw.mesh import merge
from traffic_ai.simulate.draw.surface import (
    BLACK,
    CHROME,
    GLASS,
    HEAD_CORE,
    HEAD_LAMP,
    INDICATOR,
    PLASTIC,
    REVERSE_LAMP,
    SEAM,
    SEAT,
    TAIL_CORE,
    TAIL_LAMP,
    Axle,
    Colour,
    Decal,
    Finish,
    Material,
    Side,
    paint,
)
from traffic_ai.simulate.draw.vehicle import (
    VehicleModel,
    box,
    mirror_material,
    mirrors,
    number_plate,
    pair,
    polygon,
    tyre_materials,
    upright_seams,
    wheel_arches,
    wheels,
)

Point = tuple[float, float]


@dataclass(frozen=True)
class CarShape:
    """A car's side view, metres: the contour from rear to front and where its windows lie on it."""

    roof_m: Sequence[Point]
    width_m: float
    belt_m: float
    tail_window_m: tuple[Point, Point]
    windscreen_m: tuple[Point, Point]
    pillar_y_m: float
    axle_y_m: tuple[float, float]
    wheel_radius_m: float = 0.32
    lamp_z_m: float = 0.80
    floor_m: float = 0.20
    tumblehome: float = 0.30


HATCHBACK = CarShape(
    (
        (-2.10, 0.50),
        (-2.09, 0.74),
        (-2.03, 0.98),
        (-1.96, 1.05),
        (-1.66, 1.38),
        (-1.50, 1.47),
        (-0.9, 1.50),
        (-0.1, 1.49),
        (0.30, 1.42),
        (1.12, 1.00),
        (1.28, 0.96),
        (1.72, 0.88),
        (1.97, 0.77),
        (2.08, 0.62),
        (2.10, 0.45),
    ),
    1.78,
    0.93,
    ((-1.96, 1.03), (-1.62, 1.41)),
    ((1.12, 1.00), (0.30, 1.42)),
    -0.32,
    (-1.28, 1.30),
)
SALOON = CarShape(
    (
        (-2.36, 0.50),
        (-2.35, 0.78),
        (-2.31, 0.97),
        (-2.20, 1.02),
        (-1.72, 1.05),
        (-1.02, 1.36),
        (-0.7, 1.43),
        (-0.1, 1.45),
        (0.30, 1.40),
        (1.12, 0.98),
        (1.30, 0.94),
        (1.92, 0.86),
        (2.22, 0.75),
        (2.34, 0.60),
        (2.36, 0.44),
    ),
    1.82,
    0.91,
    ((-1.72, 1.06), (-1.06, 1.35)),
    ((1.12, 0.98), (0.30, 1.40)),
    -0.28,
    (-1.38, 1.46),
    0.33,
    0.83,
)
ESTATE = CarShape(
    (
        (-2.36, 0.50),
        (-2.35, 0.76),
        (-2.30, 0.99),
        (-2.25, 1.05),
        (-1.98, 1.36),
        (-1.84, 1.43),
        (-1.0, 1.47),
        (-0.1, 1.47),
        (0.34, 1.40),
        (1.14, 0.98),
        (1.32, 0.94),
        (1.94, 0.85),
        (2.22, 0.75),
        (2.34, 0.60),
        (2.36, 0.44),
    ),
    1.82,
    0.92,
    ((-2.25, 1.05), (-1.96, 1.38)),
    ((1.14, 0.98), (0.34, 1.40)),
    -0.28,
    (-1.38, 1.46),
    0.33,
)
SPORT_UTILITY = CarShape(
    (
        (-2.24, 0.60),
        (-2.23, 0.86),
        (-2.18, 1.12),
        (-2.12, 1.18),
        (-1.84, 1.58),
        (-1.68, 1.66),
        (-1.0, 1.70),
        (-0.1, 1.69),
        (0.30, 1.61),
        (1.02, 1.17),
        (1.20, 1.12),
        (1.82, 1.05),
        (2.10, 0.94),
        (2.22, 0.74),
        (2.24, 0.55),
    ),
    1.88,
    1.08,
    ((-2.12, 1.19), (-1.84, 1.57)),
    ((1.02, 1.17), (0.30, 1.61)),
    -0.32,
    (-1.34, 1.36),
    0.37,
    0.95,
    0.26,
    0.26,
)

CITY_CAR = CarShape(
    (
        (-1.80, 0.50),
        (-1.79, 0.76),
        (-1.76, 1.00),
        (-1.72, 1.06),
        (-1.52, 1.40),
        (-1.40, 1.48),
        (-0.8, 1.52),
        (0.0, 1.50),
        (0.36, 1.43),
        (1.10, 1.02),
        (1.24, 0.98),
        (1.56, 0.88),
        (1.71, 0.76),
        (1.79, 0.62),
        (1.80, 0.45),
    ),
    1.66,
    0.94,
    ((-1.72, 1.04), (-1.50, 1.42)),
    ((1.10, 1.02), (0.36, 1.43)),
    -0.30,
    (-1.16, 1.18),
    0.29,
)
PEOPLE_CARRIER = CarShape(
    (
        (-2.32, 0.52),
        (-2.31, 0.80),
        (-2.27, 1.06),
        (-2.22, 1.12),
        (-2.02, 1.60),
        (-1.88, 1.68),
        (-1.0, 1.74),
        (0.0, 1.73),
        (0.42, 1.64),
        (1.44, 1.08),
        (1.60, 1.03),
        (2.00, 0.93),
        (2.22, 0.80),
        (2.31, 0.64),
        (2.32, 0.46),
    ),
    1.84,
    1.02,
    ((-2.22, 1.14), (-2.02, 1.59)),
    ((1.44, 1.08), (0.42, 1.64)),
    -0.30,
    (-1.36, 1.48),
    0.33,
    0.92,
    0.22,
    0.24,
)


def car(name: str, shape: CarShape, colour: Colour) -> VehicleModel:
    """Build a car."""
    length_m = shape.roof_m[-1][0] - shape.roof_m[0][0]
    height_m = max(z for _, z in shape.roof_m)
    coat = paint(colour)
    axles = [Axle(y, shape.wheel_radius_m, shape.wheel_radius_m) for y in shape.axle_y_m]
    body = loft_body(
        BodyShape(shape.roof_m, shape.width_m, shape.floor_m, shape.belt_m, shape.tumblehome)
    )
    base_y, base_z = shape.windscreen_m[0]
    parts = [
        body,
        *mirrors(shape.width_m, base_y - 0.28, base_z + 0.06, (0.20, 0.12, 0.15), 1),
        *wheels(axles, shape.width_m, 2),
    ]
    decals = [
        *_flanks(shape, axles, height_m),
        *_glasshouse(shape, height_m),
        *_tail(shape),
        *_face(shape),
    ]
    materials = (Material(coat, tuple(decals)), mirror_material(coat), *tyre_materials(axles))
    return VehicleModel(name, "car", length_m, shape.width_m, height_m, merge(parts), materials)


def _flanks(shape: CarShape, axles: Sequence[Axle], height_m: float) -> list[Decal]:
    """Sill, door seams, handles, wheel arches, roof rails."""
    door_y = (shape.axle_y_m[0] + 0.42, shape.pillar_y_m, shape.axle_y_m[1] - 0.44)
    handle_z = shape.belt_m - 0.13
    handles = [
        box(Side.SIDES, y, handle_z, (0.085, 0.016), SEAM)
        for y in (shape.pillar_y_m - 0.62, shape.pillar_y_m + 0.16)
    ]
    sill = box(Side.SIDES, 0, shape.floor_m + 0.05, (9, 0.075), PLASTIC)
    return [
        sill,
        *upright_seams(door_y, shape.floor_m + 0.1, shape.belt_m),
        *handles,
        *wheel_arches(axles),
    ]


def _window_half_m(shape: CarShape, z_m: float) -> float:
    """Half the width of the glasshouse at a height."""
    return 0.955 * shape.width_m / 2 - shape.tumblehome * (z_m - shape.belt_m)


def _glasshouse(shape: CarShape, height_m: float) -> list[Decal]:
    """Windscreen, tail window, side windows, pillars and what shows through the glass."""
    low, high = shape.belt_m + 0.035, height_m - 0.11
    (screen_y, screen_z), (_, header_z) = shape.windscreen_m
    (tail_y, tail_z), (lip_y, lip_z) = shape.tail_window_m
    lean = (shape.windscreen_m[0][0] - shape.windscreen_m[1][0]) / (header_z - screen_z)
    back = (lip_y - tail_y) / (lip_z - tail_z)
    front_low, rear_low = (
        screen_y + (screen_z - low) * lean - 0.22,
        tail_y + (low - tail_z) * back + 0.30,
    )
    side = [
        (rear_low, low),
        (front_low, low),
        (front_low - (high - low) * lean, high),
        (rear_low + (high - low) * back * 0.8, high),
    ]
    rear_half = (_window_half_m(shape, tail_z) - 0.05, _window_half_m(shape, lip_z) - 0.10)
    front_half = (_window_half_m(shape, screen_z) - 0.01, _window_half_m(shape, header_z) - 0.05)
    decals = [
        polygon(Side.SIDES, side, GLASS),
        box(Side.SIDES, shape.pillar_y_m, (low + high) / 2, (0.05, (high - low) / 2), BLACK),
        box(Side.SIDES, rear_low + 0.34, (low + high) / 2, (0.02, (high - low) / 2), BLACK),
        _pane(Side.REAR, rear_half, tail_z + 0.03, lip_z - 0.03, GLASS),
        _pane(Side.FRONT, front_half, screen_z + 0.015, header_z - 0.02, GLASS),
    ]
    rest_z = tail_z + 0.42 * (lip_z - tail_z)
    decals += [
        pair(Side.REAR, 0.36, rest_z, (0.12, 0.075), SEAT, 0.05),
        pair(Side.FRONT, 0.36, header_z - 0.17, (0.13, 0.10), SEAT, 0.06),
    ]
    decals += [
        box(Side.REAR, 0.0, lip_z - 0.005, (0.17, 0.016), TAIL_CORE),
        box(Side.REAR, 0.05, tail_z + 0.06, (0.26, 0.010), SEAM),
    ]
    decals += [pair(Side.FRONT, 0.30, screen_z + 0.035, (0.28, 0.012), BLACK)]
    return decals


def _pane(
    side: Side, half_m: tuple[float, float], low_m: float, high_m: float, finish: Finish
) -> Decal:
    """A window narrower at its top, seen from ahead or behind."""
    return polygon(
        side,
        [(-half_m[0], low_m), (half_m[0], low_m), (half_m[1], high_m), (-half_m[1], high_m)],
        finish,
    )


def _tail(shape: CarShape) -> list[Decal]:
    """Lamps, lid, plate and bumper."""
    z, half = shape.lamp_z_m, shape.width_m / 2
    tail_y = shape.roof_m[0][0]
    lamps = [
        pair(Side.REAR, half - 0.16, z, (0.20, 0.085), TAIL_LAMP, 0.03),
        pair(Side.REAR, half - 0.12, z + 0.035, (0.11, 0.028), TAIL_CORE),
        pair(Side.REAR, half - 0.30, z - 0.03, (0.055, 0.03), REVERSE_LAMP),
        box(Side.SIDES, tail_y + 0.10, z, (0.13, 0.08), TAIL_LAMP, 0.03),
    ]
    bumper_z = z - 0.27
    lid = [
        pair(Side.REAR, half - 0.20, bumper_z + 0.09, (0.20, 0.008), SEAM),
        box(Side.REAR, 0, bumper_z, (half, 0.010), SEAM),
        pair(Side.REAR, half - 0.385, z - 0.10, (0.008, 0.17), SEAM),
        box(Side.REAR, 0, z + 0.075, (0.055, 0.045), CHROME, 0.04),
    ]
    skirt = [
        box(Side.REAR, 0, 0.30, (half * 0.74, 0.085), PLASTIC),
        pair(Side.REAR, half - 0.14, 0.42, (0.07, 0.022), TAIL_LAMP),
    ]
    return [*lid, *skirt, *lamps, *number_plate(Side.REAR, z - 0.10)]


def _face(shape: CarShape) -> list[Decal]:
    """Lamps, grille, intake and plate."""
    z, half = shape.lamp_z_m - 0.13, shape.width_m / 2
    nose_y = shape.roof_m[-1][0]
    lamps = [
        pair(Side.FRONT, half - 0.22, z + 0.03, (0.21, 0.075), BLACK, 0.03),
        pair(Side.FRONT, half - 0.22, z + 0.03, (0.195, 0.062), HEAD_LAMP, 0.03),
        pair(Side.FRONT, half - 0.20, z + 0.025, (0.06, 0.035), HEAD_CORE, 0.03),
        pair(Side.FRONT, half - 0.06, z + 0.02, (0.035, 0.03), INDICATOR),
        box(Side.SIDES, nose_y - 0.16, z + 0.03, (0.14, 0.06), HEAD_LAMP, 0.03),
    ]
    slats = [
        box(Side.FRONT, 0, z + dz, (half * 0.46, 0.008), CHROME) for dz in (-0.075, -0.02, 0.035)
    ]
    grille = [
        box(Side.FRONT, 0, z - 0.02, (half * 0.49, 0.085), BLACK, 0.02),
        *slats,
        box(Side.FRONT, 0, z - 0.02, (0.06, 0.055), CHROME, 0.05),
    ]
    lower = [
        box(Side.FRONT, 0, z - 0.30, (half * 0.62, 0.07), BLACK, 0.03),
        pair(Side.FRONT, half * 0.80, z - 0.27, (0.075, 0.05), BLACK, 0.03),
        box(Side.FRONT, 0, z + 0.105, (half * 0.8, 0.008), SEAM),
    ]
    return [*grille, *lower, *lamps, *number_plate(Side.FRONT, z - 0.175)]
