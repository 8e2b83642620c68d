"""Lofted vehicle bodies: cross-sections drawn along a side profile and skinned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.draw.mesh import Mesh, loft


@dataclass(frozen=True)
class BodyShape:
    """The lines a body is lofted from, metres in the vehicle frame.

    roof is the side view's upper contour as (y, z) from rear to front; belt the height at which the
    windows begin; tumblehome the metres each side leans inward a metre above the belt; nose and
    tail the share of the half width lost at the ends (corners rounded seen from above).
    """

    roof_m: Sequence[tuple[float, float]]
    width_m: float
    floor_m: float
    belt_m: float
    tumblehome: float
    roof_radius_m: float = 0.12
    nose: float = 0.16
    tail: float = 0.12
    end_floor_m: float = 0.1
    crown_m: float = 0.035


def loft_body(shape: BodyShape, material: int = 0) -> Mesh:
    """Skin a body shape."""
    y_m, roof_m = _profile(shape.roof_m)
    span = (y_m - y_m[0]) / (y_m[-1] - y_m[0])
    ends = np.where(span > 0.5, shape.nose, shape.tail) * np.abs(2 * span - 1) ** 9
    half_m = shape.width_m / 2 * (1 - ends)
    floor_m = shape.floor_m + shape.end_floor_m * np.abs(2 * span - 1) ** 8
    rings = [
        _ring(y, w, f, max(h, f + 0.06), shape)
        for y, w, f, h in zip(y_m, half_m, floor_m, roof_m, strict=True)
    ]
    return loft(np.stack(rings), material)


def _profile(points_m: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """The contour sampled evenly along its length, its corners softened."""
    corners = np.asarray(points_m, float)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    fine = np.arange(0, length[-1], 0.02)
    y, z = (np.interp(fine, length, corners[:, i]) for i in range(2))
    kernel = np.hanning(9)[1:-1]
    kernel /= kernel.sum()
    y, z = (
        np.convolve(np.pad(line, 3, mode="reflect", reflect_type="odd"), kernel, "valid")
        for line in (y, z)
    )
    pick = np.linspace(0, len(fine) - 1, 64).astype(int)
    return np.maximum.accumulate(y[pick] + np.arange(64) * 1e-7), z[pick]


def _ring(y_m: float, half_m: float, floor_m: float, roof_m: float, shape: BodyShape) -> Floats:
    """One closed cross-section (K, 3): floor, flank, shoulder, window, rounded roof edge, roof."""
    belt = min(shape.belt_m, roof_m - 0.03)
    low = np.array([(0, 0), (0.6, 0), (0.90, 0), (0.965, 0.05), (0.99, 0.12)])
    flank = np.array([(1.0, 0.35), (1.0, 0.65), (0.995, 0.85), (0.985, 0.95), (0.965, 1.0)])
    lift = min(1.0, (belt - floor_m) / 0.3)
    lower = np.stack([low[:, 0] * half_m, floor_m + low[:, 1] * lift], -1)
    start = lower[-1, 1]
    middle = np.stack([flank[:, 0] * half_m, start + flank[:, 1] * (belt - start)], -1)
    foot = 0.955 * half_m
    radius = min(shape.roof_radius_m, 0.9 * (roof_m - belt))
    edge_z = roof_m - radius
    rise = np.array([0.06, 0.35, 0.65, 1.0])
    window_z = belt + rise * (edge_z - belt)
    window = np.stack([foot - shape.tumblehome * (window_z - belt), window_z], -1)
    lean = window[-1, 0]
    bend = np.radians([18, 36, 54, 72, 90])
    edge = np.stack([lean - radius * 1.3 * (1 - np.cos(bend)), edge_z + radius * np.sin(bend)], -1)
    inner = edge[-1, 0]
    roof = np.stack(
        [inner * np.array([0.7, 0.4, 0.0]), roof_m + shape.crown_m * np.array([0.5, 0.84, 1.0])], -1
    )
    half = np.concatenate([lower, middle, window, edge, roof])
    other = half[1:-1][::-1] * np.array([-1, 1])
    xz = np.concatenate([half, other])
    return np.stack([xz[:, 0], np.full(len(xz), y_m), xz[:, 1]], -1)
