"""`traffic-ai evaluate`: what a run reported, held against what truly happened."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from traffic_ai.core.errors import TrafficAiError, UsageError


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder that `process` wrote to.")],
    truth: Annotated[
        Path,
        typer.Option("--truth", "-t", help="What truly happened (JSON; docs/evaluation.md)."),
    ],
    site: Annotated[
        Path | None,
        typer.Option(
            "--site",
            "-s",
            help="The site file of the run. Default: site.yaml beside the truth.",
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option("--camera", help="The camera the truth is of, if it does not say so itself."),
    ] = None,
    video: Annotated[
        str | None,
        typer.Option("--video", help="File name of the video, if the run has several."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            min=0.0,
            help="Seconds a record may be off the truth, beyond its own bounds.",
        ),
    ] = 1.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write figures and every outcome to this file.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with plots to this file.")
    ] = None,
) -> None:
    """Judge a run by the truth of its video: precision, recall, speeds, times, tracks.

    The truth is that of the simulator, or one noted down by hand. Tracks are scored where the run
    kept them (process --keep-tracks) and the extra `evaluate` is installed.
    """
    from rich.console import Console

    from traffic_ai.evaluate.json_report import report_document
    from traffic_ai.evaluate.page import page
    from traffic_ai.evaluate.run import evaluate_run
    from traffic_ai.evaluate.run_folder import Wanted
    from traffic_ai.evaluate.table import print_report

    wanted = Wanted(run, site or _site_beside(truth), camera, video)
    judged = evaluate_run(wanted, truth, tolerance)
    # Into a file or a pipe the tables go whole, at a width that holds them.
    console = Console(width=None if os.isatty(1) else 200, highlight=False)
    print_report(judged.report, console)
    if json_file is not None:
        text = json.dumps(report_document(judged.report), indent=1, allow_nan=False)
        _write(json_file, text + "\n")
    if html_file is not None:
        _write(html_file, page(judged.report, title=f"{judged.truth.name}: {run.resolve().name}"))


def _site_beside(truth: Path) -> Path:
    if not truth.is_file():
        raise UsageError(f"there is no truth {truth}; name the file that says what truly happened")
    path = truth.parent / "site.yaml"
    if not path.is_file():
        raise UsageError(
            f"there is no site.yaml beside {truth}; name the run's site file with --site"
        )
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TrafficAiError(f"cannot write {path}: {error.strerror}; name another file") from error
    typer.echo(f"written to {path}", err=True)
