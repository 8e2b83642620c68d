"""Written motion: speed runs smoothly from level to level, distance is its exact integral."""

from dataclasses import dataclass


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

    def _state(self, t_s: float) -> tuple[float, float]:
        time_s, position_m, speed_mps = self.start_s, self.start_m, self.speed_mps
        if t_s <= time_s:
            return position_m + (t_s - time_s) * speed_mps, speed_mps
        for leg in self.legs:
            change_mps = leg.speed_mps - speed_mps
            u = min((t_s - time_s) / leg.duration_s, 1.0)
            if u < 1.0:
                moved_m = leg.duration_s * (speed_mps * u + change_mps * (u**3 - u**4 / 2))
                speed_now_mps = speed_mps + change_mps * (3 * u * u - 2 * u**3)
                return position_m + moved_m, speed_now_mps
            position_m += leg.duration_s * (speed_mps + leg.speed_mps) / 2
            time_s, speed_mps = time_s + leg.duration_s, leg.speed_mps
        return position_m + (t_s - time_s) * speed_mps, speed_mps
