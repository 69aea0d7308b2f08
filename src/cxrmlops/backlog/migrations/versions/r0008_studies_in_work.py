"""An index by which a claim finds the studies in work without a look at all of them."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add an index; no row changes."""
    op.create_index("ix_studies_state", "studies", ["state", "study_uid"])
