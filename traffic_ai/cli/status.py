"""`traffic-ai status`: how a running watch stands, asked from another terminal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from traffic_ai.cli.options import JsonOption
from traffic_ai.core.errors import UsageError

EXIT_NOT_RUNNING = 1


def status(
    out: Annotated[Path, typer.Argument(help="The run folder of the watch.")] = Path("out"),
    as_json: JsonOption = False,
) -> None:
    """Show how the cameras of a running watch stand.

    Exit code 0: it runs; 1: no watch runs on this folder, or it hangs.
    """
    from traffic_ai.watch.status import STALE_AFTER_S, STATUS_NAME

    path = out / STATUS_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        age_s = (datetime.now(UTC) - datetime.fromisoformat(document["written_at"])).total_seconds()
        cameras = document["cameras"]
    except FileNotFoundError:
        typer.echo(f"no watch runs on {out}", err=True)
        raise typer.Exit(EXIT_NOT_RUNNING) from None
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        for row in cameras:
            typer.echo(_line(row))
        for line in _upkeep_lines(document):
            typer.echo(line)
    if age_s > STALE_AFTER_S:
        typer.echo(f"the watch on {out} has said nothing for {age_s:.0f} s", err=True)
        raise typer.Exit(EXIT_NOT_RUNNING)


def _line(row: dict[str, object]) -> str:
    detail = row["detail"] or row["trouble"]
    return (
        f"{row['camera']}: {row['state']}{f' ({detail})' if detail else ''}, "
        f"{row['analysed_fps']} of {row['stream_fps']} frames/s analysed, lag {row['lag_s']} s, "
        f"{row['violations']} violations"
    )


def _upkeep_lines(document: dict[str, Any]) -> Iterator[str]:
    """A line for the disk and the evidence, one a destination, one an alarm."""
    if "disk" in document:
        evidence = document["evidence"]
        yield (
            f"disk: {document['disk']['free_bytes'] / 1e9:.1f} GB free; evidence: "
            f"{evidence['owed']} owed, {evidence['written']} written, {evidence['failed']} failed"
        )
    for row in document.get("deliveries", ()):
        yield (
            f"delivery {row['name']}: {row['waiting']} waiting, {row['delivered']} delivered, "
            f"{row['dropped']} dropped, {row['refused']} refused"
        )
    for alarm in document.get("alarms", ()):
        yield f"ALARM {alarm['part']}: {alarm['detail']}"
