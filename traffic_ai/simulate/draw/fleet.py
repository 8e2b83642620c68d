"""The vehicles of a world at a moment: drawn, with their shadows and the room they take."""

from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.cast import Shadow, throw_shadow
from traffic_ai.simulate.draw.catalogue import solid_of
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.order import Extent
from traffic_ai.simulate.draw.posts import lamplight_at
from traffic_ai.simulate.draw.raster import NEAREST_DEPTH_M
from traffic_ai.simulate.draw.shade import SunShade
from traffic_ai.simulate.draw.solid import Place, Solid, Sprite, Switches, window_px
from traffic_ai.simulate.draw.surface import Glow
from traffic_ai.simulate.draw.surroundings import Surroundings
from traffic_ai.simulate.draw.visibility import inside_share
from traffic_ai.simulate.draw.windows import window_of
from traffic_ai.simulate.world import Vehicle, World

BRAKE_LAMP_MPS2 = -0.5
STANDING_MPS = 0.05
_SHADOW_REACH_M = 40.0


@dataclass(frozen=True)
class DrawnVehicle:
    """A vehicle in the picture; sprite and extent are None where only its shadow is.

    inside: share of its projection that lies inside the picture.
    """

    vehicle: Vehicle
    place: Place
    switches: Switches
    sprite: Sprite | None
    extent: Extent | None
    shadow: Shadow | None
    inside: float


class Fleet:
    """Draws the vehicles of a world; one that stands still before a still camera is kept."""

    def __init__(self, world: World, light: Lighting, around: Surroundings) -> None:
        self._world, self._light, self._posts = world, light, around.posts
        self._shade = SunShade(around, light)
        self._rolled = {vehicle.id: _rolled_m(vehicle) for vehicle in world.vehicles}
        self._kept: dict[int, tuple[Camera, DrawnVehicle]] = {}

    def draw(self, t_s: float, camera: Camera) -> list[DrawnVehicle]:
        """Every vehicle that leaves a trace in the picture."""
        present = self._world.present(t_s)
        for gone in self._kept.keys() - {vehicle.id for vehicle in present}:
            del self._kept[gone]
        drawn = [self._draw(vehicle, t_s, camera) for vehicle in present]
        return [one for one in drawn if one.sprite is not None or one.shadow is not None]

    def _draw(self, vehicle: Vehicle, t_s: float, camera: Camera) -> DrawnVehicle:
        poses = vehicle.course.poses(np.array([t_s]))
        middle_m = poses.middle_m[0]
        place = Place(float(middle_m[0]), float(middle_m[1]), float(poses.heading_rad[0]))
        rolled_m = float(np.interp(t_s, vehicle.course.t_s, self._rolled[vehicle.id]))
        speed_mps = float(poses.speed_mps[0])
        braking = (
            abs(speed_mps) < STANDING_MPS
            or float(poses.acceleration_mps2[0]) * np.sign(speed_mps) < BRAKE_LAMP_MPS2
        )
        switches = Switches(lamps_lit(self._light, bool(braking)), round(rolled_m, 6))
        kept = self._kept.get(vehicle.id)
        if (
            kept is not None
            and kept[0] is camera
            and (kept[1].place, kept[1].switches) == (place, switches)
        ):
            return kept[1]
        drawn = self._anew(vehicle, place, switches, camera)
        self._kept[vehicle.id] = (camera, drawn)
        return drawn

    def _anew(
        self, vehicle: Vehicle, place: Place, switches: Switches, camera: Camera
    ) -> DrawnVehicle:
        solid = solid_of(vehicle.body)
        shaded = self._shade.share(place, vehicle.body.length_m, vehicle.body.width_m)
        light = replace(self._light, sun=self._light.sun * (1 - shaded))
        sprite, extent, inside, shadow = None, None, 0.0, None
        near = _in_sight(solid, place, camera)
        if near is not None:
            lamps = lamplight_at(self._posts, np.array([place.x_m, place.y_m]), light)
            sprite = solid.draw(place, switches, camera, light, lamps)
        if sprite is not None:
            extent = Extent(
                footprint_m(vehicle.body.length_m, vehicle.body.width_m, place),
                0.0,
                vehicle.body.height_m,
                window_of(sprite.window),
            )
            inside = inside_share(solid, place, camera) if near else 1.0
        away_m = np.hypot(place.x_m - camera.position_m[0], place.y_m - camera.position_m[1])
        if sprite is not None or away_m < _SHADOW_REACH_M:
            shadow = throw_shadow(solid, place, camera, light)
        return DrawnVehicle(vehicle, place, switches, sprite, extent, shadow, inside)


def lamps_lit(light: Lighting, braking: bool) -> tuple[tuple[Glow, float], ...]:
    """How strongly a vehicle's lamps shine: by day against the sun, by night for the dark eye."""
    dimmed = light.exposure**-0.65
    tail = 0.4 if light.lamps else 0.10
    strengths = {
        Glow.ALWAYS: 1.0,
        Glow.TAIL: 0.4,
        Glow.BRAKE: 1.0 if braking else tail,
        Glow.HEAD: 16.0 if light.lamps else 1.0,
    }
    return tuple((glow, dimmed * strengths.get(glow, 0.0)) for glow in Glow)


def footprint_m(length_m: float, width_m: float, place: Place) -> Floats:
    """The corners (4, 2) of a vehicle's rectangle, counter-clockwise."""
    half = np.array([width_m, length_m, 0.0]) / 2
    ring = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)])
    return np.asarray(place.to_world_m(ring * half)[:, :2])


def _in_sight(solid: Solid, place: Place, camera: Camera) -> bool | None:
    """None outside the picture, False well inside it, True at its edge or close to the camera."""
    low_m, high_m = solid.reach_m
    box_m = np.array(
        [(x, y, z) for x in (low_m[0], high_m[0]) for y in (low_m[1], high_m[1])
         for z in (low_m[2], high_m[2])]
    )  # fmt: skip
    in_camera = camera.to_camera_m(place.to_world_m(box_m))
    if in_camera[:, 2].max() <= NEAREST_DEPTH_M:
        return None
    if in_camera[:, 2].min() <= NEAREST_DEPTH_M:
        return True
    points_px = camera.from_camera_px(in_camera)
    low, high = window_px(points_px, camera)
    if (high <= low).any():
        return None
    size = np.array([camera.width_px, camera.height_px])
    return bool((points_px < 0).any() or (points_px > size).any())


def _rolled_m(vehicle: Vehicle) -> Floats:
    """How far its wheels have rolled at each moment of its course."""
    poses = vehicle.course.poses(vehicle.course.t_s)
    steps = np.diff(vehicle.course.t_s) * (poses.speed_mps[1:] + poses.speed_mps[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(steps)])
