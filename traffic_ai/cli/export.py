"""`traffic-ai export`: the violations of a run folder as CSV or JSON lines."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from traffic_ai.cli.options import (
    AllowPtOption,
    ByOption,
    KeysOption,
    SizeOption,
    WeightsOption,
    given_moment,
)
from traffic_ai.cli.reading import ReaderKeyOption, note_table_read, reader_of
from traffic_ai.cli.review import acting
from traffic_ai.core.errors import TrafficAiError, UsageError
from traffic_ai.core.kinds import EvidenceState, ViolationKind
from traffic_ai.stores.run_folder import STORE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from traffic_ai.audit.records import Records
    from traffic_ai.core.record import StoredViolation
    from traffic_ai.detectors.regions import SizedDetector
    from traffic_ai.evidence.encryption import Reader
    from traffic_ai.stores.database import ViolationStore
    from traffic_ai.stores.records import RecordFilter


class ExportFormat(StrEnum):
    """Forms of an export."""

    CSV = "csv"
    JSONL = "jsonl"


def export(
    out_dir: Annotated[Path, typer.Argument(help="Run folder that holds violations.sqlite.")],
    format: Annotated[
        ExportFormat, typer.Option("--format", "-f", help="A table, or full documents.")
    ] = ExportFormat.CSV,
    kind: Annotated[
        list[ViolationKind] | None, typer.Option("--kind", help="Only this kind; repeatable.")
    ] = None,
    camera: Annotated[
        list[str] | None, typer.Option("--camera", help="Only this camera; repeatable.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="From this time on, as 2026-01-31T08:00+07:00."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Before this time, in the same form.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, or - for standard output.")
    ] = Path("-"),
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Zone of the times in a CSV, as Asia/Bangkok.")
    ] = "UTC",
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin a CSV with the mark that Excel needs for UTF-8.")
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="DIR",
            help="Instead of a table: copies of the stills for handing out, with people and other "
            "vehicles covered, in a folder a record.",
        ),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="ID", help="Only this, or what begins so; repeatable."),
    ] = None,
    weights: WeightsOption = "yolov8n",
    size: SizeOption = 640,
    allow_pt: AllowPtOption = False,
    by: ByOption = "",
    keys: KeysOption = None,
    reader_key: ReaderKeyOption = None,
) -> None:
    """Write the violations of a run folder as CSV or JSON lines, or their pictures.

    Where its cameras have chains, they tell that, when and by whom it was read.
    """
    from traffic_ai.audit.records import whole_id
    from traffic_ai.stores.database import ViolationStore
    from traffic_ai.stores.records import RecordFilter

    zone = _zone(time_zone)
    with ViolationStore.open(_store_path(out_dir), read_only=True) as store:
        ids = tuple(whole_id(store, out_dir, beginning) for beginning in record or ())
    wanted = RecordFilter(
        kinds=tuple(kind or ()),
        camera_ids=tuple(camera or ()),
        ids=ids,
        since=None if since is None else given_moment("--since", since),
        until=None if until is None else given_moment("--until", until),
    )
    if pictures is not None:
        reader = reader_of(reader_key, keys)
        with acting(out_dir, by, keys) as records:
            _hand_out(records, wanted, pictures, lambda: _detector(weights, size, allow_pt), reader)
        return
    counts: Counter[str] = Counter()
    with ViolationStore.open(_store_path(out_dir), read_only=True) as store:
        if output == Path("-"):
            with _standard_output() as stream:
                _write(store, wanted, format, stream, zone, bom, counts)
        else:
            with _whole_file(output) as stream:
                _write(store, wanted, format, stream, zone, bom, counts)
        if since is not None or until is not None:
            _tell_undated(store, wanted)
    note_table_read(out_dir, counts, f"export {format.value}", by, keys)


def _write(
    store: "ViolationStore",
    wanted: "RecordFilter",
    format: ExportFormat,
    stream: TextIO,
    zone: "ZoneInfo",
    bom: bool,
    counts: Counter[str],
) -> None:
    """Write the rows; `counts` gets how many of each camera there were."""
    from traffic_ai.sinks.csv import write_csv
    from traffic_ai.sinks.jsonl import write_jsonl

    def counted(row: "StoredViolation") -> "StoredViolation":
        counts[row.camera_id] += 1
        return row

    if format is ExportFormat.CSV:
        write_csv(map(counted, store.violations(wanted)), stream, zone, byte_order_mark=bom)
    else:
        rows = store.documents(wanted)
        write_jsonl((replace(row, stored=counted(row.stored)) for row in rows), stream)


def _hand_out(
    records: "Records",
    wanted: "RecordFilter",
    folder: Path,
    load_detector: "Callable[[], SizedDetector]",
    reader: "Reader | None",
) -> None:
    """Covered pictures of the records that have a package."""
    from traffic_ai.audit.handout import hand_out

    chosen = list(records.store.documents(wanted))
    if not chosen:
        raise UsageError(f"{records.run} holds no record of that kind, camera and time")
    detector = load_detector()
    for record in chosen:
        if record.stored.evidence_state is not EvidenceState.WRITTEN:
            typer.echo(f"note: {record.stored.id} has no pictures", err=True)
            continue
        done = hand_out(records, record, detector, folder, reader)
        covered = ", ".join(f"{name} {count}" for name, count in done.covered.items())
        typer.echo(f"{done.folder}: covered: {covered}")
    typer.echo("a detector misses some: look at every picture before you hand it on", err=True)


def _detector(weights: str, size: int, allow_pt: bool) -> "SizedDetector":
    from traffic_ai import wiring
    from traffic_ai.cli.models import pull_progress

    with pull_progress() as progress:
        return wiring.load_detector(wiring.DetectorOptions(weights, size, allow_pt), progress)


def _store_path(out_dir: Path) -> Path:
    path = out_dir / STORE_NAME
    if not path.is_file():
        raise UsageError(
            f"{out_dir} holds no {STORE_NAME}; name the folder that an analysis wrote to"
        )
    return path


def _zone(name: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise UsageError(
            f"--time-zone {name!r} is not a known time zone; write it as Asia/Bangkok or UTC"
        ) from None


def _tell_undated(store: "ViolationStore", wanted: "RecordFilter") -> None:
    """Say how many violations a time range left out because their time is not known."""
    count = store.undated_count(wanted)
    if count:
        typer.echo(
            f"{count} violations have no wall-clock time (their recording's start was not known) "
            "and are in no time range; export without --since and --until to see them",
            err=True,
        )


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Standard output as UTF-8 without newline translation; a reader that leaves early is fine."""
    stream = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        # What is still buffered must go somewhere when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise TrafficAiError(f"cannot write to standard output: {error.strerror}") from error
    finally:
        with suppress(OSError):
            stream.detach()


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A file that appears whole or not at all; a device or pipe is written as it is."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise UsageError(f"--output {path} is a folder; name a file in it")
    if not target.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {target.parent}; make it first")
    special = target.exists() and not target.is_file()
    written = target if special else target.parent / f".{target.name}.{os.getpid()}.partial"
    try:
        with written.open("w", encoding="utf-8", newline="") as stream:
            yield stream
            if not special:
                stream.flush()
                os.fsync(stream.fileno())
        if not special:
            written.replace(target)
    except OSError as error:
        raise TrafficAiError(f"cannot write {path}: {error.strerror}; it is as before") from error
    finally:
        if not special:
            with suppress(OSError):
                written.unlink(missing_ok=True)
