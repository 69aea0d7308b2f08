"""Indexes by which a claim finds studies in work and failed chunks, and no others."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Change indexes; no row changes."""
    op.create_index("ix_studies_state", "studies", ["state", "study_uid"])
    op.drop_index("ix_chunks_run", "chunks")
    op.create_index("ix_chunks_run", "chunks", ["run", "state"])
