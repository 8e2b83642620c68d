"""Simulated traffic through tracker and rules: every violation is decided the same again.

`python -m benchmarks.replay` does the same for every scenario, and for drawn ones.
"""

import pytest

from benchmarks.replay.run import fast_replays
from traffic_ai.simulate.fast.identities import Mixups
from traffic_ai.simulate.fast.run import FastOptions


@pytest.mark.parametrize(
    "options", [FastOptions(), FastOptions(mixups=Mixups(swaps_per_s=0.02, breaks_per_s=0.05))]
)
def test_by_the_real_tracker_and_by_one_that_mixes_vehicles_up(options):
    differences = [found for _, found in fast_replays("straight-one-way", 7, options)]
    assert differences
    assert all(found == [] for found in differences)
