"""What the history says of the roll-out: the stage, and who reads along."""

from collections.abc import Sequence

from cxrmlops.promotion import approval_log
from cxrmlops.promotion.approval_log import Entry
from cxrmlops.vocabulary.rollout import FIRST, Rollout


def stage_of(rows: Sequence[Entry]) -> Rollout:
    """Return the stage that people decided on; a site begins in shadow."""
    changes = [row.event for row in rows if row.event.startswith(approval_log.STAGE)]
    return Rollout(changes[-1].removeprefix(approval_log.STAGE)) if changes else FIRST


def decided_by(rows: Sequence[Entry]) -> Entry | None:
    """Return the decision behind the stage; None: nobody has decided yet."""
    changes = [row for row in rows if row.event.startswith(approval_log.STAGE)]
    return changes[-1] if changes else None


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
