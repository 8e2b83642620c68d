"""`traffic-ai review`: people look at violations and decide; all of it enters the chain."""

import json
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import ByOption, JsonOption, KeysOption, person
from traffic_ai.core.kinds import RejectionReason, ReviewState, ViolationKind
from traffic_ai.core.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

    from traffic_ai.audit.records import Records
    from traffic_ai.core.record import DocumentedViolation, StoredViolation

app = typer.Typer(
    help="Look at the violations of a run folder and decide on them.",
    no_args_is_help=True,
)

RecordArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, or how it begins.")]
NoteOption = Annotated[
    str, typer.Option("--note", help="A remark. It is kept for ever: name nobody in it.")
]


def acting(run: Path, by: str, keys: Path | None) -> "AbstractContextManager[Records]":
    """The records of a run in the hands of who acts."""
    from traffic_ai.audit.records import open_records
    from traffic_ai.cli.keys import signer_or_note

    return open_records(run, by or person(), signer_or_note(keys))


@app.callback()
def _run(context: typer.Context, run: Annotated[Path, typer.Argument(help="Run folder.")]) -> None:
    """Look at the violations of a run folder and decide on them."""
    context.obj = run


@app.command("list")
def list_records(
    context: typer.Context,
    state: Annotated[
        list[ReviewState] | None, typer.Option("--state", help="Only these; repeatable.")
    ] = None,
    kind: Annotated[
        list[ViolationKind] | None, typer.Option("--kind", help="Only this kind; repeatable.")
    ] = None,
    camera: Annotated[
        list[str] | None, typer.Option("--camera", help="Only this camera; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    by: ByOption = "",
    keys: KeysOption = None,
) -> None:
    """List violations, by default of every state. Enters that you looked, where there is a key."""
    from traffic_ai.audit.records import open_records
    from traffic_ai.cli.reading import note_table_read
    from traffic_ai.stores.records import RecordFilter

    wanted = RecordFilter(
        kinds=tuple(kind or ()),
        camera_ids=tuple(camera or ()),
        review_states=tuple(state or ()),
        limit=limit,
    )
    with open_records(context.obj) as records:
        rows = list(records.store.violations(wanted))
    _print(_table(rows))
    note_table_read(context.obj, Counter(row.camera_id for row in rows), "list", by, keys)


@app.command()
def show(
    context: typer.Context,
    record: RecordArgument,
    by: ByOption = "",
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a violation, why it was reported, and what was done with it. Enters that you looked."""
    with acting(context.obj, by, keys) as records:
        found = records.find(record)
        records.note_read([found.stored], "show")
        history = records.history(found.stored)
    if as_json:
        entries = [asdict(entry) for entry in history]
        told = {"record": json.loads(found.document), "history": entries}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=dict))
        return
    for line in _record_lines(found, context.obj):
        typer.echo(printable(line))
    typer.echo("in the chain:")
    for entry in history:
        words = [str(entry.payload[name]) for name in _TOLD if entry.payload.get(name)]
        line = f"  {entry.sequence:6} {entry.sealed_at} {entry.kind} {', '.join(words)}"
        typer.echo(printable(line))


@app.command()
def confirm(
    context: typer.Context,
    record: RecordArgument,
    note: NoteOption = "",
    by: ByOption = "",
    keys: KeysOption = None,
) -> None:
    """Decide that a violation happened as reported."""
    with acting(context.obj, by, keys) as records:
        _decide(records, record, ReviewState.CONFIRMED, None, note)


@app.command()
def reject(
    context: typer.Context,
    record: RecordArgument,
    reason: Annotated[RejectionReason, typer.Option("--reason", help="Why.")],
    note: NoteOption = "",
    by: ByOption = "",
    keys: KeysOption = None,
) -> None:
    """Decide that a violation is not pursued, and why."""
    with acting(context.obj, by, keys) as records:
        _decide(records, record, ReviewState.REJECTED, reason, note)


@app.command()
def stats(context: typer.Context, as_json: JsonOption = False) -> None:
    """How often each rule was right at each camera, by the decisions so far.

    Rejected as `exempt` or `unreadable_plate` counts neither way. The interval holds where what was
    decided on is a fair sample of what was reported: decide on all, or on a draw.
    """
    from traffic_ai.audit.precision import precision
    from traffic_ai.audit.records import open_records

    with open_records(context.obj) as records:
        rows = precision(records.store.review_counts())
    if as_json:
        told = [
            {**asdict(row), "precision": row.share, "interval_95": list(row.interval)}
            for row in rows
        ]
        typer.echo(json.dumps(told, indent=2))
        return
    table = _new_table(
        "camera", "kind", "confirmed", "rejected", "set aside", "open", "precision", "95 %"
    )
    for row in rows:
        low, high = row.interval
        share = row.share
        table.add_row(
            *map(printable, (row.camera_id, row.kind.value)),
            *map(str, (row.confirmed, row.rejected, row.set_aside, row.proposed)),
            "" if share is None else f"{share:.1%}",
            "" if share is None else f"{low:.1%} to {high:.1%}",
        )
    _print(table)


_WHOLE_LINE = 240
_TOLD = ("state", "reason", "how", "why", "by", "note")


def _decide(
    records: "Records",
    record: str,
    state: ReviewState,
    reason: RejectionReason | None,
    note: str,
) -> None:
    found = records.find(record).stored
    review = records.decide(found, state, reason, note)
    why = f" ({review.reason.value})" if review.reason else ""
    typer.echo(f"{found.id} {review.state.value}{why}, entry {review.chain_entry} of the chain")


def _record_lines(found: "DocumentedViolation", run: Path) -> list[str]:
    from traffic_ai.core.recorded import finding_of
    from traffic_ai.core.violation import Violation
    from traffic_ai.evidence.condition_words import condition_words
    from traffic_ai.evidence.words import one_line

    stored, review = found.stored, found.stored.review
    finding = finding_of(found.document, Violation)
    lines = [f"{stored.id}  camera {stored.camera_id}", one_line(finding)]
    for told in map(condition_words, finding.explanation):
        lines.append(f"  {'yes' if told.met else 'NO ':3}  {told.line}")
    lines.append(f"evidence: {run / stored.evidence_path if stored.evidence_path else 'none'}")
    if stored.evidence_message:
        lines.append(f"  {stored.evidence_message}")
    said = [review.state.value, review.reason.value if review.reason else "", review.note]
    lines.append(f"review: {', '.join(word for word in said if word)}")
    return lines


def _table(rows: "list[StoredViolation]") -> "Table":
    from traffic_ai.evidence.words import stored_figure

    table = _new_table("id", "review", "kind", "camera", "lane", "when (UTC)", "what", "by")
    for row in rows:
        when = row.occurred_at.utc.isoformat(" ", "seconds")[:19] if row.occurred_at else ""
        reason = f" {row.review.reason.value}" if row.review.reason else ""
        cells = (
            row.id[:12],
            row.review.state.value + reason,
            row.kind.value,
            row.camera_id,
            row.lane_id,
            when or f"{row.t_s:.1f} s",
            stored_figure(row),
            row.review.by,
        )
        table.add_row(*map(printable, cells))
    return table


def _new_table(*columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(column, no_wrap=column == "id")
    return table


def _print(table: "Table") -> None:
    from rich.console import Console

    # A file or another program wants whole lines, however long.
    width = None if Console().is_terminal else _WHOLE_LINE
    Console(highlight=False, markup=False, emoji=False, width=width).print(table)
