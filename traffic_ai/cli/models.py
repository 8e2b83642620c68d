"""`traffic-ai models`: list, fetch and check the detector's weights."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from traffic_ai.detectors.models import Progress

app = typer.Typer(help="List, fetch and check the detector's weights.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name that `traffic-ai models list` shows.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show the known models and whether they are here."""
    from traffic_ai.detectors import models

    known = list(models.registry().values())
    if as_json:
        rows = [
            {
                "name": model.name,
                "state": models.state(model).value,
                "path": str(models.locate(model)),
                "size_bytes": model.sources[0].member_size_bytes,
                "sha256": model.sources[0].member_sha256,
                "licence": model.licence,
                "network": model.network,
                "note": model.note,
            }
            for model in known
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    for model in known:
        size_mb = model.sources[0].member_size_bytes / 1e6
        typer.echo(f"{model.name:<12} {models.state(model):<8} {size_mb:5.1f} MB  {model.licence}")
        typer.echo(f"    {model.network}\n    {model.note}\n    {models.locate(model)}")


@app.command()
def pull(name: Name) -> None:
    """Fetch a model's weights, if they are not here yet, and print their path."""
    from traffic_ai.detectors import models

    with pull_progress() as progress:
        found = models.pull(name, progress)
    typer.echo(found)


@app.command()
def path(name: Name) -> None:
    """Print where a model's weights are; fail where they are absent or altered."""
    from traffic_ai.core.errors import ModelError
    from traffic_ai.detectors import models

    model = models.model(name)
    where, state = models.locate(model), models.state(model)
    if state is not models.ModelState.PRESENT:
        raise ModelError(
            f"{name} is {state} at {where}; `traffic-ai models pull {name}` fetches it"
        )
    typer.echo(where)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Check the hash of all weights that are here; fail if any is altered."""
    from traffic_ai.core.errors import ModelError
    from traffic_ai.detectors import models

    states = {model.name: models.state(model) for model in models.registry().values()}
    if as_json:
        typer.echo(json.dumps({name: state.value for name, state in states.items()}))
    else:
        for name, state in states.items():
            typer.echo(f"{name:<12} {state}")
    altered = [name for name, state in states.items() if state is models.ModelState.ALTERED]
    if altered:
        where = ", ".join(str(models.locate(models.model(name))) for name in altered)
        raise ModelError(f"altered weights: {where}; delete them and pull again")


@contextmanager
def pull_progress() -> Iterator["Progress"]:
    """Progress of a pull on standard error: a bar on a terminal, else a line a step.

    Nothing is shown as long as nothing is fetched.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Bars(
        *columns,
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        shown: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in shown:
                for task in bars.task_ids:
                    bars.remove_task(task)
                if not console.is_terminal:
                    console.print(what, highlight=False)
                shown[what] = bars.add_task(what, total=None, visible=console.is_terminal)
            bars.update(shown[what], completed=done, total=total)

        yield show
