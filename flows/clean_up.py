"""By schedule: remove what nights have left and nobody needs any more."""

from prefect import flow, get_run_logger

from cxrmlops.operations import clean_up as upkeep


@flow(name="clean-up")
def clean_up(older_than: int = upkeep.DEFAULT_DAYS, delete: bool = False) -> str:
    """Remove results of studies that were delivered long ago, and old error notes.

    Args:
        older_than: days.
        delete: remove what was found; otherwise only count it.
    """
    found = upkeep.look(older_than)
    if delete:
        upkeep.remove(found)
    said = "; ".join(found.lines(removed=delete))
    get_run_logger().info("%s", said)
    return said
