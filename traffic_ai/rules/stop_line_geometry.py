"""A stop line with its lanes, in the picture and on the road plane: what of a vehicle is where."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.road_user import SIZES
from traffic_ai.core.scene import Lane, Scene, StopLine
from traffic_ai.core.track import Track
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules.box_size import whole
from traffic_ai.rules.lanes import lane_of_points
from traffic_ai.rules.length_range import length_range_m
from traffic_ai.rules.seen_end import UNKNOWN
from traffic_ai.rules.upper_edge import edge_sigma_px

# A bumper's lower edge stands at most this high above the road.
BUMPER_HEIGHT_M = 0.35
# Direction of travel steeper than this against the picture's rows shows front or rear.
END_ON_SINE = 0.35
# So far beside the line the road plane is used outside the calibrated area too, where its scale is
# less sure: noise counts so much more.
OUTSIDE_M, OUTSIDE_NOISE = 15.0, 1.5


def seen_end(line: DirectedLine) -> VehicleEnd:
    """Which end of a vehicle stands at the bottom of its box when it crosses the line."""
    rows = float(line.forward[1])
    if rows <= -END_ON_SINE:
        return VehicleEnd.REAR
    return VehicleEnd.FRONT if rows >= END_ON_SINE else VehicleEnd.SIDE


class StopLineGeometry:
    """A stop line with its lanes, in the image and, where it is calibrated, on the road plane."""

    def __init__(self, line: StopLine, scene: Scene) -> None:
        self.stop_line = line
        self.lanes = tuple(scene.lane(lane_id) for lane_id in line.lane_ids)
        self.scene = scene
        self.end = seen_end(line.line)
        self.ground_line: DirectedLine | None = None
        if scene.homography is not None:
            ends_m = scene.homography.to_ground(np.array([line.line.a, line.line.b]))
            middle_px = (line.line.a + line.line.b) / 2.0
            ahead_m = scene.homography.to_ground(
                np.array([middle_px, middle_px + 4.0 * line.line.forward])
            )
            if not (np.isnan(ends_m).any() or np.isnan(ahead_m).any()):
                self.ground_line = DirectedLine.towards(
                    ends_m[0], ends_m[1], ahead_m[1] - ahead_m[0]
                )

    def lane_of(self, track: Track) -> Lane | None:
        """The lane a track came from, None if it came from none of the line's."""
        before = self.seen_distance_px(track.xyxy_px) < 0.0
        return lane_of_points(self.lanes, track.anchor_px[before & track.observed])

    def within_ends(self, points_px: Array, slack: float = 0.05) -> NDArray[np.bool_]:
        """Which image points (N, 2) lie between the line's ends, seen along the line."""
        along = self.stop_line.line.position_along(points_px)
        return np.asarray((along > -slack) & (along < 1.0 + slack))

    def seen_distance_px(self, xyxy_px: Array) -> Array:
        """Signed distance (N,) of the end that is seen from the line, positive beyond."""
        if self.end is VehicleEnd.SIDE:
            return self._corner_distance(xyxy_px, rows=(3,))
        anchors = np.column_stack([(xyxy_px[:, 0] + xyxy_px[:, 2]) / 2.0, xyxy_px[:, 3]])
        return self.stop_line.line.distance(anchors)

    def foremost_distance_px(self, xyxy_px: Array) -> Array:
        """Signed distance (N,) of the box corner that is farthest ahead."""
        return self._corner_distance(xyxy_px, rows=(1, 3))

    def seen_distance_m(self, track: Track) -> Array:
        """Signed distance (N,) of the track's ground points; NaN where they are not known."""
        if self.ground_line is None:
            return np.full(len(track), np.nan)
        return self.ground_line.distance(track.ground_m)

    def places_m(self, track: Track) -> tuple[Array, Array]:
        """The same and its noise (N,), also a little outside the calibrated area."""
        if self.ground_line is None or self.scene.homography is None:
            return np.full(len(track), np.nan), np.zeros(len(track))
        normal = self.ground_line.forward
        place_m = self.ground_line.distance(track.ground_m)
        sigma_m = np.sqrt(np.einsum("i,nij,j->n", normal, track.ground_cov_m2, normal))
        outside = np.flatnonzero(np.isnan(place_m))
        if len(outside):
            ground_m, jacobian = self.scene.homography.linearised(track.anchor_px[outside])
            there_m = self.ground_line.distance(ground_m)
            near = np.abs(there_m) <= OUTSIDE_M
            noise_px = OUTSIDE_NOISE * edge_sigma_px(track.xyxy_px[outside])
            along = np.linalg.norm(np.einsum("i,nij->nj", normal, jacobian), axis=1)
            place_m[outside] = np.where(near, there_m, np.nan)
            sigma_m[outside] = along * noise_px
        return place_m, np.asarray(sigma_m)

    def is_beyond(self, anchors_px: Array, ground_m: Array, at_least_m: float) -> NDArray[np.bool_]:
        """Which points (N, 2) lie past the second line, or so far beyond this one where it has
        none; outside the calibrated area farther by as much as it is less sure.
        """
        if self.stop_line.beyond is not None:
            return np.asarray(self.stop_line.beyond.distance(anchors_px) > 0.0)
        if self.ground_line is None or self.scene.homography is None:
            return np.zeros(len(anchors_px), bool)
        beyond_m = self.ground_line.distance(ground_m)
        there_m = self.ground_line.distance(self.scene.homography.to_ground(anchors_px))
        near = (there_m >= OUTSIDE_NOISE * at_least_m) & (there_m <= OUTSIDE_M)
        return np.asarray((beyond_m >= at_least_m) | (np.isnan(beyond_m) & near))

    def moved_px(self, track: Track, at: NDArray[np.int64], by_m: Array) -> Array:
        """How far in the picture (M,) the seen end at some points is from a place so far on."""
        if self.ground_line is None or self.scene.homography is None:
            return np.where(by_m == 0.0, 0.0, UNKNOWN)
        anchors_px = track.anchor_px[at]
        ground_m = self.scene.homography.to_ground(anchors_px)
        there_px = self.scene.homography.to_image(
            ground_m + by_m[:, None] * self.ground_line.forward
        )
        moved_px = np.abs(
            self.stop_line.line.distance(there_px) - self.stop_line.line.distance(anchors_px)
        )
        moved_px[np.isnan(moved_px) | (np.abs(by_m) >= UNKNOWN)] = UNKNOWN
        return np.where(by_m == 0.0, 0.0, moved_px)

    def hidden_length_m(self, track: Track, seen: NDArray[np.int64]) -> tuple[float, float]:
        """Least and greatest way from the seen end to the front, from the points at `seen`."""
        if self.end is not VehicleEnd.REAR:
            return 0.0, 0.0
        if self.ground_line is None or self.scene.homography is None:
            size = SIZES[track.road_user]
            return size.shortest_m, size.longest_m
        seen = seen[~np.isnan(track.ground_m[seen, 0])]
        return length_range_m(track, seen, self.ground_line.forward, self.scene.homography)

    def beyond_m(self, otherwise_m: float) -> float | None:
        """How far the second line is beyond this one on the road, `otherwise_m` if there is none;
        None where it is not known.
        """
        if self.ground_line is None or self.scene.homography is None:
            return None
        beyond = self.stop_line.beyond
        if beyond is None:
            return otherwise_m
        ends_m = self.scene.homography.to_ground(np.array([beyond.a, beyond.b]))
        if np.isnan(ends_m).any():
            return None
        return float(self.ground_line.distance(ends_m).max())

    def bumper_allowance_m(self) -> float:
        """How much nearer than it looks a raised front bumper is."""
        return self.raised_allowance_m(BUMPER_HEIGHT_M)

    def raised_allowance_m(self, raised_m: float) -> float:
        """How much nearer than it looks an edge above the road is: h / (H - h) of its distance."""
        homography = self.scene.homography
        if homography is None or self.ground_line is None:
            return 0.0
        height_m, foot_m = homography.camera_height_m, homography.camera_ground_m
        if height_m is None or foot_m is None:
            return 0.5
        middle_m = (self.ground_line.a + self.ground_line.b) / 2.0
        distance_m = float(np.linalg.norm(middle_m - foot_m))
        return raised_m / max(height_m - raised_m, 1.0) * distance_m

    def _corner_distance(self, xyxy_px: Array, rows: tuple[int, ...]) -> Array:
        corners = [
            self.stop_line.line.distance(np.column_stack([xyxy_px[:, column], xyxy_px[:, row]]))
            for column in (0, 2)
            for row in rows
        ]
        return np.asarray(np.max(corners, axis=0))


def whole_boxes(
    boxes: Array, homography: Homography | None, t_s: Array | None = None
) -> NDArray[np.bool_]:
    """Which boxes (n, 4) nothing has cut short, (n,); with times by lower edges, as `whole`."""
    if homography is None:
        return whole(boxes, np.ones(len(boxes)), t_s)
    middles = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]])
    return whole(boxes, homography.m_per_px_across(middles), t_s)
