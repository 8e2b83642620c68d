"""What is listed comes out of an index in its order: no more is read, and nothing is sorted."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Select, create_engine, func, select

from traffic_ai.core.kinds import ViolationKind
from traffic_ai.stores import tables
from traffic_ai.stores.queries import select_violations
from traffic_ai.stores.records import RecordFilter

SINCE = datetime(2026, 5, 1, tzinfo=UTC)
KIND, CAMERA = (ViolationKind.SPEEDING,), ("gate",)


def plan(statement: Select) -> str:
    """How SQLite means to do it."""
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    asked = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        lines = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all()
    engine.dispose()
    return "\n".join(line[-1] for line in lines)


@pytest.mark.parametrize("since", [None, SINCE])
@pytest.mark.parametrize("with_document", [False, True])
@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "violations_in_time"),
        ({"camera_ids": CAMERA}, "violations_of_camera"),
        ({"kinds": KIND}, "violations_of_kind"),
        ({"kinds": KIND, "camera_ids": CAMERA}, "violations_of_camera_and_kind"),
    ],
    ids=["all", "camera", "kind", "camera and kind"],
)
def test_a_list_comes_in_order_from_its_index(asked, index, with_document, since):
    wanted = RecordFilter(**asked, since=since, limit=100)
    found = plan(select_violations(wanted, with_document))
    assert f"USING INDEX {index} " in f"{found} ".replace("\n", " ")
    assert "TEMP B-TREE" not in found


def test_counts_by_camera_and_kind_read_an_index_alone():
    c = tables.violations.c
    found = plan(select(c.camera_id, c.kind, func.count()).group_by(c.camera_id, c.kind))
    assert "USING COVERING INDEX violations_of_camera_and_kind" in found
    assert "TEMP B-TREE" not in found
