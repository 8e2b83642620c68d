"""The first tables: sources, violations, near misses, camera events."""

import sqlalchemy as sa
from alembic import op

from traffic_ai.stores.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    _sources()
    _violations()
    _near_misses()
    _camera_events()


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("source_hash", sa.Text, nullable=False),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("model_hash", sa.Text, nullable=False),
        sa.Column("rules_version", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("frame_count", sa.Integer, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("finished_at", UtcTime),
    )


def _violations() -> None:
    op.create_table(
        "violations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("source_id", sa.String(64), sa.ForeignKey("sources.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("lane_id", sa.Text, nullable=False),
        sa.Column("road_user", sa.String(32), nullable=False),
        sa.Column("t_s", sa.Float, nullable=False),
        sa.Column("occurred_at", UtcTime),
        sa.Column("occurred_at_source", sa.String(32)),
        sa.Column("occurred_at_bound_s", sa.Float),
        sa.Column("speed_kmh", sa.Float),
        sa.Column("speed_uncertainty_kmh", sa.Float),
        sa.Column("limit_kmh", sa.Float),
        sa.Column("time_into_red_s", sa.Float),
        sa.Column("yellow_duration_s", sa.Float),
        sa.Column("distance_m", sa.Float),
        sa.Column("distance_uncertainty_m", sa.Float),
        sa.Column("duration_s", sa.Float),
        sa.Column("rule_version", sa.Text, nullable=False),
        sa.Column("source_hash", sa.Text, nullable=False),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("model_hash", sa.Text, nullable=False),
        sa.Column("software_version", sa.Text, nullable=False),
        sa.Column("evidence_state", sa.String(16), nullable=False),
        sa.Column("evidence_path", sa.Text),
        sa.Column("evidence_message", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    order = ["occurred_at", "t_s", "id"]
    op.create_index("violations_in_time", "violations", order)
    op.create_index("violations_of_camera", "violations", ["camera_id", *order, "kind"])
    op.create_index("violations_of_kind", "violations", ["kind", *order])
    op.create_index("violations_of_source", "violations", ["source_id"])


def _near_misses() -> None:
    op.create_table(
        "near_misses",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("source_id", sa.String(64), sa.ForeignKey("sources.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("lane_id", sa.Text, nullable=False),
        sa.Column("road_user", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("t_s", sa.Float, nullable=False),
        sa.Column("occurred_at", UtcTime),
        sa.Column("occurred_at_source", sa.String(32)),
        sa.Column("occurred_at_bound_s", sa.Float),
        sa.Column("rule_version", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("near_misses_in_time", "near_misses", ["occurred_at", "t_s", "id"])
    op.create_index("near_misses_by_reason", "near_misses", ["camera_id", "kind", "reason"])
    op.create_index("near_misses_of_source", "near_misses", ["source_id"])


def _camera_events() -> None:
    op.create_table(
        "camera_events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("camera_events_of_camera", "camera_events", ["camera_id", "at"])
