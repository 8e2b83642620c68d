"""Street furniture: the signal heads that are read, their poles and arm, and lamp posts."""

from functools import cache
from itertools import pairwise

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw.mesh import Mesh, merge, rounded_box, tube
from traffic_ai.simulate.draw.surface import Colour, Decal, Finish, Glow, Material, Side, grey
from traffic_ai.simulate.draw.vehicle import VehicleModel, box

HEAD_WIDTH_M, HEAD_HEIGHT_M, LAMP_RADIUS_M, LAMP_STEP_M = 0.46, 1.32, 0.165, 0.41
HEAD_FRONT_Y_M = 25.4
HEADS_M = ((3.30, 5.55), (8.05, 3.35))
"""Middle (x, z) of each signal head: over the approach on the arm, and on the pole at its right."""
POLE_X_M, POLE_Y_M = 8.05, 25.75
_OFF: dict[str, Colour] = {
    "red": (0.012, 0.012, 0.085),
    "yellow": (0.01, 0.06, 0.08),
    "green": (0.025, 0.05, 0.012),
}
_LIT: dict[str, Colour] = {
    "red": (0.10, 0.08, 2.6),
    "yellow": (0.12, 1.35, 2.5),
    "green": (1.15, 2.2, 0.12),
}
LAMPS = ("red", "yellow", "green")


def lamp_centres_m(aspect: str) -> Floats:
    """World middles (2, 3) of the lamps of one colour, one a head."""
    up_m = LAMP_STEP_M * (1 - LAMPS.index(aspect))
    return np.array([(x, HEAD_FRONT_Y_M, z + up_m) for x, z in HEADS_M])


def head_corners_m() -> Floats:
    """World corners (2, 4, 3) of each head's housing face."""
    half_x, half_z = HEAD_WIDTH_M / 2, HEAD_HEIGHT_M / 2
    return np.array(
        [
            [(x + i * half_x, HEAD_FRONT_Y_M, z + j * half_z) for i in (-1, 1) for j in (-1, 1)]
            for x, z in HEADS_M
        ]
    )


def lamp_glow(aspect: str) -> Floats:
    """The light a lit lamp spreads, linear blue, green, red."""
    return np.asarray(_LIT[aspect])


@cache
def pole_signal(aspect: str) -> VehicleModel:
    """The pole beside the road with its head; every vehicle passes between it and the camera."""
    x, z = HEADS_M[1]
    parts = [
        tube((POLE_X_M, POLE_Y_M, 0.0), (POLE_X_M, POLE_Y_M, 6.3), (0.11, 0.085), 0, 16),
        rounded_box((POLE_X_M, POLE_Y_M, 0.25), (0.34, 0.34, 0.5), 0.04, 0),
        rounded_box((POLE_X_M, POLE_Y_M - 0.14, 1.15), (0.16, 0.10, 0.24), 0.03, 4),
        *_head(x, z, backplate=False),
    ]
    button = Material(Finish((0.01, 0.35, 0.55), mirror=0.03))
    return VehicleModel(
        f"pole-{aspect}",
        "signal",
        1.0,
        1.0,
        6.4,
        merge(parts),
        (*_signal_materials(x, z, aspect), button),
    )


@cache
def arm_signal(aspect: str) -> VehicleModel:
    """The arm over the approach with its head; it hangs above all vehicles before it."""
    x, z = HEADS_M[0]
    parts = [
        tube((POLE_X_M, POLE_Y_M, 6.05), (2.6, POLE_Y_M, 6.45), (0.075, 0.05), 0, 12),
        *_head(x, z, backplate=True),
    ]
    return VehicleModel(
        f"arm-{aspect}", "signal", 1.0, 1.0, 6.5, merge(parts), _signal_materials(x, z, aspect)
    )


def _signal_materials(x_m: float, z_m: float, aspect: str) -> tuple[Material, ...]:
    """Galvanised steel, visor, backplate and the housing with its lenses."""
    steel = Material(Finish((0.20, 0.20, 0.195), mirror=0.03, shine=0.2))
    return (
        steel,
        Material(grey(0.012)),
        Material(grey(0.025)),
        Material(grey(0.022), tuple(_lamps(x_m, z_m, aspect))),
    )


