"""Closed triangle meshes: the solids vehicles are built from.

Every builder returns a mesh whose faces wind counter-clockwise seen from outside. Shapes: vertices
(V, 3) in metres, faces (F, 3), one normal a face corner (F, 3, 3), one material number a face (F,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints

CREASE_COS = float(np.cos(np.radians(38.0)))


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh with corner normals (smooth within the crease angle) and materials."""

    vertices_m: Floats
    faces: Ints
    normals: Floats
    material: Ints


def solid(vertices_m: Floats, faces: Ints, material: int = 0) -> Mesh:
    """Make a closed surface a mesh: drop empty faces, turn all faces outward, find the normals."""
    corners = vertices_m[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    faces = faces[np.linalg.norm(cross, axis=1) > 1e-9]
    if signed_volume_m3(vertices_m, faces) < 0.0:
        faces = faces[:, ::-1]
    normals = corner_normals(vertices_m, faces)
    return Mesh(vertices_m, faces, normals, np.full(len(faces), material))


def signed_volume_m3(vertices_m: Floats, faces: Ints) -> float:
    """Volume inside a closed surface; negative when its faces look inward."""
    a, b, c = (vertices_m[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def corner_normals(vertices_m: Floats, faces: Ints) -> Floats:
    """Normals (F, 3, 3): at each corner the mean of the faces within the crease angle, by area."""
    corners = vertices_m[faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = area / np.linalg.norm(area, axis=1, keepdims=True)
    vertex = faces.ravel()
    order = np.argsort(vertex, kind="stable")
    count = np.bincount(vertex, minlength=len(vertices_m))
    first = np.cumsum(count) - count
    sharing = count[vertex]
    corner = np.repeat(np.arange(len(vertex)), sharing)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(sharing) - sharing, sharing)
    other_face = order[first[vertex[corner]] + step] // 3
    near = np.einsum("ij,ij->i", unit[corner // 3], unit[other_face]) >= CREASE_COS
    total = np.zeros((len(vertex), 3))
    np.add.at(total, corner[near], area[other_face[near]])
    total /= np.linalg.norm(total, axis=1, keepdims=True)
    return total.reshape(-1, 3, 3)


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one."""
    starts = np.cumsum([0] + [len(mesh.vertices_m) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.material for mesh in meshes]),
    )


def loft(rings_m: Floats, material: int = 0) -> Mesh:
    """A skin over closed rings (S, K, 3), with a flat cap on both ends."""
    stations, points = rings_m.shape[:2]
    index = np.arange(stations * points).reshape(stations, points)
    a, b = index[:-1], np.roll(index[:-1], -1, axis=1)
    d, c = index[1:], np.roll(index[1:], -1, axis=1)
    skin = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    hubs = np.array([stations * points, stations * points + 1])
    start, end = index[0], index[-1]
    cap_a = np.stack([np.roll(start, -1), start, np.full(points, hubs[0])], -1)
    cap_b = np.stack([end, np.roll(end, -1), np.full(points, hubs[1])], -1)
    vertices_m = np.concatenate([rings_m.reshape(-1, 3), rings_m[[0, -1]].mean(axis=1)])
    return solid(vertices_m, np.concatenate([skin, cap_a, cap_b]), material)


def rounded_box(
    centre_m: Sequence[float], size_m: Sequence[float], radius_m: float = 0.03, material: int = 0
) -> Mesh:
    """A box with its upright edges and its two ends rounded."""
    half = np.asarray(size_m) / 2
    radius_m = min(radius_m, float(half.min()) * 0.95)
    angle = np.linspace(0.0, np.pi / 2, 4)
    arc = np.stack([np.cos(angle), np.sin(angle)], -1)
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    rings = []
    for inset, level in (
        (radius_m, -half[1]),
        (0.3 * radius_m, -half[1] + 0.3 * radius_m),
        (0.0, -half[1] + radius_m),
    ):
        rings.append((inset, level))
    rings += [(inset, -level) for inset, level in reversed(rings)]
    stack = []
    for inset, level in rings:
        ring = []
        for number, (sx, sz) in enumerate(signs):
            turned = arc if number % 2 == 0 else arc[::-1]
            ring.append(np.array([sx, sz]) * (half[[0, 2]] - inset - radius_m + radius_m * turned))
        xz = np.concatenate(ring)
        stack.append(np.stack([xz[:, 0], np.full(len(xz), level), xz[:, 1]], -1))
    return loft(np.stack(stack) + np.asarray(centre_m), material)


def tube(
    start_m: Sequence[float],
    end_m: Sequence[float],
    radii_m: tuple[float, float],
    material: int = 0,
    sides: int = 10,
) -> Mesh:
    """A round bar with rounded ends between two points, with a radius at each."""
    start, end = np.asarray(start_m, float), np.asarray(end_m, float)
    axis = (end - start) / np.linalg.norm(end - start)
    helper = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.8 else np.array([0, 1.0, 0])
    e1 = np.cross(axis, helper)
    e1 /= np.linalg.norm(e1)
    e2 = np.cross(axis, e1)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.cos(angle)[:, None] * e1 + np.sin(angle)[:, None] * e2
    rings = []
    for back, shrink in ((1.0, 0.25), (0.75, 0.66), (0.35, 0.94), (0.0, 1.0)):
        rings.append(start - axis * back * radii_m[0] + circle * shrink * radii_m[0])
    for ahead, shrink in ((0.0, 1.0), (0.35, 0.94), (0.75, 0.66), (1.0, 0.25)):
        rings.append(end + axis * ahead * radii_m[1] + circle * shrink * radii_m[1])
    return loft(np.stack(rings), material)


def ellipsoid(centre_m: Sequence[float], radii_m: Sequence[float], material: int = 0) -> Mesh:
    """An ellipsoid along the axes."""
    polar = np.linspace(0.02, np.pi - 0.02, 12)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    rings = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(angle),
            np.broadcast_to(-np.cos(polar)[:, None], (12, 16)),
            np.sin(polar)[:, None] * np.sin(angle),
        ],
        -1,
    )
    return loft(rings * np.asarray(radii_m) + np.asarray(centre_m), material)


def wheel(centre_m: Sequence[float], radius_m: float, width_m: float, material: int = 0) -> Mesh:
    """A wheel standing upright across the road: a disc about the X axis with rounded shoulders."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    circle = np.stack([np.zeros(28), np.cos(angle), np.sin(angle)], -1)
    half = width_m / 2
    rings = [
        circle * radius_m * shrink + np.array([side, 0, 0])
        for side, shrink in (
            (-half, 0.9),
            (-half * 0.8, 0.985),
            (-half * 0.5, 1.0),
            (half * 0.5, 1.0),
            (half * 0.8, 0.985),
            (half, 0.9),
        )
    ]
    return loft(np.stack(rings) + np.asarray(centre_m), material)


def cut_fine(mesh: Mesh, longest_m: float) -> Mesh:
    """The same surface with no edge longer than that: long ones are halved until none is left.

    Two faces that share an edge halve it at the same point, so the surface stays closed.
    """
    corners = mesh.vertices_m[mesh.faces]
    normals, material = mesh.normals, mesh.material
    while True:
        sides = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=-1)
        long = np.flatnonzero(sides.max(axis=1) > longest_m)
        if not len(long):
            break
        turn = (sides[long].argmax(axis=1)[:, None] + np.arange(3)) % 3
        rows = long[:, None]
        halves = [_halved(values[rows, turn]) for values in (corners, normals)]
        rest = np.setdiff1d(np.arange(len(corners)), long)
        corners = np.concatenate([corners[rest], halves[0]])
        normals = np.concatenate([normals[rest], halves[1]])
        material = np.concatenate([material[rest], np.tile(material[long], 2)])
    normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    faces = np.arange(3 * len(corners)).reshape(-1, 3)
    return Mesh(corners.reshape(-1, 3), faces, normals, material)


def _halved(values: Floats) -> Floats:
    """Corner values (N, 3, 3) of faces cut at the middle of their first side, (2 N, 3, 3)."""
    a, b, c = values[:, 0], values[:, 1], values[:, 2]
    middle = (a + b) / 2
    return np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])
