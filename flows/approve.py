"""A person puts a model in use or takes it out, with a name and a reason."""

from typing import Annotated

from prefect import flow, get_run_logger
from pydantic import Field

from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.promotion import approval
from cxrmlops.registry import versions

Words = Annotated[str, Field(min_length=1)]


@flow(name="approve", flow_run_name="approve {version}")
def approve(name: Words, reason: Words, version: Words = versions.CANDIDATE) -> str:
    """Make a version the champion; the champion before becomes `previous`.

    Where `promotion.approvers` is 2, the first of two different people only signs.

    Args:
        name: who decides.
        reason: why; it stands in the history for good.
        version: its number, or `candidate`, the newest one that passed its gates.
    """
    params = load_params()
    scope = scope_of(params.cohort, load_site())
    said = approval.approve(
        version, name=name, reason=reason, params=params.promotion, scope=scope
    )
    get_run_logger().info("%s", said)
    return said


@flow(name="roll-back", flow_run_name="roll back")
def roll_back(name: Words, reason: Words) -> str:
    """Put the champion before back in use.

    Args:
        name: who decides.
        reason: why; it stands in the history for good.
    """
    said = approval.roll_back(name=name, reason=reason)
    get_run_logger().info("%s", said)
    return said
