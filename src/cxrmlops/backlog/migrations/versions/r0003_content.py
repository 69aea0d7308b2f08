"""Films are told apart by their content; what was fetched is on a list of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns and a table.

    Of films that were seen before, the content stays unknown until they change. Those
    that were passed over keep their names in the spool, which has moved.
    """
    for name in ("content", "waits"):
        column = sa.Column(name, sa.Text, nullable=False, server_default="")
        op.add_column("films", column)
    seen_at = sa.Column("seen_at", sa.Float, nullable=False, server_default="0")
    op.add_column("films", seen_at)
    op.add_column("studies", sa.Column("contents", sa.JSON))
    op.create_table(
        "fetched",
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("content", sa.String(64), nullable=False),
    )
    op.execute(
        "UPDATE films SET place = '.cxrmlops-spool' || substr(place, 8) "
        "WHERE study_uid LIKE 'passed over: %' AND place LIKE 'archive/%'"
    )
