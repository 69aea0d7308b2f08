"""
The figures to meet or beat.

The source study tested 1,018 ASF and 995 NSF studies and published AUC 0.96 with six
rounded figures. Exactly one table of whole studies gives those six; it is kept here as
a regression test of our own tables, and printed beside ours.
"""

import numpy as np

from cxrmlops.evaluation.performance.figures import Confusion, answer_figures, reading
from cxrmlops.evaluation.statistics.intervals import Interval
from cxrmlops.evaluation.statistics.prevalence import prevalence_free
from cxrmlops.evaluation.statistics.ranking import hanley_mcneil

AUC = 0.96  # as published
CONFUSION = Confusion(asf_found=914, asf_missed=104, nsf_right=876, nsf_false_alarm=119)


def figures(*, rounds: int, seed: int) -> dict[str, Interval]:
    """Compute the source study's figures the way ours are, one study a patient.

    The AUC's interval is Hanley and McNeil's, because single answers are unknown.
    """
    table = CONFUSION
    abnormal = np.repeat(
        [True, True, False, False],
        [table.asf_found, table.asf_missed, table.nsf_right, table.nsf_false_alarm],
    )
    said = np.repeat(
        [1.0, 0.0, 0.0, 1.0],
        [table.asf_found, table.asf_missed, table.nsf_right, table.nsf_false_alarm],
    )
    read = reading(said, abnormal, np.arange(table.n))
    n_asf, n_nsf = int(abnormal.sum()), int((~abnormal).sum())
    answers = answer_figures(read, 0.5, rounds=rounds, seed=seed)
    return {
        "auc": hanley_mcneil(AUC, n_asf, n_nsf),
        **answers,
        **prevalence_free(answers["recall_asf"], answers["recall_nsf"]),
    }
