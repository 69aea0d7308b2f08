"""A person puts a model in use or takes it out, or lets a site go to another stage."""

from typing import Annotated

from prefect import flow, get_run_logger
from pydantic import Field

from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.promotion import approval, rollout
from cxrmlops.registry import versions
from cxrmlops.vocabulary.rollout import Rollout

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


@flow(name="roll-out", flow_run_name="roll out: {stage}")
def roll_out(
    stage: Rollout, name: Words, reason: Words, skip_supervised: bool = False
) -> str:
    """Let the site go to another stage: who gets the answers of a night.

    Where `promotion.approvers` is 2, the first of two different people only signs a
    step forward; back it goes at once.

    Args:
        stage: shadow, supervised or active.
        name: who decides.
        reason: why.
        skip_supervised: from shadow to active at once.
    """
    said = rollout.change_stage(
        stage,
        name=name,
        reason=reason,
        approvers=load_params().promotion.approvers,
        skip_supervised=skip_supervised,
    )
    get_run_logger().info("%s", said)
    return said


@flow(name="challenger", flow_run_name="challenger {version}")
def challenger(name: Words, reason: Words, version: Words = versions.CANDIDATE) -> str:
    """Let a version read along with the champion, without delivery.

    Args:
        name: who decides.
        reason: why.
        version: number or alias, or `none`: nobody reads along any more.
    """
    said = rollout.decide_challenger(version, name=name, reason=reason)
    get_run_logger().info("%s", said)
    return said
