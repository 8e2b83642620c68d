"""Where a vehicle's hidden front can be at most, from the upper edge of its box.

Used by `passage.py` for vehicles seen from behind. A point at height z above the road is seen
where a point of the road lies that is H / (H - z) times as far from the camera's foot, H being the
camera's height. Distances here are along the direction of travel.

- The front, at least `_LEAST_FRONT_M` high, is below the upper edge u: it is no farther from the
  foot than (1 - z / H) u.
- The edge belongs to the vehicle's highest part, at a fixed place on it: while the rear v moves
  away, u = k v + constant, with k = H / (H - z) of that part. So the part itself is at u / k, and
  the front no more than an overhang ahead of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track

# Noise of a box's edges: 1.2-1.5 px SD on drawn vehicles, more on large boxes.
EDGE_SIGMA_PX = 1.0
EDGE_SIGMA_SHARE = 0.02
BORDER_PX = 2.0

# The front ends of vehicles are at least this high: bonnets of sports cars, headlamps of
# motorcycles, bonnets of vans (called cars, trucks or buses).
_LEAST_FRONT_M = {
    RoadUser.CAR: 0.55,
    RoadUser.TRUCK: 0.9,
    RoadUser.BUS: 0.9,
    RoadUser.MOTORCYCLE: 0.6,
    RoadUser.BICYCLE: 0.6,
}
# How far the front is ahead of the highest part at most: a bonnet and a windscreen; the tractor of
# a trailer that is higher than it.
_OVERHANG_M = {
    RoadUser.CAR: 2.4,
    RoadUser.TRUCK: 3.2,
    RoadUser.BUS: 3.2,
    RoadUser.MOTORCYCLE: 1.3,
    RoadUser.BICYCLE: 1.3,
}
# What is really a car is no higher, and its roof ends no farther ahead of its rear.
_CAR_HEIGHT_M, _CAR_ROOF_M = 2.1, 4.0
# What the slope k is measured over, at the least, and its doubt: boxes are a little larger than
# what they hold, by a share of their size.
_LEAST_POINTS, _LEAST_WAY_M = 8, 5.0
_SLOPE_SHARE = 0.05
_SLOPE_SIGMAS = 2.0
_SIGMAS = 3.0
# Edges wander over this way in the picture.
WANDER_PX = 30.0
# Only who drives straight over the line: greatest sine between travel and the line's normal.
_STRAIGHT = 0.2
_FAR_M = 1e6
# No vehicle is higher (Directive 96/53/EC), and the camera must look down on it by this much.
_HIGHEST_M, _LEAST_ABOVE_M = 4.0, 1.0


def edge_sigma_px(xyxy_px: Array) -> Array:
    """Noise (N,) of the edges of boxes (N, 4)."""
    return np.asarray(EDGE_SIGMA_PX + EDGE_SIGMA_SHARE * (xyxy_px[:, 3] - xyxy_px[:, 1]))


@dataclass(frozen=True, slots=True)
class UpperEdge:
    """The upper edge of a track's boxes against a line on the road, at N moments.

    beyond_m (N,): signed distance from the line of the road point seen at its farther corner, and
    sigma_m (N,) its noise. foot_m: that of the camera's foot. against_rear: how it goes with the
    rear, None where that was not seen for long enough.
    """

    t_s: Array
    beyond_m: Array
    sigma_m: Array
    foot_m: float
    camera_height_m: float
    road_user: RoadUser
    against_rear: "_AgainstRear | None"

    @classmethod
    def of(
        cls,
        track: Track,
        whole: NDArray[np.int64],
        homography: Homography | None,
        line: DirectedLine,
    ) -> "UpperEdge | None":
        """None where the camera's place is not known or the edge was not seen.

        whole: positions of the track's points that show its whole box.
        """
        if homography is None:
            return None
        height_m, foot = homography.camera_height_m, homography.camera_ground_m
        # Amid good boxes a covered one may be of a part, which has an upper edge of its own.
        first_s = track.t_s[whole[0]] if len(whole) else np.inf
        seen = track.grounded | (track.observed & (track.t_s < first_s))
        seen &= track.xyxy_px[:, 1] > BORDER_PX
        if height_m is None or foot is None or seen.sum() < 2:
            return None
        boxes = track.xyxy_px[seen]
        sigma_px = edge_sigma_px(boxes)
        left, left_sigma = _distance(homography, line, boxes[:, :2], sigma_px)
        right, right_sigma = _distance(homography, line, boxes[:, [2, 1]], sigma_px)
        foot_m = float(line.distance(foot))
        farther = right > left
        return cls(
            track.t_s[seen],
            np.where(farther, right, left),
            np.where(farther, right_sigma, left_sigma),
            foot_m,
            height_m,
            track.road_user,
            _AgainstRear.of(track, whole, homography, line, foot_m),
        )

    def front_bounds(self) -> Iterator[tuple[Array, Array, Array]]:
        """Times, the front's distance from the line at most, and its margin, by each bound."""
        least_m = _LEAST_FRONT_M.get(self.road_user, 0.0)
        yield self._bound(max(1.0 - least_m / self.camera_height_m, 0.1), 0.0)
        slope = self.against_rear.slope() if self.against_rear is not None else None
        if slope is not None:
            lowest = slope[0] * (1.0 - _SLOPE_SHARE) - _SLOPE_SIGMAS * slope[1]
            if lowest > 1.0:
                yield self._bound(1.0 / lowest, _OVERHANG_M.get(self.road_user, 3.2))

    def least_way(self) -> tuple[Array, Array, Array] | None:
        """Times (M,), places that move no faster than the vehicle does, and their noise; None for a
        camera that is no higher than vehicles.
        """
        above_m = self.camera_height_m - _HIGHEST_M
        near = self.beyond_m < _FAR_M
        if above_m < _LEAST_ABOVE_M or near.sum() < 2:
            return None
        share = above_m / self.camera_height_m
        return self.t_s[near], share * self.beyond_m[near], share * self.sigma_m[near]

    def may_be(self, road_user: RoadUser) -> bool:
        """Whether a vehicle called a car is no larger than one."""
        if road_user is not RoadUser.CAR or self.against_rear is None:
            return True
        return self.against_rear.within(_CAR_ROOF_M, _CAR_HEIGHT_M, self.camera_height_m)

    def _bound(self, share: float, ahead_m: float) -> tuple[Array, Array, Array]:
        place_m = self.foot_m + (self.beyond_m - self.foot_m) * share + ahead_m
        return self.t_s, place_m, _SIGMAS * share * self.sigma_m


