"""A watch tells of signals that show nothing for long."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from tests.road import HEIGHT_PX, WIDTH_PX, Road, ScriptedSignals
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.signal import Aspect
from traffic_ai.watch import silent_signals
from traffic_ai.watch.silent_signals import SilentSignals

LONG_S = silent_signals._LONG_S


def watch(phases, until_s, step_s=0.5, scene=None, silent=None, from_s=0.0):
    """The signals after so long, with what was said from picture to picture."""
    silent = silent or SilentSignals("gate")
    scene, signals = scene or Road().scene(), ScriptedSignals(phases)
    said = []
    for t_s in np.arange(from_s, until_s, step_s):
        info = FrameInfo("gate", 0, float(t_s), None, WIDTH_PX, HEIGHT_PX)
        silent.see(scene, signals.read(Frame(info, np.zeros((1, 1, 3), np.uint8))), float(t_s))
        said.append(silent.trouble)
    return silent, said


@pytest.mark.parametrize("aspect", [Aspect.UNKNOWN, Aspect.DARK])
def test_a_signal_that_shows_nothing_for_long_is_told_once_and_until_it_is_read(aspect, caplog):
    phases = {"main": [(0.0, Aspect.RED), (20.0, aspect), (700.0, Aspect.GREEN)]}
    with caplog.at_level(logging.INFO):
        _, said = watch(phases, 800.0)
    assert not any(said[: round(2 * (20.0 + LONG_S)) - 2])
    assert "signal main unreadable or dark for 10 minutes" in said[round(2 * (20.0 + LONG_S)) + 2]
    assert said[-1] == ""
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "camera gate" in caplog.text


def test_a_signal_that_is_read_now_and_then_is_no_trouble():
    blinks = [(300.0 * i, Aspect.UNKNOWN if i % 2 else Aspect.RED) for i in range(8)]
    assert not any(watch({"main": blinks}, 2400.0)[1])


def test_time_without_pictures_does_not_count():
    phases = {"main": [(0.0, Aspect.UNKNOWN)]}
    silent, said = watch(phases, 300.0)
    _, later = watch(phases, 5200.0, silent=silent, from_s=5000.0)
    assert not any(said + later)


def test_a_signal_that_no_line_obeys_does_not_matter():
    scene = Road().scene()
    free = replace(scene, stop_lines=())
    assert not any(watch({"main": [(0.0, Aspect.UNKNOWN)]}, 700.0, scene=free)[1])
    assert watch({"main": [(0.0, Aspect.UNKNOWN)]}, 700.0, scene=scene)[1][-1]
