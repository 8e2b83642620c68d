"""Signal heads on their poles and arms, what their lamps give off, and what ails them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw.mesh import Mesh, ellipsoid, merge, rounded_box, tube
from traffic_ai.simulate.draw.solid import Place, Solid
from traffic_ai.simulate.draw.surface import Colour, Decal, Finish, Glow, Material, Side, grey
from traffic_ai.simulate.draw.vehicle import VehicleModel, box
from traffic_ai.simulate.world import LampHead, Look

HEAD_WIDTH_M, HEAD_HEIGHT_M, LAMP_RADIUS_M, LAMP_STEP_M = 0.46, 1.32, 0.165, 0.41
LAMPS = (Glow.RED, Glow.YELLOW, Glow.GREEN)
LAMP_FAULTS = ("", "flicker", "bloom", "hidden", "dark")
_OFF: Mapping[Glow, Colour] = {
    Glow.RED: (0.012, 0.012, 0.085),
    Glow.YELLOW: (0.01, 0.06, 0.08),
    Glow.GREEN: (0.025, 0.05, 0.012),
}
LIGHT: Mapping[Glow, Colour] = {
    Glow.RED: (0.10, 0.08, 2.6),
    Glow.YELLOW: (0.12, 1.35, 2.5),
    Glow.GREEN: (1.15, 2.2, 0.12),
}
"""What a lit lamp gives off, linear blue, green, red."""
_LIT: Mapping[Aspect, tuple[Glow, ...]] = {
    Aspect.RED: (Glow.RED,),
    Aspect.RED_YELLOW: (Glow.RED, Glow.YELLOW),
    Aspect.YELLOW: (Glow.YELLOW,),
    Aspect.GREEN: (Glow.GREEN,),
    Aspect.FLASHING_RED: (Glow.RED,),
    Aspect.FLASHING_YELLOW: (Glow.YELLOW,),
}
_FLASHING = frozenset({Aspect.FLASHING_RED, Aspect.FLASHING_YELLOW})
FLASH_PERIOD_S = 1.0
# LED lamps fed from rectified mains without smoothing shine in pulses at twice the mains frequency;
# the mains are never exactly 50 Hz, so that pulses and exposures drift past each other.
PULSE_HZ, PULSE_SHARE, EXPOSURE_S = 100.12, 0.55, 0.004
BLOOM_STRENGTH = 6.0


def lamp_strengths(aspect: Aspect, t_s: float, look: Look) -> tuple[tuple[Glow, float], ...]:
    """How strongly each lamp of a head shines in a picture taken at t_s. Raises ConfigError."""
    if look.lamp_fault not in LAMP_FAULTS:
        known = ", ".join(repr(fault) for fault in LAMP_FAULTS)
        raise ConfigError(f"lamp_fault is {look.lamp_fault!r}; wanted one of {known}")
    lit = _LIT.get(aspect, ())
    strength = 1.0
    if aspect in _FLASHING and (t_s / FLASH_PERIOD_S) % 1.0 >= 0.5:
        strength = 0.0
    if look.lamp_fault == "dark":
        strength = 0.0
    elif look.lamp_fault == "flicker":
        strength *= _pulses_seen(t_s)
    elif look.lamp_fault == "bloom":
        strength *= BLOOM_STRENGTH
    return tuple((lamp, strength if lamp in lit else 0.0) for lamp in LAMPS)


def _pulses_seen(t_s: float) -> float:
    """The light of a pulsed lamp in one exposure, 1 being its mean."""
    start, length = t_s * PULSE_HZ, EXPOSURE_S * PULSE_HZ

    def light_until(phase: float) -> float:
        return phase // 1.0 * PULSE_SHARE + min(phase % 1.0, PULSE_SHARE)

    return float((light_until(start + length) - light_until(start)) / (length * PULSE_SHARE))


def head_place(head: LampHead) -> Place:
    """A head's own frame: its lamps look toward -Y."""
    return Place(head.middle_m[0], head.middle_m[1], np.radians(head.faces_deg + 180.0))


