"""What the store does when the file, the disk, a process or another version is not as hoped."""

import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from tests.mounts import ROOT, needs_mounts, run_with_read_only, run_with_small_disk
from tests.records import KEY, near_miss, violation
from traffic_ai.core.errors import StoreError
from traffic_ai.core.record import ReviewState
from traffic_ai.stores import connection, tables
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter
from traffic_ai.stores.rows import violation_values


@pytest.fixture
def path(tmp_path):
    return tmp_path / "violations.sqlite"


@pytest.fixture
def filled(path):
    with ViolationStore.open(path) as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, [violation(t_s=float(t)) for t in range(20)])
    return path


def refusal(path, **options):
    with pytest.raises(StoreError) as caught:
        ViolationStore.open(path, **options)
    assert caught.value.exit_code == 1
    return str(caught.value)


# -- what lies at the path -------------------------------------------------------------------------


def test_a_file_of_something_else_is_refused_and_left_alone(path):
    path.write_bytes(b"id,kind\n" * 1000)
    assert "not a SQLite database" in refusal(path)
    assert path.read_bytes() == b"id,kind\n" * 1000


def test_a_database_of_something_else_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    database.close()
    assert "something else (it holds the table 'songs')" in refusal(path)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]
    database.close()


def test_a_damaged_store_is_said_to_be_damaged(filled):
    data = bytearray(filled.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 512] = random.Random(page).randbytes(512)
    filled.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"), ViolationStore.open(filled) as store:
        list(store.documents())


def test_a_truncated_store_is_said_to_be_damaged(filled):
    filled.write_bytes(filled.read_bytes()[:6000])
    with pytest.raises(StoreError, match="damaged"), ViolationStore.open(filled) as store:
        list(store.documents())


