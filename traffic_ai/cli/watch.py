"""`traffic-ai watch`: live cameras, until Ctrl-C."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.logs import LogFormat, log_json, say
from traffic_ai.cli.options import (
    AllowPtOption,
    BatchOption,
    EngineOption,
    EveryFrameOption,
    JsonOption,
    KeysOption,
    OutOption,
    SiteOption,
    SizeOption,
    WeightsOption,
)

if TYPE_CHECKING:
    from traffic_ai.watch.view import CameraView, UpkeepView


def watch(
    site: SiteOption,
    out: OutOption = Path("out"),
    camera: Annotated[
        list[str] | None, typer.Option("--camera", help="Only this camera; repeatable.")
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option("--duration", min=0.0, help="Stop by itself after so many seconds."),
    ] = None,
    weights: WeightsOption = "yolov8n",
    size: SizeOption = 640,
    allow_pt: AllowPtOption = False,
    engine: EngineOption = "",
    batch: BatchOption = None,
    evidence: Annotated[
        bool, typer.Option("--evidence/--no-evidence", help="Write stills and clips.")
    ] = True,
    every_frame: EveryFrameOption = False,
    keys: KeysOption = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            help="Answer /healthz, /readyz, /metrics here: a port of the loopback or HOST:PORT.",
        ),
    ] = None,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format", help="json: one object a line on standard error, and no table."
        ),
    ] = LogFormat.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Watch the site's RTSP cameras and record violations as they happen.

    A table shows each camera's state, frames a second, lag and last violation. A camera that goes
    away is waited for and taken up again; the others go on. When the detector is slower than the
    streams, whole frames are skipped, of all cameras alike. Cameras that are added, removed or
    altered in the site file are taken up without stopping the rest. What happens is told to the
    broker and receivers that the site file names, and what it keeps no longer is deleted. Ctrl-C or
    SIGTERM ends cleanly. `traffic-ai status OUT` answers from another terminal. With --json, one
    JSON object a camera is printed at the end.
    """
    from traffic_ai.audit.retention import Keeper, PackageSizes
    from traffic_ai.cli.keys import signer_or_note
    from traffic_ai.cli.live_table import LiveTable
    from traffic_ai.cli.models import pull_progress
    from traffic_ai.cli.process import stopping_on_signals
    from traffic_ai.core.memory import give_back_large_blocks, leave_alone_what_is_loaded
    from traffic_ai.watch.board import Board, parse_address
    from traffic_ai.watch.notify import Notifier
    from traffic_ai.watch.run import Watch
    from traffic_ai.watch.status import view_row
    from traffic_ai.wiring import DetectorOptions, at_once, choose_engine, load_detector, open_site

    if log_format is LogFormat.JSON:
        log_json()
    give_back_large_blocks()
    the_site = open_site(site)
    for warning in the_site.warnings:
        say(f"warning: {warning}")
    signer = signer_or_note(keys) if evidence or the_site.retention else None
    with pull_progress() as progress:
        asked = DetectorOptions(weights, size, allow_pt)
        options, said = choose_engine(asked, engine, progress)
        detector = load_detector(at_once(options, batch), progress)
    if said:
        typer.echo(said, err=True)
    cameras = tuple(camera or ())
    keeper = Keeper(out, signer, PackageSizes(out))
    the_watch = Watch(
        the_site, out, detector, cameras, evidence, duration, signer, every_frame, keeper
    )
    address = parse_address(listen) if listen is not None else None
    notifier = Notifier()
    leave_alone_what_is_loaded()
    table = LiveTable(only_log=log_format is LogFormat.JSON)
    with closing(Board(out, address)) as board, stopping_on_signals(the_watch.stop), table:

        def show(views: "Sequence[CameraView]", upkeep: "UpkeepView") -> None:
            table.show(views, upkeep)
            board.show(views, upkeep)
            notifier.alive(views)

        try:
            views = the_watch.run(show)
        finally:
            notifier.ending()
    if as_json:
        for view in views:
            typer.echo(json.dumps(view_row(view)))
