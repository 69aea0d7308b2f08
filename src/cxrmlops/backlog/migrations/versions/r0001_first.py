"""First tables; history and looks refuse every change but a new row."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

APPEND_ONLY = ("history", "looks")


def upgrade() -> None:
    """Make the tables."""
    _work()
    _people()
    for table in APPEND_ONLY:
        _refuse_changes(table)


def _work() -> None:
    op.create_table(
        "films",
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("sop_instance_uid", sa.Text, nullable=False),
        sa.Column("study_uid", sa.Text, nullable=False, index=True),
    )
    op.create_table(
        "chunks",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("model_key", sa.Text, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_uid", sa.Text, nullable=False),
        sa.Column("source_key", sa.String(64), nullable=False),
        sa.Column("model_key", sa.Text, nullable=False),
        sa.Column("films", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("alone", sa.Integer, nullable=False),
        sa.Column("chunk", sa.String(16), sa.ForeignKey("chunks.id")),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("row", sa.JSON),
        sa.Column("found_at", sa.Text, nullable=False),
        sa.Column("claimed_at", sa.Text),
        sa.Column("scored_at", sa.Text),
        sa.Column("written_at", sa.Text),
        sa.Column("delivered_at", sa.Text),
        sa.UniqueConstraint("study_uid", "source_key", "model_key"),
        sa.Index("ix_studies_waiting", "model_key", "state", "chunk"),
        sa.Index("ix_studies_chunk", "chunk"),
    )
    op.create_table(
        "objects",
        sa.Column("sop_instance_uid", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("series_instance_uid", sa.Text, nullable=False),
        sa.Column("sop_class_uid", sa.Text, nullable=False),
        sa.Column(
            "study", sa.Integer, sa.ForeignKey("studies.id"), nullable=False, index=True
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("written_at", sa.Text, nullable=False),
        sa.Column("delivered_at", sa.Text),
    )


def _people() -> None:
    op.create_table(
        "history",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("bundle_hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
    )
    op.create_table(
        "looks",
        sa.Column("bundle_hash", sa.Text, primary_key=True),
        sa.Column("test_hash", sa.Text, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
    )


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} "
                f"ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        f"ON {table} EXECUTE FUNCTION {table}_append_only()"
    )
