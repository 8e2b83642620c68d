"""Messages that wait in the store until they are delivered, for each destination in order.

They are put in by the transaction that writes what they tell of, so neither is ever without the
other. What may wait is bounded: beyond the bound the oldest go, changes of cameras' states first,
and it is counted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Update, delete, func, insert, select, update

from traffic_ai.core.message import Message, MessageKind, MessageType
from traffic_ai.stores import tables
from traffic_ai.stores.connection import store_errors, writing
from traffic_ai.stores.queries import insert_new

_ROOM = 0.01
"""Beyond a bound so much more goes than must, so that not every further message costs a search."""
_SEARCHED = 1000
_COUNTERS = ("queued", "queued_bytes", "delivered", "dropped", "refused")


@dataclass(frozen=True, slots=True)
class Destination:
    """To whom messages go, and how many and how much may wait for it."""

    name: str
    max_messages: int = 100_000
    max_bytes: int = 500_000_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a destination. `delivered`, `dropped`: since it was first named; `refused`: of
    the queued, what the receiver would not take; `oldest_at`: of the queued.
    """

    destination: Destination
    queued: int
    queued_bytes: int
    delivered: int
    dropped: int
    refused: int
    oldest_at: datetime | None

    @property
    def share(self) -> float:
        """How full it is, 1 at the bound."""
        bound = self.destination
        return max(self.queued / bound.max_messages, self.queued_bytes / bound.max_bytes)


class Outbox:
    """The queues of a store, one a destination. Methods raise StoreError."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def open(self, destinations: Sequence[Destination], *, close_others: bool = True) -> None:
        """Let messages be kept for these destinations from now on.

        What waits for one that is known stays, and what its receiver refused is tried again.
        close_others: what waits for any other is thrown away.
        """
        d, o = tables.destinations, tables.outbox
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            names = [destination.name for destination in destinations]
            if close_others:
                connection.execute(delete(o).where(o.c.destination.not_in(names)))
                connection.execute(delete(d).where(d.c.name.not_in(names)))
            for one in destinations:
                bounds = {"max_messages": one.max_messages, "max_bytes": one.max_bytes}
                nothing = dict.fromkeys(_COUNTERS, 0)
                if not insert_new(connection, d, {"name": one.name, **bounds, **nothing}):
                    known = update(d).where(d.c.name == one.name)
                    connection.execute(known.values(**bounds, refused=0))
                again = update(o).where(o.c.destination == one.name, o.c.refusal.is_not(None))
                connection.execute(again.values(refusal=None))

    def take(self, destination: str, limit: int) -> dict[int, Message]:
        """The oldest messages by their numbers, without those that were refused; they stay."""
        o = tables.outbox
        statement = (
            select(o)
            .where(o.c.destination == destination, o.c.refusal.is_(None))
            .order_by(o.c.number)
            .limit(limit)
        )
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            return {
                row.number: Message(
                    row.id,
                    MessageKind(row.kind),
                    MessageType(row.type),
                    row.camera_id,
                    row.subject,
                    row.at,
                    row.body,
                )
                for row in connection.execute(statement)
            }

    def settle(
        self, destination: str, delivered: Collection[int], refused: Mapping[int, str]
    ) -> None:
        """Forget what was delivered; set aside what was refused."""
        o = tables.outbox
        with store_errors(self._name, "write to"), writing(self._engine) as connection:
            _count(connection, destination, delivered=_remove(connection, destination, delivered))
            for number, why in refused.items():
                aside = update(o).where(o.c.number == number, o.c.destination == destination)
                _count(
                    connection, destination, refused=_rows(connection, aside.values(refusal=why))
                )

    def waiting(self) -> list[Waiting]:
        """How each queue stands, by name."""
        o, d = tables.outbox, tables.destinations
        with store_errors(self._name, "read"), self._engine.connect() as connection:
            found = connection.execute(select(d).order_by(d.c.name)).all()
            oldest = {
                row.name: connection.execute(
                    select(o.c.at).where(o.c.destination == row.name).order_by(o.c.number).limit(1)
                ).scalar()
                for row in found
            }
        return [
            Waiting(
                Destination(row.name, row.max_messages, row.max_bytes),
                row.queued,
                row.queued_bytes,
                row.delivered,
                row.dropped,
                row.refused,
                oldest[row.name],
            )
            for row in found
        ]


def enqueue(connection: Connection, messages: Iterable[Message]) -> None:
    """Keep messages for every destination, within the transaction that writes what they tell."""
    given = list(messages)
    d, o = tables.destinations, tables.outbox
    if not given:
        return
    for name in connection.execute(select(d.c.name)).scalars().all():
        connection.execute(insert(o), [_values(name, message) for message in given])
        size_bytes = sum(len(message.body.encode()) for message in given)
        _count(connection, name, queued=len(given), queued_bytes=size_bytes)
        _keep_within_bounds(connection, name)


def forget_subject(connection: Connection, subject: str) -> None:
    """Throw away what waits to be told of a violation."""
    o = tables.outbox
    found = connection.execute(
        select(o.c.destination, o.c.number).where(o.c.subject == subject)
    ).all()
    for destination, number in found:
        _remove(connection, destination, [number])


def _values(destination: str, message: Message) -> dict[str, object]:
    return {
        "destination": destination,
        "id": message.id,
        "kind": message.kind.value,
        "type": message.type.value,
        "camera_id": message.camera_id,
        "subject": message.subject,
        "at": message.at,
        "refusal": None,
        "size_bytes": len(message.body.encode()),
        "body": message.body,
    }


def _count(connection: Connection, destination: str, **more: int) -> None:
    """Add to a destination's figures."""
    d = tables.destinations
    changes = {name: d.c[name] + number for name, number in more.items()}
    connection.execute(update(d).where(d.c.name == destination).values(changes))


def _rows(connection: Connection, change: Update) -> int:
    return int(connection.execute(change).rowcount)


def _remove(connection: Connection, destination: str, numbers: Collection[int]) -> int:
    """Delete messages of a destination; how many were there."""
    o = tables.outbox
    mine = (o.c.destination == destination, o.c.number.in_(list(numbers)))
    figures = (func.count(), func.coalesce(func.sum(o.c.size_bytes), 0), func.count(o.c.refusal))
    count, size_bytes, refused = map(int, connection.execute(select(*figures).where(*mine)).one())
    connection.execute(delete(o).where(*mine))
    _count(connection, destination, queued=-count, queued_bytes=-size_bytes, refused=-refused)
    return count


def _keep_within_bounds(connection: Connection, destination: str) -> None:
    """Drop the least of what waits: changes of cameras' states first, then the oldest."""
    d, o = tables.destinations, tables.outbox
    order = ((o.c.kind == MessageKind.CAMERA.value).desc(), o.c.number)
    while True:  # at most _SEARCHED go at once
        row = connection.execute(select(d).where(d.c.name == destination)).one()
        if row.queued <= row.max_messages and row.queued_bytes <= row.max_bytes:
            return
        messages = row.queued - row.max_messages + int(_ROOM * row.max_messages)
        size_bytes = row.queued_bytes - row.max_bytes
        oldest = connection.execute(
            select(o.c.number, o.c.size_bytes)
            .where(o.c.destination == destination)
            .order_by(*order)
            .limit(_SEARCHED)
        ).all()
        numbers = []
        for number, size in oldest:
            if messages <= 0 and size_bytes <= 0:
                break
            numbers.append(number)
            messages, size_bytes = messages - 1, size_bytes - size
        _count(connection, destination, dropped=_remove(connection, destination, numbers))
