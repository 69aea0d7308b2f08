"""By schedule: remove what nights have left and nobody needs any more."""

from typing import Annotated

from prefect import flow, get_run_logger
from pydantic import Field

from cxrmlops.operations import clean_up as upkeep
from flows.names import cleaning


@flow(name="clean-up", flow_run_name=cleaning)
def clean_up(
    older_than: Annotated[int, Field(ge=1)] = upkeep.DEFAULT_DAYS, delete: bool = False
) -> str:
    """Remove results of studies that were delivered long ago, and old error notes.

    Args:
        older_than: days.
        delete: remove what was found; off only counts.
    """
    found = upkeep.look(older_than)
    if delete:
        upkeep.remove(found)
    said = "; ".join(found.lines(removed=delete))
    get_run_logger().info("%s", said)
    return said
