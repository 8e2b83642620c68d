"""Whether a vehicle is in a lane as a whole, or could as well be beside it in one of its direction.

Used by the wrong-way rule. A lane holds the middle of a box's lower edge, and that is not the
middle of the vehicle: it is its side towards the camera. One that keeps close to the middle of the
road, or is seen from the side, has that point in the lane of the oncoming.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.core.scene import Scene
from traffic_ai.rules.lanes import LaneMap

# Cosine of the angle between two lanes' directions from which they lead opposite ways.
_OPPOSITE = -0.5


class LaneRoom:
    """Asks of the vehicles that drive against a lane how much of them is in it."""

    def __init__(self, scene: Scene, lanes: LaneMap) -> None:
        self._scene, self._lanes = scene, lanes

    def is_clear(
        self, lane_id: str, road_user: RoadUser, anchors_px: Array, ground_m: Array
    ) -> NDArray[np.bool_]:
        """Where (N,) a vehicle of this class, its anchors (N, 2) on the road plane, has its middle
        and both its sides outside every lane that leads against this one.

        Its middle is farther from the camera than its anchor, by half its width at the least.
        """
        homography = self._scene.homography
        assert homography is not None
        half_m = SIZES[road_user].width_m / 2.0
        away = -homography.jacobian(anchors_px)[:, :, 1]
        away /= np.linalg.norm(away, axis=1)[:, None]
        along = self._lanes.axes[lane_id].directions(ground_m)
        across = np.column_stack([-along[:, 1], along[:, 0]])
        middle = ground_m + half_m * away
        clear = np.ones(len(ground_m), bool)
        for side in (-half_m, 0.0, half_m):
            points_m = middle + side * across
            holds = self._lanes.holds(homography.to_image(points_m))
            for position, axis in enumerate(self._lanes.axes.values()):
                if axis.in_metres and holds[:, position].any():
                    against = (axis.directions(points_m) * along).sum(axis=1) < _OPPOSITE
                    clear &= ~(holds[:, position] & against)
        return clear
