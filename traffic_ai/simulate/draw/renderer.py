"""Draws the pictures of a world: background, shadows, solids far to near, then lens and sensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.backdrop_views import BackdropViews
from traffic_ai.simulate.draw.cast import darken
from traffic_ai.simulate.draw.fleet import DrawnVehicle, Fleet
from traffic_ai.simulate.draw.lighting import lighting
from traffic_ai.simulate.draw.night import light_road
from traffic_ai.simulate.draw.order import Extent, far_to_near
from traffic_ai.simulate.draw.scenery import Scenery, SceneryPainter
from traffic_ai.simulate.draw.sensor import Sensor
from traffic_ai.simulate.draw.solid import Sprite, lay_over
from traffic_ai.simulate.draw.statics import Statics
from traffic_ai.simulate.draw.surroundings import surroundings
from traffic_ai.simulate.draw.visibility import unhidden_share
from traffic_ai.simulate.draw.weather import Rain, lay_mirrored
from traffic_ai.simulate.draw.windows import Window, merged, padded, slices, window_of
from traffic_ai.simulate.world import World


@dataclass(frozen=True)
class Drawn:
    """A picture (H, W, 3) BGR, and how much of every vehicle in it can be seen.

    visible: by vehicle id, the share of its projected pixels that lie inside the picture and that
    nothing hides; vehicles of which no pixel lies inside are left out.
    """

    picture: Picture
    visible: Mapping[int, float]


class Renderer:
    """Draws any picture of a world, in any order; the same picture is the same bit for bit."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._light = lighting(world.look, world.seed)
        self._size_px = (world.camera.width_px, world.camera.height_px)
        around = surroundings(world)
        self._statics = Statics(world, self._light, around)
        painter = SceneryPainter(world, self._light, around, self._statics.shadows)
        self._backdrops = BackdropViews(painter, world.camera, world.sway is not None)
        self._fleet = Fleet(world, self._light, around)
        self._sensor = Sensor(world.look, self._light, self._size_px, world.seed)
        self._rain = Rain(self._size_px, world.seed, self._brightness()) if self._wet else None
        self._still: _Still | None = None

    def draw(self, index: int) -> Drawn:
        """The picture of that number."""
        t_s = float(self._world.timing.t_s[index])
        camera = self._world.camera_at(t_s)
        scenery = self._backdrops.at(camera)
        vehicles = self._fleet.draw(t_s, camera)
        layers = self._layers(vehicles, t_s, camera)
        halos = self._statics.halos(t_s, camera)
        windows = [window_of(one.shadow.window) for one in vehicles if one.shadow is not None]
        windows += [window_of(sprite.window) for sprite in layers.sprites]
        windows += [window for window, _ in halos]
        linear = self._start(scenery)
        self._lay(linear, scenery, vehicles, layers.sprites, camera)
        for window, light in halos:
            linear[slices(window)] += light
        picture = self._develop(linear, scenery, merged(windows))
        if self._rain is not None:
            picture = self._rain.fall(picture, index)
        return Drawn(self._sensor.add_noise(picture, index), layers.visible)

    @property
    def _wet(self) -> bool:
        return self._light.wet > 0

    @property
    def _whole(self) -> bool:
        """Whether every pixel may change from picture to picture."""
        return self._world.sway is not None or self._sensor.blooms or self._wet

    def _brightness(self) -> float:
        return 0.35 if self._light.lamps else 1.0

    def _layers(self, vehicles: Sequence[DrawnVehicle], t_s: float, camera: Camera) -> "_Layers":
        """All sprites, far to near, and what can be seen of the vehicles."""
        seen: list[tuple[int | None, Sprite, Extent, float]] = []
        for one in vehicles:
            if one.sprite is not None and one.extent is not None:
                seen.append((one.vehicle.id, one.sprite, one.extent, one.inside))
        for static in self._statics.draw(t_s, camera):
            seen.append((None, static.sprite, static.extent, 1.0))
        order = far_to_near([extent for _, _, extent, _ in seen], np.asarray(camera.position_m))
        ordered = [seen[number] for number in order]
        sprites = [sprite for _, sprite, _, _ in ordered]
        visible = {
            vehicle: inside * unhidden_share(sprites, number)
            for number, (vehicle, _, _, inside) in enumerate(ordered)
            if vehicle is not None
        }
        return _Layers(sprites, {key: visible[key] for key in sorted(visible)})

    def _start(self, scenery: Scenery) -> Floats:
        """A linear picture of the empty scene that may be drawn on."""
        if self._whole:
            return scenery.colour.copy()
        if self._still is None:
            self._still = _Still(scenery.colour.copy(), self._sensor.develop(scenery.colour))
        return self._still.linear

    def _lay(
        self,
        linear: Floats,
        scenery: Scenery,
        vehicles: Sequence[DrawnVehicle],
        sprites: Sequence[Sprite],
        camera: Camera,
    ) -> None:
        if self._light.lamps:
            beams = [(one.place, one.vehicle.body.length_m) for one in vehicles]
            light_road(linear, scenery.ground, beams, camera, self._light)
        if self._wet:
            sky = self._light.horizon * 0.75
            for one in vehicles:
                if one.sprite is not None:
                    lay_mirrored(linear, one.sprite, scenery.mirror, sky)
        for one in vehicles:
            if one.shadow is not None:
                darken(linear, one.shadow)
        for sprite in sprites:
            lay_over(linear, sprite)

    def _develop(self, linear: Floats, scenery: Scenery, windows: Sequence[Window]) -> Picture:
        """Picture bytes; of a still scene only the windows are developed anew."""
        if self._still is None:
            return self._sensor.develop(linear)
        picture = self._still.picture.copy()
        margin_px = self._sensor.margin_px
        for window in windows:
            reached = padded(window, margin_px, self._size_px)
            read = padded(reached, margin_px, self._size_px)
            part = self._sensor.develop(linear[slices(read)], read[0], read[1])
            left, top = reached[0] - read[0], reached[1] - read[1]
            width, height = reached[2] - reached[0], reached[3] - reached[1]
            picture[slices(reached)] = part[top : top + height, left : left + width]
        for window in windows:
            linear[slices(window)] = scenery.colour[slices(window)]
        return picture


@dataclass(frozen=True)
class _Layers:
    sprites: Sequence[Sprite]
    visible: Mapping[int, float]


@dataclass(frozen=True)
class _Still:
    """What a still camera sees of the empty scene: light to draw on, and developed."""

    linear: Floats
    picture: Picture
