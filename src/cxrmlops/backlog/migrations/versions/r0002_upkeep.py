"""Who holds a chunk, what a person decided, which films an answer covers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and a table; what is done already counts as listed."""
    for table, name in (("films", "patient_id"), ("chunks", "holder")):
        column = sa.Column(name, sa.Text, nullable=False, server_default="")
        op.add_column(table, column)
    op.add_column("chunks", sa.Column("listed_at", sa.Text))
    op.add_column("studies", sa.Column("sop_uids", sa.JSON))
    tries = sa.Column("attempts", sa.Integer, nullable=False, server_default="0")
    op.add_column("studies", tries)
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "study", sa.Integer, sa.ForeignKey("studies.id"), nullable=False, index=True
        ),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("chunk", sa.String(16)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.execute("UPDATE chunks SET listed_at = started WHERE state = 'done'")
