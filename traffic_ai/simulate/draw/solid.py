"""A solid drawn by itself: linear colours with coverage, ready to be laid over a picture."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from traffic_ai.simulate.arrays import Floats, Ints
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.mesh import Mesh, cut_fine
from traffic_ai.simulate.draw.raster import NEAREST_DEPTH_M, Hits, rasterise
from traffic_ai.simulate.draw.shading import LocalLight, shade
from traffic_ai.simulate.draw.skin import Skin
from traffic_ai.simulate.draw.surface import Glow
from traffic_ai.simulate.draw.vehicle import VehicleModel

MARGIN_PX = 2
# An edge this long is drawn straight where the lens bends it.
_STRAIGHT_M = 0.6


@dataclass(frozen=True)
class Place:
    """Where a solid stands: its origin on the road, and its heading clockwise from +Y."""

    x_m: float
    y_m: float
    heading_rad: float

    @cached_property
    def turn(self) -> Floats:
        """Rows are the solid's axes in the world (3, 3): points @ turn."""
        sine, cosine = np.sin(self.heading_rad), np.cos(self.heading_rad)
        return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])

    def to_world_m(self, points_m: Floats) -> Floats:
        """Points (..., 3) of the solid's frame in the world."""
        return np.asarray(points_m @ self.turn + np.array([self.x_m, self.y_m, 0.0]))


@dataclass(frozen=True)
class Switches:
    """How strongly each kind of lamp shines, and how far the wheels have rolled."""

    lit: tuple[tuple[Glow, float], ...]
    rolled_m: float = 0.0


@dataclass(frozen=True)
class Sprite:
    """Pre-multiplied linear colour (h, w, 3) and coverage (h, w), its corner at (left, top)."""

    left_px: int
    top_px: int
    colour: Floats
    coverage: Floats

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture it lies on."""
        height, width = self.coverage.shape
        return (
            slice(self.top_px, self.top_px + height),
            slice(self.left_px, self.left_px + width),
        )


@dataclass(frozen=True)
class _Surface:
    """A mesh with place and normal of each face's three corners (3, 6, F), and the plane of each
    face: who is beyond it sees the face from outside.
    """

    mesh: Mesh
    corners: Floats
    outward: Floats
    beyond_m3: Floats

    def facing(self, eye_m: Floats) -> Ints:
        """The faces an eye in the solid's frame can see from outside."""
        return np.flatnonzero(self.outward @ eye_m > self.beyond_m3)

    @classmethod
    def of(cls, mesh: Mesh) -> "_Surface":
        """A mesh made ready."""
        corners_m = mesh.vertices_m[mesh.faces]
        both = np.concatenate([corners_m, mesh.normals], axis=-1).transpose(1, 2, 0)
        outward = np.cross(corners_m[:, 1] - corners_m[:, 0], corners_m[:, 2] - corners_m[:, 0])
        beyond_m3 = np.einsum("ij,ij->i", outward, corners_m[:, 0])
        return cls(mesh, np.ascontiguousarray(both, np.float32), outward, beyond_m3)


