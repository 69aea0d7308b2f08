"""Answers per image -> answers per study, by the same rule everywhere."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrmlops.records.tables import STUDIES
from cxrmlops.vocabulary.findings import study_logit, study_probability

EDGE = 1e-15  # scores closer to 0 or 1 have a logit, too

OF_FIRST_IMAGE = (
    "patient_id",
    "split",
    "abnormal",
    "view",
    "portable",
    "sex",
    "age_years",
    "manufacturer",
    "source",
    "year",
    "findings",
)


def join_studies(
    images: pd.DataFrame, logit: npt.ArrayLike, *, rule: str, temperature: float
) -> pd.DataFrame:
    """Join the images of each study: the unit of label, quota and answer.

    Args:
        images: SPLITS rows, n of them, in any order.
        logit: shape (n,), before calibration.
        rule: `max` or `mean`; joins the logits.
        temperature: calibrates the joined logit.

    Returns:
        STUDIES rows, sorted by study. What belongs to one image (its view, ...) is the
        first image's, by image_id.
    """
    frame = images.assign(logit=logit).sort_values("image_id")
    study = frame.groupby("study_id")
    first = frame.drop_duplicates("study_id").set_index("study_id").sort_index()
    joined = first[list(OF_FIRST_IMAGE)].assign(
        n_images=study.size(),
        logit=study.logit.agg(lambda of: study_logit(of.tolist(), rule)),
        probability=study.logit.agg(
            lambda of: study_probability(of.tolist(), rule, temperature)
        ),
    )
    return joined.reset_index()[list(STUDIES.columns)].astype(STUDIES.columns)


def join_scores(
    images: pd.DataFrame, score: npt.ArrayLike, *, rule: str
) -> pd.DataFrame:
    """Join what another reader than the network says of images: STUDIES rows.

    Args:
        images: SPLITS rows, n of them, in any order.
        score: shape (n,), 0-1, joined as the network's probabilities are.
        rule: `max` or `mean`.
    """
    inside = np.clip(np.asarray(score, np.float64), EDGE, 1 - EDGE)
    odds = inside / (1 - inside)
    return join_studies(images, np.log(odds), rule=rule, temperature=1.0)
