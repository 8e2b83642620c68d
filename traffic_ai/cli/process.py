"""`traffic-ai process`: recorded footage in, violation records and evidence out."""

import json
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.logs import say
from traffic_ai.cli.options import (
    AllowPtOption,
    EngineOption,
    EveryFrameOption,
    JsonOption,
    KeysOption,
    OutOption,
    SiteOption,
    SizeOption,
    WeightsOption,
    given_moment,
)
from traffic_ai.cli.words import several
from traffic_ai.core.errors import UsageError
from traffic_ai.core.given import A_YEAR

if TYPE_CHECKING:
    from traffic_ai.batch.outcome import FileOutcome
    from traffic_ai.batch.run import Batch
    from traffic_ai.config.site import Site
    from traffic_ai.detectors.regions import SizedDetector
    from traffic_ai.evidence.keys import Signer
    from traffic_ai.wiring import DetectorOptions

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
DRAIN_S = 10.0


def process(
    videos: Annotated[
        list[str],
        typer.Argument(help="Video files, folders (searched through) or quoted glob patterns."),
    ],
    site: SiteOption,
    out: OutOption = Path("out"),
    camera: Annotated[
        str | None, typer.Option("--camera", help="The camera of the site file they are all of.")
    ] = None,
    start_time: Annotated[
        str | None,
        typer.Option(
            "--start-time", help="When the recording began, as 2026-01-31T08:00:00+07:00."
        ),
    ] = None,
    weights: WeightsOption = "yolov8n",
    size: SizeOption = 640,
    allow_pt: AllowPtOption = False,
    engine: EngineOption = "",
    evidence: Annotated[
        bool, typer.Option("--evidence/--no-evidence", help="Write stills and clips.")
    ] = True,
    tracks: Annotated[
        bool,
        typer.Option("--keep-tracks", help="Leave every track in OUT/tracks, for `evaluate`."),
    ] = False,
    every_frame: EveryFrameOption = False,
    workers: Annotated[
        int,
        typer.Option("--workers", min=1, help="Files analysed at once, each in a process."),
    ] = 1,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find violations in recorded footage.

    Violations go to OUT/violations.sqlite, stills, clips and manifests to OUT/evidence. Run again
    with the same site and OUT, finished files are skipped and an interrupted one goes on where it
    was. A file that is still being written is left for the next run. Ctrl-C ends cleanly. Exit code
    0: all files done or skipped; 1: some failed; 130: interrupted.
    """
    from traffic_ai.batch.processes import expect_workers

    if workers > 1:
        expect_workers()
    from traffic_ai.batch.files import find_videos
    from traffic_ai.batch.workers import Workers
    from traffic_ai.cli.keys import signer_or_note
    from traffic_ai.cli.models import pull_progress
    from traffic_ai.cli.progress import BatchProgress
    from traffic_ai.core.memory import give_back_large_blocks
    from traffic_ai.detectors.models import weights as weights_file
    from traffic_ai.wiring import DetectorOptions, choose_engine, load_detector, open_site

    give_back_large_blocks()
    paths = find_videos(videos)
    begins_at = _start(start_time, len(paths))
    the_site = open_site(site)
    for warning in the_site.warnings:
        typer.echo(f"warning: {warning}", err=True)
    signer = signer_or_note(keys) if evidence else None
    with pull_progress() as progress:
        asked = DetectorOptions(weights, size, allow_pt)
        options, said = choose_engine(asked, engine, progress)
    if said:
        typer.echo(said, err=True)
    job = _Job(site, out, options, camera, begins_at, evidence, tracks, keys, every_frame)
    stop = threading.Event()
    with pull_progress() as progress:
        if workers == 1:
            batch = job.batch_of(the_site, load_detector(options, progress), signer, stop)
        else:
            weights_file(options.weights, progress)
    with _delivering(the_site, out), stopping_on_signals(stop), BatchProgress() as listener:
        if workers == 1:
            outcomes = batch.run(paths, listener)
        else:
            listeners = [listener, *(listener.beside() for _ in range(workers - 1))]
            outcomes = Workers(job.batch, listeners, stop).run(the_site, paths, camera)
    if as_json:
        typer.echo(json.dumps(_summary(outcomes, out), indent=2))
    else:
        _print_summary(outcomes, len(paths), out)
    if stop.is_set():
        raise typer.Exit(EXIT_INTERRUPTED)
    if any(outcome.state.value == "failed" for outcome in outcomes):
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _delivering(site: "Site", out: Path) -> Iterator[None]:
    """Tell those whom the site file names of what is found, while it is found."""
    from traffic_ai.config.delivery import NOBODY
    from traffic_ai.delivery import Delivery
    from traffic_ai.stores.database import ViolationStore
    from traffic_ai.stores.run_folder import STORE_NAME, make_run_folder
    from traffic_ai.wiring import new_routes

    if site.delivery == NOBODY:
        yield
        return
    make_run_folder(out)
    with (
        ViolationStore.open(out / STORE_NAME) as store,
        closing(Delivery(store.outbox)) as delivery,
    ):
        delivery.start(new_routes(site.delivery, out), only=False)
        yield
        if left := delivery.drain(DRAIN_S):
            say(f"{left} messages wait; the next run on {out} delivers them")


@dataclass(frozen=True, slots=True)
class _Job:
    """What was asked for, in a form that goes to another process."""

    site: Path
    out: Path
    options: "DetectorOptions"
    camera: str | None
    begins_at: datetime | None
    evidence: bool
    tracks: bool
    keys: Path | None
    every_frame: bool

    def batch(self) -> "Batch":
        """The batch of a worker: all is read and loaded here."""
        from traffic_ai.core.memory import give_back_large_blocks
        from traffic_ai.evidence.keys import keys_folder, load_signer
        from traffic_ai.wiring import load_detector, open_site

        give_back_large_blocks()
        signer = load_signer(keys_folder(self.keys)) if self.evidence else None
        return self.batch_of(
            open_site(self.site), load_detector(self.options), signer, threading.Event()
        )

    def batch_of(
        self,
        site: "Site",
        detector: "SizedDetector",
        signer: "Signer | None",
        stop: threading.Event,
    ) -> "Batch":
        """The batch with what was read and loaded."""
        from traffic_ai.batch.run import Batch

        return Batch(
            site,
            self.out,
            detector,
            self.camera,
            self.begins_at,
            self.evidence,
            self.tracks,
            signer,
            self.every_frame,
            stop,
        )


def _start(text: str | None, file_count: int) -> datetime | None:
    if text is None:
        return None
    if file_count != 1:
        raise UsageError(
            f"--start-time is of one recording, {file_count} were given; "
            "set `start_time_pattern` in the site file for many"
        )
    return given_moment("--start-time", text, A_YEAR)


@contextmanager
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that goes away set `stop`; a second Ctrl-C interrupts at once.

    Under `nohup` the terminal's end is no reason to stop.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()
        with suppress(OSError):  # there may be no terminal to say it on
            say("stopping after the frame in work (Ctrl-C again to stop at once)")

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {n: signal.signal(n, handle) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(outcomes: "Sequence[FileOutcome]", out: Path) -> dict[str, object]:
    return {
        "out": str(out),
        "files": [
            {
                "path": str(outcome.path),
                "camera": outcome.camera_id,
                "state": outcome.state.value,
                "message": outcome.message,
                "frames": outcome.frame_count,
                "duration_s": outcome.duration_s,
                "violations": outcome.violation_count,
                "new_violations": [v.id for v in outcome.new_violations],
                "near_misses": outcome.near_miss_count,
                "evidence_problems": outcome.evidence_problems,
                "notes": outcome.notes,
            }
            for outcome in outcomes
        ],
    }


def _print_summary(outcomes: "Sequence[FileOutcome]", total: int, out: Path) -> None:
    for state in ("done", "skipped", "failed", "interrupted"):
        count = sum(outcome.state.value == state for outcome in outcomes)
        if count:
            typer.echo(f"{count} of {total} files {state}")
    new = sum(len(outcome.new_violations) for outcome in outcomes)
    near = sum(outcome.near_miss_count for outcome in outcomes)
    typer.echo(f"{several(new, 'new violation')}, {several(near, 'near miss')} in {out}")
    if new:
        typer.echo(f"export them: traffic-ai export {out} --output violations.csv")
