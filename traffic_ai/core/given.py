"""What people write as text: a place in the file system, a moment. Imports nothing heavy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from traffic_ai.core.errors import UsageError

A_YEAR = timedelta(days=366)


def given_path(text: str) -> Path:
    """The path, `~` and `~name` resolved. Raises UsageError where that user has no home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{text!r}: there is no home folder of that user; write the whole path, or ./{text} "
            "for a file of that name"
        ) from None


def is_in_calendar(moment: datetime, spare: timedelta = timedelta(0)) -> bool:
    """Whether an aware moment has a date in UTC, and so have those as far from it as `spare`."""
    try:
        utc = moment.astimezone(UTC)
        _ = utc - spare, utc + spare
    except OverflowError:
        return False
    return True