class Solid:
    """A model ready to be drawn any number of times."""

    def __init__(self, model: VehicleModel) -> None:
        self.model = model
        self._skin = Skin(model)
        self._straight = _Surface.of(model.mesh)

    @cached_property
    def _bent(self) -> _Surface:
        """For a lens that bends straight edges: its faces are cut fine."""
        return _Surface.of(cut_fine(self.model.mesh, _STRAIGHT_M))

    def _surface(self, camera: Camera) -> _Surface:
        return self._bent if camera.k1 or camera.k2 else self._straight

    @cached_property
    def reach_m(self) -> tuple[Floats, Floats]:
        """The lowest and highest corner (3,) of all it is made of."""
        vertices_m = self.mesh.vertices_m
        return vertices_m.min(axis=0), vertices_m.max(axis=0)

    @cached_property
    def parts_m(self) -> tuple[Floats, ...]:
        """The hull corners (K, 3) of each closed part it is made of."""
        faces, vertices_m = self.mesh.faces, self.mesh.vertices_m
        links = coo_array(
            (np.ones(2 * len(faces)), (faces[:, [0, 0]].ravel(), faces[:, 1:].ravel())),
            shape=(len(vertices_m), len(vertices_m)),
        )
        count, part = connected_components(links, directed=False)
        used = np.zeros(len(vertices_m), bool)
        used[faces] = True
        found = [vertices_m[(part == number) & used] for number in range(count)]
        return tuple(points[ConvexHull(points).vertices] for points in found if len(points) > 3)

    @property
    def mesh(self) -> Mesh:
        """Its mesh."""
        return self.model.mesh

    def draw(
        self,
        place: Place,
        switches: Switches,
        camera: Camera,
        light: Lighting,
        lamps: LocalLight | None = None,
    ) -> Sprite | None:
        """Draw it over nothing, anti-aliased by supersampling; None outside the picture."""
        surface = self._surface(camera)
        in_camera_m = camera.to_camera_m(place.to_world_m(surface.mesh.vertices_m))
        depth_m = in_camera_m[:, 2]
        ahead = depth_m > NEAREST_DEPTH_M
        if not ahead.any():
            return None
        in_camera_m[:, 2] = np.maximum(depth_m, NEAREST_DEPTH_M)
        points_px = camera.from_camera_px(in_camera_m)
        low, high = window_px(points_px[ahead], camera)
        width, height = (int(side) for side in high - low)
        if width <= 0 or height <= 0:
            return None
        scale = _scale(max(width, height))
        wide, tall = round(width * scale), round(height * scale)
        eye_m = place.turn @ (np.asarray(camera.position_m) - [place.x_m, place.y_m, 0.0])
        facing = surface.facing(eye_m)
        faces = surface.mesh.faces[facing]
        hits = rasterise((points_px - low) * scale, depth_m, faces, wide, tall)
        if len(hits.pixel) == 0:
            return None
        planes = np.zeros((4, tall * wide), np.float32)
        planes[:3, hits.pixel] = self._colours(
            surface, place, switches, camera, light, lamps, hits.of(facing)
        )
        planes[3, hits.pixel] = 1.0
        small = [
            cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
            for plane in planes.reshape(4, tall, wide)
        ]
        colour = np.asarray(cv2.merge(small[:3]), np.float32)
        return Sprite(int(low[0]), int(low[1]), colour, np.asarray(small[3], np.float32))

    def _colours(
        self,
        surface: _Surface,
        place: Place,
        switches: Switches,
        camera: Camera,
        light: Lighting,
        lamps: LocalLight | None,
        hits: Hits,
    ) -> Floats:
        """Linear colours (3, P) of the pixels it covers."""
        first, second, third = np.take(surface.corners, hits.triangle, axis=2)
        weights = hits.weights
        both = first * weights[0]
        both += second * weights[1]
        both += third * weights[2]
        points_m, normals = both[:3], both[3:]
        normals /= np.sqrt(normals[0] ** 2 + normals[1] ** 2 + normals[2] ** 2)
        turn = place.turn.T.astype(np.float32)
        eye_m = np.asarray(camera.position_m) - np.array([place.x_m, place.y_m, 0.0])
        toward_eye = eye_m.astype(np.float32)[:, None] - turn @ points_m
        distance_m = np.sqrt(toward_eye[0] ** 2 + toward_eye[1] ** 2 + toward_eye[2] ** 2)
        toward_eye /= distance_m
        numbers = self._skin.finish_numbers(
            points_m, normals, surface.mesh.material[hits.triangle], switches.rolled_m
        )
        table = self._skin.table(dict(switches.lit))
        colour = shade(turn @ normals, toward_eye, points_m[2], numbers, table, light, lamps)
        return light.veil(colour, distance_m)


def window_px(points_px: Floats, camera: Camera) -> tuple[Floats, Floats]:
    """The part of the picture around points: first and end pixel of both axes."""
    limit = np.array([camera.width_px, camera.height_px])
    low = np.clip(np.floor(points_px.min(axis=0)) - MARGIN_PX, 0, limit).astype(int)
    high = np.clip(np.ceil(points_px.max(axis=0)) + MARGIN_PX, 0, limit).astype(int)
    return low, high


def _scale(side_px: int) -> float:
    """Samples a pixel along each axis: the smaller the solid, the more its edges matter."""
    if side_px < 64:
        return 3.0
    return 2.0 if side_px < 400 else 1.5


def lay_over(picture: Floats, sprite: Sprite) -> None:
    """Lay a sprite over a linear picture (H, W, 3)."""
    window = picture[sprite.window]
    window *= 1.0 - sprite.coverage[..., None]
    window += sprite.colour