def lamp_centres_m(head: LampHead) -> Floats:
    """World middles (3, 3) of the red, yellow and green lamp of a head."""
    rise_m = np.array([[0.0, 0.0, i * LAMP_STEP_M] for i in (1, 0, -1)])
    return np.asarray(np.asarray(head.middle_m) + rise_m)


def head_corners_m(head: LampHead) -> Floats:
    """World corners (4, 3) of a head's housing face."""
    half_x, half_z = HEAD_WIDTH_M / 2, HEAD_HEIGHT_M / 2
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ring = np.array([(i * half_x, 0.0, j * half_z) for i, j in signs])
    return np.asarray(head_place(head).to_world_m(ring) + np.array([0, 0, head.middle_m[2]]))


@dataclass(frozen=True)
class Support:
    """A pole or an arm, and the room it takes on the ground and above."""

    solid: Solid
    place: Place
    footprint_m: Floats
    low_m: float
    high_m: float


def supports(heads: Sequence[LampHead], paved: BaseGeometry) -> list[Support]:
    """A pole for every head, at the road's edge, and an arm where the head hangs over the road."""
    found: list[Support] = []
    poles: list[tuple[Floats, float]] = []
    for head in heads:
        foot_m = _foot_m(head, paved)
        near = [pole for pole in poles if np.linalg.norm(pole[0] - foot_m) < 1.5]
        top_m = head.middle_m[2] + 0.5 * HEAD_HEIGHT_M + 0.25
        if near:
            foot_m = near[0][0]
        else:
            others = [h for h in heads if np.linalg.norm(_foot_m(h, paved) - foot_m) < 1.5]
            tallest_m = max(h.middle_m[2] for h in others) + 0.5 * HEAD_HEIGHT_M + 0.3
            poles.append((foot_m, tallest_m))
            found.append(upright(foot_m, tallest_m, 0.20))
        behind = _behind_m(head, 0.33)
        if np.linalg.norm(behind - foot_m) > 0.45:
            found.append(_arm(foot_m, behind, top_m))
    return found


def upright(foot_m: Floats, height_m: float, width_m: float) -> Support:
    """A round pole."""
    room = width_m / 2 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    solid = _pole_solid(round(height_m, 3), round(width_m, 3))
    place = Place(float(foot_m[0]), float(foot_m[1]), 0.0)
    return Support(solid, place, foot_m + room, 0.0, height_m)


@cache
def _pole_solid(height_m: float, width_m: float) -> Solid:
    base = tube((0, 0, 0), (0, 0, height_m), (width_m / 2, 0.8 * width_m / 2), 0, 16)
    foot = rounded_box((0, 0, 0.25), (1.4 * width_m, 1.4 * width_m, 0.5), 0.04, 0)
    model = VehicleModel(
        "pole", "pole", width_m, width_m, height_m, merge([base, foot]), (_steel(),)
    )
    return Solid(model)


def _steel() -> Material:
    return Material(Finish((0.20, 0.20, 0.195), mirror=0.03, shine=0.2))


def _foot_m(head: LampHead, paved: BaseGeometry) -> Floats:
    """Where a head's pole stands: behind it, or at the edge of the road to its drivers' right."""
    behind = _behind_m(head, 0.33)
    if paved.distance(Point(behind)) > 0.2:
        return behind
    turn = np.radians(head.faces_deg)
    # Who sees the lamps looks the other way: their right is the head's own left.
    right = np.array([-np.cos(turn), np.sin(turn)])
    rim = paved.buffer(0.8).boundary
    for side in (1.0, -1.0):
        crossing = rim.intersection(LineString([behind, behind + side * 18.0 * right]))
        if not crossing.is_empty:
            nearest = min(
                (Point(c) for part in getattr(crossing, "geoms", [crossing]) for c in part.coords),
                key=lambda point: point.distance(Point(behind)),
            )
            return np.array([nearest.x, nearest.y])
    return behind


