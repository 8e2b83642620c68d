"""Lane changes of lawful drivers: the MOBIL rule.

A. Kesting, M. Treiber, D. Helbing, "General lane-changing model MOBIL for car-following models",
Transportation Research Record 1999, 86 (2007): a change must be safe for the new follower and
bring more than it costs.
"""

from collections.abc import Iterable

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.traffic import idm
from traffic_ai.simulate.traffic.fleet import Fleet
from traffic_ai.simulate.traffic.layout import Layout, Turn

_SAFE_MPS2, _GAIN_MPS2, _POLITENESS = 2.0, 0.3, 0.3
_DURATION_S, _LEAST_M = 4.0, 18.0
_REST_M = 60.0
_BEFORE_LINE_M = 45.0
_LEAST_SPEED_MPS = 5.0
_LEAST_GAP_M = 3.0


class LaneChanger:
    """Lets drivers change to a lane beside theirs."""

    def __init__(self, layout: Layout) -> None:
        self._lanes = layout.lanes

    def change(self, fleet: Fleet, along_m: Floats, right_m: Floats, acceleration: Floats) -> None:
        """Begin the changes that pay."""
        for i, driver in enumerate(fleet.drivers):
            place_m = float(fleet.place_m[i])
            near_line = 0 < fleet.line_m[i] - place_m < _BEFORE_LINE_M
            if (
                not driver.is_lawful
                or driver.way.turn is not Turn.THROUGH
                or fleet.speed_mps[i] < _LEAST_SPEED_MPS
                or near_line
                or (driver.shifts and driver.shifts[-1][1] + _REST_M > place_m)
            ):
                continue
            for side_m in self._sides_m(driver.lane.id, float(fleet.final_right_m[i])):
                if self._pays(fleet, i, side_m, along_m[i], right_m[i], float(acceleration[i])):
                    length_m = max(_DURATION_S * float(fleet.speed_mps[i]), _LEAST_M)
                    driver.shifts.append((place_m, place_m + length_m, side_m))
                    break

    def _sides_m(self, lane_id: str, right_m: float) -> Iterable[float]:
        """How far to the right the lanes beside the present one are."""
        lane = self._lanes[lane_id]
        while True:  # a driver may have moved on from its first lane
            step = round(right_m / lane.width_m)
            onward = [m for m in lane.neighbours.items() if step and m[1] * step > 0]
            if not onward:
                return tuple(lane.neighbours.values())
            lane = self._lanes[onward[0][0]]
            right_m -= onward[0][1]

    def _pays(
        self,
        fleet: Fleet,
        i: int,
        side_m: float,
        along_m: Floats,
        right_m: Floats,
        own_mps2: float,
    ) -> bool:
        temper, speed = fleet.temper, fleet.speed_mps
        target_m = fleet.final_right_m[i] + side_m
        there = np.abs(right_m - target_m) < fleet.half_width_m[i] + fleet.half_width_m + 0.5
        moving_there = np.abs(right_m + fleet.final_right_m - fleet.right_m - target_m) < 1.5
        there |= moving_there
        there[i] = False
        ahead_m = along_m - fleet.place_m[i]
        gaps_m = np.abs(ahead_m) - fleet.half_length_m - fleet.half_length_m[i]
        if (gaps_m[there] < _LEAST_GAP_M).any():
            return False
        new_mps2 = float(idm.free_mps2(speed, fleet.wanted_mps, temper)[i])
        before, behind = there & (ahead_m > 0), there & (ahead_m <= 0)
        if before.any():
            j = int(np.flatnonzero(before)[np.argmin(gaps_m[before])])
            new_mps2 += self._held_mps2(fleet, i, j, float(gaps_m[j]))
        if new_mps2 < -_SAFE_MPS2:
            return False
        loss_mps2 = 0.0
        if behind.any():
            j = int(np.flatnonzero(behind)[np.argmin(gaps_m[behind])])
            held = self._held_mps2(fleet, j, i, float(gaps_m[j]))
            if held < -_SAFE_MPS2:
                return False
            loss_mps2 = -held
        return new_mps2 - own_mps2 > _GAIN_MPS2 + _POLITENESS * loss_mps2

    def _held_mps2(self, fleet: Fleet, follower: int, leader: int, gap_m: float) -> float:
        """What a leader takes off a follower's acceleration."""
        one = idm.Temper(
            *(
                values[[follower]]
                for values in (
                    fleet.temper.headway_s,
                    fleet.temper.standstill_m,
                    fleet.temper.pull_mps2,
                    fleet.temper.braking_mps2,
                )
            )
        )
        speed = fleet.speed_mps[[follower]]
        closing = speed - fleet.speed_mps[[leader]]
        return float(idm.interaction_mps2(speed, np.array([gap_m]), closing, one)[0])
