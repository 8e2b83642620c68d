"""The script of the scene: the signal's phases and every vehicle's trip."""

from dataclasses import dataclass
from functools import cache

from traffic_ai.simulate.draw import buses, cars, heavy, two_wheelers
from traffic_ai.simulate.draw.sprite import Pose
from traffic_ai.simulate.draw.vehicle import VehicleModel
from traffic_ai.simulate.layout import (
    FAR_STOP_LINE_Y_M,
    LANES,
    ROAD_END_Y_M,
    ROAD_START_Y_M,
    STOP_LINE_Y_M,
)
from traffic_ai.simulate.motion import Motion, cruise, stop_and_go

DURATION_S = 42.0
FRAMES_PER_SECOND = 25
SIGNAL_GROUP = "main"
BRAKE_LAMP_MPS2 = -0.35


@dataclass(frozen=True)
class Phase:
    """An aspect and when it begins."""

    start_s: float
    aspect: str


PHASES = (Phase(0.0, "green"), Phase(9.0, "yellow"), Phase(12.0, "red"), Phase(28.0, "green"))
RED_ONSET_S = 12.0
OVER_LINE_M = 2.4


def aspect_at(t_s: float) -> str:
    """The signal's aspect at a time."""
    return [phase for phase in PHASES if phase.start_s <= t_s + 1e-9][-1].aspect


@dataclass(frozen=True)
class Trip:
    """One vehicle's passage. Its motion is that of its front bumper, along its own heading.

    For a vehicle heading down Y the distance is -Y. `wrong_way` marks one that drives against its
    lane.
    """

    id: int
    model: VehicleModel
    lane_id: str
    offset_m: float
    motion: Motion
    wrong_way: bool = False

    @property
    def turned(self) -> bool:
        """Whether the vehicle faces down the Y axis."""
        return LANES[self.lane_id].turned != self.wrong_way

    def pose(self, t_s: float) -> Pose:
        """Where the vehicle stands at a time."""
        middle_m = self.motion.distance_m(t_s) - self.model.length_m / 2
        return Pose(
            LANES[self.lane_id].centre_x_m + self.offset_m,
            -middle_m if self.turned else middle_m,
            self.turned,
        )

    def present(self, t_s: float) -> bool:
        """Whether the vehicle is on the watched road; beyond it, it is gone."""
        return ROAD_START_Y_M < self.pose(t_s).y_m < ROAD_END_Y_M

    def braking(self, t_s: float) -> bool:
        """Whether the brake lamps are lit."""
        return (
            self.motion.acceleration_mps2(t_s) < BRAKE_LAMP_MPS2
            or self.motion.speed_at_mps(t_s) < 0.05
        )


SILVER, WHITE, BLACK = (0.42, 0.41, 0.40), (0.72, 0.72, 0.71), (0.018, 0.017, 0.017)
RED, BLUE, GREEN = (0.035, 0.03, 0.36), (0.27, 0.09, 0.025), (0.07, 0.12, 0.03)
SCARLET, DENIM = (0.04, 0.04, 0.45), (0.45, 0.18, 0.05)
ANTHRACITE, BEIGE, ORANGE = (0.07, 0.065, 0.06), (0.30, 0.38, 0.42), (0.02, 0.19, 0.62)


def present_trips(t_s: float) -> tuple[Trip, ...]:
    """Everyone on the road at a time."""
    return tuple(trip for trip in trips() if trip.present(t_s))


@cache
def trips() -> tuple[Trip, ...]:
    """Everyone who drives through the scene."""
    return (*_left_lane(), *_right_lane(), *_oncoming())


