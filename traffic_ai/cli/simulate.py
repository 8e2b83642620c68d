"""`traffic-ai simulate`: a road with exact truth, from a scenario."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from traffic_ai.core.errors import UsageError

if TYPE_CHECKING:
    from traffic_ai.simulate.make import Progress


def simulate(
    scenario: Annotated[
        str, typer.Argument(help="A scenario file (.yaml), or a name that --list shows.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the files; made if absent.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Other traffic of the same kind.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes that draw. Default: one a core."),
    ] = None,
    video: Annotated[
        bool | None,
        typer.Option(
            "--video/--no-video",
            help="Draw pictures, as is usual; truth alone is quick.",
            show_default=False,
        ),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="No pictures: boxes with the detector's measured errors go through tracker and "
            "rules, into OUT/run.",
        ),
    ] = False,
    show_list: Annotated[
        bool, typer.Option("--list", help="Show the scenarios that come with the package.")
    ] = False,
) -> None:
    """Make a video of a simulated road, with all that is true of it.

    Writes video.mp4, truth.json, signals.csv and site.yaml to OUT, ready for `process` and
    `evaluate`; with --fast, in place of the video, OUT/run, as `process` would leave it but for
    pictures. The same scenario and seed give the same files.
    """
    from traffic_ai.simulate.make import Places, make
    from traffic_ai.simulate.traffic import load_scenario, make_world

    if show_list:
        _show_list()
        return
    if not scenario:
        raise UsageError("give a scenario: a .yaml file or a name that `simulate --list` shows")
    if out is None:
        raise UsageError("give a folder for the files with --out")
    if fast and video:
        raise UsageError("--fast draws no pictures; leave out --video, or --fast")
    drawn = video if video is not None else not fast
    world = make_world(load_scenario(scenario), seed)
    places = Places.in_folder(out, drawn, fast)
    with _bar(scenario if drawn else "") as progress:
        truth = make(world, places, jobs or os.cpu_count() or 1, progress)
    typer.echo(_summary(out, truth))
    if places.run is not None:
        _tell_run(places.run, world.look.lamp_fault)


def _show_list() -> None:
    from rich.console import Console
    from rich.table import Table

    from traffic_ai.simulate.traffic import load_scenario, packaged_names

    table = Table("scenario", "seconds", "picture", "what it shows")
    for name in packaged_names():
        found = load_scenario(name)
        width, height = found.camera.size
        seconds = f"{found.timing.duration_s:g}"
        table.add_row(name, seconds, f"{width}x{height}", found.description)
    Console().print(table)


@contextmanager
def _bar(name: str) -> "Iterator[Progress | None]":
    """A bar on standard error while pictures are drawn, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not name or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _tell_run(run: Path, lamp_fault: str) -> None:
    """What was found without pictures, and what that cannot show."""
    from traffic_ai.stores.database import ViolationStore
    from traffic_ai.stores.run_folder import STORE_NAME

    with ViolationStore.open(run / STORE_NAME, read_only=True) as store:
        found = Counter[str]()
        for one in store.counts():
            found[one.kind.value] += one.count
        withheld = sum(one.count for one in store.near_miss_counts())
    typer.echo(f"{run}: without pictures; reported: {_counted(found)}; near misses: {withheld}")
    if lamp_fault not in ("", "dark"):
        typer.echo(
            f"note: look.lamp_fault {lamp_fault} changes nothing without pictures: lamps are read "
            "as if they shone plainly",
            err=True,
        )


def _counted(kinds: "Counter[str]") -> str:
    """Kinds with their numbers."""
    told = (f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(kinds.items()))
    return ", ".join(told) or "none"


def _summary(out: Path, truth: dict[str, Any]) -> str:
    """What was made, in a line or two."""
    kinds = Counter(event["kind"] for event in truth["violations"])
    return (
        f"{out}: {truth['frames']} frames, {truth['duration_s']:.1f} s, "
        f"{len(truth['vehicles'])} vehicles; violations: {_counted(kinds)}"
    )
