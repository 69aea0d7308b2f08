"""What the history says of the roll-out: the stage, and who reads along."""

from collections.abc import Sequence

from cxrmlops.promotion import approval_log
from cxrmlops.promotion.approval_log import Entry
from cxrmlops.vocabulary.rollout import FIRST, Rollout


def stage_of(rows: Sequence[Entry]) -> Rollout:
    """Return the stage that people decided on; a site begins in shadow."""
    last = decided_by(rows)
    return Rollout(last.event.removeprefix(approval_log.STAGE)) if last else FIRST


def decided_by(rows: Sequence[Entry]) -> Entry | None:
    """Return the decision behind the stage; None: nobody has decided yet."""
    changes = [row for row in rows if row.event.startswith(approval_log.STAGE)]
    return changes[-1] if changes else None


def signatures(rows: Sequence[Entry]) -> list[Entry]:
    """Return who has signed for any stage since the last change of stage."""
    last = decided_by(rows)
    since = last.number if last else 0
    signed = approval_log.STAGE_SIGNED
    return [r for r in rows if r.number > since and r.event.startswith(signed)]


def challenger_of(rows: Sequence[Entry]) -> str:
    """Return the bundle hash of the version that reads along; "" none.

    One that has come into use since is no challenger of itself.
    """
    events = (approval_log.CHALLENGER, approval_log.CHALLENGER_ENDED)
    chosen = next((row for row in reversed(rows) if row.event in events), None)
    if chosen is None or chosen.event == approval_log.CHALLENGER_ENDED:
        return ""
    is_in_use = chosen.bundle_hash == approval_log.in_use(rows)
    return "" if is_in_use else chosen.bundle_hash
