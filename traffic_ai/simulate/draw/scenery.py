"""The picture without vehicles, made once a camera: ground, houses, sky, trees, street lamps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import Point

from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.cast import Shadow, darken
from traffic_ai.simulate.draw.foliage import draw_tree, shade_share
from traffic_ai.simulate.draw.grain import Grain
from traffic_ai.simulate.draw.houses import cast_house
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.outline import fill
from traffic_ai.simulate.draw.posts import lamp_post, lamplight
from traffic_ai.simulate.draw.shade import SunShade
from traffic_ai.simulate.draw.solid import Place, Switches, lay_over
from traffic_ai.simulate.draw.surface import Glow
from traffic_ai.simulate.draw.surroundings import House, Surroundings
from traffic_ai.simulate.draw.terrain import GroundMasks, LaneDistance, Terrain, ground_masks
from traffic_ai.simulate.world import World

STRIP_PIXELS = 400_000
_FULL_WIDTH_PX = 2560
_FAR_M = 1e5
_WOODS_M = 700.0


@dataclass(frozen=True)
class Scenery:
    """The empty scene: linear colours (H, W, 3); how bright the ground is where lamps shine on it
    (H, W), 0 elsewhere; and how much of a mirror it is (H, W).
    """

    colour: Floats
    ground: Floats
    mirror: Floats


class SceneryPainter:
    """Paints the empty scene for any turn of its camera; `shadows`: what still things throw."""

    def __init__(
        self,
        world: World,
        light: Lighting,
        around: Surroundings,
        shadows: Callable[[Camera], Sequence[Shadow]],
    ) -> None:
        self._world, self._light, self._around = world, light, around
        self._shadows = shadows
        self._shade = SunShade(around, light)
        eye_m = np.asarray(world.camera.position_m)
        self._terrain = Terrain(LaneDistance(world.road, eye_m), world.seed + 61)
        self._noise = Grain(world.seed + 81)

    def paint(self, camera: Camera) -> Scenery:
        """The scene as that camera sees it; its place must be the world's camera's."""
        scale = float(np.clip(round(_FULL_WIDTH_PX / camera.width_px), 1, 4))
        masks = ground_masks(self._world.road, self._around, camera, scale, self._world.seed)
        size_px = (round(camera.width_px * scale), round(camera.height_px * scale))
        shade = np.zeros(size_px[::-1], np.uint8)
        fill(shade, self._shade.of_houses, camera, scale)
        size = masks.paved.shape
        canvas = _Canvas(
            np.zeros((*size, 3), np.float32),
            np.zeros(size, np.float32),
            np.zeros(size, np.float32),
            np.full(size, _FAR_M, np.float32),
        )
        step = max(1, STRIP_PIXELS // size[1])
        for top in range(0, size[0], step):
            self._strip(canvas, slice(top, min(top + step, size[0])), camera, scale, masks, shade)
        eye_m = np.asarray(camera.position_m)[:2]
        eye = Point(eye_m[0], eye_m[1])
        for house in sorted(self._around.houses, key=lambda one: one.footprint.distance(eye)):
            self._house(canvas, house, camera, scale)
        far_first = sorted(
            self._around.trees, key=lambda tree: -np.hypot(tree.x_m - eye_m[0], tree.y_m - eye_m[1])
        )
        for number, tree in enumerate(far_first):
            seed = self._world.seed + number
            draw_tree(canvas.colour, canvas.depth_m, tree, camera, scale, self._light, seed)
        scenery = canvas.shrunk(camera)
        for shadow in self._shadows(camera):
            darken(scenery.colour, shadow)
        self._posts(scenery.colour, camera)
        return scenery

    def _strip(
        self,
        canvas: "_Canvas",
        rows: slice,
        camera: Camera,
        scale: float,
        masks: GroundMasks,
        shade: Picture,
    ) -> None:
        """Sky and ground of a few rows."""
        rays = _rays(camera, rows, slice(0, canvas.depth_m.shape[1]), scale)
        down = rays[..., 2] < -1e-3
        colour = np.zeros_like(rays)
        if not down.all():
            colour[~down] = self._sky(rays)[~down]
        if down.any():
            depth_m = np.where(
                down, -camera.position_m[2] / np.minimum(rays[..., 2], -1e-3), _FAR_M
            )
            lit, ground, mirror = self._ground(
                rays, depth_m.astype(np.float32), camera, masks.rows(rows), shade[rows]
            )
            colour[down] = self._light.through_air(lit[down], depth_m[down])
            canvas.depth_m[rows][down] = depth_m[down]
            canvas.ground[rows] = ground * down
            canvas.mirror[rows] = mirror * down
        canvas.colour[rows] = colour

    def _ground(
        self, rays: Floats, depth_m: Floats, camera: Camera, masks: GroundMasks, shade: Picture
    ) -> tuple[Floats, Floats, Floats]:
        """Lit ground (H, W, 3), its mean reflectance (H, W), and how much it mirrors (H, W)."""
        light, eye_m = self._light, np.asarray(camera.position_m, np.float32)
        x_m, y_m = eye_m[0] + rays[..., 0] * depth_m, eye_m[1] + rays[..., 1] * depth_m
        footprint_m = depth_m / np.float32(camera.focal_px)
        footprint_m = footprint_m * np.sqrt(depth_m / eye_m[2]) * np.float32(0.7)
        colour = self._terrain.colour(x_m, y_m, footprint_m, masks)
        hard = (masks.paved > 0) | (masks.pavement > 0)
        mirror = np.zeros(depth_m.shape, np.float32)
        if light.wet:
            colour[hard] *= 1 - 0.45 * light.wet
            cosine = np.clip(eye_m[2] / depth_m, 0, 1)
            puddles = np.clip(
                0.55 + 1.6 * self._noise.layered(x_m, y_m, 3.0, 3, footprint_m), 0.15, 1
            )
            mirror = np.asarray(hard * (0.02 + 0.7 * (1 - cosine) ** 5) * puddles, np.float32)
        strength: Floats = np.broadcast_to(light.open_ground.astype(np.float32), colour.shape)
        if light.sun.any():
            dapple = self._noise.layered(x_m, y_m, 0.7, 3, footprint_m)
            trees = shade_share(self._around.trees, x_m, y_m, dapple, light.toward_sun)
            dark = np.maximum(trees, shade > 0)[..., None]
            strength = strength - dark * (light.sun * light.toward_sun[2]).astype(np.float32)
        if light.lamps:
            strength = strength + lamplight(self._around.posts, x_m, y_m, light)
        lit = colour * strength
        lit += mirror[..., None] * (light.horizon * 0.75).astype(np.float32)
        return lit, colour.mean(axis=-1), mirror

    def _sky(self, rays: Floats) -> Floats:
        """Sky with thin cloud, and woods along the horizon, in unit directions (H, W, 3)."""
        light = self._light
        rise = np.clip(rays[..., 2], 0.004, 1)
        horizon, zenith = light.horizon.astype(np.float32), light.zenith.astype(np.float32)
        base = horizon + (zenith - horizon) * np.clip(rise * 3.2, 0, 1)[..., None] ** 0.75
        x, y = rays[..., 0] / (rise + 0.05), rays[..., 1] / (rise + 0.05)
        still = np.zeros_like(rise)
        cloud = self._noise.layered(x, y * np.float32(0.6), 2.2, 5, still)
        share = np.clip(0.35 + 1.1 * cloud, 0, 0.85)[..., None]
        white = np.array([1.0, 0.99, 0.97], np.float32) * float(light.horizon.mean()) / 0.92
        colour = base + (white - base) * share
        azimuth = np.arctan2(rays[..., 0], rays[..., 1])
        crest = self._noise.layered(azimuth, still, 0.12, 4, still) * 0.02 + 0.012
        woods = rays[..., 2] < crest
        green = np.array([0.05, 0.10, 0.07], np.float32) * light.open_ground.astype(np.float32)
        far_m = np.full(int(woods.sum()), _WOODS_M, np.float32)
        colour[woods] = light.through_air(np.broadcast_to(green, (len(far_m), 3)), far_m)
        if light.sight_m < _WOODS_M:
            veiled = (np.clip(rise - 0.1, 0, 1) * np.float32(0.3))[..., None]
            colour = light.air + (colour - light.air) * veiled
        return np.asarray(colour)

    def _house(self, canvas: "_Canvas", house: House, camera: Camera, scale: float) -> None:
        """Lay a house where nothing nearer stands."""
        window = _house_window(house, camera, scale, canvas.depth_m.shape)
        if window is None:
            return
        eye_m = np.asarray(camera.position_m)
        depth_m = canvas.depth_m[window]
        # Rays that something stops before they reach the house need not be cast.
        nearest_m = house.footprint.distance(Point(eye_m[0], eye_m[1]))
        row, column = np.nonzero(depth_m > nearest_m)
        rays = _rays(camera, *window, scale)[row, column]
        hit, near_m, seen = cast_house(house, eye_m, rays, self._light)
        row, column = row[hit], column[hit]
        closer = near_m < depth_m[row, column]
        row, column, near_m = row[closer], column[closer], near_m[closer]
        depth_m[row, column] = near_m
        canvas.colour[window][row, column] = self._light.through_air(seen[closer], near_m)
        canvas.ground[window][row, column] = 0
        canvas.mirror[window][row, column] = 0

    def _posts(self, picture: Floats, camera: Camera) -> None:
        lit = tuple((glow, 40.0 * self._light.lamps**3) for glow in Glow)
        for post in self._around.posts:
            if post.shown:
                place = Place(post.x_m, post.y_m, post.heading_rad)
                sprite = lamp_post().draw(place, Switches(lit), camera, self._light)
                if sprite is not None:
                    lay_over(picture, sprite)


@dataclass(frozen=True)
class _Canvas:
    """The enlarged picture being painted."""

    colour: Floats
    ground: Floats
    mirror: Floats
    depth_m: Floats

    def shrunk(self, camera: Camera) -> Scenery:
        """At the picture's own size."""
        size_px = (camera.width_px, camera.height_px)
        small = [
            np.asarray(cv2.resize(layer, size_px, interpolation=cv2.INTER_AREA), np.float32)
            for layer in (self.colour, self.ground, self.mirror)
        ]
        return Scenery(*small)


