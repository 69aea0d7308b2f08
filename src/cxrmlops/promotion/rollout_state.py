"""How a site stands now: stage, both addresses, who decided, who reads along."""

from collections.abc import Iterator
from dataclasses import dataclass

from cxrmlops.backlog import addresses, challenges
from cxrmlops.backlog.database import open_database
from cxrmlops.params import load_site
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.approval_log import Entry
from cxrmlops.promotion.rollout_log import (
    challenger_of,
    decided_by,
    signatures,
    stage_of,
)
from cxrmlops.vocabulary.rollout import Rollout


@dataclass(frozen=True)
class RolloutState:
    """What a night would begin with; no patient is in it."""

    stage: Rollout
    source: str  # address, without user and password
    target: str  # likewise, or nowhere
    decision: Entry | None  # behind the stage; None: nobody has decided yet
    waiting: tuple[Entry, ...]  # signatures that another person's is awaited for
    challenger: str  # bundle hash; "" none
    counts: dict[str, int]  # of the challenger's studies, by state

    def lines(self) -> Iterator[str]:
        """Return one line per fact, for people."""
        by = self.decision
        how = f"since {by.at}, {by.name}: {by.reason}" if by else "nobody has decided"
        yield f"{'stage':<12}{self.stage}; {how}"
        yield f"{'images from':<12}{self.source}"
        yield f"{'results to':<12}{self.target}"
        for one in self.waiting:
            asked = one.event.removeprefix(approval_log.STAGE_SIGNED)
            yield f"{'waiting':<12}{asked} is signed by {one.name}, another is needed"
        if self.challenger:
            said = f"bundle {self.challenger[:12]}; {challenges.told(self.counts)}"
            yield f"{'challenger':<12}{said}"


def read_state() -> RolloutState:
    """Read history, settings and addresses.

    Raises:
        ParamsError: the addresses may not be used in this stage.
        ServiceError: the ledger does not answer.
    """
    site, rows = load_site(), approval_log.entries()
    stage, found = stage_of(rows), challenger_of(rows)
    target = addresses.results_address(site.archive, site.results_archive, stage)
    return RolloutState(
        stage=stage,
        source=addresses.shown(addresses.source_address(site.archive)),
        target=addresses.shown(target),
        decision=decided_by(rows),
        waiting=tuple(signatures(rows)),
        challenger=found,
        counts=challenges.counts(open_database(), found) if found else {},
    )
