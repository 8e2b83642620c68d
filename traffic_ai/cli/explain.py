"""`traffic-ai explain`: why something was reported, or was not, in words and as a page."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import ByOption, JsonOption, KeysOption
from traffic_ai.cli.reading import ReaderKeyOption, note_read, reader_of
from traffic_ai.core.errors import TrafficAiError, UsageError
from traffic_ai.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traffic_ai.audit.explain import Explained
    from traffic_ai.audit.explain_counts import ReasonCount
    from traffic_ai.core.violation import NearMiss
    from traffic_ai.evidence.encryption import Reader


def explain(
    what: Annotated[
        list[str],
        typer.Argument(help="An id and its run folder; or a package; or, to count, a run folder."),
    ],
    near_misses: Annotated[
        bool,
        typer.Option("--near-misses", help="Count what was reported and what was not, by reason."),
    ] = False,
    each: Annotated[
        bool,
        typer.Option("--each", help="With --near-misses: those not reported one by one, with id."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The page to write. Default: explanation-ID.html, here."
        ),
    ] = None,
    only_words: Annotated[bool, typer.Option("--only-words", help="Write no page.")] = False,
    as_json: JsonOption = False,
    by: ByOption = "",
    keys: KeysOption = None,
    reader_key: ReaderKeyOption = None,
) -> None:
    """Tell why a record was made: each condition, what was measured, and what it had to be.

    The page shows the vehicle's way over the still, the stop line, what the signal showed, the
    speed over the pass with its uncertainty, and the conditions. It holds the still: keep it as
    the record. ID may be its first few digits; that of a near miss tells why it was not reported.
    With --json the record is printed with the figures behind it, and a page only written where
    --output names one. The camera's chain tells that, when and by whom the record was read.
    """
    if near_misses:
        (_each if each else _counts)(_run_folder(what), as_json)
        return
    if each:
        raise UsageError("--each goes with --near-misses: explain --near-misses --each RUN_FOLDER")
    no_page = only_words or (as_json and output is None)
    show = _Shown(output, no_page, as_json, by, keys, reader_key)
    if len(what) == 1:
        _package(Path(what[0]), show)
        return
    if len(what) != 2:
        raise UsageError(
            f"{len(what)} arguments were given; write `traffic-ai explain ID RUN_FOLDER` or "
            "`traffic-ai explain PACKAGE`"
        )
    record_id, run = what[0], Path(what[1])
    _record(record_id, run, show)


@dataclass(frozen=True, slots=True)
class _Shown:
    """How a record is to be shown, and to whom."""

    output: Path | None
    no_page: bool
    as_json: bool
    by: str
    keys: Path | None
    reader_key: Path | None


def _record(record_id: str, run: Path, show: _Shown) -> None:
    """A violation with its package, or a near miss."""
    from traffic_ai.audit.explain import near_miss_words
    from traffic_ai.audit.explain_counts import near_misses
    from traffic_ai.audit.replay_package import package_folders

    try:
        (folder,) = package_folders(run, record_id)
    except UsageError:
        missed = near_misses(run, record_id)
        if len(missed) != 1:
            raise
        if show.as_json:
            [document] = _documents(missed)
            typer.echo(json.dumps(document, indent=2))
        else:
            _say(near_miss_words(*missed.values()))
        return
    _package(folder, show)


def _package(folder: Path, show: _Shown) -> None:
    from traffic_ai.audit.explain import explain_package, facts, words
    from traffic_ai.evidence.chain import MANIFEST

    if not folder.exists():
        raise UsageError(
            f"there is no package {folder}; for a record of a run folder write "
            f"`traffic-ai explain {folder} RUN_FOLDER`"
        )
    if not (folder / MANIFEST).is_file():
        raise UsageError(
            f"{folder} is no package (it holds no {MANIFEST}); for a record of a run folder "
            f"write `traffic-ai explain ID {folder}`"
        )
    reader = reader_of(show.reader_key, show.keys)
    explained = explain_package(folder)
    note_read([folder], "explain", show.by, show.keys)
    # The page first: what reads the words, as `head` does, may close the pipe early.
    path = None if show.no_page else _draw(explained, reader, show.output)
    if show.as_json:
        told = {**explained.package.violation, "facts": dict(facts(explained))}
        typer.echo(json.dumps(told, indent=2))
    else:
        _say(words(explained))
    if path is not None:
        typer.echo(f"drawn: {path}", err=show.as_json)


def _draw(explained: "Explained", reader: "Reader | None", output: Path | None) -> Path:
    from traffic_ai.audit.explain_page import page, still_problem
    from traffic_ai.evidence.package import folder_name

    if problem := still_problem(explained, reader):
        typer.echo(f"note: the page shows no picture: {problem}", err=True)
    path = output or Path(f"explanation-{folder_name(explained.violation.id)[:8]}.html")
    try:
        path.write_text(page(explained, reader), encoding="utf-8")
    except OSError as error:
        raise TrafficAiError(f"cannot write {path}: {error.strerror}") from error
    return path


def _say(lines: list[str]) -> None:
    """Print lines; what could steer a terminal is shown as a question mark."""
    for line in lines:
        typer.echo(printable(line))


def _run_folder(what: list[str]) -> Path:
    if len(what) != 1:
        raise UsageError("--near-misses takes one run folder: traffic-ai explain --near-misses RUN")
    return Path(what[0])


def _each(run: Path, as_json: bool) -> None:
    from traffic_ai.audit.explain import near_miss_line
    from traffic_ai.audit.explain_counts import near_misses

    missed = near_misses(run)
    if as_json:
        typer.echo(json.dumps(_documents(missed), indent=2))
        return
    for miss_id, miss in missed.items():
        _say([f"{miss_id}  {near_miss_line(miss)}; {miss.reason.replace('_', ' ')}"])


def _documents(missed: "Mapping[str, NearMiss]") -> list[dict[str, object]]:
    from traffic_ai.core.violation import document

    return [{**document(miss), "id": miss_id} for miss_id, miss in missed.items()]


def _counts(run: Path, as_json: bool) -> None:
    from traffic_ai.audit.explain_counts import reason_counts

    counts = reason_counts(run)
    if as_json:
        typer.echo(json.dumps([asdict(count) for count in counts], indent=2))
        return
    if not counts:
        typer.echo("nothing was reported and nothing was near")
    for count in counts:
        _say([_count_line(count)])


def _count_line(count: "ReasonCount") -> str:
    kind = count.kind.replace("_", " ")
    what = f"not reported: {count.reason.replace('_', ' ')}" if count.reason else "reported"
    return f"{count.count:7}  {count.camera_id:20} {kind:15} {what}"
