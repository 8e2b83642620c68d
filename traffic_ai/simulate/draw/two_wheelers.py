"""Motorcycles and scooters with their riders."""

from traffic_ai.simulate.draw.mesh import Mesh, ellipsoid, merge, rounded_box, tube, wheel
from traffic_ai.simulate.draw.riders import Clothes, Part, Seat, clothing, rider
from traffic_ai.simulate.draw.surface import (
    BLACK,
    CHROME,
    GLASS,
    HEAD_CORE,
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

WHEEL_RADIUS_M, BAR_HALF_M = 0.38, 0.44
SCOOTER_RADIUS_M, SCOOTER_BAR_HALF_M, SCOOTER_DOWN_M = 0.25, 0.34, 0.04
ROADSTER_SEAT = Seat(
    0.0, 0.0, (BAR_HALF_M - 0.05, 0.42, 1.07), (0.28, 0.16, 0.80), (0.21, -0.10, 0.40)
)
SCOOTER_SEAT = Seat(
    0.06, SCOOTER_DOWN_M, (SCOOTER_BAR_HALF_M - 0.03, 0.42, 1.04), (0.20, 0.22, 0.82),
    (0.15, 0.24, 0.46),
)  # fmt: skip


def motorcycle(name: str, colour: Colour, clothes: Clothes, top_box: bool = False) -> VehicleModel:
    """A motorcycle of 2.2 m, ridden upright."""
    axles_y_m = (-0.72, 0.74)
    parts = [
        *_wheels(axles_y_m, WHEEL_RADIUS_M, (0.17, 0.12)),
        *_machine(),
        *_steering(),
        rider(ROADSTER_SEAT),
    ]
    if top_box:
        parts.append(rounded_box((0, -0.82, 1.02), (0.40, 0.34, 0.30), 0.08, Part.CASE))
    materials = _materials(colour, clothes, (0.79, 0.52, 0.97), 0.0)
    wheels = _wheel_materials(axles_y_m, WHEEL_RADIUS_M)
    mesh = merge(parts)
    length_m = 2 * float(abs(mesh.vertices_m[:, 1]).max())
    return VehicleModel(name, "motorcycle", length_m, 0.90, 1.75, mesh, (*materials, *wheels))


def scooter(name: str, colour: Colour, clothes: Clothes, top_box: bool = False) -> VehicleModel:
    """A scooter of 1.9 m with a leg shield and small wheels."""
    axles_y_m = (-0.62, 0.64)
    parts = [
        *_wheels(axles_y_m, SCOOTER_RADIUS_M, (0.15, 0.12)),
        *_scooter_body(),
        *_scooter_steering(),
        rider(SCOOTER_SEAT),
    ]
    if top_box:
        parts.append(rounded_box((0, -0.70, 1.04), (0.46, 0.42, 0.42), 0.06, Part.CASE))
    materials = _materials(colour, clothes, (0.74, 0.50, 0.93), SCOOTER_DOWN_M)
    wheels = _wheel_materials(axles_y_m, SCOOTER_RADIUS_M)
    mesh = merge(parts)
    length_m = 2 * float(abs(mesh.vertices_m[:, 1]).max())
    return VehicleModel(name, "motorcycle", length_m, 0.74, 1.70, mesh, (*materials, *wheels))


def _wheels(
    axles_y_m: tuple[float, float], radius_m: float, tyres_m: tuple[float, float]
) -> list[Mesh]:
    rear_y, front_y = axles_y_m
    return [
        wheel((0, rear_y, radius_m), radius_m, tyres_m[0], Part.REAR_WHEEL),
        wheel((0, front_y, radius_m), radius_m, tyres_m[1], Part.FRONT_WHEEL),
    ]


def _wheel_materials(axles_y_m: tuple[float, float], radius_m: float) -> list[Material]:
    rim = grey(0.25)
    return tyre_materials([Axle(y, radius_m, radius_m, 6, rim=rim) for y in axles_y_m])


def _machine() -> list[Mesh]:
    """Engine, tank, seat, tail, saddle bags and exhausts."""
    swing_arm = [((s * 0.06, -0.68, WHEEL_RADIUS_M), (s * 0.11, -0.15, 0.42)) for s in (-1, 1)]
    return [
        ellipsoid((0, 0.22, 0.82), (0.20, 0.32, 0.15), Part.PAINT),
        rounded_box((0, 0.05, 0.47), (0.43, 0.50, 0.40), 0.08, Part.METAL),
        rounded_box((0, -0.42, 0.80), (0.30, 0.75, 0.12), 0.05, Part.FRAME),
        rounded_box((0, -0.78, 0.78), (0.26, 0.36, 0.13), 0.05, Part.PAINT),
        rounded_box((0, -0.98, 0.79), (0.20, 0.06, 0.10), 0.02, Part.LAMP),
        rounded_box((0, -1.00, 0.52), (0.19, 0.03, 0.17), 0.01, Part.PLATE),
        rounded_box((0, -0.90, 0.66), (0.17, 0.22, 0.05), 0.02, Part.FRAME),
        *[tube(start, end, (0.035, 0.035), Part.FRAME) for start, end in swing_arm],
        *[
            rounded_box((s * 0.25, -0.62, 0.60), (0.12, 0.36, 0.26), 0.05, Part.FRAME)
            for s in (-1, 1)
        ],
        *[
            tube((s * 0.17, -0.95, 0.42), (s * 0.15, -0.20, 0.34), (0.062, 0.045), Part.METAL)
            for s in (-1, 1)
        ],
    ]


def _steering() -> list[Mesh]:
    """Fork, bar, mirrors, fairing, head lamp and screen."""
    fork = [((s * 0.10, 0.74, WHEEL_RADIUS_M), (s * 0.10, 0.52, 0.98)) for s in (-1, 1)]
    mirror_x = BAR_HALF_M + 0.05
    return [
        *[tube(low, high, (0.030, 0.030), Part.METAL) for low, high in fork],
        tube((-BAR_HALF_M, 0.42, 1.06), (BAR_HALF_M, 0.42, 1.06), (0.02, 0.02), Part.FRAME),
        *[
            rounded_box((s * mirror_x, 0.44, 1.20), (0.15, 0.05, 0.10), 0.03, Part.FRAME)
            for s in (-1, 1)
        ],
        ellipsoid((0, 0.62, 0.88), (0.26, 0.22, 0.26), Part.PAINT),
        rounded_box((0, 0.80, 0.92), (0.20, 0.06, 0.16), 0.04, Part.HEAD),
        rounded_box((0, 0.66, 1.20), (0.30, 0.05, 0.26), 0.03, Part.SCREEN),
    ]


def _scooter_body() -> list[Mesh]:
    """The covered rear, seat, floor, leg shield, tail and exhaust of a scooter."""
    return [
        ellipsoid((0, -0.36, 0.60), (0.21, 0.46, 0.21), Part.PAINT),
        rounded_box((0, -0.42, 0.76), (0.29, 0.70, 0.11), 0.05, Part.FRAME),
        rounded_box((0, 0.14, 0.34), (0.30, 0.50, 0.10), 0.04, Part.FRAME),
        rounded_box((0, 0.44, 0.66), (0.44, 0.12, 0.62), 0.05, Part.PAINT),
        rounded_box((0, -0.46, 0.36), (0.24, 0.42, 0.22), 0.06, Part.METAL),
        rounded_box((0, -0.80, 0.74), (0.26, 0.06, 0.10), 0.02, Part.LAMP),
        rounded_box((0, -0.88, 0.50), (0.19, 0.03, 0.17), 0.01, Part.PLATE),
        rounded_box((0, -0.80, 0.60), (0.16, 0.20, 0.05), 0.02, Part.FRAME),
        rounded_box((0, 0.64, 0.53), (0.14, 0.40, 0.05), 0.03, Part.PAINT),
        tube((0.17, -0.76, 0.34), (0.15, -0.10, 0.30), (0.065, 0.045), Part.METAL),
    ]


def _scooter_steering() -> list[Mesh]:
    """Fork, bar under its cover, mirrors and head lamp."""
    half = SCOOTER_BAR_HALF_M
    return [
        tube((0, 0.64, SCOOTER_RADIUS_M), (0, 0.46, 0.90), (0.05, 0.05), Part.METAL),
        tube((-half, 0.42, 1.02), (half, 0.42, 1.02), (0.025, 0.025), Part.FRAME),
        ellipsoid((0, 0.50, 0.98), (0.20, 0.14, 0.13), Part.PAINT),
        rounded_box((0, 0.62, 0.96), (0.20, 0.06, 0.14), 0.04, Part.HEAD),
        *[
            rounded_box((s * half, 0.42, 1.20), (0.14, 0.05, 0.10), 0.03, Part.FRAME)
            for s in (-1, 1)
        ],
    ]


def _materials(
    colour: Colour, clothes: Clothes, rear_z_m: tuple[float, float, float], down_m: float
) -> tuple[Material, ...]:
    """All but the wheels, in the order of `Part`; rear_z_m: heights of tail lamp, plate and the
    lamp of a top box.
    """
    lamp_z, plate_z, case_z = rear_z_m
    running = Finish(TAIL_LAMP.colour, 0.06, 0.8, Glow.TAIL, (0.1, 0.08, 2.4))
    case = Finish((0.03, 0.03, 0.03), mirror=0.03, shine=0.4)
    case_marks = (
        box(Side.REAR, 0, case_z, (0.17, 0.025), TAIL_LAMP),
        box(Side.REAR, 0, case_z + 0.09, (0.05, 0.02), CHROME),
    )
    made_of = clothing(clothes, down_m) | {
        Part.PAINT: Material(paint(colour)),
        Part.FRAME: Material(BLACK),
        Part.METAL: Material(Finish((0.22, 0.22, 0.23), mirror=0.2, shine=1.0)),
        Part.LAMP: Material(running, (box(Side.REAR, 0, lamp_z, (0.07, 0.03), TAIL_CORE),)),
        Part.HEAD: Material(HEAD_CORE),
        Part.CASE: Material(case, case_marks),
        Part.PLATE: Material(Finish((0.7, 0.7, 0.7)), _plate_ink(plate_z)),
        Part.SCREEN: Material(GLASS),
    }
    return tuple(made_of[part] for part in Part if part in made_of)


def _plate_ink(z_m: float) -> tuple[Decal, ...]:
    """Two lines of strokes."""
    return tuple(
        box(Side.REAR, x, z_m + z, (0.012, 0.022), BLACK)
        for z in (0.03, -0.03)
        for x in (-0.06, -0.02, 0.03, 0.07)
    )
