"""The challenger beside the champion: answers of the ledger, reports as they arrive."""

import pandas as pd

from cxrmlops.backlog import challenges
from cxrmlops.backlog.database import open_database
from cxrmlops.data.arrived_reports import conclusions, read_arrived
from cxrmlops.data.sources.rows import REPORT_ROWS, Namer
from cxrmlops.dicom.identity import pseudonym_key
from cxrmlops.evaluation.monitoring.beside import beside
from cxrmlops.params import Params, Site, scope_of
from cxrmlops.promotion import approval_log
from cxrmlops.promotion.rollout_log import challenger_of
from cxrmlops.records.challenger import ChallengerComparison
from cxrmlops.system.errors import BundleError


def compare_challenger(params: Params, site: Site) -> ChallengerComparison:
    """Compare what both said of the same studies, and with the reports that arrived.

    Only studies count that the champion of today has answered: with a new champion the
    comparison begins anew.

    Args:
        params: watch.min_reported, and the scope.
        site: where reports arrive.

    Raises:
        BundleError: no version reads along, or none is in use.
        DataError: the folder of reports is none.
        ServiceError: the ledger does not answer.
    """
    rows = approval_log.entries()
    found, champion = challenger_of(rows), approval_log.in_use(rows)
    if not found or not champion:
        raise BundleError(
            "there is nothing to compare: a champion and a version that reads along "
            'are asked for; choose one: cxrmlops challenger VERSION --name "..." '
            '--reason "..."'
        )
    engine = open_database()
    pairs = challenges.read_pairs(engine, bundle_hash=found, champion_hash=champion)
    concluded, unread = _concluded(pairs, params, site)
    return ChallengerComparison(
        site=site.institution or site.name,
        champion=champion,
        challenger=found,
        since=min(pairs.answered_at, default=""),
        counts=challenges.counts(engine, found),
        unread_reports=tuple(unread),
        **beside(concluded, min_reported=params.watch.min_reported),
    )


def _concluded(
    pairs: pd.DataFrame, params: Params, site: Site
) -> tuple[pd.DataFrame, list[str]]:
    """Add what reports conclude, and leave UIDs and numbers out."""
    namer = Namer(pseudonym_key())
    studies = pd.DataFrame(
        {
            "study_id": [namer.name("study", uid) for uid in pairs.study_uid],
            "accession_id": [
                namer.name("accession", number) for number in pairs.accession_number
            ],
        },
        index=pairs.index,
        dtype="string",
    )
    reports, unread = REPORT_ROWS.empty(), list[str]()
    if site.arrived is not None:
        scope = scope_of(params.cohort, site)
        reports, unread = read_arrived(site.arrived, namer, scope)
    kept = pairs.drop(columns=["study_uid", "accession_number"])
    return kept.assign(conclusion=conclusions(reports, studies)), unread