def _distance(
    homography: Homography, line: DirectedLine, points_px: Array, sigma_px: Array
) -> tuple[Array, Array]:
    """Signed distances (N,) of the road points seen at image points (N, 2), and their noise; far
    beyond where there is no road.
    """
    ground_m, jacobian = homography.linearised(points_px)
    known = ~np.isnan(ground_m[:, 0])
    distance = np.where(known, line.distance(ground_m), _FAR_M)
    across = np.einsum("i,nij->nj", line.forward, jacobian)
    return distance, np.where(known, np.linalg.norm(across, axis=1) * sigma_px, 0.0)


@dataclass(frozen=True, slots=True)
class _AgainstRear:
    """Upper edge u and rear v, from the camera's foot, at M moments; sigma_m (M,): noise of u.

    independent: how many of the errors are.
    """

    u: Array
    v: Array
    sigma_m: Array
    independent: float

    @classmethod
    def of(
        cls,
        track: Track,
        whole: NDArray[np.int64],
        homography: Homography,
        line: DirectedLine,
        foot_m: float,
    ) -> "_AgainstRear | None":
        whole = whole[track.xyxy_px[whole, 1] > BORDER_PX]
        if len(whole) < _LEAST_POINTS:
            return None
        boxes, ground_m = track.xyxy_px[whole], track.ground_m[whole]
        middle_px = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 1]])
        u, sigma_m = _distance(homography, line, middle_px, edge_sigma_px(boxes))
        v = line.distance(ground_m)
        near = u < _FAR_M
        if near.sum() < _LEAST_POINTS or np.ptp(v[near]) < _LEAST_WAY_M:
            return None
        if not _is_straight(ground_m[near], line):
            return None
        independent = 1.0 + float(np.ptp(boxes[near, 3])) / WANDER_PX
        return cls(u[near] - foot_m, v[near] - foot_m, sigma_m[near], independent)

    def within(self, ahead_m: float, height_m: float, camera_height_m: float) -> bool:
        """Whether the highest part is no farther ahead of the rear and no higher."""
        farthest = (self.v + ahead_m) * camera_height_m / max(camera_height_m - height_m, 0.5)
        return bool(np.median((self.u - farthest) / self.sigma_m) <= 0.0)

    def slope(self) -> tuple[float, float] | None:
        """How fast the upper edge moves away against the rear, k, and its uncertainty."""
        weight = 1.0 / self.sigma_m**2
        mean_u, mean_v = (np.average(x, weights=weight) for x in (self.u, self.v))
        spread = float(weight @ (self.v - mean_v) ** 2)
        if spread <= 0.0:
            return None
        k = float(weight @ ((self.v - mean_v) * (self.u - mean_u))) / spread
        miss2 = float(np.mean((self.u - mean_u - k * (self.v - mean_v)) ** 2 * weight))
        alike = max(len(self.u) / self.independent, 1.0)
        return k, float(np.sqrt(max(miss2, 1.0) * alike / spread))


def _is_straight(ground_m: Array, line: DirectedLine) -> bool:
    """Whether points (N, 2) lie on a way nearly square to the line."""
    way = ground_m[-1] - ground_m[0]
    across = abs(float(way @ (line.b - line.a))) / float(np.linalg.norm(line.b - line.a))
    return across <= _STRAIGHT * float(np.linalg.norm(way))
