"""How alembic runs here: on the connection that `database.migrate` hands over."""

from alembic import context

from cxrmlops.backlog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata
)
context.run_migrations()