def _rays(camera: Camera, rows: slice, columns: slice, scale: float) -> Floats:
    """Unit rays (rows, columns, 3) through the pixels of a part of the enlarged picture."""
    u = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / scale
    v = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / scale
    if camera.k1 or camera.k2:
        rays = camera.rays(np.stack(np.meshgrid(u, v), axis=-1)).astype(np.float32)
    else:
        # Without a bent lens a ray is a sum of one part a column and one a row.
        turn = camera.rotation.astype(np.float32)
        middle = camera.centre_px / camera.focal_px
        across = np.outer(u / camera.focal_px - middle[0], turn[0])
        down = np.outer(v / camera.focal_px - middle[1], turn[1])
        rays = (across[None] + (down + turn[2])[:, None]).astype(np.float32)
    length = np.sqrt(np.einsum("ijk,ijk->ij", rays, rays))
    rays /= length[..., None]
    return rays


def _house_window(
    house: House, camera: Camera, scale: float, size: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """Rows and columns of the enlarged picture that a house can lie in; None outside it."""
    corners = np.asarray(house.footprint.exterior.coords)[:4]
    solid = np.array([(x, y, z) for x, y in corners for z in (0.0, house.height_m)])
    in_camera = camera.to_camera_m(solid)
    if _aside(in_camera, camera):
        return None
    low, high = np.zeros(2, int), np.array([size[1], size[0]])
    if in_camera[:, 2].min() > 1.0:
        points = camera.from_camera_px(in_camera) * scale
        low = np.clip(np.floor(points.min(axis=0)) - 1, 0, high).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + 1, 0, high).astype(int)
    if (high <= low).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _aside(corners: Floats, camera: Camera) -> bool:
    """Whether camera points (K, 3) all lie beyond one side of the view."""
    half_u, half_v = (side / 2 / camera.focal_px for side in (camera.width_px, camera.height_px))
    x, y, depth = corners.T
    sides = (x - half_u * depth, -x - half_u * depth, y - half_v * depth, -y - half_v * depth)
    straight = camera.k1 == 0.0 and camera.k2 == 0.0
    return bool((depth < 0.5).all() or (straight and any((side > 0).all() for side in sides)))
