"""Vans, box trucks and city buses."""

from traffic_ai.simulate.body import BodyShape, loft_body
from traffic_ai.simulate.mesh import merge, rounded_box
from traffic_ai.simulate.surface import (
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
    Glow,
    Material,
    Side,
    grey,
    paint,
)
from traffic_ai.simulate.vehicle import (
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

AMBER_SIGN = Finish((0.02, 0.25, 0.5), glow=Glow.ALWAYS, emits=(0.02, 0.3, 0.6))


def van(name: str, colour: Colour) -> VehicleModel:
    """A panel van with a short bonnet, 5.6 m."""
    roof = (
        (-2.80, 0.55),
        (-2.79, 1.9),
        (-2.74, 2.25),
        (-2.60, 2.38),
        (-2.0, 2.42),
        (0.8, 2.42),
        (1.15, 2.33),
        (1.98, 1.42),
        (2.12, 1.34),
        (2.55, 1.14),
        (2.72, 0.92),
        (2.79, 0.70),
        (2.80, 0.50),
    )
    width = 2.0
    axles = [Axle(-1.75, 0.35, 0.35), Axle(1.75, 0.35, 0.35)]
    coat = paint(colour)
    body = loft_body(BodyShape(roof, width, 0.26, 1.25, 0.09, roof_radius_m=0.16, tail=0.04))
    decals = [
        box(Side.SIDES, 0, 0.33, (9, 0.08), PLASTIC),
        *upright_seams((-0.55, 0.72, 1.52), 0.4, 2.1),
        box(Side.SIDES, -1.4, 1.30, (1.3, 0.012), SEAM),
        polygon(Side.SIDES, ((0.80, 1.36), (1.72, 1.36), (1.12, 2.06), (0.80, 2.06)), GLASS),
        box(Side.SIDES, 0.95, 1.18, (0.09, 0.02), SEAM),
        *wheel_arches(axles),
        polygon(Side.FRONT, ((-0.88, 1.44), (0.88, 1.44), (0.78, 2.22), (-0.78, 2.22)), GLASS),
        pair(Side.FRONT, 0.42, 1.78, (0.15, 0.16), SEAT, 0.07),
        pair(Side.FRONT, 0.78, 0.98, (0.17, 0.13), BLACK, 0.03),
        pair(Side.FRONT, 0.78, 0.98, (0.15, 0.11), HEAD_LAMP, 0.03),
        pair(Side.FRONT, 0.76, 0.96, (0.06, 0.05), HEAD_CORE, 0.04),
        box(Side.FRONT, 0, 0.93, (0.52, 0.13), BLACK, 0.03),
        *[box(Side.FRONT, 0, z, (0.50, 0.012), CHROME) for z in (0.86, 0.93, 1.0)],
        box(Side.FRONT, 0, 0.48, (0.95, 0.13), PLASTIC),
        *number_plate(Side.FRONT, 0.62),
        *_van_tail(),
    ]
    parts = [body, *mirrors(width, 1.42, 1.50, (0.22, 0.12, 0.30), 1), *wheels(axles, width, 2)]
    materials = (Material(coat, tuple(decals)), mirror_material(PLASTIC), *tyre_materials(axles))
    return VehicleModel(name, "truck", 5.6, width, 2.42, merge(parts), materials)


def _van_tail() -> list[Decal]:
    """Two rear doors with windows, upright lamps, bumper."""
    return [
        pair(Side.REAR, 0.44, 1.78, (0.34, 0.33), GLASS, 0.06),
        pair(Side.REAR, 0.44, 1.62, (0.13, 0.10), SEAT, 0.06),
        box(Side.REAR, 0, 1.35, (0.012, 0.95), SEAM),
        pair(Side.REAR, 0.86, 1.4, (0.009, 0.85), SEAM),
        pair(Side.REAR, 0.89, 1.15, (0.07, 0.24), TAIL_LAMP, 0.02),
        pair(Side.REAR, 0.89, 1.27, (0.045, 0.05), TAIL_CORE),
        pair(Side.REAR, 0.89, 1.05, (0.05, 0.05), INDICATOR),
        box(Side.REAR, 0, 0.42, (0.97, 0.12), PLASTIC),
        box(Side.REAR, 0.16, 1.1, (0.05, 0.03), SEAM),
        box(Side.REAR, 0, 2.27, (0.2, 0.022), TAIL_CORE),
        *number_plate(Side.REAR, 0.72),
    ]


def truck(name: str, cab_colour: Colour, box_colour: Colour) -> VehicleModel:
    """A two-axle box truck, 8.4 m."""
    width = 2.5
    axles = [Axle(-2.35, 0.48, 0.48, 8), Axle(2.85, 0.48, 0.48, 8)]
    cab_roof = (
        (2.25, 0.8),
        (2.26, 2.5),
        (2.36, 2.72),
        (2.7, 2.80),
        (3.5, 2.76),
        (3.72, 2.64),
        (4.02, 1.62),
        (4.16, 1.1),
        (4.20, 0.5),
    )
    cab = loft_body(
        BodyShape(
            cab_roof,
            2.42,
            0.45,
            1.5,
            0.05,
            roof_radius_m=0.16,
            nose=0.07,
            tail=0.0,
            end_floor_m=0.0,
        ),
        0,
    )
    parts = [
        cab,
        rounded_box((0, -1.05, 2.23), (width, 6.30, 2.34), 0.035, 1),
        rounded_box((0, -0.3, 0.86), (1.2, 7.2, 0.32), 0.03, 2),
        rounded_box((0, -4.12, 0.56), (2.3, 0.12, 0.16), 0.02, 3),
        rounded_box((0, -4.02, 0.92), (2.3, 0.2, 0.20), 0.02, 3),
        *[rounded_box((side * 1.13, 0.4, 0.70), (0.10, 3.6, 0.42), 0.03, 2) for side in (-1, 1)],
        rounded_box((0, 3.95, 2.72), (2.0, 0.42, 0.12), 0.05, 2),
        *mirrors(2.42, 3.86, 1.95, (0.28, 0.12, 0.55), 4),
        *wheels(axles, 2.44, 5, tyre_m=0.34),
    ]
    coat = paint(cab_colour)
    materials = (
        Material(coat, tuple(_cab_decals(axles[1:]))),
        Material(Finish(box_colour, mirror=0.02, shine=0.2), tuple(_box_decals(cab_colour))),
        Material(PLASTIC),
        Material(PLASTIC, tuple(_under_run())),
        mirror_material(PLASTIC),
        *tyre_materials(axles),
    )
    return VehicleModel(name, "truck", 8.4, width, 3.40, merge(parts), materials)


def _cab_decals(axles: list[Axle]) -> list[Decal]:
    """A cab's windows, grille, lamps and doors."""
    return [
        polygon(Side.FRONT, ((-1.08, 1.66), (1.08, 1.66), (1.02, 2.52), (-1.02, 2.52)), GLASS),
        pair(Side.FRONT, 0.52, 2.0, (0.18, 0.20), SEAT, 0.08),
        box(Side.FRONT, 0, 1.25, (0.86, 0.26), BLACK, 0.04),
        *[box(Side.FRONT, 0, z, (0.82, 0.018), CHROME) for z in (1.08, 1.19, 1.30, 1.41)],
        box(Side.FRONT, 0, 0.72, (1.2, 0.18), PLASTIC),
        pair(Side.FRONT, 0.92, 0.78, (0.19, 0.10), HEAD_LAMP, 0.03),
        pair(Side.FRONT, 0.90, 0.78, (0.07, 0.06), HEAD_CORE, 0.05),
        pair(Side.FRONT, 1.12, 0.78, (0.05, 0.06), INDICATOR),
        *number_plate(Side.FRONT, 0.62),
        polygon(Side.SIDES, ((2.72, 1.62), (3.86, 1.62), (3.62, 2.40), (2.72, 2.40)), GLASS),
        *upright_seams((2.60, 3.94), 0.7, 2.45),
        box(Side.SIDES, 2.80, 1.45, (0.10, 0.02), SEAM),
        *wheel_arches(axles),
    ]


def _box_decals(stripe: Colour) -> list[Decal]:
    """A load box: rear doors with hinges and bars, a coloured stripe and lettering blocks."""
    livery = Finish(stripe, mirror=0.02)
    return [
        box(Side.SIDES, -1.05, 1.30, (3.1, 0.10), livery),
        box(Side.SIDES, -0.9, 2.4, (1.3, 0.24), livery, 0.05),
        *[box(Side.SIDES, y, 2.2, (0.012, 1.1), grey(0.3)) for y in (-3.2, -2.1, 0.0, 1.1)],
        pair(Side.REAR, 1.19, 2.2, (0.045, 1.15), grey(0.22)),
        box(Side.REAR, 0, 3.33, (1.25, 0.05), grey(0.22)),
        box(Side.REAR, 0, 1.12, (1.25, 0.06), grey(0.22)),
        box(Side.REAR, 0, 2.2, (0.016, 1.1), BLACK),
        pair(Side.REAR, 0.22, 2.2, (0.018, 1.05), grey(0.30)),
        pair(Side.REAR, 0.85, 2.2, (0.018, 1.05), grey(0.30)),
        pair(Side.REAR, 0.54, 1.62, (0.22, 0.03), grey(0.2)),
        pair(Side.REAR, 0.54, 2.55, (0.35, 0.20), livery, 0.03),
        pair(Side.REAR, 1.1, 1.22, (0.05, 0.02), TAIL_CORE),
        pair(Side.REAR, 1.05, 3.34, (0.06, 0.02), TAIL_CORE),
        box(Side.FRONT, 0, 3.0, (1.25, 0.4), grey(0.4)),
    ]


def _under_run() -> list[Decal]:
    """Tail lamps, plate and the red-and-white bar."""
    bars = [pair(Side.REAR, x, 0.56, (0.09, 0.05), TAIL_LAMP) for x in (0.12, 0.48, 0.84)]
    return [
        *bars,
        pair(Side.REAR, 0.95, 0.92, (0.20, 0.075), TAIL_LAMP, 0.01),
        pair(Side.REAR, 1.02, 0.92, (0.08, 0.055), TAIL_CORE),
        pair(Side.REAR, 0.84, 0.92, (0.05, 0.05), INDICATOR),
        pair(Side.REAR, 0.74, 0.92, (0.04, 0.05), REVERSE_LAMP),
        *number_plate(Side.REAR, 0.92),
    ]


def bus(name: str, colour: Colour, skirt_colour: Colour) -> VehicleModel:
    """A low-floor city bus, 12 m."""
    width = 2.55
    roof = (
        (-6.0, 0.5),
        (-5.99, 2.4),
        (-5.94, 2.86),
        (-5.80, 2.98),
        (-5.4, 3.02),
        (5.3, 3.02),
        (5.72, 2.96),
        (5.88, 2.75),
        (5.98, 1.4),
        (6.0, 0.45),
    )
    axles = [Axle(-2.9, 0.48, 0.48, 9), Axle(3.2, 0.48, 0.48, 9)]
    body = loft_body(
        BodyShape(
            roof, width, 0.28, 1.0, 0.03, roof_radius_m=0.20, nose=0.07, tail=0.05, end_floor_m=0.0
        )
    )
    skirt = paint(skirt_colour)
    windows = [
        box(Side.SIDES, y, 1.75, (0.70, 0.52), GLASS, 0.06)
        for y in (-5.05, -3.5, -1.95, -0.4, 1.15, 2.7)
    ]
    seats = [
        box(Side.SIDES, y, 1.45, (0.16, 0.15), SEAT, 0.06)
        for y in (-5.2, -4.4, -3.3, -2.4, -1.3, -0.2, 1.0, 2.3)
    ]
    doors = [box(Side.SIDES, y, 1.38, (0.62, 0.95), GLASS, 0.05) for y in (-0.4, 4.6)]
    leaves = [box(Side.SIDES, y, 1.38, (0.02, 0.95), BLACK) for y in (-0.4, 4.6)]
    sides = [
        box(Side.SIDES, 0, 0.55, (9, 0.28), skirt),
        box(Side.SIDES, 0, 1.75, (5.9, 0.58), BLACK),
        *windows,
        *seats,
        *doors,
        *leaves,
    ]
    sides += [
        box(Side.SIDES, 5.5, 1.75, (0.35, 0.52), GLASS),
        *upright_seams((-4.6, -1.2, 1.6, 3.9), 0.4, 1.1),
        *wheel_arches(axles),
    ]
    decals = [*sides, *_bus_face(skirt), *_bus_tail(skirt)]
    parts = [
        body,
        rounded_box((0, -2.2, 3.10), (1.7, 3.2, 0.22), 0.08, 1),
        rounded_box((0, 2.6, 3.08), (1.2, 1.2, 0.16), 0.06, 1),
        *mirrors(width, 5.95, 2.25, (0.24, 0.10, 0.40), 2),
        *wheels(axles, width, 3, tyre_m=0.30),
    ]
    materials = (
        Material(paint(colour), tuple(decals)),
        Material(grey(0.45)),
        mirror_material(BLACK),
        *tyre_materials(axles),
    )
    return VehicleModel(name, "bus", 12.0, width, 3.21, merge(parts), materials)


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
