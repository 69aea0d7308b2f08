"""Indexes by which a claim finds its studies without a look at all of them."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Change indexes; no row changes."""
    op.drop_index("ix_studies_waiting", "studies")
    next_one = ["model_key", "state", "alone", "id"]
    op.create_index("ix_studies_next", "studies", next_one)
    op.create_index("ix_chunks_state", "chunks", ["state", "lease_until"])
    op.create_index("ix_chunks_run", "chunks", ["run"])
