"""Tables say image: what was `films` is `images`."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Rename the table, its index and its key, and the column of `studies`."""
    op.drop_index("ix_films_study_uid", table_name="films")
    op.rename_table("films", "images")
    op.create_index("ix_images_study_uid", "images", ["study_uid"])
    op.alter_column(
        "studies",
        "films",
        new_column_name="images",
        existing_type=sa.JSON,
        existing_nullable=False,
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite's key has no name
        op.execute("ALTER INDEX films_pkey RENAME TO images_pkey")
