"""A person puts a model in use or takes it out, with a name and a reason."""

from prefect import flow, get_run_logger

from cxrmlops.backlog import history
from cxrmlops.registry import versions


@flow(name="approve")
def approve(name: str, reason: str, version: str = versions.CANDIDATE) -> str:
    """Make a version the champion; the champion before becomes `previous`.

    Args:
        name: who decides.
        reason: why.
        version: number or alias.
    """
    chosen = versions.get(version)
    with history.recorded(
        history.APPROVED,
        version=chosen.number,
        bundle_hash=chosen.bundle_hash,
        name=name,
        reason=reason,
    ):
        versions.promote(chosen, name=name, reason=reason)
    get_run_logger().info("version %s is champion", chosen.number)
    return chosen.number


@flow(name="roll-back")
def roll_back(name: str, reason: str) -> str:
    """Put the champion before back in use.

    Args:
        name: who decides.
        reason: why.
    """
    before = versions.get(versions.PREVIOUS)
    with history.recorded(
        history.ROLLED_BACK,
        version=before.number,
        bundle_hash=before.bundle_hash,
        name=name,
        reason=reason,
    ):
        versions.roll_back(name=name, reason=reason)
    get_run_logger().info("version %s is champion again", before.number)
    return before.number
