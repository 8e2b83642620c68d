"""Motion along a lane: speed runs smoothly from level to level, distance is its exact integral."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Leg:
    """Reach a speed within a time; the change follows 3u^2 - 2u^3, so it starts and ends level."""

    duration_s: float
    speed_mps: float


@dataclass(frozen=True)
class Motion:
    """Distance over time. Before start_s the first speed holds, after the legs the last."""

    start_s: float
    start_m: float
    speed_mps: float
    legs: tuple[Leg, ...] = ()

    def distance_m(self, t_s: float) -> float:
        """Distance along the lane at a time."""
        return self._state(t_s)[0]

    def speed_at_mps(self, t_s: float) -> float:
        """Speed at a time."""
        return self._state(t_s)[1]

    def acceleration_mps2(self, t_s: float) -> float:
        """Acceleration at a time."""
        return self._state(t_s)[2]

    def time_at_s(self, distance_m: float, low_s: float, high_s: float) -> float:
        """When a distance is reached, by bisection to a nanosecond; NaN outside the bounds."""
        if not self.distance_m(low_s) <= distance_m <= self.distance_m(high_s):
            return float("nan")
        while high_s - low_s > 1e-9:
            middle_s = (low_s + high_s) / 2
            if self.distance_m(middle_s) < distance_m:
                low_s = middle_s
            else:
                high_s = middle_s
        return (low_s + high_s) / 2

    def _state(self, t_s: float) -> tuple[float, float, float]:
        time_s, position_m, speed_mps = self.start_s, self.start_m, self.speed_mps
        if t_s <= time_s:
            return position_m + (t_s - time_s) * speed_mps, speed_mps, 0.0
        for leg in self.legs:
            change_mps = leg.speed_mps - speed_mps
            u = min((t_s - time_s) / leg.duration_s, 1.0)
            if u < 1.0:
                moved_m = leg.duration_s * (speed_mps * u + change_mps * (u**3 - u**4 / 2))
                speed_now_mps = speed_mps + change_mps * (3 * u * u - 2 * u**3)
                return (
                    position_m + moved_m,
                    speed_now_mps,
                    change_mps * 6 * u * (1 - u) / leg.duration_s,
                )
            position_m += leg.duration_s * (speed_mps + leg.speed_mps) / 2
            time_s, speed_mps = time_s + leg.duration_s, leg.speed_mps
        return position_m + (t_s - time_s) * speed_mps, speed_mps, 0.0


def cruise(passes_s: float, at_m: float, speed_kmh: float) -> Motion:
    """Constant speed, passing a point at a time."""
    return Motion(passes_s, at_m, speed_kmh / 3.6)


def stop_and_go(
    stops_s: float,
    at_m: float,
    from_kmh: float,
    braking_s: float,
    goes_s: float,
    to_kmh: float,
    pull_s: float = 6.5,
) -> Motion:
    """Brake to a stand at a point, wait, and pull away."""
    speed_mps = from_kmh / 3.6
    legs = (Leg(braking_s, 0.0), Leg(goes_s - stops_s, 0.0), Leg(pull_s, to_kmh / 3.6))
    return Motion(stops_s - braking_s, at_m - speed_mps * braking_s / 2, speed_mps, legs)


def frame_times_s(duration_s: float, frames_per_second: int) -> "np.typing.NDArray[np.float64]":
    """Presentation times of the frames."""
    return np.arange(round(duration_s * frames_per_second)) / frames_per_second
