"""An index for the violations of one kind of one camera."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it; the one of a camera needs the kind no more."""
    order = ["occurred_at", "t_s", "id"]
    op.drop_index("violations_of_camera", "violations")
    op.create_index("violations_of_camera", "violations", ["camera_id", *order])
    op.create_index("violations_of_camera_and_kind", "violations", ["camera_id", "kind", *order])