def _behind_m(head: LampHead, far_m: float) -> Floats:
    turn = np.radians(head.faces_deg)
    ahead = np.array([np.sin(turn), np.cos(turn)])
    return np.asarray(np.asarray(head.middle_m)[:2] - far_m * ahead)


def _arm(foot_m: Floats, end_m: Floats, height_m: float) -> Support:
    """A bar from a pole to a head, and a little beyond."""
    along = end_m - foot_m
    length_m = float(np.linalg.norm(along)) + 0.4
    along = along / np.linalg.norm(along)
    bar = tube((0, 0, height_m - 0.3), (0, length_m, height_m), (0.075, 0.05), 0, 12)
    model = VehicleModel("arm", "arm", length_m, 0.15, height_m, bar, (_steel(),))
    aside = 0.08 * np.array([-along[1], along[0]])
    ring = [foot_m + aside, foot_m - aside, foot_m + along * length_m - aside]
    ring.append(foot_m + along * length_m + aside)
    place = Place(float(foot_m[0]), float(foot_m[1]), float(np.arctan2(along[0], along[1])))
    return Support(Solid(model), place, np.array(ring), height_m - 0.4, height_m + 0.1)


@cache
def head_solid(height_m: float, backplate: bool) -> Solid:
    """A housing with three lenses under visors, its middle so high, in its own frame."""
    parts = [rounded_box((0, 0.13, height_m), (HEAD_WIDTH_M, 0.26, HEAD_HEIGHT_M), 0.05, 1)]
    parts += [visor for step in (-1, 0, 1) for visor in _visor(height_m + step * LAMP_STEP_M)]
    if backplate:
        parts.append(rounded_box((0, 0.28, height_m), (0.86, 0.03, 1.72), 0.01, 2))
    lenses: list[Decal] = []
    for number, lamp in enumerate(LAMPS):
        finish = Finish(_OFF[lamp], mirror=0.02, glow=lamp, emits=LIGHT[lamp])
        at_z = height_m + LAMP_STEP_M * (1 - number)
        size = (LAMP_RADIUS_M, LAMP_RADIUS_M)
        lenses.append(box(Side.REAR, 0, at_z, size, finish, LAMP_RADIUS_M))
    materials = (Material(grey(0.012)), Material(grey(0.022), tuple(lenses)), Material(grey(0.025)))
    model = VehicleModel("signal", "signal", 0.3, HEAD_WIDTH_M, 1.0, merge(parts), materials)
    return Solid(model)


def _visor(middle_m: float) -> list[Mesh]:
    """A tunnel over one lens."""
    found, reach = [], LAMP_RADIUS_M + 0.022
    for a, b in pairwise(np.radians(np.linspace(15, 165, 9))):
        mid = (a + b) / 2
        at = (reach * np.cos(mid), -0.09, middle_m + reach * np.sin(mid))
        size = (0.03 + 0.07 * abs(np.sin(mid)), 0.20, 0.012 + 0.07 * abs(np.cos(mid)))
        found.append(rounded_box(at, size, 0.005, 0))
    return found


@cache
def branch_solid(height_m: float, seed: int) -> Solid:
    """Leaves that hang before a part of a head, in the head's frame."""
    chance = np.random.default_rng((seed, 71))
    leaves = []
    for _ in range(46):
        at = chance.normal(0, 1, 3) * np.array([0.17, 0.08, 0.24])
        at += np.array([0.17, -0.42, height_m + 0.34])
        size = chance.uniform(0.025, 0.085, 3) * np.array([1.0, 0.6, 0.8])
        leaves.append(ellipsoid(at, size, int(chance.integers(2))))
    greens = (Finish((0.04, 0.15, 0.09)), Finish((0.03, 0.10, 0.06)))
    materials = tuple(Material(green) for green in greens)
    return Solid(VehicleModel("branch", "branch", 0.5, 0.5, 0.8, merge(leaves), materials))
