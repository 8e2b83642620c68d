"""The store's tables, as the newest migration leaves them.

`violations.document` and `near_misses.document` stand last: SQLite keeps a long value on pages of
its own, which a list that does not ask for it never reads.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

SCHEMA_REVISION = "0005"
VERSION_TABLE = "traffic_ai_schema"

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time.

    SQLite has no time type: there it is text of fixed width, 2026-01-31T23:59:59.000000Z, so that
    text order is time order and any tool can read it.
    """

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, TIMESTAMP WITH TIME ZONE on PostgreSQL."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a time without an offset; write UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value.isoformat()} needs a time zone")
        utc = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return utc
        return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read back an aware UTC time."""
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return value.astimezone(UTC) if value is not None else None


sources = Table(
    "sources",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("model_hash", Text, nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("frame_count", Integer, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
)

violations = Table(
    "violations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source_id", String(64), ForeignKey("sources.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("camera_id", Text, nullable=False),
    Column("lane_id", Text, nullable=False),
    Column("road_user", String(32), nullable=False),
    Column("t_s", Float, nullable=False),
    Column("occurred_at", UtcTime),
    Column("occurred_at_source", String(32)),
    Column("occurred_at_bound_s", Float),
    Column("speed_kmh", Float),
    Column("speed_uncertainty_kmh", Float),
    Column("limit_kmh", Float),
    Column("time_into_red_s", Float),
    Column("yellow_duration_s", Float),
    Column("distance_m", Float),
    Column("distance_uncertainty_m", Float),
    Column("duration_s", Float),
    Column("deducted_kmh", Float),
    Column("enforced_kmh", Float),
    Column("rule_version", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("model_hash", Text, nullable=False),
    Column("software_version", Text, nullable=False),
    Column("evidence_state", String(16), nullable=False),
    Column("evidence_path", Text),
    Column("evidence_message", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("document", Text, nullable=False),
)
Index("violations_in_time", violations.c.occurred_at, violations.c.t_s, violations.c.id)
Index(
    "violations_of_camera",
    violations.c.camera_id,
    violations.c.occurred_at,
    violations.c.t_s,
    violations.c.id,
)
# It answers counts by camera and kind by itself.
Index(
    "violations_of_camera_and_kind",
    violations.c.camera_id,
    violations.c.kind,
    violations.c.occurred_at,
    violations.c.t_s,
    violations.c.id,
)
Index(
    "violations_of_kind",
    violations.c.kind,
    violations.c.occurred_at,
    violations.c.t_s,
    violations.c.id,
)
Index("violations_of_source", violations.c.source_id)

# The last decision on each violation that has one; all of them stand in the camera's chain.
reviews = Table(
    "reviews",
    metadata,
    Column("violation_id", String(64), ForeignKey("violations.id"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("note", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("chain_entry", Integer, nullable=False),
)

# Violations that were deleted: a later analysis of the same source does not bring them back.
deletions = Table(
    "deletions",
    metadata,
    Column("violation_id", String(64), primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("deleted_at", UtcTime, nullable=False),
    Column("chain_entry", Integer, nullable=False),
)

near_misses = Table(
    "near_misses",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source_id", String(64), ForeignKey("sources.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("camera_id", Text, nullable=False),
    Column("lane_id", Text, nullable=False),
    Column("road_user", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("t_s", Float, nullable=False),
    Column("occurred_at", UtcTime),
    Column("occurred_at_source", String(32)),
    Column("occurred_at_bound_s", Float),
    Column("rule_version", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("document", Text, nullable=False),
)
Index("near_misses_in_time", near_misses.c.occurred_at, near_misses.c.t_s, near_misses.c.id)
Index("near_misses_by_reason", near_misses.c.camera_id, near_misses.c.kind, near_misses.c.reason)
Index("near_misses_of_source", near_misses.c.source_id)

camera_events = Table(
    "camera_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("camera_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
Index("camera_events_of_camera", camera_events.c.camera_id, camera_events.c.at)

# To whom messages go, how much may wait for each, and how much does. The figures change in the
# transactions that change `outbox`.
destinations = Table(
    "destinations",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("max_messages", Integer, nullable=False),
    Column("max_bytes", BigInteger, nullable=False),
    Column("queued", Integer, nullable=False),
    Column("queued_bytes", BigInteger, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
)

# Messages that were not delivered yet, a row for each destination. `refusal`: the receiver will not
# take it as it is, and why. A number is never given twice: who delivered it deletes by it.
outbox = Table(
    "outbox",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("destination", String(64), nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("type", String(16), nullable=False),
    Column("camera_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("refusal", Text),
    Column("size_bytes", Integer, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("outbox_of_destination", outbox.c.destination, outbox.c.number)
# Skips what was refused, however much of it lies before the next.
Index("outbox_to_take", outbox.c.destination, outbox.c.refusal, outbox.c.number)
Index("outbox_of_subject", outbox.c.subject)

# What happened to a watch as a whole: its disk, its store, its deliveries, what was deleted.
watch_events = Table(
    "watch_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("part", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
