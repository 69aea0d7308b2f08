"""How good an epoch's weights are: by study, after the calibration they will get."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.evaluation.statistics.calibration import Calibration, fit_temperature


def study_judge(
    images: pd.DataFrame, *, rule: str
) -> Callable[[np.ndarray], tuple[float, float]]:
    """Return a judge of the logits of val.

    Label smoothing, class weights and the rate of the moment move all logits alike, and
    the bundle's temperature and shift undo that (Guo, 2017). So they are fitted before
    the loss is taken: the loss of raw logits turns up while the order of studies still
    gets better.

    Args:
        images: SPLITS rows of val, in the order of the logits.
        rule: `max` or `mean`, joins the images of a study.

    Returns:
        From logits, shape (n_images,), to loss, in nats per study, and AUC of studies.
    """

    def judge(logit: np.ndarray) -> tuple[float, float]:
        studies = join_studies(images, logit, rule=rule, temperature=1.0)
        fitted = fit_temperature(studies.logit, studies.abnormal, studies.split)
        return loss_and_auc(studies, fitted)

    return judge


def loss_and_auc(studies: pd.DataFrame, fitted: Calibration) -> tuple[float, float]:
    """Return the loss, in nats per study, and the AUC of studies.

    Args:
        studies: STUDIES rows with the logits before calibration, both classes.
        fitted: on them.
    """
    scaled = (studies.logit.to_numpy() + fitted.shift) / fitted.temperature
    asf = studies.abnormal.to_numpy()
    loss = np.logaddexp(0, np.where(asf, -scaled, scaled)).mean()
    return float(loss), float(roc_auc_score(asf, studies.logit))