def _left_lane() -> list[Trip]:
    """Away: a speeder, traffic on green and yellow, a red-light runner, one over the line."""
    line = STOP_LINE_Y_M
    saloon_m = 4.72
    return [
        Trip(
            1,
            cars.car("saloon-black", cars.SALOON, BLACK),
            "north-1",
            0.05,
            cruise(2.0, line, 72.0),
        ),
        Trip(
            2,
            cars.car("suv-white", cars.SPORT_UTILITY, WHITE),
            "north-1",
            -0.10,
            cruise(4.5, line, 44.0),
        ),
        Trip(
            3,
            two_wheelers.motorcycle("tourer-red", RED, DENIM, WHITE, True),
            "north-1",
            0.2,
            cruise(6.9, line, 42.0),
        ),
        Trip(
            4,
            cars.car("hatchback-blue", cars.HATCHBACK, BLUE),
            "north-1",
            -0.05,
            cruise(10.6, line, 45.0),
        ),
        Trip(
            5,
            two_wheelers.motorcycle("roadster-black", BLACK, SCARLET, WHITE),
            "north-1",
            0.25,
            cruise(15.2, line, 42.0),
        ),
        Trip(
            6,
            cars.car("saloon-silver", cars.SALOON, SILVER),
            "north-1",
            0.0,
            stop_and_go(19.6, line + OVER_LINE_M, 43.0, 5.0, 28.9, 42.0),
        ),
        Trip(
            7,
            two_wheelers.motorcycle("roadster-white", WHITE, SCARLET, BLACK),
            "north-1",
            -0.15,
            stop_and_go(21.6, line + OVER_LINE_M - saloon_m - 2.0, 40.0, 5.0, 30.0, 42.0),
        ),
    ]


def _right_lane() -> list[Trip]:
    """Away: traffic on green with a bus, a red-light runner, a queue, a truck."""
    line = STOP_LINE_Y_M
    return [
        Trip(
            8,
            cars.car("hatchback-red", cars.HATCHBACK, RED),
            "north-2",
            0.0,
            cruise(0.8, line, 40.0),
        ),
        Trip(9, heavy.van("van-white", WHITE), "north-2", 0.05, cruise(3.7, line, 38.0)),
        Trip(
            10,
            buses.bus("city-bus", WHITE, (0.30, 0.12, 0.04)),
            "north-2",
            0.1,
            cruise(7.3, line, 36.0),
        ),
        Trip(
            11,
            cars.car("estate-green", cars.ESTATE, GREEN),
            "north-2",
            -0.05,
            cruise(12.9, line, 44.0),
        ),
        Trip(
            12,
            cars.car("suv-anthracite", cars.SPORT_UTILITY, ANTHRACITE),
            "north-2",
            0.0,
            stop_and_go(17.2, line - 0.4, 40.0, 4.6, 28.7, 41.0),
        ),
        Trip(
            13,
            cars.car("hatchback-white", cars.HATCHBACK, WHITE),
            "north-2",
            0.1,
            stop_and_go(19.8, line - 0.4 - 4.48 - 2.5, 40.0, 5.0, 30.1, 40.0),
        ),
        Trip(
            14,
            heavy.truck("box-truck", BLUE, (0.70, 0.70, 0.69)),
            "north-2",
            0.0,
            cruise(37.6, line, 38.0),
        ),
    ]


def _oncoming() -> list[Trip]:
    """Toward the camera: a truck, a speeder, two who wait; and the wrong-way driver."""
    line = -FAR_STOP_LINE_Y_M
    return [
        Trip(
            15,
            heavy.truck("box-truck-orange", ORANGE, (0.62, 0.62, 0.60)),
            "south-1",
            0.0,
            cruise(3.2, line, 40.0),
        ),
        Trip(
            16,
            cars.car("estate-silver", cars.ESTATE, SILVER),
            "south-2",
            0.05,
            cruise(5.9, line, 86.0),
        ),
        Trip(
            17,
            cars.car("hatchback-beige", cars.HATCHBACK, BEIGE),
            "south-1",
            0.0,
            stop_and_go(17.5, line - 0.6, 42.0, 5.0, 29.0, 40.0),
        ),
        Trip(
            18,
            two_wheelers.motorcycle("tourer-black", BLACK, DENIM, BLACK),
            "south-1",
            0.1,
            stop_and_go(20.0, line - 0.6 - 4.2 - 2.2, 40.0, 5.0, 30.2, 40.0),
        ),
        Trip(
            19,
            cars.car("saloon-red", cars.SALOON, RED),
            "south-2",
            0.0,
            cruise(31.0, 20.0, 38.0),
            wrong_way=True,
        ),
    ]