def test_a_folder_is_refused(tmp_path):
    assert "is a folder" in refusal(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    missing = tmp_path / "nowhere"
    assert f"there is no folder {missing}" in refusal(missing / "v.sqlite")


def test_reading_does_not_make_a_store(path):
    assert "no such file" in refusal(path, read_only=True)
    assert not path.exists()


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    with ViolationStore.open(path) as store:
        assert list(store.violations()) == []


def test_a_name_with_question_mark_percent_and_space_is_just_a_name(tmp_path):
    path = tmp_path / "a b?mode=memory%20#.sqlite"
    ViolationStore.open(path).close()
    assert path.is_file()


def test_a_database_whose_driver_is_missing_is_refused_without_its_password():
    message = refusal("nosuchdialect://user:s3cret@host/db")
    assert "nosuchdialect" in message
    assert "s3cret" not in message


# -- schema ----------------------------------------------------------------------------------------


def test_a_newer_store_is_refused_and_left_alone(filled):
    with sqlite3.connect(filled) as database:
        database.execute(f"UPDATE {tables.VERSION_TABLE} SET version_num = '0999'")
    database.close()
    assert "newer version of traffic-ai" in refusal(filled)
    with sqlite3.connect(filled) as database:
        assert database.execute("SELECT count(*) FROM violations").fetchone() == (20,)
    database.close()


def schema_of(path):
    """What makes each table and index of a store."""
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master").fetchall()
    database.close()
    return {name: re.sub(r'[\s"]', "", sql or "") for name, sql in rows}


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_migrations_lead_to_the_tables_of_a_new_store(tmp_path, filled, revision):
    old = tmp_path / "old.sqlite"
    make_old_store(old, revision)
    ViolationStore.open(old).close()
    assert schema_of(old) == schema_of(filled)
    engine = create_engine(f"sqlite:///{old}")
    with engine.connect() as opened:
        options = {"version_table": tables.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(opened, opts=options)
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_revision() == tables.SCHEMA_REVISION
    engine.dispose()


def test_the_newest_migration_is_the_schema_revision():
    config = Config()
    config.set_main_option("script_location", str(Path(connection.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == tables.SCHEMA_REVISION


def make_old_store(path, revision):
    """A store of an older schema, with a violation, as its program left it."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as opened:
        opened.exec_driver_sql("PRAGMA journal_mode=WAL")
    with engine.begin() as opened:
        config = Config()
        folder = Path(connection.__file__).parent / "migrations"
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = opened
        command.upgrade(config, revision)
        values = violation_values("source", violation(), datetime(2026, 5, 1, tzinfo=UTC))
        if revision == "0001":
            del values["deducted_kmh"], values["enforced_kmh"]
        source = dict.fromkeys((c.name for c in tables.sources.columns), "x")
        times = {"started_at": datetime(2026, 5, 1, tzinfo=UTC), "finished_at": None}
        numbers = {"frame_count": 1, "duration_s": 1.0}
        opened.execute(tables.sources.insert(), source | times | numbers | {"id": "source"})
        opened.execute(tables.violations.insert().values(values))
    engine.dispose()


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_older_store_is_read_as_it_lies_and_left_as_it_is(tmp_path, revision):
    path = tmp_path / "old.sqlite"
    make_old_store(path, revision)
    before = path.read_bytes()
    with ViolationStore.open(path, read_only=True) as store:
        (kept,) = store.documents(RecordFilter())
        assert store.deleted_ids() == {}
        with pytest.raises(StoreError, match="may not be written"):
            store.start_source(KEY, "a.mp4")
    assert kept.stored.id == violation().id
    assert kept.stored.review.state is ReviewState.PROPOSED
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["old.sqlite"]


def test_a_store_of_the_first_schema_is_brought_up_with_its_rows(tmp_path):
    path = tmp_path / "old.sqlite"
    make_old_store(path, "0001")
    with ViolationStore.open(path) as store:
        (kept,) = store.violations(RecordFilter())
    assert kept.id == violation().id
    assert kept.headline.speed_kmh == pytest.approx(83.456)
    assert kept.headline.enforced_kmh is None
    with sqlite3.connect(path) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(violations)")]
        indexes = {row[1] for row in database.execute("PRAGMA index_list(violations)")}
    database.close()
    assert names[-1] == "document"
    assert {index.name for index in tables.violations.indexes} <= indexes


@pytest.mark.parametrize("there", [True, False])
def test_a_store_that_is_new_or_up_to_date_opens_without_the_migration_tool(filled, there):
    if not there:
        filled.unlink()
    script = (
        "import sys; from traffic_ai.stores.database import ViolationStore;"
        "ViolationStore.open(sys.argv[1]).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script, filled], cwd=ROOT, check=False)
    assert run.returncode == 0


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    make_old_store(path, "0001")

    def broken(*_):
        raise sqlite3.OperationalError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.command.upgrade", broken)
        assert "made to fail" in refusal(path)
    with ViolationStore.open(path) as store:
        assert [kept.id for kept in store.violations(RecordFilter())] == [violation().id]


def test_tables_that_cannot_be_made_leave_nothing(path, monkeypatch):
    def broken(*_, **__):
        raise sqlite3.OperationalError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(tables.metadata, "create_all", broken)
        assert "made to fail" in refusal(path)
    with ViolationStore.open(path) as store:
        assert list(store.violations()) == []


def test_writes_are_durable_and_checked(filled):
    engine = connection.open_engine(filled, read_only=False)
    with engine.connect() as opened:
        settings = {
            name: opened.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    full = 2
    assert settings == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": connection.BUSY_TIMEOUT_S * 1000,
    }


# -- disk ------------------------------------------------------------------------------------------

FILL = """
import sys
from pathlib import Path
from tests.records import KEY, violation
from traffic_ai.core.errors import StoreError
from traffic_ai.stores.database import ViolationStore
folder = Path(sys.argv[1])
kept = 0
with ViolationStore.open(folder / "v.sqlite") as store:
    store.start_source(KEY, "a.mp4")
    try:
        for t in range(10_000):
            store.add_findings(KEY, [violation(t_s=t * 10.0 + i) for i in range(5)])
            kept += 5
    except StoreError as error:
        print(error)
    assert len(list(store.violations())) == kept, kept
with ViolationStore.open(folder / "v.sqlite") as store:
    assert len(list(store.documents())) == kept
assert kept > 0
"""


@needs_mounts
def test_a_full_disk_stops_with_a_clear_error_and_keeps_what_was_added(tmp_path):
    run = run_with_small_disk(tmp_path, 1500, FILL, tmp_path)
    assert run.returncode == 0, run.stderr
    assert "the disk is full" in run.stdout
    assert "Traceback" not in run.stderr


READ_ONLY = """
import sys
from traffic_ai.core.errors import StoreError
from traffic_ai.stores.database import ViolationStore
with ViolationStore.open(sys.argv[1], read_only=True) as store:
    print(len(list(store.violations())))
try:
    ViolationStore.open(sys.argv[1]).set_evidence("x", "written")
except StoreError as error:
    print(error)
"""


@needs_mounts
def test_a_store_in_a_read_only_folder_can_be_read_and_says_so_on_writing(filled):
    run = run_with_read_only(filled.parent, READ_ONLY, filled)
    assert run.returncode == 0, run.stderr
    count, message = run.stdout.splitlines()
    assert count == "20"
    assert "may not be written" in message or "cannot be opened" in message


def test_a_read_only_store_refuses_to_write_and_leaves_no_files(filled):
    before = filled.read_bytes()
    with ViolationStore.open(filled, read_only=True) as store:
        with pytest.raises(StoreError, match="may not be written"):
            store.start_source(KEY, "a.mp4")
        assert len(list(store.violations())) == 20
    assert filled.read_bytes() == before
    assert [p.name for p in filled.parent.iterdir()] == [filled.name]


# -- processes -------------------------------------------------------------------------------------

WRITER = """
import sys
from tests.records import KEY, near_miss, violation
from traffic_ai.stores.database import ViolationStore
with ViolationStore.open(sys.argv[1]) as store:
    store.start_source(KEY, "a.mp4")
    for t in range(100_000):
        made = [violation(t_s=t + i / 10, lane_id=sys.argv[2]) for i in range(3)]
        store.add_findings(KEY, [*made, near_miss(float(t), lane_id=sys.argv[2])])
        print(*(v.id for v in made), flush=True)
        if t == int(sys.argv[3]):
            break
"""


def start_writer(path, lane, count=-1):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), lane, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize("calls", [1, 7, 23])
def test_what_was_added_survives_a_killed_process(path, calls):
    writer = start_writer(path, "lane-1")
    told = [writer.stdout.readline() for _ in range(calls)]
    writer.send_signal(signal.SIGKILL)
    told += writer.stdout.read().splitlines()
    writer.stdout.close()
    writer.wait()
    promised = {one for line in told for one in line.split() if len(one) == 32}
    with ViolationStore.open(path) as store:
        found = list(store.documents())
        misses = list(store.near_misses())
        assert promised <= {full.stored.id for full in found}
        assert len(found) % 3 == 0, "a call's findings are there together"
        assert len(misses) == len(found) / 3
        assert all(json.loads(full.document)["id"] == full.stored.id for full in found)
        # A rerun finds the same again and adds only what the killed one had not.
        again = [violation(t_s=calls + i / 10) for i in range(3)]
        store.add_findings(KEY, again)
        assert store.add_findings(KEY, again) == []


def test_two_processes_make_and_fill_a_store_at_once(path):
    writers = [start_writer(path, lane, count=40) for lane in ("lane-1", "lane-2", "lane-1")]
    for writer in writers:
        writer.communicate(timeout=180)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    with ViolationStore.open(path) as store:
        assert len(list(store.violations())) == 2 * 41 * 3
        assert len(list(store.near_misses())) == 2 * 41
        assert len(list(store.sources())) == 1


def test_a_new_store_that_another_process_is_just_making_is_waited_for(path, monkeypatch):
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    waits = threading.Event()
    monkeypatch.setattr(connection.time, "sleep", lambda _: waits.set())
    opened = []
    opening = threading.Thread(target=lambda: opened.append(ViolationStore.open(path)))
    opening.start()
    assert waits.wait(60)
    blocker.execute("COMMIT")
    blocker.close()
    opening.join(60)
    [store] = opened
    store.close()


def test_a_second_writer_waits_for_the_first(path):
    with ViolationStore.open(path) as store:
        store.start_source(KEY, "a.mp4")
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        added = []
        waiting = threading.Thread(
            target=lambda: added.extend(store.add_findings(KEY, [violation()]))
        )
        waiting.start()
        assert list(store.violations()) == [], "reading goes on meanwhile"
        assert waiting.is_alive()
        blocker.execute("COMMIT")
        blocker.close()
        waiting.join(60)
        assert added == [violation()]


def test_a_store_that_stays_locked_is_said_to_be_locked(filled, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    blocker = sqlite3.connect(filled, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with ViolationStore.open(filled) as store, pytest.raises(StoreError, match="keeps it locked"):
        store.start_source(KEY, "a.mp4")
    blocker.close()


def test_many_threads_add_the_same_violations_once(path):
    with ViolationStore.open(path) as store:
        store.start_source(KEY, "a.mp4")
        new = []

        def add():
            for t in range(20):
                new.extend(store.add_findings(KEY, [violation(t_s=float(t)), near_miss(float(t))]))

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(new) == 20
        assert len(list(store.violations())) == 20


def test_closing_twice_and_leaving_a_list_unread_leak_nothing(filled):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = ViolationStore.open(filled)
        rows = store.violations()
        next(rows)
        rows.close()
        store.close()
        store.close()
