"""
The figures to meet or beat: the source study.

A computer-aided diagnosis of chest radiographs, no significant finding (NSF) against
any significant finding (ASF), by a ResNet-152 in a workflow-orchestrated MLOps line,
with class activation maps and DICOM structured reports. Cohort: 9,765 NSF and 9,956
ASF, 19,721 cases, divided 70/20/10; test: 995 NSF and 1,018 ASF. Its authors, journal
and DOI could not be verified and are therefore not given: see "The source study" in
docs/results.md.

It published AUC 0.96 and six rounded figures. Exactly one table of whole studies gives
those six; it is kept here as a regression test of our own tables, and printed beside
ours.
"""

import numpy as np

from cxrmlops.evaluation.performance.figures import answer_figures, reading
from cxrmlops.evaluation.statistics.intervals import Interval
from cxrmlops.evaluation.statistics.prevalence import prevalence_free
from cxrmlops.evaluation.statistics.ranking import hanley_mcneil
from cxrmlops.records.metrics import Confusion

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
