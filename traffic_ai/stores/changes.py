"""What people do to stored violations: decisions and deletions, as the camera's chain has them.

The chain comes first and is the truth; a row here says which entry of it was followed last.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select

from traffic_ai.core.message import violation_changed, violation_deleted
from traffic_ai.core.record import Review
from traffic_ai.stores import rows, tables
from traffic_ai.stores.outbox import enqueue, forget_subject
from traffic_ai.stores.queries import insert_new


def is_deleted(connection: Connection, violation_id: str) -> bool:
    """Whether a violation was deleted."""
    c = tables.deletions.c
    statement = select(c.violation_id).where(c.violation_id == violation_id)
    return connection.execute(statement).first() is not None


class RecordChanges:
    """Changes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def followed(self, camera_id: str) -> int:
        """The number of the last entry of the camera's chain that was followed, 0 for none."""
        v, r, d = tables.violations.c, tables.reviews.c, tables.deletions.c
        decided = (
            select(func.max(r.chain_entry))
            .join_from(tables.reviews, tables.violations, r.violation_id == v.id)
            .where(v.camera_id == camera_id)
        )
        deleted = select(func.max(d.chain_entry)).where(d.camera_id == camera_id)
        found = (self._connection.execute(statement).scalar() for statement in (decided, deleted))
        return max((number for number in found if number is not None), default=0)

    def has(self, violation_id: str) -> bool:
        """Whether the violation is there."""
        c = tables.violations.c
        statement = select(c.id).where(c.id == violation_id)
        return self._connection.execute(statement).first() is not None

    def source_of(self, violation_id: str) -> str:
        """The id of the analysis that the violation was found in."""
        c = tables.violations.c
        statement = select(c.source_id).where(c.id == violation_id)
        return str(self._connection.execute(statement).scalar_one())

    def review(self, violation_id: str, review: Review) -> None:
        """Set the last decision on a violation."""
        r = tables.reviews
        self._connection.execute(delete(r).where(r.c.violation_id == violation_id))
        self._connection.execute(r.insert().values(rows.review_values(violation_id, review)))
        v = tables.violations.c
        camera_id = self._connection.execute(
            select(v.camera_id).where(v.id == violation_id)
        ).scalar_one()
        change = {
            "state": review.state.value,
            "reason": review.reason.value if review.reason else None,
        }
        at = review.at or datetime.now(UTC)
        told = violation_changed(violation_id, camera_id, at, "review", change)
        enqueue(self._connection, [told])

    def delete(
        self, violation_id: str, camera_id: str, deleted_at: datetime, chain_entry: int
    ) -> None:
        """Delete a violation with all that was stored of it, and remember only its id.

        What waits to be told of it goes too; that it was deleted is told.
        """
        v, r = tables.violations, tables.reviews
        self._connection.execute(delete(r).where(r.c.violation_id == violation_id))
        self._connection.execute(delete(v).where(v.c.id == violation_id))
        values: rows.Values = {
            "violation_id": violation_id,
            "camera_id": camera_id,
            "deleted_at": deleted_at,
            "chain_entry": chain_entry,
        }
        if insert_new(self._connection, tables.deletions, values):
            forget_subject(self._connection, violation_id)
            enqueue(self._connection, [violation_deleted(violation_id, camera_id, deleted_at)])
