"""A person puts a model in use or takes it out, with a name and a reason."""

from prefect import flow, get_run_logger

from cxrmlops import approval
from cxrmlops.params import load_params
from cxrmlops.registry import versions


@flow(name="approve")
def approve(name: str, reason: str, version: str = versions.CANDIDATE) -> str:
    """Make a version the champion; the champion before becomes `previous`.

    Where `gate.approvers` is 2, the first of two different people only signs.

    Args:
        name: who decides.
        reason: why.
        version: number or alias.
    """
    said = approval.approve(version, name=name, reason=reason, gate=load_params().gate)
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
