"""The recorded log of a signal controller in place of lamps: CSV to states.

The file has the columns `time,group,aspect`, one row for each change. `time` is either seconds of
the recording (the frames' presentation time) or ISO 8601 with an offset, which is compared with
the frames' wall-clock time. Before a group's first row its aspect is UNKNOWN; after its last row
the state holds, until nothing has been logged of any group for longer than phases last.
"""

import csv
import logging
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.signal import Aspect, SignalHistory, SignalSource, SignalState
from traffic_ai.signals.timeline import STATE_LIMIT

COLUMNS = ("time", "group", "aspect")
ROW_LIMIT = 2_000_000
BYTE_LIMIT = 200_000_000
HOLDS_S = 180.0
"""So long after the last row of the file the states hold; no phase of a junction that works lasts
longer, so by then the log has ended before the recording."""
LOOSE_S = 10.0
"""Phases are hardly longer than a clock is uncertain that is off by as much, either way."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeedLog:
    """The changes of one group, in time order.

    at_s: seconds of the recording or, where `wall_clock`, Unix seconds.
    """

    at_s: tuple[float, ...]
    aspects: tuple[Aspect, ...]
    wall_clock: bool


def load_feed(path: Path, group: str) -> FeedLog:
    """Read the rows of one group; raises ConfigError naming file and line."""
    try:
        _check_size(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(file, path, group)
    except OSError as error:
        raise ConfigError(f"signal log {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"signal log {path} is not UTF-8 text: {error.reason}") from error
    except ValueError as error:  # a name that no file can have
        raise ConfigError(f"signal log {str(path)!r} cannot be read: {error}") from error


def _check_size(path: Path) -> None:
    """A device or pipe may never end, and a line without an end fills the memory."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"signal log {path} is not a regular file")
    if path.stat().st_size > BYTE_LIMIT:
        raise ConfigError(
            f"signal log {path} is larger than {BYTE_LIMIT // 1_000_000} MB; cut the log to the "
            "time of the recording"
        )


def _parse(file: TextIO, path: Path, group: str) -> FeedLog:
    at_s: list[float] = []
    aspects: list[Aspect] = []
    others: set[str] = set()
    wall_clock: bool | None = None
    last_s = -math.inf
    for line, (time, name, word) in _rows(file, path):
        where = f"{path}, line {line}"
        aspect, (moment_s, is_wall_clock) = _aspect(word, where), _moment(time, where)
        if wall_clock is None:
            wall_clock = is_wall_clock
        elif wall_clock is not is_wall_clock:
            raise ConfigError(f"{where}: seconds and ISO 8601 times are mixed; use one of them")
        last_s = max(last_s, moment_s)
        if name != group:
            if len(others) < 10:
                others.add(name)
            continue
        if at_s and moment_s <= at_s[-1]:
            kind = "a second row for" if moment_s == at_s[-1] else "earlier than the row before for"
            raise ConfigError(f"{where}: time {time} is {kind} group {group!r}; sort the rows")
        at_s.append(moment_s)
        aspects.append(aspect)
    if not at_s:
        there = ", ".join(sorted(others)) or "none"
        raise ConfigError(f"signal log {path} has no row for group {group!r}; groups: {there}")
    at_s.append(last_s + HOLDS_S)
    aspects.append(Aspect.UNKNOWN)
    return FeedLog(tuple(at_s), tuple(aspects), bool(wall_clock))


