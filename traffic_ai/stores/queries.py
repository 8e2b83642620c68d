"""Statements of the store that more than one of its methods uses."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select
from sqlalchemy.dialects import sqlite

from traffic_ai.core.record import ReviewState
from traffic_ai.stores import rows, tables
from traffic_ai.stores.records import RecordFilter

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_new(connection: Connection, table: Table, values: rows.Values) -> bool:
    """Insert a row unless its key is there; whether it was inserted."""
    keys = list(table.primary_key.columns)
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=keys)
    return bool(connection.execute(statement, values).rowcount == 1)


def _insert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """The dialect's own insertion; PostgreSQL's is imported only where that is the store."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


def select_violations(wanted: RecordFilter, with_document: bool) -> Select[Any]:
    """Violations that match, in order, with the location of their source."""
    columns = [c for c in tables.violations.c if with_document or c.name != "document"]
    r = tables.reviews.c
    review = (
        r.state.label("review_state"),
        r.reason.label("review_reason"),
        r.note.label("review_note"),
        r.decided_by,
        r.decided_at,
        r.chain_entry,
    )
    statement = (
        select(*columns, tables.sources.c.location, *review)
        .join_from(tables.violations, tables.sources)
        .outerjoin(tables.reviews, r.violation_id == tables.violations.c.id)
    )
    if wanted.review_states:
        statement = statement.where(review_state().in_(list(wanted.review_states)))
    if wanted.evidence_states:
        states = [state.value for state in wanted.evidence_states]
        statement = statement.where(tables.violations.c.evidence_state.in_(states))
    return filtered(statement, tables.violations, wanted)


def review_state() -> ColumnElement[str]:
    """The state of review of a violation joined with its decision, if there is one."""
    return func.coalesce(tables.reviews.c.state, ReviewState.PROPOSED.value)


def filtered(statement: Select[Any], table: Table, wanted: RecordFilter) -> Select[Any]:
    """The statement with the filter, in the order of wall-clock time, `t_s` and id."""
    c = table.c
    statement = matching(statement, table, wanted)
    return statement.order_by(c.occurred_at.asc().nulls_last(), c.t_s, c.id)


def matching(statement: Select[Any], table: Table, wanted: RecordFilter) -> Select[Any]:
    """The statement with the filter, in no order."""
    c = table.c
    if wanted.kinds:
        statement = statement.where(c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.camera_ids:
        statement = statement.where(c.camera_id.in_(wanted.camera_ids))
    if wanted.ids:
        statement = statement.where(c.id.in_(wanted.ids))
    if wanted.since is not None:
        statement = statement.where(c.occurred_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(c.occurred_at < wanted.until)
    if wanted.limit is not None:
        statement = statement.limit(wanted.limit)
    return statement
