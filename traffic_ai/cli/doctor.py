"""`traffic-ai doctor`: what is installed here and whether it works."""

import json
from typing import Annotated

import typer

from traffic_ai.cli.options import JsonOption


def doctor(
    as_json: JsonOption = False,
    weights: Annotated[str, typer.Option("--weights", help="The model to try.")] = "yolov8n",
) -> None:
    """Check the installation: versions, weights, a detector call, free disk, extras.

    Fetches nothing. Exit code 1 when something a run needs does not work.
    """
    from traffic_ai.diagnosis import examine

    checks = examine(weights)
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "needed": c.needed, "says": c.says} for c in checks]
        typer.echo(json.dumps(rows, indent=2))
    else:
        for check in checks:
            mark = "ok  " if check.ok else ("FAIL" if check.needed else "-   ")
            typer.echo(f"{mark} {check.name}: {check.says}")
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)
