"""What was deducted from a speed, and what of it is enforced."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; on SQLite before `document`, which stays last (see `stores.tables`)."""
    columns = (sa.Column("deducted_kmh", sa.Float), sa.Column("enforced_kmh", sa.Float))
    if op.get_bind().dialect.name != "sqlite":
        for column in columns:
            op.add_column("violations", column)
        return
    with op.batch_alter_table("violations", recreate="always") as table:
        for column in columns:
            table.add_column(column, insert_before="rule_version")
