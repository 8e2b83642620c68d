"""`traffic-ai purge`: delete records; a signed entry says what, when, why and by whom."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from traffic_ai.cli.options import ByOption, KeysOption
from traffic_ai.cli.review import acting
from traffic_ai.cli.words import several
from traffic_ai.core.errors import UsageError

if TYPE_CHECKING:
    from traffic_ai.audit.records import Records
    from traffic_ai.config.delivery import Kept
    from traffic_ai.core.record import DocumentedViolation
    from traffic_ai.core.violation import ViolationKind


def purge(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="Delete this record; whole id.")
    ] = None,
    why: Annotated[
        str, typer.Option("--why", help="Why, with --subject. It is kept: name nobody in it.")
    ] = "",
    expired: Annotated[
        bool,
        typer.Option("--expired", help="Delete what is beyond the retention of --site."),
    ] = False,
    site: Annotated[
        Path | None, typer.Option("--site", "-s", help="The site file, with --expired.")
    ] = None,
    by: ByOption = "",
    keys: KeysOption = None,
) -> None:
    """Delete records for good: pictures, clip, tracks and row. Cannot be undone.

    The camera's chain keeps a signed entry with hashes only, so `verify` misses nothing. Copies
    that were exported before are not reached.
    """
    from traffic_ai.audit import purge as deletion
    from traffic_ai.audit import retention as retired

    if (subject is None) == (not expired):
        raise UsageError("give --subject ID, or --expired; one of them")
    if expired and site is None:
        raise UsageError("--expired needs --site: the site file says what is kept")
    if subject is not None and not why:
        raise UsageError("--subject needs --why: the reason is kept with the deletion")
    kept = _retention(site) if site is not None and expired else {}
    with acting(run, by, keys) as records:
        if subject is not None:
            chosen: Iterator[tuple[DocumentedViolation, str]] = iter(
                [(deletion.subject(records, subject), why)]
            )
        else:
            chosen = _expired(records, kept)
        count = 0
        for record, reason in chosen:
            entry = deletion.purge(records, record, reason)
            typer.echo(f"{record.stored.id} deleted, entry {entry.sequence} of the chain")
            count += 1
        if expired:
            near = retired.drop_near_misses(records, kept, datetime.now(UTC), Event())
            were = "was" if count == 1 else "were"
            kept_no_longer = f"{several(count, 'record')} {were} beyond what is kept"
            typer.echo(f"{kept_no_longer}, and {several(near, 'near miss')}")


def _retention(site: Path) -> "Mapping[ViolationKind, Kept]":
    from traffic_ai.wiring import open_site

    retention = open_site(site).retention
    if not retention:
        raise UsageError(f"{site} has no retention; say there how long or how much is kept")
    return retention


def _expired(
    records: "Records", retention: "Mapping[ViolationKind, Kept]"
) -> "Iterator[tuple[DocumentedViolation, str]]":
    from traffic_ai.audit.retention import PackageSizes, overdue

    for stored, why in overdue(records, retention, PackageSizes(records.run), datetime.now(UTC)):
        yield records.find(stored.id), why
