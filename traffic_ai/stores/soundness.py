"""Whether a store answers alike, however it is asked: for those who verify it.

Whoever has the file can lay it out so that a look at every row shows other rows than a list does.
"""

from sqlalchemy import Connection

# As the store writes times: lists of a range compare and order them as text.
_TIME_FORM = "0000-00-00T00:00:00.000000Z".replace("0", "[0-9]")

# What makes rows up or changes them: views, triggers and virtual tables, which are no pages.
_MADE_UP = (
    "SELECT name FROM sqlite_master "
    "WHERE type NOT IN ('table', 'index') OR coalesce(rootpage, 0) = 0"
)
_LISTED_ONCE = (
    "SELECT v.id FROM violations v "
    "WHERE (SELECT count(*) FROM sources s WHERE s.id = v.source_id) <> 1"
)
_TIMES = (
    "SELECT id FROM violations WHERE occurred_at IS NOT NULL "
    f"AND (typeof(occurred_at) <> 'text' OR occurred_at NOT GLOB '{_TIME_FORM}')"
)


def faults(connection: Connection) -> list[str]:
    """What is wrong with a SQLite store, in words; nothing for another database."""
    if connection.dialect.name != "sqlite":
        return []

    def asked(statement: str) -> list[str]:
        return [str(value) for value in connection.exec_driver_sql(statement).scalars()]

    return [
        *(f"it holds {name!r}, a view, a trigger or no plain table" for name in asked(_MADE_UP)),
        # Also whether each index leads to every row.
        *(f"it is damaged: {said}" for said in asked("PRAGMA integrity_check(20)") if said != "ok"),
        *(f"violation {id_!r} is of no source, or of two" for id_ in asked(_LISTED_ONCE)),
        *(f"violation {id_!r} has a time in another form" for id_ in asked(_TIMES)),
    ]
