"""The kind of a chunk's error, and which scheduled night is at work."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column and a table."""
    error = sa.Column("error", sa.Text, nullable=False, server_default="")
    op.add_column("chunks", error)
    op.create_table(
        "nights",
        sa.Column("flow_run", sa.Text, primary_key=True),
        sa.Column("began_at", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Text),
        sa.Column("is_killed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
    )
