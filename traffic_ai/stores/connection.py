"""Opening a store's database: durable settings, schema version, and errors said plainly."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from traffic_ai.core.errors import StoreError
from traffic_ai.stores.tables import SCHEMA_REVISION, VERSION_TABLE, metadata

BUSY_TIMEOUT_S = 30.0
# Any fixed number: two processes that open a new PostgreSQL store queue on it.
_MIGRATION_LOCK = 7_246_113_902

_SQLITE_ADVICE = {
    "SQLITE_NOTADB": "it is not a SQLite database, or it is damaged; move it away or name another",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a backup or move it away and rerun",
    "SQLITE_FULL": "the disk is full; nothing of this step was written; free space and rerun",
    "SQLITE_READONLY": "it may not be written; check the permissions of the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check that its folder exists and may be written",
    "SQLITE_PERM": "it may not be read; check its permissions",
    "SQLITE_AUTH": "it may not be read; check its permissions",
    "SQLITE_BUSY": "another process keeps it locked; wait for it",
    "SQLITE_IOERR": "the disk reports an error; check it and the free space",
}


def store_name(location: Path | str) -> str:
    """The location as it may be shown: a path, or a URL without its password."""
    if isinstance(location, Path) or "://" not in location:
        return str(location)
    try:
        return make_url(location).render_as_string(hide_password=True)
    except ArgumentError:
        return "the given database URL"


@contextmanager
def store_errors(name: str, doing: str) -> Iterator[None]:
    """Turn what the database raises into a StoreError that names the store and the fix."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"cannot {doing} the store {name}: {_advice(error.orig)}") from error
    except sqlite3.Error as error:
        raise StoreError(f"cannot {doing} the store {name}: {_advice(error)}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"cannot {doing} the store {name}: {type(error).__name__}") from error


def _advice(error: BaseException | None) -> str:
    code = getattr(error, "sqlite_errorname", "") or ""
    for prefix, advice in _SQLITE_ADVICE.items():
        if code.startswith(prefix):
            return f"{advice} ({error})"
    return str(error).strip().split("\n")[0]


def open_engine(location: Path | str, read_only: bool) -> Engine:
    """An engine on the store's database; nothing is connected yet."""
    if isinstance(location, str) and "://" in location:
        try:
            return create_engine(location)
        except (ArgumentError, ImportError) as error:
            raise StoreError(
                f"cannot open the store {store_name(location)}: {error}; "
                "give a path to a SQLite file, or the URL of a database whose driver is installed"
            ) from None
    return _sqlite_engine(Path(location), read_only)


def _sqlite_engine(path: Path, read_only: bool) -> Engine:
    if path.is_dir():
        raise StoreError(f"cannot open the store {path}: it is a folder; name a file in it")
    if not path.parent.is_dir():
        raise StoreError(f"cannot open the store {path}: there is no folder {path.parent}")
    if read_only and not path.exists():
        raise StoreError(f"cannot open the store {path}: there is no such file")

    uri = path.absolute().as_uri() + f"?mode={'rw' if read_only else 'rwc'}"
    unfinished = any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal"))
    if read_only and not os.access(path.parent, os.W_OK) and not unfinished:
        # SQLite opens a WAL database in a folder it cannot write only when told that nobody else
        # writes it either. There is no log beside it, so the file is whole.
        uri += "&immutable=1"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "connect", _read_settings if read_only else _write_settings)
    event.listen(engine, "begin", _begin)
    return engine


def limit_patience(engine: Engine, seconds: float) -> None:
    """Wait so long for another program's lock on a SQLite file, and no longer."""
    if engine.dialect.name != "sqlite":
        return

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")

    event.listen(engine, "connect", limit)
    engine.dispose()  # those that are open have been told otherwise


def _read_settings(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON")


def _write_settings(connection: sqlite3.Connection, _record: object) -> None:
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # What is deleted is overwritten, not only let go: records, and messages that told of them.
    connection.execute("PRAGMA secure_delete=ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Write-ahead logging, so that readers never wait for the writer.

    Turning it on needs the file for itself for a moment and does not wait its turn by the busy
    timeout, so two processes that make a new store at once try again here.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once when another process
    # wrote in between; one that means to write therefore says so at its beginning and waits.
    writes = connection.get_execution_options().get("store_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is kept, durably, or none."""
    with engine.connect().execution_options(store_write=True) as connection, connection.begin():
        yield connection


def prepare_schema(engine: Engine, name: str, read_only: bool) -> Engine:
    """Make or migrate the tables; refuse a newer store and a database of something else.

    The engine to go on with: for an older SQLite store that is only read, that of a private copy,
    brought up to date and gone when it is disposed of.
    """
    with engine.connect() as connection:
        revision = _revision(connection, name)
    if revision == SCHEMA_REVISION:
        return engine
    if read_only and revision is not None and engine.dialect.name == "sqlite":
        return _brought_up_copy(engine, revision, name)
    if read_only:
        raise StoreError(
            f"the store {name} has schema {revision or 'none'}, this version reads "
            f"{SCHEMA_REVISION}; run the analysis once more on its run folder to bring it up"
        )
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
        revision = _revision(connection, name)
        if revision is None:
            _create(connection)
        else:
            _migrate(connection, revision, name)
    return engine


def _brought_up_copy(engine: Engine, revision: str, name: str) -> Engine:
    # A database without a name is SQLite's own temporary one: in memory while it is small, else in
    # a file that has no name either.
    copy = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    with engine.connect() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        source.backup(copy)
    engine.dispose()
    made = create_engine("sqlite://", creator=lambda: copy, poolclass=StaticPool)
    event.listen(made, "begin", _begin)
    with writing(made) as connection:
        _migrate(connection, revision, name)
    copy.execute("PRAGMA query_only=ON")
    return made


def _revision(connection: Connection, name: str) -> str | None:
    """The schema revision in the database, None for an empty one."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
        return str(found) if found is not None else None
    if tables and connection.dialect.name == "sqlite":
        raise StoreError(
            f"cannot open the store {name}: it is a database of something else "
            f"(it holds the table {sorted(tables)[0]!r}); move it away or name another file"
        )
    return None


def _create(connection: Connection) -> None:
    """Make the tables as all migrations together would, without the tool for those."""
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:n)"), {"n": SCHEMA_REVISION})


def _migrate(connection: Connection, revision: str, name: str) -> None:
    # Imported here: a store that is new or up to date, the usual case, opens without it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known:
        raise StoreError(
            f"cannot open the store {name}: it was written by a newer version of traffic-ai "
            f"(its schema is {revision}, this version knows up to {SCHEMA_REVISION}); "
            "update traffic-ai or name another store"
        )
    command.upgrade(config, "head")
