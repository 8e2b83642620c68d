"""`traffic-ai seal`: how far the chains of a run folder have come, for deposit elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from traffic_ai.cli.options import KeysOption
from traffic_ai.core.errors import EvidenceError, TrafficAiError, UsageError

app = typer.Typer(help="Heads of the chains of a run folder.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Heads of the chains of a run folder."""


@app.command()
def head(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    camera: Annotated[
        list[str] | None, typer.Option("--camera", help="Only this camera; repeatable.")
    ] = None,
    keys: KeysOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else it is printed.")
    ] = None,
) -> None:
    """Sign how far each camera's chain has come, one line a camera.

    Kept where the holder of the run folder cannot change it, `traffic-ai verify --head` shows with
    it that an end was cut off or a chain was made anew.
    """
    from traffic_ai.cli.keys import signer_or_note
    from traffic_ai.evidence.chain import Chain, chained_cameras
    from traffic_ai.stores.run_folder import EVIDENCE_NAME

    root = run / EVIDENCE_NAME
    try:
        known = chained_cameras(root)
        for name in camera or ():
            if name not in known:
                there = ", ".join(known) or "none"
                raise UsageError(f"{root} has no chain of the camera {name!r}; it has {there}")
        if not known:
            raise UsageError(f"{root} holds no chain; name the folder that a run wrote to")
        signer = signer_or_note(keys)
        heads = [Chain(root, name, signer).head() for name in camera or known]
    except OSError as error:
        raise EvidenceError(f"cannot read {error.filename}: {error.strerror}") from error
    data = b"".join(made.line for made in heads if made is not None)
    if output is None:
        typer.echo(data, nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise TrafficAiError(f"cannot write {output}: {error.strerror}") from error
