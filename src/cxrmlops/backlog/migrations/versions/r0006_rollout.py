"""Who has an object, what a challenger says, and the stage of a site that delivers."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from cxrmlops.system.files import sha256_json

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column and a table; a site that has delivered goes on delivering."""
    target = sa.Column("target", sa.Text, nullable=False, server_default="")
    op.add_column("objects", target)
    op.create_table(
        "challenges",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study", sa.Integer, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("bundle_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("accession_number", sa.Text, nullable=False),
        sa.Column("champion", sa.JSON, nullable=False),
        sa.Column("challenger", sa.JSON),
        sa.Column("entered_at", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Text),
        sa.UniqueConstraint("study", "bundle_hash"),
    )
    op.create_index("ix_challenges_state", "challenges", ["bundle_hash", "state"])
    _keep_delivering(op.get_bind())


def _keep_delivering(connection: sa.Connection) -> None:
    """Record the stage `active` where a version without stages has delivered."""
    delivered = "SELECT 1 FROM objects WHERE state = 'delivered' LIMIT 1"
    if connection.execute(sa.text(delivered)).first() is None:
        return
    query = "SELECT number, seal FROM history ORDER BY number DESC LIMIT 1"
    last = connection.execute(sa.text(query)).first()
    row: dict[str, object] = {
        "number": last.number + 1 if last else 1,
        "event": "stage active",
        "version": "",
        "bundle_hash": "",
        "name": "cxrmlops",
        "reason": "results were delivered here before there were stages",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    row["seal"] = sha256_json([last.seal if last else "", row])
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    added = f"INSERT INTO history ({names}) VALUES ({values})"  # noqa: S608
    connection.execute(sa.text(added), row)
