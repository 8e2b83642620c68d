"""The charts of an explanation over one time axis: what the lamp showed, how fast it was driven."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from traffic_ai.audit.explain_speed import STEP_S, SpeedCurve
from traffic_ai.audit.explain_svg import (
    LEFT,
    RIGHT,
    WIDTH,
    Moment,
    TimeAxis,
    label_room,
    line,
    moment_parts,
    places,
    rect,
    round_step,
    svg,
    text,
)
from traffic_ai.core.geometry import Array
from traffic_ai.core.signal import SignalHistory, SignalState
from traffic_ai.core.violation import SpeedMeasurement

_LAMP_HEIGHT = 34.0
_SPEED_HEIGHT = 240.0
# A band wider than this, at the ends of a pass, would only press the curve down.
_WIDEST_BAND_KMH = 15.0


def lamp_svg(signal: SignalHistory, axis: TimeAxis, moments: Sequence[Moment]) -> str:
    """What the signal showed; hatched, the time within which each change may have happened."""
    top = label_room(len(moments))
    parts = []
    for state, end_s in _in_force(signal, axis):
        a, b = axis.x(state.since_s), axis.x(end_s)
        parts.append(rect(a, top, b - a, _LAMP_HEIGHT, f"aspect {state.aspect.value}"))
        if b - a > 60.0:
            shown = state.aspect.value.replace("_", " ")
            parts.append(text((a + b) / 2.0, top + 22.0, shown, "middle"))
    for state in signal.states:
        start_s = max(state.since_s - state.since_bound_s, axis.start_s)
        end_s = min(state.since_s, axis.end_s)
        if start_s < end_s:
            a, b = axis.x(start_s), axis.x(end_s)
            parts.append(rect(a, top, b - a, _LAMP_HEIGHT, "doubt"))
    parts += moment_parts(moments, axis, top + _LAMP_HEIGHT)
    parts += axis.parts(top + _LAMP_HEIGHT + 6.0)
    return svg(parts, WIDTH, top + _LAMP_HEIGHT + 32.0, "chart")


def _in_force(signal: SignalHistory, axis: TimeAxis) -> Iterator[tuple[SignalState, float]]:
    """States with their ends, within the axis; the last one known goes on to its end."""
    ends = [state.since_s for state in signal.states[1:]] + [axis.end_s]
    for state, end_s in zip(signal.states, ends, strict=True):
        if end_s > axis.start_s and state.since_s < axis.end_s:
            yield state, min(end_s, axis.end_s)


def speed_svg(
    curve: SpeedCurve,
    axis: TimeAxis,
    moments: Sequence[Moment],
    measured: SpeedMeasurement | None,
    limit_kmh: float | None,
) -> str:
    """Speed over the pass with its band; the speed reported with its own; the limit."""
    top = label_room(len(moments))
    high = _highest(curve, measured, limit_kmh)

    def y(kmh: float) -> float:
        return top + _SPEED_HEIGHT * (1.0 - min(max(kmh / high, 0.0), 1.0))

    parts = list(_grid(high, y))
    for piece in _unbroken(curve):
        upper = _curve(piece.t_s, piece.speed_kmh + piece.band_kmh, axis, y)
        lower = _curve(piece.t_s, piece.speed_kmh - piece.band_kmh, axis, y)
        outline = np.vstack([upper, lower[::-1]])
        parts.append(f'<polygon points="{places(outline)}" class="band"/>')
        middle = _curve(piece.t_s, piece.speed_kmh, axis, y)
        parts.append(f'<polyline points="{places(middle)}" class="speed"/>')
    if limit_kmh is not None:
        parts.append(line(LEFT, y(limit_kmh), WIDTH - RIGHT, y(limit_kmh), "limit"))
        parts.append(text(LEFT + 6.0, y(limit_kmh) - 5.0, f"limit {limit_kmh:g} km/h"))
    parts += _measured(measured, axis, y) if measured is not None else ()
    parts += moment_parts(moments, axis, top + _SPEED_HEIGHT)
    parts += axis.parts(top + _SPEED_HEIGHT)
    return svg(parts, WIDTH, top + _SPEED_HEIGHT + 28.0, "chart")


def _unbroken(curve: SpeedCurve) -> Iterator[SpeedCurve]:
    """The stretches of a curve between moments at which there is no speed."""
    gaps = np.flatnonzero(np.diff(curve.t_s) > 1.5 * STEP_S) + 1
    for piece in np.split(np.arange(len(curve.t_s)), gaps):
        yield SpeedCurve(curve.t_s[piece], curve.speed_kmh[piece], curve.band_kmh[piece])


def _highest(
    curve: SpeedCurve, measured: SpeedMeasurement | None, limit_kmh: float | None
) -> float:
    """Top of the scale, km/h."""
    levels = [10.0, limit_kmh or 0.0]
    levels.append(float((curve.speed_kmh + np.minimum(curve.band_kmh, _WIDEST_BAND_KMH)).max()))
    if measured is not None:
        levels.append(measured.speed_kmh + measured.expanded_uncertainty_kmh)
    return 1.08 * max(levels)


def _grid(high: float, y: Callable[[float], float]) -> Iterator[str]:
    step = round_step(high, 8)
    for n in range(math.floor(high / step) + 1):
        yield line(LEFT, y(n * step), WIDTH - RIGHT, y(n * step), "grid")
        yield text(LEFT - 8.0, y(n * step) + 4.0, f"{n * step:g}", "end")
    yield text(LEFT - 8.0, y(high) - 4.0, "km/h", "end")


def _curve(t_s: Array, kmh: Array, axis: TimeAxis, y: Callable[[float], float]) -> Array:
    return np.array([(axis.x(t), y(v)) for t, v in zip(t_s.tolist(), kmh.tolist(), strict=True)])


def _measured(
    measured: SpeedMeasurement, axis: TimeAxis, y: Callable[[float], float]
) -> Iterator[str]:
    """The speed over the measured stretch, with its expanded uncertainty."""
    a, b = axis.x(measured.start_s), axis.x(measured.end_s)
    spread = measured.expanded_uncertainty_kmh
    high, low = y(measured.speed_kmh + spread), y(measured.speed_kmh - spread)
    yield rect(a, high, b - a, max(low - high, 1.0), "measured")
    yield line(a, y(measured.speed_kmh), b, y(measured.speed_kmh), "mean")
    words = f"measured {measured.speed_kmh:.1f} +- {spread:.1f} km/h"
    yield text(b - 4.0, high - 6.0, words, "end")
