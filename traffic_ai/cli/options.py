"""Options that several commands share."""

import getpass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from traffic_ai.core.errors import UsageError
from traffic_ai.core.given import is_in_calendar
from traffic_ai.core.kinds import Engine

_STRIDE_PX = 32  # of the networks: they halve a picture five times
_BATCH_SIZES = (1, 2, 4, 8)


def _checked_size(size: int) -> int:
    if size < _STRIDE_PX or size % _STRIDE_PX:
        raise UsageError(
            f"--size {size} is not a positive multiple of {_STRIDE_PX}; give one such as 640"
        )
    return size


def _checked_batch(size: int | None) -> int | None:
    if size is not None and size not in _BATCH_SIZES:
        raise UsageError(f"--batch {size} is none of 1, 2, 4, 8")
    return size


SiteOption = Annotated[
    Path, typer.Option("--site", "-s", help="The site file: cameras, lanes, rules (YAML).")
]
OutOption = Annotated[
    Path,
    typer.Option("--out", "-o", help="Run folder for the store and the evidence; made if absent."),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        "--weights", "-w", help="A model that `traffic-ai models list` shows, or an .onnx file."
    ),
]
SizeOption = Annotated[
    int,
    typer.Option(
        "--size",
        callback=_checked_size,
        help="Length in pixels of the picture's longer side in the detector.",
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        help=f"What runs the network: {', '.join(Engine)}. Default: what `traffic-ai tune` found "
        "best here, else ort.",
        show_default=False,
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        "--batch",
        callback=_checked_batch,
        help="How many pictures of several cameras the network gets at once at most: 1, 2, 4 or 8. "
        "Default: what `traffic-ai tune` found best here, else 1.",
        show_default=False,
    ),
]
AllowPtOption = Annotated[
    bool,
    typer.Option(
        "--allow-pt",
        help="Let --weights be a .pt file (extra `ultralytics`). Loading one runs code from it.",
    ),
]
EveryFrameOption = Annotated[
    bool,
    typer.Option(
        "--every-frame",
        help="Look at every frame, not only at those in which something may be decided.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]
ByOption = Annotated[
    str,
    typer.Option(
        "--by", help="Who acts. Without it: the user of this computer.", show_default=False
    ),
]
KeysOption = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        help="Folder of the signing key. Without it: $TRAFFIC_AI_KEYS, else "
        "~/.config/traffic-ai/keys.",
        show_default=False,
    ),
]


def given_moment(option: str, text: str, spare: timedelta = timedelta(0)) -> datetime:
    """The aware moment of an option's text. Raises UsageError for another text, one without offset,
    and one that has no date in UTC, itself or as far from it as `spare`.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a time; write it as 2026-01-31T08:00:00+07:00"
        ) from None
    if moment.tzinfo is None:
        fixed = moment.isoformat()
        raise UsageError(
            f"{option} {text!r} has no offset from UTC, so it could mean many moments; "
            f"write {fixed}Z for UTC, or {fixed}+07:00 with your own offset"
        )
    if not is_in_calendar(moment, spare):
        raise UsageError(f"{option} {text!r} lies at the end of the calendar; give another year")
    return moment


def person() -> str:
    """Who acts where nothing else is said: the user of this computer."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise UsageError("this computer does not tell who you are; say it with --by") from None
