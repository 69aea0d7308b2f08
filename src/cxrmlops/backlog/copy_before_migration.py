"""A copy of the ledger as it was, before a new version changes its tables.

There is no way back from a migration but this copy.
"""

import logging
from pathlib import Path

from sqlalchemy.engine import URL

from cxrmlops.system import postgres_copy, sqlite_copy
from cxrmlops.system.errors import CxrError

log = logging.getLogger(__name__)


def keep_copy(address: URL, revision: str) -> Path | None:
    """Copy an SQLite ledger beside itself, one on PostgreSQL into this folder.

    Args:
        address: of the ledger, nobody else migrates it now.
        revision: of its tables, until now.

    Returns:
        The copy; None: pg_dump could not make it, which is warned of.

    Raises:
        ServiceError, ResourceError: an SQLite ledger could not be copied; then it must
            not be migrated.
    """
    if address.get_backend_name() == "sqlite":
        file = Path(address.database or "ledger.db")
        copy = file.with_name(f"{file.name}.revision-{revision}")
        sqlite_copy.save(file, copy)
    else:
        copy = Path(f"ledger.revision-{revision}.dump")
        try:
            postgres_copy.save(address.render_as_string(hide_password=False), copy)
        except CxrError as error:
            log.warning(
                "the ledger's tables are changed from revision %s without a copy: %s",
                revision,
                error,
            )
            return None
    log.warning(
        "the ledger's tables are changed from revision %s; as it was it lies in %s: "
        "remove that copy once nights go well",
        revision,
        copy,
    )
    return copy
