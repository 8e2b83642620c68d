"""The violation store: what the rules found, in one database per run folder.

Stands after the rules: findings go in with the source they were found in, evidence is noted when
it is written, sinks read back. SQLite by default; another database by its URL.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Engine, Row, Select, and_, delete, func, insert, or_, select, update

from traffic_ai.core.errors import RecordGoneError, StoreError
from traffic_ai.core.message import camera_changed, violation_changed, violation_found
from traffic_ai.core.record import (
    DocumentedViolation,
    EvidenceState,
    RejectionReason,
    ReviewState,
    StoredViolation,
)
from traffic_ai.core.violation import Finding, Violation, ViolationKind
from traffic_ai.stores import rows, soundness, tables
from traffic_ai.stores.changes import RecordChanges, is_deleted
from traffic_ai.stores.connection import (
    limit_patience,
    open_engine,
    prepare_schema,
    store_errors,
    store_name,
    writing,
)
from traffic_ai.stores.outbox import Outbox, enqueue
from traffic_ai.stores.queries import (
    filtered,
    insert_new,
    matching,
    review_state,
    select_violations,
)
from traffic_ai.stores.records import (
    CameraEvent,
    NearMissCount,
    RecordFilter,
    ReviewCount,
    SourceKey,
    SourceRun,
    SourceState,
    StoredNearMiss,
    ViolationCount,
    WatchEvent,
)

EVERYTHING = RecordFilter()
_ROWS_AT_ONCE = 200

T = TypeVar("T")


class ViolationStore:
    """Violations, near misses, analysed sources and camera events.

    Open it with `ViolationStore.open`; it may be used from several threads, and several processes
    may open the same one: each call that writes is one durable transaction, a second writer waits
    its turn. The same transaction puts the messages that tell of it into the `outbox`. Every method
    raises StoreError where the database fails, and then nothing of that call was written. Lists
    stream: rows are read as they are asked for, from one snapshot.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self.outbox = Outbox(engine, name)
        """The messages that wait to be delivered."""

    @classmethod
    def open(
        cls, location: Path | str, *, read_only: bool = False, patience_s: float | None = None
    ) -> Self:
        """The store at a path (made if absent) or database URL, brought to the newest schema.

        With `read_only` the store must exist and is left as it is, and may lie in a folder that
        cannot be written. patience_s: how long a call waits for another program's lock on a SQLite
        file, in place of the usual half a minute.
        """
        name = store_name(location)
        engine = open_engine(location, read_only)
        try:
            with store_errors(name, "open"):
                engine = prepare_schema(engine, name, read_only)
            if patience_s is not None:
                limit_patience(engine, patience_s)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, name)

    def close(self) -> None:
        """Close every connection; may be called twice. SQLite's WAL is folded into the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- sources ---------------------------------------------------------------------------------

    def start_source(self, key: SourceKey, location: str) -> None:
        """Note that the analysis of a source begins; until it is finished it counts as PARTIAL.

        `location` is a path or a URL that holds no secret. A second start of the same key begins
        anew and keeps the findings that are there.
        """
        beginning: rows.Values = {
            "location": rows.printable(location),
            "state": SourceState.PARTIAL.value,
            "message": "not finished",
            "frame_count": 0,
            "duration_s": 0.0,
            "started_at": datetime.now(UTC),
            "finished_at": None,
        }
        identity: rows.Values = {
            "id": key.id,
            "camera_id": key.camera_id,
            "source_hash": key.source_hash,
            "config_hash": key.config_hash,
            "model_hash": key.model_hash,
            "rules_version": key.rules_version,
        }
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            if not insert_new(connection, tables.sources, identity | beginning):
                connection.execute(
                    update(tables.sources).where(tables.sources.c.id == key.id).values(beginning)
                )

    def finish_source(
        self,
        key: SourceKey,
        state: SourceState,
        *,
        frame_count: int,
        duration_s: float,
        message: str = "",
    ) -> None:
        """Note how the analysis of a started source ended."""
        statement = (
            update(tables.sources)
            .where(tables.sources.c.id == key.id)
            .values(
                state=state.value,
                message=rows.printable(message),
                frame_count=frame_count,
                duration_s=duration_s,
                finished_at=datetime.now(UTC),
            )
        )
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            if connection.execute(statement).rowcount == 0:
                raise self._not_started(key)

    def source_state(self, key: SourceKey) -> SourceState | None:
        """How the analysis of a source ended, None where it was never begun."""
        statement = select(tables.sources.c.state).where(tables.sources.c.id == key.id)
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            state = connection.execute(statement).scalar()
        return SourceState(state) if state is not None else None

    def source_done(self, key: SourceKey) -> bool:
        """Whether this very analysis was finished before and need not be run again."""
        return self.source_state(key) is SourceState.DONE

    def sources(self) -> Iterator[SourceRun]:
        """Every analysis, in the order of its start."""
        statement = select(tables.sources).order_by(
            tables.sources.c.started_at, tables.sources.c.id
        )
        return self._stream(statement, rows.source_run)

    # -- findings --------------------------------------------------------------------------------

    def add_findings(self, key: SourceKey, findings: Iterable[Finding]) -> list[Violation]:
        """Add findings of a started source, all or none; what is there already is left alone, and
        a violation that was deleted stays so.

        Returns the violations that are new, in the order given. When this returns, they survive
        a killed process and a power cut.
        """
        now = datetime.now(UTC)
        added = []
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            known = select(tables.sources.c.id).where(tables.sources.c.id == key.id)
            if connection.execute(known).first() is None:
                raise self._not_started(key)
            for finding in findings:
                if isinstance(finding, Violation):
                    if is_deleted(connection, finding.id):
                        continue
                    row = rows.violation_values(key.id, finding, now)
                    if insert_new(connection, tables.violations, row):
                        added.append(finding)
                else:
                    row = rows.near_miss_values(key.id, finding, now)
                    insert_new(connection, tables.near_misses, row)
            enqueue(connection, [violation_found(violation, now) for violation in added])
        return added

    def drop_near_misses(self, kind: ViolationKind, before: datetime, most: int) -> int:
        """Delete near misses of a kind that are older, `most` of them at once; how many it was.

        One without a wall-clock time is as old as its row.
        """
        c = tables.near_misses.c
        old = or_(c.occurred_at < before, and_(c.occurred_at.is_(None), c.created_at < before))
        chosen = select(c.id).where(c.kind == kind.value, old).limit(most)
        statement = delete(tables.near_misses).where(c.id.in_(chosen))
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            return connection.execute(statement).rowcount

    def set_evidence(
        self, violation_id: str, state: EvidenceState, path: str | None = None, message: str = ""
    ) -> None:
        """Note what became of a violation's evidence. `path`: relative to the run folder.

        Raises RecordGoneError where the violation is not there.
        """
        mine = tables.violations.c.id == violation_id
        change = {"state": state.value, "path": path, "message": rows.printable(message)}
        noted = {f"evidence_{name}": value for name, value in change.items()}
        statement = update(tables.violations).where(mine).values(noted)
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            if connection.execute(statement).rowcount == 0:
                raise RecordGoneError(
                    f"there is no violation {violation_id} in the store {self._name}"
                )
            of = connection.execute(select(tables.violations.c.camera_id).where(mine)).scalar_one()
            told = violation_changed(violation_id, of, datetime.now(UTC), "evidence", change)
            enqueue(connection, [told])

    def without_evidence(self, violations: Iterable[Violation]) -> list[Violation]:
        """Those of the given violations that are stored and have no evidence package yet.

        After a killed run they are not new any more, but their evidence is still owed.
        """
        given = list(violations)
        columns = tables.violations.c
        owing: set[str] = set()
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            for start in range(0, len(given), _ROWS_AT_ONCE):
                ids = [violation.id for violation in given[start : start + _ROWS_AT_ONCE]]
                statement = select(columns.id).where(
                    columns.id.in_(ids), columns.evidence_state != EvidenceState.WRITTEN.value
                )
                owing.update(connection.execute(statement).scalars())
        return [violation for violation in given if violation.id in owing]

    def violations(self, wanted: RecordFilter = EVERYTHING) -> Iterator[StoredViolation]:
        """Violations by wall-clock time (those without one last), then `t_s`, then id."""
        return self._stream(select_violations(wanted, False), rows.stored_violation)

    def documents(self, wanted: RecordFilter = EVERYTHING) -> Iterator[DocumentedViolation]:
        """The same violations in the same order, each with its full document."""
        return self._stream(select_violations(wanted, True), rows.documented_violation)

    def near_misses(self, wanted: RecordFilter = EVERYTHING) -> Iterator[StoredNearMiss]:
        """Near misses in the order of `violations`."""
        statement = filtered(select(tables.near_misses), tables.near_misses, wanted)
        return self._stream(statement, rows.stored_near_miss)

    def undated_count(self, wanted: RecordFilter = EVERYTHING) -> int:
        """How many violations that match but for their time have no wall-clock time."""
        timeless = replace(wanted, since=None, until=None, limit=None)
        c = tables.violations.c
        statement = matching(select(func.count()), tables.violations, timeless)
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            return int(connection.execute(statement.where(c.occurred_at.is_(None))).scalar_one())

    def counts(self) -> list[ViolationCount]:
        """Violations by camera and kind."""
        c = tables.violations.c
        statement = select(c.camera_id, c.kind, func.count()).group_by(c.camera_id, c.kind)
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            found = connection.execute(statement.order_by(c.camera_id, c.kind)).all()
        return [ViolationCount(camera, ViolationKind(kind), n) for camera, kind, n in found]

    def near_miss_counts(self) -> list[NearMissCount]:
        """Near misses by camera, kind and reason."""
        c = tables.near_misses.c
        group = (c.camera_id, c.kind, c.reason)
        statement = select(*group, func.count()).group_by(*group).order_by(*group)
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            found = connection.execute(statement).all()
        return [
            NearMissCount(camera, ViolationKind(kind), reason, n)
            for camera, kind, reason, n in found
        ]

    # -- people ----------------------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Iterator[RecordChanges]:
        """One transaction in which decisions and deletions follow the chains; others wait."""
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            yield RecordChanges(connection)

    def forget(self) -> None:
        """Let go of what SQLite still keeps of deleted rows in its log, where nobody reads it."""
        if self._engine.dialect.name == "sqlite":
            with store_errors(self._name, "write to"), self._engine.connect() as connection:
                raw = connection.connection.driver_connection
                if raw is not None:
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def ids_like(self, beginning: str) -> list[str]:
        """Ids of violations that begin so, at most two."""
        c = tables.violations.c
        statement = select(c.id).where(c.id.startswith(beginning, autoescape=True)).limit(2)
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def deleted_ids(self) -> dict[str, list[str]]:
        """Ids of violations that were deleted, by camera."""
        c = tables.deletions.c
        statement = select(c.camera_id, c.violation_id).order_by(c.camera_id, c.violation_id)
        found: dict[str, list[str]] = {}
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            for camera_id, violation_id in connection.execute(statement):
                found.setdefault(camera_id, []).append(violation_id)
        return found

    def faults(self) -> list[str]:
        """Why lists of this store may not show what a look at every row does; empty if sound."""
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            return soundness.faults(connection)

    def review_counts(self) -> list[ReviewCount]:
        """Violations by camera, kind, state of review and reason."""
        c, r = tables.violations.c, tables.reviews.c
        group = (c.camera_id, c.kind, review_state(), r.reason)
        statement = (
            select(*group, func.count())
            .join_from(tables.violations, tables.reviews, isouter=True)
            .group_by(*group)
            .order_by(*group)
        )
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            found = connection.execute(statement).all()
        return [
            ReviewCount(
                camera,
                ViolationKind(kind),
                ReviewState(state),
                RejectionReason(reason) if reason is not None else None,
                n,
            )
            for camera, kind, state, reason, n in found
        ]

    # -- cameras ---------------------------------------------------------------------------------

    def add_camera_event(self, event: CameraEvent) -> None:
        """Note a change of a camera's state."""
        detail = rows.printable(event.detail)
        statement = insert(tables.camera_events).values(
            at=event.at, camera_id=event.camera_id, state=event.state, detail=detail
        )
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            connection.execute(statement)
            enqueue(connection, [camera_changed(event.camera_id, event.state, detail, event.at)])

    def add_watch_event(self, event: WatchEvent) -> None:
        """Note what happened to the watch as a whole."""
        statement = insert(tables.watch_events).values(
            at=event.at, part=event.part, state=event.state, detail=rows.printable(event.detail)
        )
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            connection.execute(statement)

    def watch_events(self) -> Iterator[WatchEvent]:
        """What happened to the watch as a whole, in time order."""
        c = tables.watch_events.c
        return self._stream(
            select(tables.watch_events).order_by(c.at, c.id),
            lambda row: WatchEvent(row.at, row.part, row.state, row.detail),
        )

    def camera_events(self, camera_id: str | None = None) -> Iterator[CameraEvent]:
        """Changes of the cameras' states (or of one camera's) in time order."""
        c = tables.camera_events.c
        statement = select(tables.camera_events).order_by(c.at, c.id)
        if camera_id is not None:
            statement = statement.where(c.camera_id == camera_id)
        return self._stream(statement, rows.camera_event)

    # --------------------------------------------------------------------------------------------

    def _stream(self, statement: Select[Any], read: Callable[[Row[Any]], T]) -> Iterator[T]:
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            streaming = connection.execution_options(yield_per=_ROWS_AT_ONCE)
            for row in streaming.execute(statement):
                yield read(row)

    def _not_started(self, key: SourceKey) -> StoreError:
        return StoreError(
            f"the store {self._name} does not know the source {key.source_hash} of camera "
            f"{key.camera_id}; call start_source first"
        )
