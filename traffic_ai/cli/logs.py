"""How the program logs: plain lines, or one JSON object a line for a collector.

A camera's lines begin with `camera ID` everywhere, which is where the object has its id from.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum

import typer

from traffic_ai.core.printable import printable
from traffic_ai.core.redact import redact

_OF_A_CAMERA = "camera %s"


class LogFormat(StrEnum):
    """How lines of the log look."""

    TEXT = "text"
    JSON = "json"


class _PlainLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonLines(logging.Formatter):
    """Each record as one JSON object: `at`, `level`, `logger`, `message`, where it is one camera's
    `camera`, and where there was an exception `error`. A second net under every message's own care
    keeps credentials of addresses out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The object's text."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        is_cameras = isinstance(record.msg, str) and record.msg.startswith(_OF_A_CAMERA)
        if is_cameras and isinstance(record.args, tuple) and record.args:
            line["camera"] = str(record.args[0])
        if record.exc_info:
            line["error"] = redact(self.formatException(record.exc_info))
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace").decode()


def log_plainly() -> None:
    """Warnings and worse, as lines for a person, unless somebody else listens."""
    for handler in _json_handlers():
        logging.root.removeHandler(handler)
    if not logging.root.handlers:
        _listen(_PlainLines("%(levelname)s %(name)s: %(message)s"))


def log_json() -> None:
    """All that this program has to say, as JSON lines on standard error."""
    for handler in [h for h in logging.root.handlers if isinstance(h.formatter, _PlainLines)]:
        logging.root.removeHandler(handler)
    _listen(JsonLines())
    logging.getLogger("traffic_ai").setLevel(logging.INFO)


def say(text: str, level: int = logging.WARNING) -> None:
    """Tell the person on standard error, or where the log is JSON, the log."""
    if _json_handlers():
        logging.getLogger("traffic_ai").log(level, "%s", text)
    else:
        # A name in it may be by whoever made a file or folder.
        typer.echo("\n".join(map(printable, text.split("\n"))), err=True)


def _json_handlers() -> list[logging.Handler]:
    return [h for h in logging.root.handlers if isinstance(h.formatter, JsonLines)]


def _listen(formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)