def _head(x_m: float, z_m: float, backplate: bool) -> list[Mesh]:
    """Housing, three visors and, on the arm, a backplate with a pale rim."""
    front = HEAD_FRONT_Y_M
    found = [rounded_box((x_m, front + 0.13, z_m), (HEAD_WIDTH_M, 0.26, HEAD_HEIGHT_M), 0.05, 3)]
    for step in (-1, 0, 1):
        middle = z_m + step * LAMP_STEP_M
        reach = LAMP_RADIUS_M + 0.022
        angles = np.radians(np.linspace(15, 165, 9))
        for a, b in pairwise(angles):
            mid = (a + b) / 2
            at = (x_m + reach * np.cos(mid), front - 0.09, middle + reach * np.sin(mid))
            size = (0.03 + 0.07 * abs(np.sin(mid)), 0.20, 0.012 + 0.07 * abs(np.cos(mid)))
            found.append(rounded_box(at, size, 0.005, 1))
    if backplate:
        found.append(rounded_box((x_m, front + 0.28, z_m), (0.86, 0.03, 1.72), 0.01, 2))
    return found


def _lamps(x_m: float, z_m: float, aspect: str) -> list[Decal]:
    """Three lenses, one of them lit."""
    found = []
    for number, colour in enumerate(LAMPS):
        lit = colour == aspect
        finish = (
            Finish((0.0, 0.0, 0.0), glow=Glow.ALWAYS, emits=_LIT[colour])
            if lit
            else Finish(_OFF[colour], mirror=0.02)
        )
        at_z = z_m + LAMP_STEP_M * (1 - number)
        found.append(
            box(Side.REAR, x_m, at_z, (LAMP_RADIUS_M, LAMP_RADIUS_M), finish, LAMP_RADIUS_M)
        )
    return found


@cache
def posts() -> VehicleModel:
    """Lamp posts and bollards that stand still in the background."""
    parts: list[Mesh] = []
    for x, y in ((8.4, 49.6), (8.4, 78.0), (8.4, 106.0), (-8.4, 29.0), (-8.4, 64.0), (-8.4, 92.0)):
        sign = 1 if x > 0 else -1
        parts += [
            tube((x, y, 0), (x, y, 7.2), (0.09, 0.06), 0, 12),
            tube((x, y, 7.15), (x - sign * 1.7, y, 7.5), (0.045, 0.04), 0),
            rounded_box((x - sign * 2.0, y, 7.5), (0.75, 0.26, 0.11), 0.04, 0),
        ]
    for y in (14.0, 16.5, 19.0, 21.5):
        parts += [tube((-7.6, y, 0), (-7.6, y, 0.95), (0.055, 0.055), 1, 12)]
    parts += [
        tube((-8.0, 48.6, 0), (-8.0, 48.6, 3.9), (0.08, 0.07), 0, 12),
        rounded_box((-8.0, 48.9, 3.3), (0.46, 0.26, 1.32), 0.05, 1),
        tube((8.2, 20.0, 0), (8.2, 20.0, 2.9), (0.035, 0.035), 0),
        tube((8.2, 19.96, 2.62), (8.2, 19.93, 2.62), (0.30, 0.30), 2, 24),
    ]
    sign_face = Material(
        Finish((0.02, 0.02, 0.45)),
        (
            box(Side.REAR, 8.2, 2.62, (0.23, 0.23), Finish((0.7, 0.7, 0.7)), 0.245),
            *_fifty(8.2, 2.62),
        ),
    )
    materials = (
        Material(Finish((0.17, 0.175, 0.175), mirror=0.03, shine=0.2)),
        Material(grey(0.03)),
        sign_face,
    )
    return VehicleModel("posts", "posts", 1.0, 1.0, 7.5, merge(parts), materials)


def _fifty(x_m: float, z_m: float) -> list[Decal]:
    """The figures 50 in bars."""
    ink = grey(0.01)
    five = [
        (-0.10, 0.10, 0.06, 0.018),
        (-0.145, 0.05, 0.018, 0.05),
        (-0.10, 0.01, 0.06, 0.018),
        (-0.055, -0.05, 0.018, 0.05),
        (-0.10, -0.10, 0.06, 0.018),
    ]
    nought = [
        (0.10, 0.10, 0.05, 0.018),
        (0.055, 0.0, 0.018, 0.10),
        (0.145, 0.0, 0.018, 0.10),
        (0.10, -0.10, 0.05, 0.018),
    ]
    return [box(Side.REAR, x_m + x, z_m + z, (hx, hz), ink) for x, z, hx, hz in (*five, *nought)]
