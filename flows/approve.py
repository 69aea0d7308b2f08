"""A person puts a model in use or takes it out, with a name and a reason."""

from prefect import flow, get_run_logger

from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.promotion import approval
from cxrmlops.registry import versions


@flow(name="approve")
def approve(name: str, reason: str, version: str = versions.CANDIDATE) -> str:
    """Make a version the champion; the champion before becomes `previous`.

    Where `promotion.approvers` is 2, the first of two different people only signs.

    Args:
        name: who decides.
        reason: why.
        version: number or alias.
    """
    params = load_params()
    scope = scope_of(params.cohort, load_site())
    said = approval.approve(
        version, name=name, reason=reason, params=params.promotion, scope=scope
    )
    get_run_logger().info("%s", said)
    return said


@flow(name="roll-back")
def roll_back(name: str, reason: str) -> str:
    """Put the champion before back in use.

    Args:
        name: who decides.
        reason: why.
    """
    said = approval.roll_back(name=name, reason=reason)
    get_run_logger().info("%s", said)
    return said
