"""What people decided on violations, and which violations were deleted."""

import sqlalchemy as sa
from alembic import op

from traffic_ai.stores.tables import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reviews",
        sa.Column("violation_id", sa.String(64), sa.ForeignKey("violations.id"), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", UtcTime, nullable=False),
        sa.Column("chain_entry", sa.Integer, nullable=False),
    )
    op.create_table(
        "deletions",
        sa.Column("violation_id", sa.String(64), primary_key=True),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("deleted_at", UtcTime, nullable=False),
        sa.Column("chain_entry", sa.Integer, nullable=False),
    )
