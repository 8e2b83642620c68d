"""The junction on the map: lanes, lines and kerbs, in metres on the road plane.

The watched approach runs away from the camera (heading 0 deg, along Y), its opposite toward it
(heading 180 deg). Traffic keeps to the right.
"""

from dataclasses import dataclass

from traffic_ai.simulate.camera import Camera

CAMERA = Camera(
    (-1.0, 0.0, 7.5), yaw_deg=3.0, pitch_deg=14.0, focal_px=1050.0, width_px=1280, height_px=720
)

ROAD_HALF_M = 7.0
STOP_LINE_Y_M = 25.0
STOP_LINE_DEPTH_M = 0.5
FAR_STOP_LINE_Y_M = 49.5
BEYOND_LINE_Y_M = 31.0
CROSSWALKS_Y_M = ((26.6, 29.4), (45.1, 47.9))
CROSS_ROAD_Y_M = (30.6, 43.9)
KERB_RADIUS_M = 5.0
SPEED_LIMIT_KMH = 50.0
LANE_NEAR_Y_M = 12.2
LANE_FAR_Y_M = 75.0
ROAD_START_Y_M = -12.0
ROAD_END_Y_M = 270.0


@dataclass(frozen=True)
class LaneStrip:
    """A straight lane across the whole picture; turned lanes run toward the camera."""

    id: str
    left_x_m: float
    right_x_m: float
    turned: bool

    @property
    def centre_x_m(self) -> float:
        """The middle line's X."""
        return (self.left_x_m + self.right_x_m) / 2


LANES = {
    lane.id: lane
    for lane in (
        LaneStrip("north-1", 0.25, 3.55, False),
        LaneStrip("north-2", 3.55, 6.85, False),
        LaneStrip("south-1", -3.55, -0.25, True),
        LaneStrip("south-2", -6.85, -3.55, True),
    )
}
STOP_LINE_LANES = ("north-1", "north-2")
