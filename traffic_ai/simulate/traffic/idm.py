"""Car following: the Intelligent Driver Model.

M. Treiber, A. Hennecke, D. Helbing, "Congested traffic states in empirical observations and
microscopic simulations", Physical Review E 62, 1805 (2000), equations (3) and (4).
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats

ACCELERATION_EXPONENT = 4.0
# No driver brakes harder, and none brakes harder than this only because it is too fast.
HARDEST_BRAKING_MPS2 = 8.0
EASING_MPS2 = 3.0
_LEAST_GAP_M = 0.05


@dataclass(frozen=True, slots=True)
class Temper:
    """A driver's parameters, or arrays of them.

    headway_s: time gap T. standstill_m: gap s0 kept in a queue. pull_mps2: acceleration a.
    braking_mps2: comfortable deceleration b.
    """

    headway_s: Floats
    standstill_m: Floats
    pull_mps2: Floats
    braking_mps2: Floats


def free_mps2(speed_mps: Floats, wanted_mps: Floats, temper: Temper) -> Floats:
    """Acceleration on a free road: a (1 - (v / v0)^4), eased where a driver is too fast."""
    share = np.maximum(speed_mps, 0.0) / np.maximum(wanted_mps, 0.1)
    wish = temper.pull_mps2 * (1.0 - share**ACCELERATION_EXPONENT)
    return np.maximum(wish, -EASING_MPS2)


def interaction_mps2(
    speed_mps: Floats, gap_m: Floats, closing_mps: Floats, temper: Temper
) -> Floats:
    """What a leader takes off it: -a (s* / s)^2; closing_mps is positive where the gap shrinks."""
    root = 2.0 * np.sqrt(temper.pull_mps2 * temper.braking_mps2)
    dynamic_m = speed_mps * temper.headway_s + speed_mps * closing_mps / root
    desired_m = temper.standstill_m + np.maximum(dynamic_m, 0.0)
    gap = np.maximum(gap_m, _LEAST_GAP_M)
    return np.asarray(-temper.pull_mps2 * (desired_m / gap) ** 2)


def equilibrium_gap_m(speed_mps: Floats, wanted_mps: Floats, temper: Temper) -> Floats:
    """The gap at which a driver keeps its leader's speed, equation (5)."""
    wish = 1.0 - (speed_mps / wanted_mps) ** ACCELERATION_EXPONENT
    return np.asarray((temper.standstill_m + speed_mps * temper.headway_s) / np.sqrt(wish))
