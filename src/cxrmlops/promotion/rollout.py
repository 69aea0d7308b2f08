"""
The stage of a site, and who reads along: decisions of people, kept like approvals.

A site begins in shadow. Forward it goes by one stage at a time, with as many people as
an approval asks for; back it goes at once, with one.
"""

from collections.abc import Sequence

from cxrmlops.promotion import approval_log
from cxrmlops.promotion.approval import person, require_person
from cxrmlops.promotion.approval_log import Book, Entry
from cxrmlops.promotion.rollout_log import challenger_of, signatures, stage_of
from cxrmlops.registry import versions
from cxrmlops.system.errors import BundleError, ParamsError
from cxrmlops.vocabulary.rollout import Rollout

NOBODY = "none"  # in place of a version


def change_stage(
    asked: str,
    *,
    name: str,
    reason: str,
    approvers: int = 1,
    skip_supervised: bool = False,
) -> str:
    """Let the site go to another stage; nights take it up when they begin.

    Args:
        asked: shadow, supervised or active.
        name: who decides.
        reason: why.
        approvers: how many different people a step forward asks for.
        skip_supervised: go from shadow to active at once.

    Returns:
        What happened, in one sentence.

    Raises:
        ParamsError: no such stage, it is the stage already, it is too far ahead, or
            nobody says who decides, or why.
    """
    require_person(name, reason)
    to = _known(asked)
    with approval_log.open_book() as book:
        rows = book.entries()
        at = stage_of(rows)
        _require_step(at, to, skip_supervised)
        awaited = approval_log.STAGE_SIGNED + to
        signed = [row for row in signatures(rows) if row.event == awaited]
        _require_another(signed, name, approvers)
        enough = to.rank < at.rank or len(signed) + 1 >= approvers
        event = approval_log.STAGE if enough else approval_log.STAGE_SIGNED
        _add(book, rows, event + to, name, reason)
    if not enough:
        return (
            f"the stage {to} is signed for, the site stays in {at}: another person is "
            f"needed, cxrmlops roll-out {to}"
        )
    return f"the site is in {to} from the next night on; before: {at}"


def decide_challenger(asked: str, *, name: str, reason: str) -> str:
    """Let a version read along, or nobody where `none` is asked; see below."""
    if asked == NOBODY:
        return end_challenger(name=name, reason=reason)
    return choose_challenger(asked, name=name, reason=reason)


def choose_challenger(asked: str, *, name: str, reason: str) -> str:
    """Let a version read along, without delivery; it follows one that did so before.

    Args:
        asked: number or alias of the version.
        name: who decides.
        reason: why.

    Raises:
        BundleError: no such version, or it is in use, or reads along already.
        ParamsError: nobody says who decides, or why.
    """
    require_person(name, reason)
    with approval_log.open_book() as book:
        rows = book.entries()
        chosen = versions.get(asked)
        if chosen.bundle_hash in (approval_log.in_use(rows), challenger_of(rows)):
            raise BundleError(
                f"version {chosen.number} is in use or reads along already; nothing to "
                "do"
            )
        book.add(
            approval_log.CHALLENGER,
            version=chosen.number,
            bundle_hash=chosen.bundle_hash,
            name=name,
            reason=reason,
        )
        versions.set_alias(versions.CHALLENGER, chosen)
    return f"version {chosen.number} reads along from the next night on"


def end_challenger(*, name: str, reason: str) -> str:
    """Let nobody read along any more; what was read stays.

    Raises:
        BundleError: nobody does.
        ParamsError: nobody says who decides, or why.
    """
    require_person(name, reason)
    with approval_log.open_book() as book:
        rows = book.entries()
        if not (found := challenger_of(rows)):
            raise BundleError("no version reads along; nothing to do")
        chosen = next(row for row in reversed(rows) if row.bundle_hash == found)
        book.add(
            approval_log.CHALLENGER_ENDED,
            version=chosen.version,
            bundle_hash=found,
            name=name,
            reason=reason,
        )
        versions.set_alias(versions.CHALLENGER, None)
    return f"version {chosen.version} reads along no more"


def _known(asked: str) -> Rollout:
    try:
        return Rollout(asked)
    except ValueError:
        raise ParamsError(
            f"'{asked[:20]}' is no stage; expected one of {', '.join(Rollout)}"
        ) from None


def _require_step(at: Rollout, to: Rollout, skip_supervised: bool) -> None:
    if at is to:
        raise ParamsError(f"the site is in {to} already; nothing to do")
    if to.rank > at.rank + 1 and not skip_supervised:
        raise ParamsError(
            f"from {at} the next stage is {Rollout.SUPERVISED}, in which radiologists "
            f"confirm every answer; roll out that, or add --skip-supervised"
        )


def _require_another(signed: Sequence[Entry], name: str, approvers: int) -> None:
    if approvers > 1 and person(name) in {person(row.name) for row in signed}:
        raise ParamsError(
            f"{name.strip()} has signed for this stage already; another person has to"
        )


def _add(book: Book, rows: Sequence[Entry], event: str, name: str, reason: str) -> None:
    """Add a row about a stage, with the model in use at that time."""
    changes = [row for row in rows if row.event in approval_log.CHANGES]
    book.add(
        event,
        version=changes[-1].version if changes else "",
        bundle_hash=changes[-1].bundle_hash if changes else "",
        name=name,
        reason=reason,
    )
