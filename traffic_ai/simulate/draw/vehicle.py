"""A vehicle model: a closed mesh, what it is made of, and its contact rectangle on the road."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from traffic_ai.simulate.draw.mesh import Mesh, rounded_box, wheel
from traffic_ai.simulate.draw.surface import (
    BLACK,
    GLASS,
    PLATE,
    SEAM,
    Axle,
    Box,
    Decal,
    Finish,
    Material,
    Polygon,
    Side,
)


@dataclass(frozen=True)
class VehicleModel:
    """What a vehicle looks like. Length and width are its contact rectangle's on the road."""

    name: str
    vehicle_class: str
    length_m: float
    width_m: float
    height_m: float
    mesh: Mesh
    materials: tuple[Material, ...]


def box(
    side: Side,
    first_m: float,
    second_m: float,
    half_m: tuple[float, float],
    finish: Finish,
    radius_m: float = 0.0,
) -> Decal:
    """A decal from its centre and half sizes; radius_m rounds the corners within that size."""
    inner = (max(half_m[0] - radius_m, 0.0), max(half_m[1] - radius_m, 0.0))
    return Decal(side, Box((first_m, second_m), inner, radius_m or 1e-6), finish)


def pair(
    side: Side,
    first_m: float,
    second_m: float,
    half_m: tuple[float, float],
    finish: Finish,
    radius_m: float = 0.0,
) -> Decal:
    """A decal laid on the right and, mirrored, on the left."""
    one = box(side, first_m, second_m, half_m, finish, radius_m)
    return Decal(side, one.outline, finish, mirrored=True)


def polygon(side: Side, corners_m: Sequence[tuple[float, float]], finish: Finish) -> Decal:
    """A convex decal, corners counter-clockwise in its plane."""
    return Decal(side, Polygon(tuple(corners_m)), finish)


def number_plate(side: Side, z_m: float) -> list[Decal]:
    """A plate with seven strokes where its characters would be."""
    strokes = [-0.19, -0.13, -0.05, 0.01, 0.08, 0.14, 0.19]
    ink = [box(side, x, z_m, (0.017, 0.032), BLACK) for x in strokes]
    return [box(side, 0, z_m, (0.275, 0.068), SEAM), box(side, 0, z_m, (0.26, 0.055), PLATE), *ink]


def upright_seams(y_m: Iterable[float], low_m: float, high_m: float) -> list[Decal]:
    """Door gaps on both sides."""
    return [
        box(Side.SIDES, y, (low_m + high_m) / 2, (0.011, (high_m - low_m) / 2), SEAM) for y in y_m
    ]


def wheel_arches(axles: Iterable[Axle], finish: Finish = BLACK) -> list[Decal]:
    """The dark openings the wheels stand in."""
    return [
        Decal(Side.SIDES, Box((a.y_m, a.z_m), (0.0, 0.0), a.radius_m + 0.055), finish)
        for a in axles
    ]


def wheels(
    axles: Sequence[Axle], width_m: float, first_material: int, tyre_m: float = 0.22
) -> list[Mesh]:
    """Two wheels an axle, their outer faces a centimetre proud of the body."""
    found = []
    for number, axle in enumerate(axles):
        for side in (-1, 1):
            x_m = side * (width_m / 2 + 0.012 - tyre_m / 2)
            found.append(
                wheel((x_m, axle.y_m, axle.z_m), axle.radius_m, tyre_m, first_material + number)
            )
    return found


def mirrors(
    width_m: float, y_m: float, z_m: float, size_m: tuple[float, float, float], material: int
) -> list[Mesh]:
    """A door mirror on each side."""
    return [
        rounded_box((side * (width_m / 2 + size_m[0] / 2 - 0.02), y_m, z_m), size_m, 0.04, material)
        for side in (-1, 1)
    ]


def tyre_materials(axles: Sequence[Axle]) -> list[Material]:
    """One material an axle: rubber with that axle's rim."""
    return [Material(Finish((0.022, 0.022, 0.022), mirror=0.01), axle=axle) for axle in axles]


def mirror_material(finish: Finish) -> Material:
    """A mirror housing with its glass to the rear."""
    return Material(finish, (Decal(Side.REAR, Box((0, 0), (9, 9)), GLASS),))
