"""What stands still and may hide a vehicle: signal heads with their poles and arms, other poles."""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.cast import Shadow, throw_shadow
from traffic_ai.simulate.draw.heads import (
    HEAD_HEIGHT_M,
    HEAD_WIDTH_M,
    LAMP_RADIUS_M,
    LAMPS,
    LIGHT,
    Support,
    branch_solid,
    head_place,
    head_solid,
    lamp_centres_m,
    lamp_strengths,
    supports,
    upright,
)
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.order import Extent
from traffic_ai.simulate.draw.posts import lamplight_at
from traffic_ai.simulate.draw.solid import Place, Solid, Sprite, Switches
from traffic_ai.simulate.draw.surface import Glow
from traffic_ai.simulate.draw.surroundings import Surroundings
from traffic_ai.simulate.draw.windows import Window, padded, window_of
from traffic_ai.simulate.world import LampHead, World

_DARK = tuple((glow, 0.0) for glow in Glow)
# A head above this height and without a pole behind it hangs from an arm, with a backplate.
_BACKPLATE_M = 4.2
# Light a lit lamp spreads around itself, against its own, and how far in its radius.
_HALO_SHARE, _HALO_RADII = 0.055, 1.3
_LAMP_FAULT_HALO = 1.6  # how much wider the halo of a blooming lamp is


@dataclass(frozen=True)
class DrawnStatic:
    """A still thing in the picture and the room it takes."""

    sprite: Sprite
    extent: Extent


@dataclass(frozen=True)
class _Static:
    solid: Solid
    place: Place
    footprint_m: Floats
    low_m: float
    high_m: float
    head: LampHead | None = None


class Statics:
    """Draws the still things of a world; before a still camera each state is drawn once."""

    def __init__(self, world: World, light: Lighting, around: Surroundings) -> None:
        self._world, self._light, self._around = world, light, around
        # The lamps of a head are seen against the light of the scene.
        self._dimmed = light.exposure**-0.65
        held = [*supports(world.road.heads, around.paved)]
        held += [upright(np.array(p.foot_m), p.height_m, p.width_m) for p in world.poles]
        self._all = [_support(support) for support in held]
        for head in world.road.heads:
            self._all.append(_head(head))
            if world.look.lamp_fault == "hidden":
                self._all.append(_branch(head, world.seed))
        self._kept: dict[tuple[int, tuple[tuple[Glow, float], ...]], DrawnStatic | None] = {}
        self._kept_camera: Camera | None = None

    def shadows(self, camera: Camera) -> list[Shadow]:
        """What they take of the light on the road."""
        thrown = [
            throw_shadow(one.solid, one.place, camera, self._light, contact=one.low_m <= 0)
            for one in self._all
        ]
        return [shadow for shadow in thrown if shadow is not None]

    def draw(self, t_s: float, camera: Camera) -> list[DrawnStatic]:
        """Those that lie in the picture."""
        if camera is not self._kept_camera:
            self._kept, self._kept_camera = {}, camera
        found = []
        for number, one in enumerate(self._all):
            lit = self._lit(one, t_s)
            if (number, lit) not in self._kept:
                self._kept[number, lit] = self._anew(one, lit, camera)
            drawn = self._kept[number, lit]
            if drawn is not None:
                found.append(drawn)
        return found

    def halos(self, t_s: float, camera: Camera) -> list[tuple[Window, Floats]]:
        """The light lit lamps spread around themselves: where, and how much to add (h, w, 3)."""
        found = []
        wide = _LAMP_FAULT_HALO if self._world.look.lamp_fault == "bloom" else 1.0
        for head in self._world.road.heads:
            lit = dict(self._strengths(head, t_s))
            depth_m = camera.to_camera_m(np.asarray(head.middle_m))[2]
            if depth_m < 1.0 or not _faces(head, camera):
                continue
            radius_px = camera.focal_px * LAMP_RADIUS_M / depth_m
            for lamp, at_m in zip(LAMPS, lamp_centres_m(head), strict=True):
                if lit[lamp] > 0:
                    colour = np.asarray(LIGHT[lamp]) * lit[lamp] * self._dimmed * _HALO_SHARE
                    sigma_px = max(1.0, _HALO_RADII * wide * radius_px)
                    found.append(_halo(camera.project_px(at_m), sigma_px, colour, camera))
        return [(window, light) for window, light in found if light.size]

    def _strengths(self, head: LampHead, t_s: float) -> tuple[tuple[Glow, float], ...]:
        aspect = self._world.aspect_at(head.group_id, t_s)
        return lamp_strengths(aspect, t_s, self._world.look)

    def _lit(self, one: _Static, t_s: float) -> tuple[tuple[Glow, float], ...]:
        if one.head is None:
            return _DARK
        lit = dict(self._strengths(one.head, t_s))
        return tuple((glow, self._dimmed * lit.get(glow, 0.0)) for glow in Glow)

    def _anew(
        self, one: _Static, lit: tuple[tuple[Glow, float], ...], camera: Camera
    ) -> DrawnStatic | None:
        spot = np.array([one.place.x_m, one.place.y_m])
        lamps = lamplight_at(self._around.posts, spot, self._light)
        sprite = one.solid.draw(one.place, Switches(lit), camera, self._light, lamps)
        if sprite is None:
            return None
        window = window_of(sprite.window)
        return DrawnStatic(sprite, Extent(one.footprint_m, one.low_m, one.high_m, window))


def _support(support: Support) -> _Static:
    return _Static(support.solid, support.place, support.footprint_m, support.low_m, support.high_m)


def _head(head: LampHead) -> _Static:
    place, z_m = head_place(head), head.middle_m[2]
    solid = head_solid(z_m, head.middle_m[2] > _BACKPLATE_M)
    room = _room(place, HEAD_WIDTH_M / 2, -0.2, 0.3)
    return _Static(solid, place, room, z_m - HEAD_HEIGHT_M / 2, z_m + HEAD_HEIGHT_M / 2, head)


def _branch(head: LampHead, seed: int) -> _Static:
    place, z_m = head_place(head), head.middle_m[2]
    room = _room(place, 0.5, -0.7, -0.21)
    return _Static(branch_solid(z_m, seed), place, room, z_m - 1.0, z_m + 1.0)


def _room(place: Place, half_m: float, from_m: float, to_m: float) -> Floats:
    ring = np.array([(-half_m, from_m), (half_m, from_m), (half_m, to_m), (-half_m, to_m)])
    return place.to_world_m(np.concatenate([ring, np.zeros((4, 1))], axis=1))[:, :2]


def _faces(head: LampHead, camera: Camera) -> bool:
    """Whether a camera is before a head."""
    turn = np.radians(head.faces_deg)
    toward = np.asarray(camera.position_m)[:2] - np.asarray(head.middle_m)[:2]
    return float(toward @ np.array([np.sin(turn), np.cos(turn)])) > 0


def _halo(at_px: Floats, sigma_px: float, colour: Floats, camera: Camera) -> tuple[Window, Floats]:
    around = round(float(at_px[0])), round(float(at_px[1]))
    size_px = (camera.width_px, camera.height_px)
    window = padded((*around, *around), int(np.ceil(3 * sigma_px)), size_px)
    x = np.arange(window[0], window[2]) + 0.5 - at_px[0]
    y = np.arange(window[1], window[3]) + 0.5 - at_px[1]
    fall = np.exp(-(x[None] ** 2 + y[:, None] ** 2) / (2 * sigma_px**2))
    return window, np.asarray(fall[..., None] * colour, np.float32)