def _rows(file: TextIO, path: Path) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Line number and the three wanted fields of each row."""
    reader = csv.reader(file, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            hint = "separate columns with commas, not semicolons" if ";" in "".join(header) else ""
            hint = hint or f"the first line must be {','.join(COLUMNS)}"
            raise ConfigError(f"{path}, line 1: no column {', '.join(missing)}; {hint}")
        places = [header.index(name) for name in COLUMNS]
        for count, row in enumerate(reader, 1):
            if count > ROW_LIMIT:
                raise ConfigError(
                    f"{path}, line {reader.line_num}: more than {ROW_LIMIT} rows; cut the log to "
                    "the time of the recording"
                )
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise ConfigError(
                    f"{path}, line {reader.line_num}: {len(row)} fields, the header has "
                    f"{len(header)}"
                )
            time, name, word = (row[place].strip() for place in places)
            yield reader.line_num, (time, name, word)
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: {error}") from error


def _aspect(word: str, where: str) -> Aspect:
    try:
        return Aspect(word.lower())
    except ValueError:
        known = ", ".join(aspect.value for aspect in Aspect)
        raise ConfigError(f"{where}: unknown aspect {word!r}; use one of {known}") from None


def _moment(text: str, where: str) -> tuple[float, bool]:
    """Seconds, and whether they are wall-clock (Unix) seconds."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if not math.isfinite(seconds):
            raise ConfigError(f"{where}: time {text!r} is not a finite number")
        return seconds, False
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{where}: time {text!r} is neither seconds nor ISO 8601 such as "
            "2024-05-01T12:00:00.500+02:00"
        ) from None
    if moment.tzinfo is None:
        raise ConfigError(f"{where}: time {text!r} has no offset; add one such as +02:00 or Z")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds(), True


class Feed:
    """One group's history from its log, as far as each frame's moment.

    A wall-clock change is known to the bound b of the frame's clock: it happened within
    [t - b, t + b], so its `since_s` is t + b and its `since_bound_s` 2 b. It is told as soon as it
    may have happened, when `since_s` still lies ahead; so whether a state was surely in force is
    settled at every frame.
    """

    def __init__(self, group_id: str, log: FeedLog) -> None:
        self._group_id = group_id
        self._log = log
        self._next = 0
        self._states: deque[SignalState] = deque(maxlen=STATE_LIMIT)
        self._clock: tuple[float, float] | None = None if log.wall_clock else (0.0, 0.0)
        self._warned = False

    def read(self, info: FrameInfo) -> SignalHistory:
        """What is known at a frame; frames come in time order."""
        self._set_clock(info)
        if self._clock is not None:
            self._advance(info.t_s, *self._clock)
        if not self._states:
            self._add(Aspect.UNKNOWN, info.t_s, math.inf)
        return SignalHistory(self._group_id, tuple(self._states), info.t_s)

    def _set_clock(self, info: FrameInfo) -> None:
        """Unix time at presentation time zero, and its bound, from the newest frame that knows."""
        if not self._log.wall_clock:
            return
        if info.captured_at is not None:
            unix_s = (info.captured_at.utc - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
            self._clock = (unix_s - info.t_s, info.captured_at.bound_s)
            if info.captured_at.bound_s > LOOSE_S:
                self._warn(info, f"are known to {info.captured_at.bound_s:.0f} s, so it is hardly")
        elif self._clock is None:
            self._warn(info, "are unknown, so it is never")

    def _warn(self, info: FrameInfo, known: str) -> None:
        if self._warned:
            return
        self._warned = True
        _log.warning(
            "signal group %r of camera %r: its log has wall-clock times but those of the frames "
            "%s certain what it shows; give the recording's start time, or seconds of the "
            "recording in the log",
            self._group_id,
            info.camera_id,
            known,
        )

    def _advance(self, t_s: float, origin_s: float, bound_s: float) -> None:
        while self._next < len(self._log.at_s):
            since_s = self._log.at_s[self._next] - origin_s + bound_s
            if since_s - 2.0 * bound_s > t_s:
                return
            aspect = self._log.aspects[self._next]
            self._next += 1
            if self._states and self._states[-1].aspect is aspect:
                continue  # a log that repeats the state now and then
            if self._states:
                since_s = max(since_s, self._states[-1].since_s)  # the clock was set back
            self._add(aspect, since_s, 2.0 * bound_s)

    def _add(self, aspect: Aspect, since_s: float, bound_s: float) -> None:
        self._states.append(
            SignalState(self._group_id, aspect, since_s, bound_s, SignalSource.FEED)
        )
