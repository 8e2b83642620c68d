"""`traffic-ai`: the commands and how they end.

Exit codes: 0 all well; 1 something failed at run time; 2 the call or a file given is wrong;
130 interrupted.
"""

import logging
import sys
from typing import Annotated

import typer

from traffic_ai.cli import (
    demo,
    doctor,
    evaluate,
    explain,
    export,
    keys,
    models,
    preview,
    process,
    purge,
    replay,
    review,
    seal,
    simulate,
    status,
    tune,
    validate,
    verify,
    watch,
)
from traffic_ai.cli.logs import log_plainly, say
from traffic_ai.core.errors import TrafficAiError

app = typer.Typer(
    name="traffic-ai",
    help="Red-light, wrong-way and speeding violations from ordinary camera video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(process.process)
app.command()(watch.watch)
app.command()(status.status)
app.command()(export.export)
app.command()(validate.validate)
app.command()(preview.preview)
app.command()(verify.verify)
app.command()(replay.replay)
app.command()(explain.explain)
app.add_typer(review.app, name="review")
app.command()(purge.purge)
app.add_typer(keys.app, name="keys")
app.add_typer(seal.app, name="seal")
app.add_typer(models.app, name="models")
app.command()(simulate.simulate)
app.command()(evaluate.evaluate)
app.command()(tune.tune)
app.command()(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        from traffic_ai import __version__

        typer.echo(f"traffic-ai {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Red-light, wrong-way and speeding violations from ordinary camera video."""


def main() -> None:
    """Run the command line; every expected error becomes a message and an exit code."""
    log_plainly()
    try:
        app()
    except TrafficAiError as error:
        say(f"error: {error}", logging.ERROR)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
