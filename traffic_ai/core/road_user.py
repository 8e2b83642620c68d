"""Road-user classes and what may be assumed of their size."""

from dataclasses import dataclass
from enum import IntEnum


class RoadUser(IntEnum):
    """Classes the detector is asked for; the numbers are the project's own and never change."""

    PERSON = 0
    BICYCLE = 1
    CAR = 2
    MOTORCYCLE = 3
    BUS = 4
    TRUCK = 5

    @property
    def label(self) -> str:
        """Lower-case name as used in site files and records."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> "RoadUser":
        """The class of that name; raises KeyError for an unknown one."""
        return cls[label.upper()]


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Plausible overall length and the width of a class, metres."""

    shortest_m: float
    typical_m: float
    longest_m: float
    width_m: float


# Passenger cars run from 3.4 m (city cars) to 5.3 m (large saloons, pick-ups); rigid trucks and
# vans labelled "truck" from 4.8 m; articulated vehicles and buses reach 18.75 m (Directive
# 96/53/EC). These bound where the unseen end of a vehicle can be, they do not measure it.
SIZES: dict[RoadUser, SizeRange] = {
    RoadUser.PERSON: SizeRange(0.3, 0.5, 0.8, 0.5),
    RoadUser.BICYCLE: SizeRange(1.5, 1.8, 2.2, 0.6),
    RoadUser.CAR: SizeRange(3.4, 4.4, 5.3, 1.8),
    RoadUser.MOTORCYCLE: SizeRange(1.6, 2.0, 2.5, 0.7),
    RoadUser.BUS: SizeRange(6.0, 11.5, 18.75, 2.5),
    RoadUser.TRUCK: SizeRange(4.8, 8.0, 18.75, 2.4),
}

VEHICLES = frozenset(RoadUser) - {RoadUser.PERSON}
MOTOR_VEHICLES = frozenset({RoadUser.CAR, RoadUser.MOTORCYCLE, RoadUser.BUS, RoadUser.TRUCK})
