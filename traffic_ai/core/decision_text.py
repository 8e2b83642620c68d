"""A decision as text, and back: JSON whose numbers are exact.

Floats are written in the shortest form that gives the same float again. What is not finite is
null: a place outside the calibrated area, a bound that is not known, nothing settled yet.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np

from traffic_ai.core.decision import NOT_SHOWN, Decision, TrackPoints, VehicleRecord
from traffic_ai.core.decision_log import FRAME_LIMIT
from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.frame import CapturedAt, ClockSource, FrameInfo
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState

FORMAT = "traffic-ai decision 1"
_LARGEST = 1e9
_LARGEST_SIDE_PX = 1 << 16


def decision_text(decision: Decision) -> str:
    """The decision as one line of JSON with sorted keys."""
    value = {
        "format": FORMAT,
        "closed": decision.closed,
        "whole": decision.whole,
        "frames": _frames(decision.frames),
        "signals": _signals(decision.signals),
        "vehicles": [_vehicle(vehicle) for vehicle in decision.vehicles],
    }
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text + "\n"


def read_decision(text: str) -> Decision:
    """The decision of a text. Raises EvidenceError where it is none."""
    try:
        value = json.loads(text, parse_constant=_refused)
        if value["format"] != FORMAT:
            raise EvidenceError(f"decision of format {value['format']!r}; this reads {FORMAT!r}")
        frames = _read_frames(value["frames"])
        return Decision(
            frames=frames,
            signals=_read_signals(value["signals"], len(frames)),
            vehicles=tuple(_read_vehicle(entry, len(frames)) for entry in value["vehicles"]),
            closed=bool(value["closed"]),
            whole=bool(value["whole"]),
        )
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        OverflowError,  # an index of 1e999
    ) as error:
        raise EvidenceError(f"this is no decision: {error!r}") from error


# -- frames ---------------------------------------------------------------------------------------


def _frames(frames: Sequence[FrameInfo]) -> dict[str, Any]:
    """Columns, one entry a frame; what seldom changes as [count, value] runs."""
    clocks = (f.captured_at and [f.captured_at.source.value, f.captured_at.bound_s] for f in frames)
    return {
        "camera_id": frames[0].camera_id,
        "index": [f.index for f in frames],
        "t_s": [f.t_s for f in frames],
        "utc": [f.captured_at and f.captured_at.utc.isoformat() for f in frames],
        "clock": _runs(clocks),
        "size_px": _runs([f.width_px, f.height_px] for f in frames),
        "degraded": _bits(f.degraded for f in frames),
    }


def _read_frames(value: Mapping[str, Any]) -> tuple[FrameInfo, ...]:
    count = len(value["t_s"])
    columns = zip(
        value["index"],
        value["t_s"],
        value["utc"],
        _unrolled(value["clock"], count),
        _unrolled(value["size_px"], count),
        value["degraded"],
        strict=True,
    )
    frames = tuple(
        FrameInfo(
            camera_id=str(value["camera_id"]),
            index=int(index),
            t_s=float(t_s),
            captured_at=utc
            and CapturedAt(datetime.fromisoformat(utc), ClockSource(clock[0]), float(clock[1])),
            width_px=_side(size[0]),
            height_px=_side(size[1]),
            degraded=degraded == "1",
        )
        for index, t_s, utc, clock, size, degraded in columns
    )
    if not 0 < len(frames) <= FRAME_LIMIT:
        raise ValueError(f"it has {len(frames)} frames")
    _check_times([frame.t_s for frame in frames])
    return frames


# -- signals --------------------------------------------------------------------------------------


def _signals(frames: Sequence[Mapping[str, SignalHistory]]) -> dict[str, Any]:
    return {group: _group([frame[group] for frame in frames]) for group in sorted(frames[-1])}


def _group(histories: Sequence[SignalHistory]) -> dict[str, Any]:
    """Each state once; which of them the history had, as runs of frames."""
    states: dict[SignalState, int] = {}
    numbers = [[states.setdefault(s, len(states)) for s in h.states] for h in histories]
    return {
        "states": [
            {
                "aspect": s.aspect.value,
                "since_s": _number(s.since_s),
                "since_bound_s": _number(s.since_bound_s),
                "source": s.source.value,
            }
            for s in states
        ],
        "history": _runs(numbers),
        "settled_until_s": [_number(h.settled_until_s) for h in histories],
    }


def _read_signals(
    value: Mapping[str, Any], frame_count: int
) -> tuple[Mapping[str, SignalHistory], ...]:
    groups = {group: _read_group(group, entry, frame_count) for group, entry in value.items()}
    return tuple({g: histories[i] for g, histories in groups.items()} for i in range(frame_count))


def _read_group(group: str, value: Mapping[str, Any], frame_count: int) -> list[SignalHistory]:
    states = [
        SignalState(
            group,
            Aspect(entry["aspect"]),
            _finite_or(entry["since_s"], -math.inf),
            _finite_or(entry["since_bound_s"], math.inf),
            SignalSource(entry["source"]),
        )
        for entry in value["states"]
    ]
    return [
        SignalHistory(group, tuple(states[n] for n in numbers), _finite_or(settled_s, -math.inf))
        for numbers, settled_s in zip(
            _unrolled(value["history"], frame_count), value["settled_until_s"], strict=True
        )
    ]


# -- vehicles -------------------------------------------------------------------------------------


def _vehicle(vehicle: VehicleRecord) -> dict[str, Any]:
    points = vehicle.points
    names = (None if c == NOT_SHOWN else RoadUser(c).label for c in vehicle.class_id.tolist())
    return {
        "track_id": vehicle.track_id,
        "first_t_s": vehicle.first_t_s,
        "observed_before": vehicle.observed_before,
        "ended_at": vehicle.ended_at,
        "votes": list(vehicle.votes),
        "road_user": _runs(names),
        "t_s": points.t_s.tolist(),
        "xyxy_px": points.xyxy_px.tolist(),
        "ground_m": _rows(points.ground_m),
        "ground_cov_m2": _rows(points.ground_cov_m2.reshape(-1, 4)),
        "observed": _bits(points.observed.tolist()),
        "grounded": _bits(points.grounded.tolist()),
    }


def _read_vehicle(value: Mapping[str, Any], frame_count: int) -> VehicleRecord:
    n = len(value["t_s"])
    classes = [
        NOT_SHOWN if name is None else int(RoadUser.from_label(name))
        for name in _unrolled(value["road_user"], frame_count)
    ]
    ended_at = None if value["ended_at"] is None else int(value["ended_at"])
    if ended_at is not None and not 0 <= ended_at < frame_count:
        raise ValueError(f"a track ends with frame {ended_at} of {frame_count}")
    _check_times(value["t_s"])
    return VehicleRecord(
        track_id=int(value["track_id"]),
        first_t_s=float(value["first_t_s"]),
        observed_before=int(value["observed_before"]),
        votes=_read_votes(value.get("votes", [0.0] * len(RoadUser))),
        points=TrackPoints(
            t_s=np.array(value["t_s"], float).reshape(n),
            xyxy_px=_sound(np.array(value["xyxy_px"], float).reshape(n, 4)),
            ground_m=_read_rows(value["ground_m"], n, 2),
            ground_cov_m2=_read_rows(value["ground_cov_m2"], n, 4).reshape(n, 2, 2),
            observed=_read_bits(value["observed"], n),
            grounded=_read_bits(value["grounded"], n),
        ),
        class_id=np.array(classes, np.int64),
        ended_at=ended_at,
    )


def _read_votes(values: Sequence[float]) -> tuple[float, ...]:
    """Votes for each class; decisions of earlier versions have none."""
    votes = _sound(np.array(values, float).reshape(len(RoadUser)))
    if not (votes >= 0.0).all():
        raise ValueError("votes are below zero")
    return tuple(votes.tolist())


# -- values ---------------------------------------------------------------------------------------


def _runs(values: Iterable[Any]) -> list[list[Any]]:
    """Values as [count, value] of each stretch of equal ones."""
    return [[len(list(same)), value] for value, same in groupby(values)]


def _unrolled(runs: Sequence[Sequence[Any]], count: int) -> list[Any]:
    """The values of runs that are `count` together."""
    if sum(abs(length) for length, _ in runs) != count:
        raise ValueError(f"runs do not make {count} entries")
    return [value for length, value in runs for _ in range(length)]


def _bits(values: Iterable[bool]) -> str:
    return "".join("1" if value else "0" for value in values)


def _read_bits(text: str, count: int) -> Any:
    return np.array([character == "1" for character in text], bool).reshape(count)


def _rows(array: Array) -> list[list[float] | None]:
    """Rows of an array (N, K), null where a row is not known."""
    return [None if math.isnan(row[0]) else row for row in array.tolist()]


def _read_rows(rows: Sequence[Sequence[float] | None], count: int, width: int) -> Array:
    unknown = [math.nan] * width
    made = np.array([unknown if row is None else row for row in rows], float)
    return _sound(made.reshape(count, width))


def _side(value: int) -> int:
    if not 0 < value <= _LARGEST_SIDE_PX:
        raise ValueError(f"no picture has a side of {value} pixels")
    return int(value)


def _check_times(t_s: Sequence[float]) -> None:
    """Refuse times that do not advance, or are beyond any recording."""
    times = np.array(t_s, float)
    if not len(times) or not (np.abs(times) < _LARGEST).all() or (np.diff(times) <= 0.0).any():
        raise ValueError("times do not advance")


def _sound(array: Array) -> Array:
    """The array, unless it holds what no picture or road does."""
    if (np.abs(array) >= _LARGEST).any():
        raise ValueError(f"it holds a number of {_LARGEST:g} or more")
    return array


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _finite_or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
