"""When a recorded file began, by the wall clock, with an error bound; or that nobody knows.

Read before the first frame. The file's modification time is never asked: copying changes it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import ClockSource
from traffic_ai.sources.container import OpenVideo, open_video

GIVEN_BOUND_S = 1.0
"""A start somebody states is taken to be good to the second."""

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_UNSET_DAYS = (date(2000, 1, 1),)
"""What a clock shows that was never set; 1904 and 1970, the zeros of MP4 and Unix, are earlier."""

_CODES = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "H": r"\d{2}",
    "I": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,6}",
    "p": r"[AaPp][Mm]",
    "b": r"[^\W\d_]{3}",
    "B": r"[^\W\d_]+",
    "z": r"(?:Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}
_RESOLUTION_S = (("S", 1.0), ("M", 60.0), ("H", 3600.0), ("I", 3600.0))


@dataclass(frozen=True, slots=True)
class CapturedStart:
    """When a recording began: aware UTC, where that is from, half width of the error bound."""

    utc: datetime
    source: ClockSource
    bound_s: float


def start_time(
    path: Path,
    *,
    given: datetime | None = None,
    pattern: str | None = None,
    time_zone: tzinfo = UTC,
    now: datetime | None = None,
) -> CapturedStart | None:
    """The start of a recording: as given, else by the file name, else by the container.

    pattern: strptime codes, looked for anywhere in the name without suffix; a time without
    offset is in `time_zone`. None where nothing tells. Raises ConfigError for a `given` without
    offset or a pattern that cannot be used, SourceError where the file cannot be opened.
    """
    if given is not None:
        if given.utcoffset() is None:
            raise ConfigError(f"the start time {given.isoformat()} has no UTC offset; add it")
        try:
            return CapturedStart(given.astimezone(UTC), ClockSource.GIVEN, GIVEN_BOUND_S)
        except OverflowError:
            raise ConfigError(f"the start time {given.isoformat()} is no time in UTC") from None
    found = from_name(path.stem, pattern, time_zone) if pattern is not None else None
    return found or from_container(path, time_zone, now or datetime.now(UTC))


def from_name(stem: str, pattern: str, time_zone: tzinfo) -> CapturedStart | None:
    """The start told by a file name, or None where the pattern does not occur in it.

    The bound is the finest unit in the pattern. Where clocks are put back the same local time
    comes twice, where they are put forward some never come: the bound covers both readings.
    """
    expression, codes = _expression(pattern)
    for at in range(len(stem)):
        match = expression.match(stem, at)
        if match is None:
            continue
        try:
            utc, doubt_s = _to_utc(datetime.strptime(match.group(), pattern), time_zone)
        except (ValueError, OverflowError):
            continue  # digits that are no date, such as a month 13, or none in UTC
        bound_s = next((s for code, s in _RESOLUTION_S if code in codes), 86400.0)
        return CapturedStart(utc, ClockSource.FILE_NAME, bound_s + doubt_s)
    return None


def from_container(path: Path, time_zone: tzinfo, now: datetime) -> CapturedStart | None:
    """The start told by the container's `creation_time`, or None where it tells nothing.

    Some cameras write the end of the recording there, some the local time as if it were UTC: the
    bound covers the file's length and the zone's offset. Times of clocks that were never set, and
    of the future, are refused.
    """
    video = open_video(path)
    try:
        for metadata in (video.container.metadata, video.stream.metadata):
            utc = _creation(metadata.get("creation_time"), now)
            if utc is not None:
                offset = time_zone.utcoffset(utc.replace(tzinfo=None)) or timedelta(0)
                bound_s = 1.0 + _length_s(video) + abs(offset.total_seconds())
                return CapturedStart(utc, ClockSource.CONTAINER, bound_s)
    finally:
        video.container.close()
    return None


def _expression(pattern: str) -> tuple[re.Pattern[str], set[str]]:
    """The pattern as a regular expression that does not begin or end inside a number."""
    parts, codes = [], set()
    pieces = re.split(r"%(.)", pattern)
    for text, code in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        parts.append(re.escape(text))
        if code and code not in _CODES:
            raise ConfigError(
                f"start time pattern {pattern!r}: %{code} cannot be read from a file name; "
                f"use {' '.join('%' + known for known in _CODES)}"
            )
        parts.append(_CODES.get(code, ""))
        codes.add(code)
    body = "".join(parts)
    before = r"(?<!\d)" if re.match(r"\\d|\d", body) else ""
    after = r"(?!\d)" if re.search(r"\\d(\{[^}]*\})?$|\d$", body) else ""
    return re.compile(before + body + after, re.IGNORECASE), codes


def _to_utc(local: datetime, time_zone: tzinfo) -> tuple[datetime, float]:
    """A local time in UTC, and by how much it may be later or earlier (s).

    Raises OverflowError beside the years 1 to 9999.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC), 0.0
    readings = [local.replace(tzinfo=time_zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(readings), (max(readings) - min(readings)).total_seconds()


def _creation(text: str | None, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if utc < _EARLIEST or utc > now or utc.date() in _UNSET_DAYS:
        return None
    return utc


def _length_s(video: OpenVideo) -> float:
    if video.stream.duration:
        return float(video.stream.duration * video.time_base)
    return (video.container.duration or 0) / 1e6
