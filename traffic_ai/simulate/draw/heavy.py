"""Vans and box trucks."""

from traffic_ai.simulate.draw.body import BodyShape, loft_body
from traffic_ai.simulate.draw.mesh import merge, rounded_box
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
    polygon,
    tyre_materials,
    upright_seams,
    wheel_arches,
    wheels,
)


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


SHORT_M = 8.4
"""Length of the truck that the numbers below were drawn for; longer ones are moved apart."""
CAB_M = (
    *((2.25, 0.8), (2.26, 2.5), (2.36, 2.72), (2.7, 2.80), (3.5, 2.76)),
    *((3.72, 2.64), (4.02, 1.62), (4.16, 1.1), (4.20, 0.5)),
)


def _cab(ahead_m: float) -> BodyShape:
    return BodyShape(
        roof_m=tuple((y + ahead_m, z) for y, z in CAB_M),
        width_m=2.42,
        floor_m=0.45,
        belt_m=1.5,
        tumblehome=0.05,
        roof_radius_m=0.16,
        nose=0.07,
        tail=0.0,
        end_floor_m=0.0,
    )


def truck(
    name: str,
    cab_colour: Colour,
    box_colour: Colour,
    length_m: float = SHORT_M,
    axles_y_m: tuple[float, ...] = (-2.35,),
    gap_m: float = 0.15,
) -> VehicleModel:
    """A box truck; axles_y_m: all but the front axle; gap_m between cab and box."""
    width, ahead = 2.5, (length_m - SHORT_M) / 2
    axles = [Axle(y, 0.48, 0.48, 8) for y in (*axles_y_m, 2.85 + ahead)]
    tail_m, head_m = -length_m / 2, 2.25 + ahead - gap_m
    skirt_m, skirt_middle_m = head_m - tail_m - 2.7, (head_m + tail_m + 2.9) / 2
    parts = [
        loft_body(_cab(ahead)),
        rounded_box((0, (tail_m + head_m) / 2, 2.23), (width, head_m - tail_m, 2.34), 0.035, 1),
        rounded_box((0, -0.3, 0.86), (1.2, length_m - 1.2, 0.32), 0.03, 2),
        rounded_box((0, tail_m + 0.08, 0.56), (2.3, 0.12, 0.16), 0.02, 3),
        rounded_box((0, tail_m + 0.18, 0.92), (2.3, 0.2, 0.20), 0.02, 3),
        *[
            rounded_box((side * 1.13, skirt_middle_m, 0.70), (0.10, skirt_m, 0.42), 0.03, 2)
            for side in (-1, 1)
        ],
        rounded_box((0, 3.82 + ahead, 2.60), (2.1, 0.26, 0.10), 0.04, 2),
        *mirrors(2.42, 3.86 + ahead, 1.95, (0.28, 0.12, 0.55), 4),
        *wheels(axles, 2.44, 5, tyre_m=0.34),
    ]
    coat = paint(cab_colour)
    materials = (
        Material(coat, tuple(_cab_decals(axles[-1:], ahead))),
        Material(Finish(box_colour, mirror=0.02, shine=0.2), tuple(_box_decals(cab_colour))),
        Material(PLASTIC),
        Material(PLASTIC, tuple(_under_run())),
        mirror_material(PLASTIC),
        *tyre_materials(axles),
    )
    return VehicleModel(name, "truck", length_m, width, 3.40, merge(parts), materials)


def _cab_decals(axles: list[Axle], ahead_m: float) -> list[Decal]:
    """A cab's windows, grille, lamps and doors."""
    door = [(2.72, 1.62), (3.86, 1.62), (3.62, 2.40), (2.72, 2.40)]
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
        polygon(Side.SIDES, [(y + ahead_m, z) for y, z in door], GLASS),
        *upright_seams((2.60 + ahead_m, 3.94 + ahead_m), 0.7, 2.45),
        box(Side.SIDES, 2.80 + ahead_m, 1.45, (0.10, 0.02), SEAM),
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
